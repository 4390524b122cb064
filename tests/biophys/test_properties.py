"""Properties that hold for any synapse, unit and rule, tried on values that hypothesis chooses."""

import numpy as np
import pytest
import quantities as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from biophys import (
    QuantalSynapse,
    ReleasePlasticity,
    calcium_pump_cost,
    cheapest_realisation,
    fC,
    magnitude_in,
    n_sites_for,
    release_probability_for,
    synapse_with,
    updated_release_probability,
    vesicle_membrane_cost,
)
from biophys.release_plasticity import FORMS

cheap = settings(max_examples=50, deadline=None, derandomize=True)

PSP_UNITS = [pq.mV, pq.pA, pq.nS, fC]
units = st.sampled_from(PSP_UNITS)
sites = st.integers(1, 60)
probabilities = st.floats(0.001, 0.999)
sizes = st.floats(1e-3, 1e3).flatmap(lambda x: st.sampled_from([x, -x]))
synapses = st.builds(lambda n, p, q, unit: QuantalSynapse(n, p, q * unit), sites, probabilities, sizes, units)


def close(value, expected, tolerance=1e-9):
    return np.allclose(value, expected, rtol=tolerance, atol=0)


class TestUnits:
    @cheap
    @given(st.floats(-1e6, 1e6), units, st.sampled_from([1e-3, 1.0, 1e3]))
    def test_magnitude_follows_the_unit(self, value, unit, factor):
        larger = pq.UnitQuantity("larger", factor * unit, symbol="larger")
        assert close(magnitude_in(value * larger, unit), value * factor)

    @cheap
    @given(sizes, units, units)
    def test_another_dimension_is_always_refused(self, value, given_unit, wanted):
        if given_unit is wanted:
            assert float(magnitude_in(value * given_unit, wanted)) == value
        else:
            with pytest.raises(ValueError, match="must have the dimension of"):
                magnitude_in(value * given_unit, wanted, "q")

    @cheap
    @given(synapses)
    def test_moments_have_the_unit_of_the_quantum(self, synapse):
        unit = synapse.q.units
        assert synapse.mean.rescale(unit).magnitude == synapse.mean.magnitude
        assert close(synapse.variance.rescale(unit**2).magnitude, synapse.sd.magnitude**2)


class TestQuantalSynapse:
    @cheap
    @given(synapses)
    def test_moments_are_those_of_the_distribution(self, synapse):
        k = np.arange(synapse.n + 1)
        pmf, q = synapse.pmf(k), float(synapse.q)
        assert close(pmf.sum(), 1.0)
        assert close(float(synapse.mean), q * (k * pmf).sum())
        spread = (q**2 * (k - (k * pmf).sum()) ** 2 * pmf).sum()
        assert close(float(synapse.variance), spread, 1e-6)
        assert close(synapse.failure_probability, pmf[0])

    @cheap
    @given(synapses)
    def test_moments_and_sites_give_the_synapse_back(self, synapse):
        again = synapse_with(synapse.mean, synapse.sd, n=synapse.n)
        # 1 - p comes from the sd, so that it is what is known to full precision.
        assert close(1 - again.p, 1 - synapse.p, 1e-6)
        assert close(float(again.q), float(synapse.q), 1e-6)

    @cheap
    @given(sizes, st.floats(0.01, 10.0), sites, units)
    def test_any_moments_are_realised_by_p(self, mean, cv, n, unit):
        synapse = synapse_with(mean * unit, abs(mean) * cv * unit, n=n)
        assert close(float(synapse.mean), mean)
        assert close(float(synapse.sd), abs(mean) * cv)
        assert 0 < synapse.p < 1 and synapse.n == n

    @cheap
    @given(sizes, st.floats(0.05, 1.0), st.floats(0.01, 0.49), units)
    def test_any_moments_are_realised_by_whole_sites(self, mean, cv, p, unit):
        synapse = synapse_with(mean * unit, abs(mean) * cv * unit, p=p, hold="sd")
        assert close(float(synapse.mean), mean)
        assert close(float(synapse.sd), abs(mean) * cv)
        assert synapse.n >= 1 and synapse.n == int(synapse.n)

    @cheap
    @given(st.floats(0.01, 10.0), st.floats(1.0, 1000.0))
    def test_sites_and_probability_are_inverse_to_each_other(self, cv, n):
        assert close(n_sites_for(cv, release_probability_for(cv, n)), n, 1e-6)

    @cheap
    @given(synapses, st.floats(0.1, 10.0))
    def test_noise_relative_to_the_mean_does_not_depend_on_the_quantum(self, synapse, factor):
        larger = QuantalSynapse(synapse.n, synapse.p, factor * synapse.q)
        assert close(larger.cv, synapse.cv)
        assert close(float(larger.mean), factor * float(synapse.mean))

    @settings(max_examples=25, deadline=None, derandomize=True)
    @given(st.floats(0.05, 2.0), st.floats(0.001, 1.0), sites)
    def test_no_other_number_of_sites_is_cheaper_than_the_cheapest(self, cv, price, n):
        cost = calcium_pump_cost() + vesicle_membrane_cost(scale=price * pq.dimensionless)
        best = cheapest_realisation(1 * pq.mV, cv * pq.mV, cost, n_max=60)
        assert close(float(best.synapse.mean), 1.0) and close(float(best.synapse.sd), cv)
        other = synapse_with(1 * pq.mV, cv * pq.mV, n=n)
        assert float(best.cost) <= float(cost(other)) * (1 + 1e-9)


