"""Realised synapses have the moments asked for."""

import pytest

from validation.claims import realised_synapses
from validation.claims.claim import Context, Verdict, combined_verdict


@pytest.mark.parametrize("measure", ["analytic_failures", "realised_weights"])
def test_claims_are_reproduced(measure):
    evidence = getattr(realised_synapses, measure)(Context(seed=11))
    assert combined_verdict(evidence.measurements) is Verdict.REPRODUCED
    assert all(figure.caption for figure in evidence.figures)


def test_only_calcium_realises_every_weight():
    evidence = realised_synapses.realised_weights(Context())
    shares = {m.condition["mechanism"]: m.measured for m in evidence.measurements if "share" in m.quantity}
    assert shares.pop("calcium (n = 5)") == 1.0
    assert all(0.5 < share < 1.0 for share in shares.values())
