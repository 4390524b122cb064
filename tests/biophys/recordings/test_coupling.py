"""Correlations that arise from dividing by a factor, and from estimating it."""

import numpy as np
import pytest
import quantities as pq

from biophys.association import pearson
from biophys.recordings.recorded_connections import PlasticityRecordings
from biophys.recordings.release_and_change import (
    N_SITES,
    SMALLEST_CHANGE,
    _estimates,
    correlations_from_estimation,
    correlations_if_additive,
    dealt_changes,
)

N = 60


def recordings(rng, *, p=None, q=None, ratio=None, induction="LTP") -> PlasticityRecordings:
    p = rng.uniform(0.1, 0.9, N) if p is None else p
    q = np.full(N, 0.2) if q is None else q
    ratio = rng.uniform(1.1, 2.0, N) if ratio is None else ratio
    return PlasticityRecordings(
        recording=np.arange(N).astype(str),
        induction=np.full(N, induction) if isinstance(induction, str) else induction,
        frequency=np.full(N, 10.0) * pq.Hz,
        timing=np.full(N, -10.0) * pq.ms,
        p_before=p,
        p_after=p,
        q_before=q * pq.mV,
        q_after=q * ratio * pq.mV,
    )


@pytest.fixture
def rng():
    return np.random.default_rng(1)


class TestAdditive:
    def test_equal_changes_in_mv_give_the_correlation_of_p_with_its_inverse(self, rng):
        p = rng.uniform(0.1, 0.9, N)
        same = recordings(rng, p=p, ratio=1 + 0.1 / (0.2 * p))
        expected = pearson(p, 1 / p, np.ones((1, N)))[0]
        assert correlations_if_additive(same, 7, rng=rng) == pytest.approx(np.full(7, expected))
        assert expected < -0.8

    def test_strengths_that_do_not_depend_on_p_give_no_correlation(self, rng):
        p = rng.uniform(0.1, 0.9, N)
        found = correlations_if_additive(recordings(rng, p=p, q=0.1 / p), 4000, rng=rng)
        # A permutation distribution of r has mean 0 and standard deviation 1/sqrt(n - 1).
        assert found.mean() == pytest.approx(0, abs=5 / np.sqrt(4000 * (N - 1)))
        assert found.std() == pytest.approx(1 / np.sqrt(N - 1), rel=0.1)

    def test_changes_stay_within_their_induction(self, rng):
        induction = np.where(np.arange(N) < 30, "LTP", "LTD")
        p = np.where(induction == "LTP", 0.3, 0.6)
        # Each induction has one p and one change: whatever is dealt out, nothing moves.
        ratio = np.where(induction == "LTP", 1.5, 0.8)
        found = correlations_if_additive(recordings(rng, p=p, ratio=ratio, induction=induction), 5, rng=rng)
        assert found == pytest.approx(np.full(5, -1.0))

    def test_no_strength_falls_below_zero_and_any_may_grow(self, rng):
        # The largest recorded change exceeds most strengths.
        p = np.linspace(0.05, 0.95, N)
        for induction, ratio in (("LTD", 0.05), ("LTP", 1.95)):
            ratios = np.append(np.full(N - 1, (1 + ratio) / 2), ratio)
            dealt = dealt_changes(recordings(rng, p=p, ratio=ratios, induction=induction), 200, rng)
            if induction == "LTD":
                assert dealt.max() == 1
                assert np.sum(dealt == 1) > 100
            else:
                assert dealt.max() > 5


class TestEstimation:
    def test_many_sweeps_leave_no_correlation(self, rng):
        found = correlations_from_estimation(recordings(rng), 3000, n_sweeps=10**6, rng=rng)
        assert found.mean() == pytest.approx(0, abs=5 / np.sqrt(3000 * (N - 1)))

    def test_fewer_sweeps_correlate_more_negatively(self, rng):
        synapses = recordings(rng)
        means = [
            correlations_from_estimation(synapses, 3000, n_sweeps=n, rng=rng).mean()
            for n in (1000, 100, 20, 8)
        ]
        assert np.all(np.diff(means) < 0)
        assert means[-1] < -0.05

    @pytest.mark.parametrize("p", [0.1, 0.35, 0.8])
    def test_estimates_have_the_spread_of_binomial_sweeps(self, rng, p):
        n_sweeps, mean, shape = 8, 0.7, (20_000, 1)
        drawn_mean, drawn_p = _estimates(np.array([mean]), np.array([p]), n_sweeps, shape, rng)
        # N sites of amplitude q: mean N p q and variance N p (1 - p) q^2.
        q = mean / (N_SITES * p)
        standard_error = np.sqrt(N_SITES * p * (1 - p) * q**2 / n_sweeps)
        assert drawn_mean.mean() == pytest.approx(mean, abs=5 * standard_error / np.sqrt(20_000))
        assert drawn_mean.std() == pytest.approx(standard_error, rel=5 / np.sqrt(2 * 20_000))
        # The estimate p = 1 / (1 + N var / mean^2), solved for the drawn variance.
        variance = (1 / drawn_p - 1) * drawn_mean**2 / N_SITES
        expected, spread = N_SITES * p * (1 - p) * q**2, np.sqrt(2 / (n_sweeps - 1))
        assert variance.mean() == pytest.approx(expected, rel=5 * spread / np.sqrt(20_000))
        # The kurtosis of chi-square with 7 degrees of freedom is 3 + 12/7.
        assert variance.std() == pytest.approx(expected * spread, rel=5 * np.sqrt(3.7 / 4 / 20_000))

    @pytest.mark.parametrize(
        ("induction", "ratios", "n_kept"),
        [
            ("LTP", (1.5, 1 + SMALLEST_CHANGE / 2), N // 2),
            ("LTP", (1.5, 0.5), N // 2),
            ("LTP", (1.5, 1.5), N),
            ("LTD", (0.5, 1 - SMALLEST_CHANGE / 2), N // 2),
            ("LTD", (0.5, 1.5), N // 2),
            ("LTD", (0.5, 0.5), N),
        ],
    )
    def test_small_changes_and_those_of_the_wrong_sign_are_left_out(self, rng, induction, ratios, n_kept):
        # Among equal changes only errors correlate, with a spread that tells how many rows there are: it
        # would be 1.4 times as large with half of them, and depends a little on the drawn synapses.
        ratio = np.where(np.arange(N) < N // 2, *ratios)
        synapses = recordings(rng, ratio=ratio, induction=induction)
        found = correlations_from_estimation(synapses, 2000, n_sweeps=10**7, rng=rng)
        assert found.std() == pytest.approx(1 / np.sqrt(n_kept - 1), rel=0.25)


def test_the_same_generator_gives_the_same_draws(rng):
    synapses = recordings(rng)
    for function, options in (
        (correlations_if_additive, {}),
        (correlations_from_estimation, {"n_sweeps": 20}),
    ):
        first, second = (function(synapses, 20, rng=np.random.default_rng(3), **options) for _ in range(2))
        assert np.array_equal(first, second)
