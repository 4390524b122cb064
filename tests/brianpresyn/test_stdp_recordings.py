"""The rule for one pairing, a train or a whole protocol, and its refit to the means of protocols."""

from dataclasses import replace

import numpy as np
import pytest

from brianpresyn.experiments import stdp_recordings as means
from brianpresyn.unified_stdp import PrePostSTDP

PROTOCOLS = np.array([[0.1, 10.0], [0.1, -10.0], [10.0, -10.0], [20.0, 10.0], [50.0, 10.0]])


def test_a_pairing_changes_a_fifth_of_what_a_train_of_five_does():
    train, pairing = (means.ratios(PrePostSTDP(), PROTOCOLS, at) for at in (means.TRAIN, means.PAIRING))
    is_free = (train > 0) & (train < 2)
    share = np.where([f >= 1 for f, _ in PROTOCOLS], 0.2, 1.0)
    np.testing.assert_allclose((pairing - 1)[is_free], (share * (train - 1))[is_free], rtol=1e-6)
    assert is_free.sum() >= 7


def test_ratios_stay_within_the_bounds_of_p_and_q():
    ratios = means.ratios(PrePostSTDP(), PROTOCOLS, means.ALL_TRAINS)
    assert np.all(ratios >= 0) and ratios.max() == 2.0


def test_a_refit_returns_the_parameters_of_the_rule_that_made_the_ratios():
    protocols = np.array([[f, t] for f in (0.1, 10.0, 20.0) for t in (-25.0, -10.0, 10.0, 25.0)])
    table = PrePostSTDP()
    rule = replace(table, d_plus=1.5 * table.d_plus, c_plus=0.7 * table.c_plus)
    factors = means.refitted(protocols, means.ratios(rule, protocols, means.PAIRING), means.PAIRING)
    expected = {name: {"d_plus": 1.5, "c_plus": 0.7}.get(name, 1.0) for name in factors}
    assert factors == pytest.approx(expected, rel=0.01)
