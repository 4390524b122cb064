"""A fit's costs are those of the synapse, with the interval that n, p and q leave."""

import numpy as np
import pytest
import quantities as pq

from biophys import (
    QuantalSynapse,
    ReferenceSynapse,
    fit_release,
    fitted_cost,
    ion_flux_cost,
    spike_costs,
    trafficking_cost,
)

pytestmark = pytest.mark.filterwarnings("ignore::biophys.IdentifiabilityWarning")


def fitted(n, p, q, noise, n_trials=300, seed=1, **options):
    rng = np.random.default_rng(seed)
    x = rng.binomial(n, p, n_trials) * q + rng.normal(0, noise, n_trials)
    return fit_release(x * pq.pA, noise=noise * pq.pA, **options)


@pytest.mark.parametrize("q", [10.0, -10.0])
def test_a_known_synapse_costs_what_the_laws_say(q):
    fit = fitted(3, 0.4, q, 1.0, n_trials=3000)
    cost = fitted_cost(fit, rng=np.random.default_rng(1))
    exact = spike_costs(ReferenceSynapse(q=10 * pq.pA))(QuantalSynapse(3, 0.4, 10 * pq.pA))
    assert cost.low < exact < cost.high and float(cost.value / exact) == pytest.approx(1, abs=0.05)
    assert cost.widest[0] < cost.low and cost.high < cost.widest[1]
    assert str(cost).endswith(")") and " ATP (" in str(cost)


def test_what_n_and_p_leave_open_shows_where_the_cost_hangs_on_them():
    fit = fitted(10, 0.2, 10.0, 4.0, n_trials=100)
    flux = fitted_cost(fit, ion_flux_cost(reference_q=10 * pq.pA), rng=np.random.default_rng(1))
    sites = fitted_cost(fit, trafficking_cost(varying="n"), rng=np.random.default_rng(1))
    # The flux follows the mean response.
    low, high = (end / fit.mean.value for end in fit.mean.credible)
    assert float(flux.high / flux.low) == pytest.approx(high / low, rel=0.15)
    assert np.log(float(sites.high / sites.low)) > 2 * np.log(float(flux.high / flux.low))
    assert sites.widest == (sites.low, sites.high)


def test_conditions_are_named():
    rng = np.random.default_rng(2)
    x = np.concatenate([rng.binomial(3, p, 150) * 10.0 for p in (0.2, 0.6)]) + rng.normal(0, 1, 300)
    fit = fit_release(x * pq.pA, conditions=["a"] * 150 + ["b"] * 150, noise=1 * pq.pA, n=3)
    costs = [fitted_cost(fit, rng=rng, condition=name, n_draws=200) for name in ("a", "b")]
    assert costs[0].high < costs[1].low
    with pytest.raises(ValueError, match="condition must be one of 'a', 'b', got None"):
        fitted_cost(fit, rng=rng)
    plain = fit_release(x * pq.dimensionless, noise=1 * pq.dimensionless, n=3)
    with pytest.raises(ValueError, match="without a unit make no synapse"):
        fitted_cost(plain, rng=rng)