@st.composite
def rules(draw):
    p_min = draw(st.floats(0.01, 0.9))
    p_max = draw(st.floats(p_min + 0.05, 1.0))
    return ReleasePlasticity(
        p_up=draw(st.floats(0, 1)),
        p_down=draw(st.floats(0, 1)),
        g_lim=draw(st.floats(0, 10)),
        p_min=p_min,
        p_max=p_max,
        p_freeze=draw(st.sampled_from([np.inf, (p_min + p_max) / 2])),
        form=draw(st.sampled_from(FORMS)),
    )


@st.composite
def updates(draw):
    """Return a rule, a release probability that it allows, and an update signal."""
    rule = draw(rules())
    return rule, draw(st.floats(rule.p_min, rule.p_max)), draw(st.floats(-20, 20))


class TestReleasePlasticity:
    @cheap
    @given(updates())
    def test_p_stays_within_its_bounds(self, update):
        rule, p, g = update
        assert rule.p_min <= updated_release_probability(p, g, rule) <= rule.p_max

    @cheap
    @given(updates())
    def test_large_updates_raise_p_and_others_lower_it(self, update):
        rule, p, g = update
        moved = updated_release_probability(p, g, rule)
        if p >= rule.p_freeze:
            assert moved == p
        elif abs(g) >= rule.g_lim:
            assert moved >= p
        else:
            assert moved <= p

    @cheap
    @given(updates())
    def test_sign_of_the_update_does_not_matter(self, update):
        rule, p, g = update
        assert updated_release_probability(p, g, rule) == updated_release_probability(p, -g, rule)

    @cheap
    @given(probabilities, st.floats(0, 0.1), st.booleans())
    def test_soft_bound_is_the_additive_step_times_one_minus_p(self, p, step, is_large):
        g = 1.0 if is_large else 0.0
        moved = {
            form: updated_release_probability(p, g, ReleasePlasticity(step, step, 0.5, 1e-6, form=form)) - p
            for form in FORMS
        }
        expected = (step if is_large else -step) * np.array([1.0, 1 - p])
        expected = np.clip(p + expected, 1e-6, 1.0) - p
        assert np.allclose([moved["additive"], moved["soft_bound"]], expected, rtol=0, atol=1e-12)

    @cheap
    @given(rules(), st.integers(1, 20), st.integers(0, 2**32 - 1))
    def test_arrays_move_as_their_elements(self, rule, size, seed):
        rng = np.random.default_rng(seed)
        p, g = rng.uniform(rule.p_min, rule.p_max, size), rng.normal(0, 5, size)
        one_by_one = [
            updated_release_probability(float(a), float(b), rule) for a, b in zip(p, g, strict=True)
        ]
        assert np.array_equal(updated_release_probability(p, g, rule), one_by_one)
