"""Which numbers of sites are tried does not show, neither in the likeliest nor in an interval."""

import numpy as np
import pytest
import quantities as pq
from scipy import stats

from biophys import QuantalSynapse, ShortTermDynamics, fit_release, fit_releases, simulate_recording
from biophys.recordings import fitting
from biophys.recordings.site_profile import (
    MANY_SITES,
    _Kept,
    credible_sites,
    number_between,
    profile_of_sites,
    threshold_of,
    whole_numbers,
)

pytestmark = pytest.mark.filterwarnings("ignore::biophys.IdentifiabilityWarning")

TIMES = np.arange(1, 13) * 20 * pq.ms


def responses(n, p, noise, size, seed):
    rng = np.random.default_rng(seed)
    return (10.0 * rng.binomial(n, p, size) + rng.normal(0.0, noise, size)) * pq.pA


def responses_likelihood(x, n, size, noise):
    """Return the log likelihood of independent responses at the p that keeps their mean."""
    k = np.arange(n + 1)
    pmf = stats.binom.pmf(k, n, min(np.mean(x) / (n * size), 1.0))
    return np.log(stats.norm.pdf(x[:, None], size * k, noise) @ pmf).sum()


def train(n, n_sweeps, noise, seed):
    return simulate_recording(
        QuantalSynapse(n, 0.5, 10 * pq.pA),
        n_sweeps=n_sweeps,
        spike_times=TIMES,
        dynamics=ShortTermDynamics(0.5, recovery=100 * pq.ms),
        noise=noise * pq.pA,
        rng=np.random.default_rng(seed),
    )


TRIALS = [
    (30, 0.5, 2.0, 400, 0),  # quanta told apart: the likelihood hangs smoothly on n, between 29 and 35
    (25, 0.7, 3.0, 300, 1),  # hardly: it has peaks at numbers that fit the distances of the responses
    (10, 0.5, 4.0, 60, 2),  # the upper end lies far off
    (69, 0.3, 4.0, 80, 69),  # between two sizes of a coarse ladder lies one that fits the peaks of 14 quanta
]
CASES = [(responses(*case), {"noise": case[2] * pq.pA}) for case in TRIALS]
CASES += [(train(16, 6, 3.0, 3), {"noise": 3 * pq.pA, "spike_times": TIMES, "dynamics": "depletion"})]


@pytest.mark.parametrize(("x", "arguments"), CASES, ids=["told apart", "hardly", "wide", "many", "train"])
def test_numbers_that_are_tried_in_steps_give_what_all_give(monkeypatch, x, arguments):
    fit = fit_release(x, **arguments)
    monkeypatch.setattr(fitting, "sites_tried", lambda: [*map(float, range(1, 101)), MANY_SITES])
    monkeypatch.setattr(fitting, "_TRAIN_SITES", [float(n) for n in range(1, 61)])
    of_all = fit_release(x, **arguments)
    assert fit.n.value == of_all.n.value
    assert abs(fit.n.low - of_all.n.low) <= 1 and abs(fit.n.high - of_all.n.high) <= 1
    for name in {"p", "q", "mean", "recovery"} & fit.values.keys():
        known, wanted = fit.values[name], of_all.values[name]
        tolerance = 0.1 * (wanted.high - wanted.low)
        assert known.value == pytest.approx(wanted.value, abs=tolerance)
        assert (known.low, known.high) == pytest.approx((wanted.low, wanted.high), abs=tolerance)
        assert known.credible == pytest.approx(wanted.credible, abs=1.5 * tolerance)


def test_draws_of_sites_that_were_not_fitted_are_those_of_a_fit_of_every_number(monkeypatch):
    x, quantiles = responses(40, 0.5, 3.0, 200, 0), []
    for sites in (fitting.sites_tried(), [*map(float, range(1, 101)), MANY_SITES]):
        monkeypatch.setattr(fitting, "sites_tried", lambda sites=sites: sites)
        fit = fit_release(x, noise=3 * pq.pA)
        draws = fit.posterior(4000, rng=np.random.default_rng(1))
        assert {*range(40, 60)} <= set(draws["n"])
        quantiles.append([np.quantile(draws[name], [0.025, 0.5, 0.975]) for name in ("n", "p", "q", "mean")])
    np.testing.assert_allclose(*quantiles, rtol=0.05)


