"""The measure of the gradient threshold reproduces the claim, and would notice a failure."""

import numpy as np
import pytest

from validation.claims import gradient_threshold
from validation.claims.claim import Context, Verdict, combined_verdict


@pytest.mark.parametrize("measure", ["gradients_above_threshold"])
def test_claims_are_reproduced(measure):
    evidence = getattr(gradient_threshold, measure)(Context(seed=11))
    assert combined_verdict(evidence.measurements) is Verdict.REPRODUCED
    assert all(figure.caption for figure in evidence.figures)


def test_a_wrong_share_of_gradients_is_noticed():
    from biophys.gradient_threshold import probability_above

    sd = 1e-3 * np.geomspace(0.5, 3, 5)
    share = probability_above(1e-3, sd)
    good = gradient_threshold._formula_against_draws("normal", sd, share, 100_000)
    bad = gradient_threshold._formula_against_draws("normal", sd, 1.03 * share, 100_000)
    assert good.verdict is Verdict.REPRODUCED and bad.verdict is Verdict.NOT_REPRODUCED
