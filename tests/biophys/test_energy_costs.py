"""Costs are the powers of n, p and q that the paper gives, add up, and know their local exponents."""

import numpy as np
import pytest
import quantities as pq

from biophys.energy_costs import (
    CostLaw,
    CostMixture,
    actin_cost,
    calcium_of_site,
    calcium_pump_cost,
    ion_flux_cost,
    reliability_costs,
    trafficking_cost,
    transmitter_cost,
    vesicle_membrane_cost,
)
from biophys.quantal import QuantalSynapse
from biophys.units import ATP

ALL = [*reliability_costs(), transmitter_cost(), ion_flux_cost(), calcium_pump_cost(2.0, is_per_site=True)]


@pytest.mark.parametrize(
    ("law", "cost"),
    [
        (calcium_pump_cost(), (0.8 / 0.2) ** 0.25),
        (calcium_pump_cost(2.0, is_per_site=True), 3 * 2.0),
        (vesicle_membrane_cost(), 3 * 4.0),
        (actin_cost(), 3 * 2.0),
        (trafficking_cost(), 2.4),
        (transmitter_cost(), 2.4 * 8),
        (ion_flux_cost(scale=10 * ATP, reference_q=2 * pq.mV), 2.4 * 4 * 10),
    ],
)
def test_cost_is_the_papers_formula(law, cost):
    synapse = QuantalSynapse(3, 0.8, -8 * pq.mV)
    assert float(law(synapse)) == pytest.approx(cost)


def _numerical_exponent(cost, n, p, varying):
    """Return -d log cost / d log sd at fixed mean by moving a real-valued n or p a little."""
    step = 1e-6

    def log_cost_and_sd(n, p):
        q = 1.0 / (n * p)
        total = sum(
            law.scale.magnitude
            * n**law.site_exponent
            * (p / (1 - p)) ** law.odds_exponent
            * p**law.release_exponent
            * q**law.quantal_exponent
            for law in getattr(cost, "laws", (cost,))
        )
        return np.log(total), 0.5 * np.log(n * p * (1 - p) * q**2)

    up = log_cost_and_sd(n * (1 + step), p) if varying == "n" else log_cost_and_sd(n, p * (1 + step))
    down = log_cost_and_sd(n * (1 - step), p) if varying == "n" else log_cost_and_sd(n, p * (1 - step))
    return -(up[0] - down[0]) / (up[1] - down[1])


@pytest.mark.parametrize("varying", ["n", "p"])
@pytest.mark.parametrize("p", [0.03, 0.4, 0.9])
def test_local_exponents_equal_numerical_derivatives(varying, p):
    for law in ALL:
        assert float(law.local_exponent(p, varying)) == pytest.approx(
            _numerical_exponent(law, 6.0, p, varying), abs=1e-6
        )


@pytest.mark.parametrize("varying", ["n", "p"])
def test_exponent_of_a_mixture_is_the_share_weighted_mean(varying):
    mixture = calcium_pump_cost(scale=3 * ATP) + (actin_cost(scale=2 * ATP) + trafficking_cost(scale=1 * ATP))
    synapse = QuantalSynapse(6, 0.4, pq.mV / (6 * 0.4))
    exponent = mixture.local_exponent(synapse, varying)
    assert float(exponent) == pytest.approx(_numerical_exponent(mixture, 6.0, 0.4, varying), abs=1e-6)
    shares = mixture.shares(synapse)
    assert set(shares) == {"calcium pump", "actin", "trafficking"}
    assert sum(float(share) for share in shares.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(("p", "cooperativity"), [(0.25, 4.0), (0.6, 2.0), (0.1, 3.0)])
def test_a_site_spends_the_published_calcium_at_the_published_p(p, cooperativity):
    scale = calcium_of_site(1.2e4 * ATP, p=p, cooperativity=cooperativity)
    law = calcium_pump_cost(cooperativity, is_per_site=True, scale=scale)
    assert float(law(QuantalSynapse(3, p, 1 * pq.mV))) == pytest.approx(3 * p * 1.2e4)


def test_costs_of_the_mean_buy_no_reliability():
    for law in (transmitter_cost(), ion_flux_cost()):
        assert float(law.local_exponent(0.7, "n")) == 0.0
        assert float(law.local_exponent(0.7, "p")) == 0.0


def test_a_rate_turns_cost_per_spike_into_cost_per_second():
    law = trafficking_cost(scale=100 * ATP)
    synapse = QuantalSynapse([1, 4], 0.5, 1 * pq.mV)
    rate = law.scaled(10 * pq.Hz)(synapse).rescale(ATP / pq.s)
    np.testing.assert_allclose(rate.magnitude, [500, 2000])
    mixture = (law + law).scaled(10 * pq.Hz)
    np.testing.assert_allclose(mixture(synapse).rescale(ATP / pq.s).magnitude, [1000, 4000])


def test_quantal_size_converts_to_the_unit_of_its_reference():
    law = actin_cost(reference_q=1 * pq.mV)
    assert float(law(QuantalSynapse(1, 0.5, 8e-3 * pq.V))) == pytest.approx(2.0)
    with pytest.raises(ValueError, match="q of the actin cost must have the dimension"):
        law(QuantalSynapse(1, 0.5, 8 * pq.pA))
    assert float(trafficking_cost()(QuantalSynapse(1, 0.5, 8 * pq.pA))) == 0.5


def test_bad_costs_are_refused():
    with pytest.raises(ValueError, match="diverges at p = 1"):
        calcium_pump_cost()(QuantalSynapse(1, 1.0, 1 * pq.mV))
    with pytest.raises(TypeError, match="scale must carry a unit"):
        trafficking_cost(scale=3.0)
    with pytest.raises(ValueError, match=r"relative, in ATP or in ATP/s, got 3\.0 mV"):
        trafficking_cost(scale=3.0 * pq.mV)
    with pytest.raises(ValueError, match=r"scale must be .*above 0"):
        trafficking_cost(scale=0.0 * ATP)
    with pytest.raises(ValueError, match=r"cooperativity must be .*got 0"):
        calcium_pump_cost(0.0)
    with pytest.raises(ValueError, match=r"varying must be 'n' .*got 'q'"):
        CostLaw("odd", varying="q")
    with pytest.raises(ValueError, match=r"law.scaled.rate."):
        trafficking_cost(scale=1 * ATP) + actin_cost(scale=1 * ATP / pq.s)
    with pytest.raises(ValueError, match="at least one"):
        CostMixture(())