@pytest.mark.parametrize("n", [22, 90])
def test_a_given_number_of_sites_is_fitted_at_the_size_of_quanta_that_fits_best(n):
    x, noise = responses(69, 0.3, 4.0, 80, 69), 4.0 * pq.pA
    fit = fit_release(x, noise=noise, n=n)
    sizes = fit.q.value * np.linspace(0.7, 1.4, 400)
    near = [responses_likelihood(x.magnitude, n, size, 4.0) for size in sizes]
    assert fit.log_likelihood > max(near) - 1e-3


@pytest.mark.parametrize("case", [(30, 0.5, 2.0, 200, 3), (12, 0.4, 2.0, 200, 7)])
def test_a_free_variability_of_quanta_that_vary_little_is_found(case):
    x, noise = responses(*case), case[2] * pq.pA
    free, given = (
        fit_release(x, noise=noise, variability="free"),
        fit_release(x, noise=noise, variability=0.0),
    )
    assert free.n.value == given.n.value
    assert free.log_likelihood == pytest.approx(given.log_likelihood, abs=1.0)


@pytest.mark.parametrize(
    ("n", "p", "size", "seed"), [(47, 0.35, 300, 3), (60, 0.9, 150, 3), (30, 0.5, 200, 1)]
)
def test_free_noise_is_never_less_likely_than_noise_that_is_known(n, p, size, seed):
    x = responses(n, p, 1.2, size, seed)
    free, known = fit_release(x, noise="free"), fit_release(x, noise=1.2 * pq.pA)
    assert free.log_likelihood > known.log_likelihood - 1e-3


def test_many_sites_are_found_behind_a_single_variable_quantum():
    rng = np.random.default_rng(0)
    k = rng.binomial(20, 0.8, 100)
    x = (10.0 * k + np.sqrt(k) * 0.5 * rng.normal(size=100) + rng.normal(0.0, 1.0, 100)) * pq.pA
    fit, given = (fit_release(x, noise=1 * pq.pA, variability=0.05, n=n) for n in (None, 20))
    assert fit.n.holds(20) and fit.log_likelihood >= given.log_likelihood and not fit.implausible


def test_conditions_with_quanta_of_their_own_are_fitted_as_each_alone():
    rng, noise = np.random.default_rng(0), 1.0 * pq.pA
    parts = [rng.binomial(12, p, 150) * q + rng.normal(0.0, 1.0, 150) for p, q in ((0.7, 20.0), (0.6, 7.0))]
    arguments = {"conditions": np.repeat(["a", "b"], 150), "noise": noise, "shared": ("n",)}
    both = fit_release(np.concatenate(parts) * pq.pA, n=12, **arguments)
    alone = [fit_release(part * pq.pA, noise=noise, n=12).log_likelihood for part in parts]
    assert both.log_likelihood == pytest.approx(sum(alone), abs=1e-4)


def test_many_sites_that_are_told_apart_are_identified():
    for n, p in ((34, 0.9), (96, 0.9), (199, 0.5)):
        fit = fit_release(responses(n, p, 1.0, 300, 0), noise=1 * pq.pA)
        assert fit.n.identified and fit.n.holds(n) and abs(fit.p.value - p) < 0.03, n
        assert fit.n.high < 1.5 * n


def test_an_interval_that_ends_beyond_a_hundred_sites_is_followed_to_its_end():
    # Infinitely many are 10 in twice the log likelihood less likely, and identify nothing.
    fit = fit_release(responses(80, 0.2, 1.0, 300, 80), noise=1 * pq.pA)
    assert not fit.n.identified and fit.n.low < 80 < fit.n.high
    numbers, loss = fit.profile.numbers, fit.profile.by_number(fit.profile.loss(), np.min)[:, 0]
    assert numbers[-2] > fit.n.high > 100 and loss[-2] > threshold_of(0.95)


@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_numbers_about_the_ends_are_looked_at_whatever_the_level(level):
    fit = fit_release(responses(*TRIALS[0]), noise=2 * pq.pA, level=level)
    assert np.isin([fit.n.low, fit.n.high], fit.profile.numbers).all()


