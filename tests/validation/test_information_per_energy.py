"""The release probability with most bits per ATP lies below one and falls with the number of sites."""

import numpy as np
import pytest

from validation.claims import information_per_energy
from validation.claims.claim import Context, Verdict, combined_verdict


@pytest.fixture(scope="module")
def evidence():
    return information_per_energy.information_per_atp(Context())


def test_claim_is_reproduced_with_a_figure(evidence):
    assert combined_verdict(evidence.measurements) is Verdict.REPRODUCED
    assert evidence.figures and evidence.figures[0].caption


def test_the_single_site_of_the_literature_releases_less_often_than_this_model_wants(evidence):
    cited = {m.condition["n"]: m for m in evidence.measurements if "cite" in m.quantity}
    assert cited[1].verdict is Verdict.NOT_REPRODUCED
    assert cited[10].verdict is Verdict.REPRODUCED


def test_optimum_of_information_per_atp_is_below_one(evidence):
    main = [m for m in evidence.measurements if not m.is_supporting]
    assert combined_verdict(main) is Verdict.REPRODUCED
    p = [m.measured for m in main]
    assert np.all(np.diff(p) < 0) and all(m.interval[0] <= m.measured <= m.interval[1] for m in main)
