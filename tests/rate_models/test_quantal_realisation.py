"""Weights as n, p and q: moments are met exactly, each way keeps what it keeps, ATP adds up."""

import numpy as np
import pytest
import quantities as pq

from rate_models.quantal_realisation import (
    WAYS,
    PhysicalScale,
    atp_by_mechanism,
    mechanisms,
    quantiles_of,
    realised_synapses,
)

RNG = np.random.default_rng(0)
MEAN = RNG.normal(size=300) * 0.1
SD = np.exp(RNG.normal(size=300) - 3)


@pytest.mark.parametrize("way", WAYS)
def test_mean_and_sd_are_met_exactly_whatever_gives_the_reliability(way):
    synapses = realised_synapses(MEAN, SD, way)
    np.testing.assert_allclose(synapses.mean.rescale(pq.mV).magnitude, 10 * MEAN, rtol=1e-12)
    np.testing.assert_allclose(synapses.sd.rescale(pq.mV).magnitude, 10 * SD, rtol=1e-9)


def test_each_way_keeps_the_other_quantity_where_it_can():
    scale = PhysicalScale(n_sites=7, p=0.3)
    assert set(realised_synapses(MEAN, SD, "release probability", scale).n.tolist()) == {7}
    by_sites = realised_synapses(MEAN, SD, "number of sites", scale)
    many = by_sites.n > 20
    assert many.sum() > 10
    np.testing.assert_allclose(by_sites.p[many], 0.3, rtol=0.03)
    # One site with p = 0.3 is the least reliable that p allows; noisier synapses lower p.
    assert (by_sites.p[by_sites.n == 1].min()) < 0.1


def test_a_silent_weight_counts_as_a_tiny_one():
    synapses = realised_synapses([0.0, -0.0], [0.01, 0.01], "release probability")
    assert synapses.mean.magnitude.tolist() == pytest.approx([1e-5, -1e-5])


def test_cost_is_the_sum_over_synapses_and_rises_with_reliability():
    reliable, noisy = (realised_synapses(MEAN, factor * SD, "number of sites") for factor in (0.1, 1.0))
    assert list(atp_by_mechanism(noisy)) == mechanisms()
    for mechanism in ("trafficking", "vesicle membrane", "actin"):
        assert atp_by_mechanism(reliable)[mechanism] > 2 * atp_by_mechanism(noisy)[mechanism]
    for mechanism in ("transmitter", "postsynaptic ion flux"):
        assert atp_by_mechanism(reliable)[mechanism] == pytest.approx(atp_by_mechanism(noisy)[mechanism])
    halves = [
        realised_synapses(MEAN[part], SD[part], "number of sites") for part in (slice(150), slice(150, 300))
    ]
    whole = atp_by_mechanism(noisy)["actin"]
    assert sum(atp_by_mechanism(half)["actin"] for half in halves) == pytest.approx(whole)


def test_quantiles_are_over_synapses_and_in_mv():
    synapses = realised_synapses([0.05, -0.1], [0.01, 0.01], "release probability")
    found = quantiles_of(synapses, [0.0, 1.0])
    assert found["n"].tolist() == [5, 5]
    np.testing.assert_allclose(found["q"], np.sort(np.abs(synapses.q.rescale(pq.mV).magnitude)))


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match="way must be one of release probability, number of sites, got 'q'"):
        realised_synapses(MEAN, SD, "q")
    with pytest.raises(ValueError, match=r"p must be a number above 0 and below 1, .*got 1"):
        PhysicalScale(p=1.0)
    with pytest.raises(ValueError, match=r"n_sites must be a whole number from 1 on, .*got 0"):
        PhysicalScale(n_sites=0)