def test_numbers_looked_at_for_one_synapse_leave_the_others_alone():
    recordings = [
        responses(30, 0.5, 2.0, 200, 0),
        responses(3, 0.5, 2.0, 200, 1),
        responses(60, 0.6, 2.0, 200, 2),
    ]
    for fit, x in zip(fit_releases(recordings, noise=2 * pq.pA), recordings, strict=True):
        alone = fit_release(x, noise=2 * pq.pA)
        assert repr(fit.values) == repr(alone.values)
        np.testing.assert_array_equal(fit.profile.sites, alone.profile.sites)


def test_a_synapse_without_numbers_between_is_not_climbed_again_with_others(monkeypatch):
    fill = _Kept.fill

    def lowered(kept, within):
        filled = fill(kept, within)
        kept.value[4, -1] -= 1.0
        return filled

    monkeypatch.setattr(_Kept, "fill", lowered)
    recordings = [responses(30, 0.5, 2.0, 200, 0), responses(3, 0.5, 2.0, 200, 1)]
    together, alone = (fit_releases(some, noise=2 * pq.pA)[-1] for some in (recordings, recordings[1:]))
    np.testing.assert_array_equal(together.profile.value, alone.profile.value)


def test_a_start_that_one_synapse_lacks_is_used_for_the_others():
    profile = fit_release(responses(3, 0.5, 5.0, 60, 0), noise=5 * pq.pA).profile
    sites, start = profile.sites[:8].tolist(), np.repeat(profile.theta[:8] + 0.3, 2, axis=1)
    start[5:, 1] = np.nan
    both, alone = (
        profile_of_sites(
            profile.model,
            profile.data.take(np.zeros(size, int)),
            sites,
            start=(np.array(sites), start[:, :size]),
        )
        for size in (2, 1)
    )
    np.testing.assert_array_equal(both.theta[:, 0], alone.theta[:, 0])


def test_many_sites_are_found_where_one_is_likelier_than_a_few():
    rng = np.random.default_rng(5)
    k = rng.binomial(24, 0.7, 150)
    x = (10.0 * k + np.sqrt(k) * rng.normal(0.0, 1.0, 150) + rng.normal(0.0, 1.0, 150)) * pq.pA
    fit, given = (fit_release(x, noise=1 * pq.pA, variability=0.1, n=n) for n in (None, 24))
    assert fit.log_likelihood > given.log_likelihood - 0.1


def test_every_whole_number_belongs_to_that_nearest_on_a_logarithmic_scale():
    fit = fit_release(responses(30, 0.5, 2.0, 100, 0), noise=2 * pq.pA)
    for n_max in (1, 7, 30, 77, 100):
        n, first, last = whole_numbers(fit.profile, n_max)
        assert first[0] == 1 and np.all(first[1:] == last[:-1] + 1) and np.all((first <= n) & (n <= last))
        assert last[-1] == n_max
    for n_max in (1000, 10**6):
        np.testing.assert_array_equal(whole_numbers(fit.profile, n_max), whole_numbers(fit.profile, 100))


def test_the_posterior_of_n_does_not_end_at_a_number_that_was_tried(monkeypatch):
    def ends():
        x = train(3, 4, 30.0, 0)
        fit = fit_release(x, noise=30 * pq.pA, spike_times=TIMES, dynamics="depletion")
        parts = [credible_sites(fit.profile, 0.95, n_max) for n_max in (45, 90, 100)]
        return [[part.n_low[0], part.n_high[0]] for part in parts]

    known = ends()
    monkeypatch.setattr(fitting, "_TRAIN_SITES", [float(n) for n in range(1, 102)])
    np.testing.assert_allclose(known, ends(), rtol=0.03)


def test_between_two_numbers_lie_those_of_shares():
    assert number_between(20, 24, 0.0) == 20 and number_between(20, 24, 1.0) == pytest.approx(24)
    assert number_between(100, MANY_SITES, 0.5) == number_between(MANY_SITES, 100, 0.5) == 200


def test_no_number_of_a_train_comes_from_the_largest_number_of_sites_tried():
    x = train(3000, 4, 1000.0, 0)
    fit = fit_release(x, noise=1000 * pq.pA, spike_times=TIMES, dynamics="depletion")
    largest = fit.profile.numbers.max()
    assert fit.n.value == fit.n.high == np.inf and fit.n.low < largest
    assert fit.q.value == fit.q.low == 0.0
    assert fit.p.holds(0.5) and np.isfinite(fit.capacity.high)


def test_a_likelihood_that_rises_to_the_end_is_no_number_of_sites():
    x = train(60, 4, 20.0, 1)
    fit = fit_release(x, noise=20 * pq.pA, spike_times=TIMES, dynamics="depletion")
    assert fit.n.value == fit.n.high == np.inf and fit.q.value == 0.0


def test_dynamics_are_simulated_between_stimuli_and_from_the_release_probability_of_the_synapse():
    synapse, rng = QuantalSynapse(3, 0.2, 10 * pq.pA), np.random.default_rng(0)
    arguments = {"n_sweeps": 2, "rng": rng, "dynamics": ShortTermDynamics(0.5, recovery=100 * pq.ms)}
    with pytest.raises(ValueError, match="give their spike_times"):
        simulate_recording(synapse, n_trials=3, **arguments)
    with pytest.raises(ValueError, match=r"the p of the synapse, 0\.2, got 0\.5"):
        simulate_recording(synapse, spike_times=TIMES, **arguments)


def test_a_train_that_was_taken_as_independent_has_no_capacity_and_is_sent_to_depletion():
    fit = fit_release(train(6, 20, 2.0, 1), noise=2 * pq.pA)
    assert fit.n.value == fit.capacity.value == np.inf
    assert any("no dynamics were fitted" in text for text in fit.diagnostics["warnings"])


def test_an_interval_of_a_high_level_ends_before_the_last_number_tried():
    level = 1.0 - 1e-9
    fit = fit_release(responses(4, 0.5, 2.0, 300, 2), noise=2 * pq.pA, level=level)
    last = fit.profile.sites == fit.profile.sites.max()
    assert fit.n.high < fit.profile.sites.max() and fit.profile.loss()[last].max() > threshold_of(level)


def test_conditions_of_a_batch_keep_their_names_whatever_their_order():
    low, high = (responses(3, p, 2.0, 60, seed).magnitude for p, seed in ((0.2, 0), (0.7, 1)))
    recordings = [
        {"amplitudes": np.concatenate([first, second]) * pq.pA, "conditions": [a] * 60 + [b] * 60}
        for first, second, a, b in ((low, high, "low", "high"), (high, low, "high", "low"), (low, high, 1, 2))
    ]
    trains = [
        {
            "amplitudes": np.reshape(recording["amplitudes"], (12, 10)),
            "spike_times": np.arange(10.0) * 100 * pq.ms,
            "conditions": recording["conditions"][::10],
        }
        for recording in recordings
    ]
    for batch, shared in ((recordings, ("n", "noise")), (trains, ("n", "q", "noise"))):
        options = {"noise": 2 * pq.pA, "n": 3, "shared": shared}
        for fit, recording in zip(fit_releases(batch, **options), batch, strict=True):
            alone = fit_release(**recording, **options)
            assert repr(fit.values) == repr(alone.values) and list(fit.p) == list(alone.p)
            assert fit.summary() == alone.summary()


def test_a_free_variability_with_n_given_finds_quanta_that_hardly_vary():
    rng = np.random.default_rng(104)
    k = rng.binomial(26, 0.3, 400)
    x = (10 * k + np.sqrt(k) * rng.normal(size=400) + rng.normal(size=400)) * pq.pA
    free, held = (fit_release(x, noise=1 * pq.pA, variability=cv, n=26) for cv in ("free", 0.1))
    assert free.log_likelihood > held.log_likelihood - 1e-3


def test_artefacts_that_a_robust_fit_allows_for_have_residuals_of_the_model():
    rng = np.random.default_rng(0)
    x = 10.0 * rng.binomial(4, 0.5, 150) + rng.normal(0.0, 2.0, 150)
    x[[20, 90]] = 170.0, -80.0
    fit = fit_release(x * pq.pA, noise=2 * pq.pA, robust=True)
    z = np.concatenate(fit.residuals)
    assert np.abs(z).max() < 4.0 and 0.8 < z.std() < 1.2 and z[20] > 2.0 and z[90] < -2.0
    assert not any("residual" in text for text in fit.diagnostics["warnings"])
