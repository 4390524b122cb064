"""Fits recover what was simulated, say what they cannot tell, and do not hang on units, signs or order."""

import json
import re
import warnings

import numpy as np
import pytest
import quantities as pq
from scipy.optimize import minimize
from scipy.stats import binom

from biophys import (
    FailedFit,
    IdentifiabilityWarning,
    ImplausibleRecordingWarning,
    Noise,
    QuantalSynapse,
    QuantalVariability,
    ReleaseFit,
    SerialDependenceWarning,
    ShortTermDynamics,
    compare,
    fit_release,
    fit_releases,
    goodness_of_fit,
    simulate_recording,
)
from biophys.recordings.ascent import Point, Summit, profile_end
from biophys.recordings.site_profile import profile_of_sites, sites_tried

PA = pq.pA
pytestmark = [
    pytest.mark.filterwarnings("ignore::biophys.IdentifiabilityWarning"),
    pytest.mark.filterwarnings("ignore::biophys.ImplausibleRecordingWarning"),
]


def trials(n, p, q, noise, n_trials, seed, within=0.0, n_sweeps=1):
    rng = np.random.default_rng(seed)
    quanta = QuantalVariability(within, family="gamma") if within else None
    synapse = QuantalSynapse(n, p, q * PA)
    x = simulate_recording(
        synapse, n_sweeps=n_sweeps, n_trials=n_trials, noise=noise * PA, variability=quanta, rng=rng
    )
    return x[0] if n_sweeps == 1 else x


TIMES = np.cumsum(np.random.default_rng(5).uniform(8, 120, 26)) * pq.ms


def trains(n, p, tau, facilitation, seed, n_sweeps=6):
    rng = np.random.default_rng(seed)
    return simulate_recording(
        QuantalSynapse(n, p, 10 * PA),
        rng=rng,
        n_sweeps=n_sweeps,
        spike_times=TIMES,
        dynamics=ShortTermDynamics(p, tau * pq.ms, facilitation * pq.ms),
        noise=3 * PA,
        variability=QuantalVariability(0.3, family="gamma"),
    )


def test_several_sites_are_recovered_with_intervals_that_hold():
    fit = fit_release(trials(5, 0.6, 10, 1.5, 300, 1), noise=1.5 * PA)
    assert fit.n.value == 5 and fit.n.identified
    assert fit.p.holds(0.6) and fit.q.holds(10) and fit.mean.holds(30) and fit.capacity.holds(50)
    assert fit.q.unit == "pA" and fit.bic < fit.bic_normal


@pytest.mark.parametrize("noise", ["free", "baseline", Noise(1.5 * PA, 0.1 * PA)])
def test_noise_may_be_free_or_measured(noise):
    baseline = np.random.default_rng(3).normal(0.4, 1.5, 100) * PA
    fit = fit_release(trials(3, 0.4, 10, 1.5, 300, 2), noise=baseline if noise == "baseline" else noise)
    assert fit.noise_sd.holds(1.5) and fit.p.holds(0.4) and fit.q.holds(10) and fit.n.holds(3)
    known = fit_release(trials(3, 0.4, 10, 1.5, 300, 2), noise=1.5 * PA)
    assert fit.n_parameters == known.n_parameters + 1


def test_open_n_leaves_p_and_q_open_and_does_not_hang_on_a_largest_number():
    rng = np.random.default_rng(0)
    y = (rng.binomial(10, 0.2, 100) * 10.0 + rng.normal(0, 4, 100)) * PA
    with pytest.warns(IdentifiabilityWarning, match="cannot be told apart"):
        fit = fit_release(y, noise=4 * PA)
    assert fit.n.high == np.inf and fit.p.low == 0.0 and fit.q.low == 0.0 and not fit.n.identified
    assert fit.p.holds(0.2) and fit.mean.identified
    with pytest.raises(ValueError, match="allow_unidentified"):
        fit.synapse()
    known = fit_release(y, noise=4 * PA, n=10)
    assert known.n.identified and known.p.holds(0.2) and known.synapse().n == 10


def test_two_concentrations_tell_what_one_does_not():
    high, low = trials(5, 0.6, 10, 3, 60, 7, 0.3), trials(5, 0.15, 10, 3, 60, 8, 0.3)
    both = np.concatenate([low.magnitude, high.magnitude]) * PA
    labels = ["low"] * 60 + ["high"] * 60
    fit = fit_release(both, conditions=labels, noise=3 * PA, variability=0.3)
    alone = fit_release(low, noise=3 * PA, variability=0.3)
    assert fit.p["low"].holds(0.15) and fit.p["high"].holds(0.6) and fit.q.holds(10)
    assert fit.q.high - fit.q.low < alone.q.high - alone.q.low
    # Conditions are named, not numbered: their order does not matter.
    swapped = fit_release(
        np.concatenate([high.magnitude, low.magnitude]) * PA,
        conditions=labels[::-1],
        noise=3 * PA,
        variability=0.3,
    )
    assert swapped.p["low"].value == pytest.approx(fit.p["low"].value, rel=1e-6)


def test_trains_with_depletion_and_facilitation_are_recovered():
    x = trains(4, 0.4, 120, 60, 21)
    fit = fit_release(x, TIMES, dynamics="depletion+facilitation", noise=3 * PA, variability=0.3)
    assert fit.p.holds(0.4) and fit.q.holds(10) and fit.n.holds(4)
    assert fit.recovery.holds(120) and fit.facilitation.holds(60) and fit.recovery.unit == "ms"
    assert fit.dynamics.recovery.units == pq.ms
    content = np.concatenate(fit.quantal_content)
    assert np.corrcoef(content, x.magnitude.ravel())[0, 1] > 0.9


def test_depletion_is_preferred_where_it_is_and_seen_where_it_is_left_out():
    x = trains(4, 0.7, 300, 0, 22)
    options = {"noise": 3 * PA, "variability": 0.3, "n": 4}
    fit = fit_release(x, TIMES, dynamics="depletion", **options)
    with pytest.warns(SerialDependenceWarning, match="spike_times="):
        blind = fit_release(x, **options)
    rows = compare(blind, fit)
    assert rows[0].name == fit.model_text and rows[0].delta_bic == 0 and rows[1].delta_bic > 10
    assert fit.cross_validate()[0] > -1e3


@pytest.mark.parametrize("is_robust", [False, True])
def test_held_out_sweeps_are_those_that_were_measured(is_robust):
    rng, times = np.random.default_rng(3), np.arange(4) * 40.0 * pq.ms
    options = {"spike_times": times, "dynamics": ShortTermDynamics(0.5, recovery=150 * pq.ms), "rng": rng}
    x = simulate_recording(QuantalSynapse(3, 0.5, 10 * PA), n_sweeps=6, noise=2 * PA, **options)
    x[2], x[4, 1:] = np.nan * PA, np.nan * PA
    options = {"noise": 2 * PA, "spike_times": times, "dynamics": "depletion", "n": 3, "robust": is_robust}
    fit, shorter = fit_release(x, **options), fit_release(np.delete(x, 2, 0) * PA, **options)
    assert fit.cross_validate() == pytest.approx(shorter.cross_validate(), rel=1e-6)
    assert -20.0 < fit.cross_validate()[0] < 0.0
    fit.plot()
    apart = fit_release(x, conditions=list("aaaaab"), **options)
    with pytest.raises(ValueError, match="two of each condition"):
        apart.cross_validate()


def test_missing_responses_spend_vesicles_and_failed_spikes_do_not():
    x = trains(5, 0.5, 150, 0, 12).magnitude
    options = {"noise": 3 * PA, "variability": 0.3, "dynamics": "depletion", "n": 5}
    whole = fit_release(x * PA, TIMES, **options)
    holes = x.copy()
    holes[np.random.default_rng(1).random(x.shape) < 0.2] = np.nan
    missing = fit_release(holes * PA, TIMES, **options)
    assert missing.p.holds(0.5) and missing.recovery.holds(150)
    spikes = np.isfinite(holes)
    failed = fit_release(holes * PA, TIMES, spikes=spikes, **options)
    assert failed.p.value < missing.p.value
    unseen = np.vstack([x, np.full(x.shape[1], np.nan)])
    again = fit_release(unseen * PA, TIMES, **options)
    assert again.log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-12)
    assert again.p.value == pytest.approx(whole.p.value, rel=1e-9)


@pytest.mark.parametrize("is_train", [False, True])
def test_sign_unit_order_and_time_unit_do_not_matter(is_train):
    x = trains(3, 0.5, 100, 0, 13, n_sweeps=4) if is_train else trials(3, 0.4, 10, 2, 80, 13, n_sweeps=3)
    options = {"noise": 3 * PA, "n": 3} | ({"dynamics": "depletion"} if is_train else {})
    times = (TIMES,) if is_train else ()
    fit = fit_release(x, *times, **options)
    for unit, size in (("nA", 1e-3), ("uA", 1e-6), ("A", 1e-12)):
        inward = fit_release((-x).rescale(unit), *times, **options)
        assert inward.q.value == pytest.approx(-size * fit.q.value, rel=1e-9)
        assert inward.q.low == pytest.approx(-size * fit.q.high, rel=1e-9)
        shift = -x.size * np.log(size)
        assert inward.log_likelihood == pytest.approx(fit.log_likelihood + shift, rel=1e-9)
    if is_train:
        other = fit_release(x[::-1], TIMES.rescale("s"), **options)
        assert other.p.value == pytest.approx(fit.p.value, rel=1e-9)
        assert other.recovery.value == pytest.approx(fit.recovery.value, rel=1e-9)


def test_many_synapses_are_fitted_as_each_alone_and_a_bad_one_stops_nobody():
    rng = np.random.default_rng(14)
    x = rng.binomial(4, 0.4, (60, 6)) * 10.0 + rng.normal(0, 2, (60, 6))
    x[:, 2], x[5:, 3] = 0.0, np.nan
    x[5:, 3] = x[0, 3]
    x[:, 3] = np.nan
    fits = fit_releases(x * PA, noise=2 * PA)
    assert [isinstance(fit, FailedFit) for fit in fits] == [False, False, True, True, False, False]
    assert "constant" in fits[2].reason and "three" in fits[3].reason
    for index in (0, 5):
        alone = fit_release(x[:, index] * PA, noise=2 * PA)
        assert (
            repr(alone.values) == repr(fits[index].values)
            and alone.log_likelihood == fits[index].log_likelihood
        )
    table = fits.table()
    assert table[0]["n"] == fits[0].n.value and table[2]["reason"] == fits[2].reason
    assert [row["synapse"] for row in table] == [*range(6)]


def test_a_synapse_of_one_condition_keeps_its_name_beside_others_and_a_table_those_of_its_columns():
    rng = np.random.default_rng(5)
    x = rng.binomial(3, np.repeat([0.3, 0.7], 60)) * 10.0 + rng.normal(0, 1, 120)
    both = {"amplitudes": x * PA, "conditions": ["control"] * 60 + ["drug"] * 60}
    control = {"amplitudes": x[:60] * PA, "conditions": ["control"] * 60}
    two, single, unnamed = fit_releases([both, control, {"amplitudes": x[:60] * PA}], noise=1 * PA).table()
    assert {"p[control]", "mean[control]", "q", "n"} <= two.keys() & single.keys()
    assert "p" not in single and single["p[control]"] == unnamed["p"]
    apart = fit_releases([control], noise=1 * PA, shared=("n", "p"))[0]
    assert {"p", "q[control]", "capacity[control]"} <= apart.estimates().keys()
    alone = fit_release(**control, noise=1 * PA)
    again = ReleaseFit.from_dict(json.loads(alone.to_json()))
    assert "p[control]" in alone.summary() and "p[control]" in repr(alone)
    assert again.p == alone.p and again.estimates().keys() == alone.estimates().keys()
    frame = pytest.importorskip("pandas").DataFrame({"left": x, "right": 2 * x})
    fits = fit_releases(frame, unit=PA, noise=1 * PA)
    assert [row["synapse"] for row in fits[1:].table()] == ["right"]


def test_so_are_robust_fits_of_conditions():
    rng, labels = np.random.default_rng(31), list("ab") * 20
    x = rng.binomial(3, 0.5, (40, 4)) * 10.0 + rng.normal(0, 1.5, (40, 4))
    x[[0, 5, 9], 1] = x[20:, 2] = np.nan
    options = {"conditions": labels, "robust": True, "n": 3}
    for column, fit in zip(x.T, fit_releases(x * PA, **options), strict=True):
        assert repr(fit_release(column * PA, **options).values) == repr(fit.values)


@pytest.mark.parametrize("dynamics", ["depletion", "two-rate+facilitation"])
def test_so_are_trains_whichever_responses_are_missing(dynamics):
    rng, times, noise = np.random.default_rng(8), np.arange(5) * 30.0 * pq.ms, 2 * PA
    train = ShortTermDynamics(0.5, recovery=100 * pq.ms)
    options = {"n_sweeps": 5, "spike_times": times, "dynamics": train, "noise": noise, "rng": rng}
    recordings = [simulate_recording(QuantalSynapse(n, 0.5, 10 * PA), **options) for n in (3, 2, 4)]
    recordings[1][:, 0], recordings[2][3] = np.nan * PA, np.nan * PA
    options = {"noise": noise, "spike_times": times, "dynamics": dynamics, "n": 3}
    for recording, fit in zip(recordings, fit_releases(recordings, **options), strict=True):
        alone = fit_release(recording, **options)
        assert repr(alone.values) == repr(fit.values) and alone.log_likelihood == fit.log_likelihood
        assert all(np.isfinite([value.value, *value.credible]).all() for value in fit.values.values())
        likelihood, theta = fit.profile.likelihood(0), fit.profile.theta[0]
        truth = np.where(np.array(likelihood.names) == "q", np.log(10 / fit.scale), theta)
        assert likelihood.at(truth, np.zeros(1, int)).value[0] <= fit.profile.value.max()


@pytest.mark.parametrize("noise", [2 * PA, "free"])
@pytest.mark.parametrize("place", [(0, 0), (2, 3)])
def test_an_artefact_of_any_size_leaves_robust_fits_where_they_are(noise, place):
    rng, times = np.random.default_rng(4), np.arange(5) * 50.0 * pq.ms
    options = {"spike_times": times, "dynamics": ShortTermDynamics(0.5, recovery=100 * pq.ms)}
    x = simulate_recording(QuantalSynapse(3, 0.5, 10 * PA), n_sweeps=6, noise=2 * PA, rng=rng, **options)
    for size in (1e2, 1e4, 1e6):
        x[place] = size * PA
        fit = fit_release(x, noise=noise, spike_times=times, dynamics="depletion", n=3, robust=True)
        assert 9 < fit.q.value < 11 and fit.q.identified and fit.outlier_probability[place[0]][place[1]] > 0.9


def test_an_artefact_neither_moves_a_robust_fit_nor_goes_unseen():
    x = trials(5, 0.4, 10, 1.5, 300, 15).magnitude
    spoilt = np.append(x, 10 * x.max())
    clean, robust = (fit_release(y * PA, noise=1.5 * PA, robust=True) for y in (x, spoilt))
    assert robust.n.value == clean.n.value
    assert robust.q.value == pytest.approx(clean.q.value, rel=0.02)
    assert np.concatenate(robust.outlier_probability)[-1] > 0.99
    naive = fit_release(spoilt * PA, noise=1.5 * PA)
    assert any("artefact" in text for text in naive.diagnostics["warnings"])


def test_no_end_of_n_comes_from_the_largest_number_tried():
    rng = np.random.default_rng(3)
    y = rng.binomial(40, 0.1, (300, 60)) * 10.0 + rng.normal(0, 2, (300, 60))
    highs = [fit.n.high for fit in fit_releases(y * PA, noise=2 * PA)]
    assert 100.0 not in highs and np.inf in highs


def test_quantal_variability_is_asked_for():
    x = trials(5, 0.4, 10, 2, 300, 16, within=0.3)
    told = fit_release(x, noise=2 * PA, variability=0.3)
    assert told.n.holds(5) and told.p.holds(0.4) and told.q.holds(10)
    blind = fit_release(x, noise=2 * PA)
    assert any("variability was taken as 0" in text for text in blind.diagnostics["warnings"])
    gamma = fit_release(x, noise=2 * PA, variability=QuantalVariability(0.3, family="gamma"), n=5)
    normal = fit_release(x, noise=2 * PA, variability=0.3, n=5)
    assert gamma.log_likelihood > normal.log_likelihood - 2 and gamma.p.holds(0.4)


def test_posterior_draws_agree_with_the_credible_interval():
    fit = fit_release(trials(3, 0.4, 10, 2, 150, 17), noise=2 * PA)
    draws = fit.posterior(2000, rng=np.random.default_rng(1))
    low, high = np.quantile(draws["p"], [0.025, 0.975])
    assert low == pytest.approx(fit.p.credible[0], rel=0.1)
    assert high == pytest.approx(fit.p.credible[1], rel=0.1)
    assert draws["k_hat"] < 0.7 and set(draws["n"]) >= {3.0}


def test_posterior_draws_have_the_mean_and_the_capacity_of_each_condition():
    x = np.concatenate([trials(3, p, 10, 2, 60, seed).magnitude for seed, p in enumerate((0.2, 0.7))]) * PA
    conditions = ["low"] * 60 + ["high"] * 60
    for shared, of_q in ((("n", "q"), "q"), (("n",), "q[high]")):
        fit = fit_release(x, conditions=conditions, noise=2 * PA, shared=shared)
        draws = fit.posterior(200, rng=np.random.default_rng(1))
        assert draws.keys() == fit.values.keys() | {"k_hat"}
        of_mean = draws["n"] * draws["p[high]"] * draws[of_q]
        np.testing.assert_array_equal(draws["mean[high]"], of_mean)
        of_capacity = draws["capacity[high]" if of_q != "q" else "capacity"]
        np.testing.assert_allclose(of_capacity, draws["n"] * draws[of_q])


@pytest.mark.parametrize("is_train", [False, True])
def test_a_fit_survives_its_json(is_train):
    x = trains(3, 0.5, 100, 0, 18, n_sweeps=3) if is_train else trials(3, 0.4, 10, 2, 60, 18)
    options = {"noise": 3 * PA} | ({"dynamics": "depletion", "n": 3} if is_train else {})
    fit = fit_release(x, *((TIMES,) if is_train else ()), **options)
    again = ReleaseFit.from_dict(json.loads(fit.to_json(), parse_constant=pytest.fail))
    assert repr(again.values) == repr(fit.values) and again.summary() == fit.summary()
    assert len(fit.summary().splitlines()) <= 30
    np.testing.assert_array_equal(again.residuals[0], fit.residuals[0])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"amplitudes": [1.0, 2.0, 3.0]}, TypeError, "amplitudes must carry a unit"),
        ({"amplitudes": [1, 2, 3] * pq.kg}, ValueError, "potential, current, conductance or charge"),
        ({"amplitudes": [2.0] * PA}, ValueError, "at least three"),
        ({"amplitudes": [2.0, 2.0, 2.0] * PA}, ValueError, "constant recording"),
        ({"amplitudes": [1, np.inf, 2, 3] * PA}, ValueError, "finite or nan, got inf"),
        ({"intervals": [1, 2] * pq.ms}, ValueError, "5 amplitudes but 2 intervals"),
        ({"spike_times": [1, 2, 2, 4, 5] * pq.ms}, ValueError, "stimulus 2 comes 0 ms after"),
        ({"spike_times": [1, 2, 3, 4, 5]}, TypeError, "spike_times must carry a unit"),
        ({"conditions": ["a", "b"]}, ValueError, r"one label for each response \(5\), got 2"),
        ({"conditions": ["a", "a", "a", "a", "b"]}, ValueError, "condition 'b' has fewer than two"),
        ({"noise": 2.0}, TypeError, "noise must carry a unit"),
        ({"amplitudes": ["1", "2", "3"], "unit": PA}, TypeError, "amplitudes must be real numbers"),
        ({"amplitudes": np.array([1, "2", 3], object), "unit": PA}, TypeError, "must be real numbers"),
        ({"amplitudes": [True, False, True], "unit": PA}, TypeError, "must be real numbers"),
        ({"amplitudes": [1j, 2, 3] * PA}, TypeError, "must be real numbers"),
        (
            {"intervals": [1, 20, np.inf, 20, 20] * pq.ms},
            ValueError,
            "infinite interval .* stimulus 2",
        ),
        ({"spike_times": [0, 10, np.nan, 30, 40] * pq.ms}, ValueError, "spike_times"),
        ({"conditions": [1, 1, 1, np.nan, 1]}, ValueError, r"conditions\[3\] is nan"),
        ({"conditions": [1, 1, "1", "1", 1]}, ValueError, "conditions 1 and '1' read alike"),
        ({"conditions": [True, True, "True", "True", True]}, ValueError, "True and 'True' read alike"),
        ({"level": 95}, ValueError, "level must be"),
        ({"n": 0}, ValueError, "n must be a positive integer"),
        ({"n": 100_000}, ValueError, "n = 100000 is more than the 10000 sites"),
        ({"n": True}, TypeError, "n must be a whole number"),
        ({"variability": np.nan}, ValueError, "variability must be"),
        ({"amplitudes": [1 * PA, 2 * pq.mV, 3 * PA]}, ValueError, "mV"),
        ({"amplitudes": np.ones((2, 2, 2)) * PA}, ValueError, r"got shape \(2, 2, 2\)"),
        ({"amplitudes": [1, -1, 1, -1] * PA}, ValueError, "mean amplitude is 0"),
        ({"noise": 0 * PA}, ValueError, "noise must be .*above 0"),
        ({"noise": 2 * pq.mV}, ValueError, "noise must have the dimension of .*pA"),
        ({"noise": "guess"}, ValueError, "noise must be .* got 'guess'"),
        ({"dynamics": "depletion"}, ValueError, "dynamics need the times"),
        ({"variability": -0.3}, ValueError, "variability must be"),
        ({"shared": ("r",)}, ValueError, "shared may name .* got 'r'"),
        ({"n": 2.5}, TypeError, "n must be a whole number"),
        ({"spikes": [True, False]}, ValueError, r"spikes has \[2\] entries"),
        ({"spikes": [False] * 5}, ValueError, "spikes are False for every stimulus"),
    ],
)
def test_bad_input_is_named(arguments, error, message):
    amplitudes = np.array([1.0, 12.0, 9.0, 22.0, 0.5]) * PA
    with pytest.raises(error, match=message):
        fit_release(**({"amplitudes": amplitudes, "noise": 1 * PA} | arguments))


def test_brian_quantities_are_pointed_to_their_conversion():
    brian2 = pytest.importorskip("brian2")
    with pytest.raises(TypeError, match="from_brian"):
        fit_release([1, 2, 3] * brian2.mV)
    with pytest.raises(TypeError, match=r"noise carries .*from_brian\(noise, pq.pA\)"):
        fit_release([1, 2, 3] * pq.pA, noise=2 * brian2.pA)
    with pytest.raises(TypeError, match=r"from_brian\(spike_times, pq.ms\)"):
        fit_release([1, 2, 3] * pq.pA, [1, 2, 3] * brian2.ms)


def test_numbers_of_a_table_take_their_unit_from_an_argument():
    x = trials(2, 0.5, 10, 1, 50, 19)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        by_unit = fit_release(x.magnitude, unit=PA, noise=1 * PA)
        normalised = fit_release(x.magnitude / 40 * pq.dimensionless, noise=1 / 40 * pq.dimensionless)
    assert by_unit.q.value == fit_release(x, noise=1 * PA).q.value
    assert normalised.q.value == pytest.approx(by_unit.q.value / 40) and normalised.q.unit == ""
    with pytest.raises(ValueError, match="unit"):
        normalised.synapse(allow_unidentified=True)


@pytest.mark.parametrize("noise", ["free", 2 * PA])
def test_responses_of_both_signs_are_pointed_out(noise):
    rng = np.random.default_rng(20)
    one_sign = rng.binomial(3, 0.3, 120) * 10.0 + rng.normal(0, 2, 120)
    both = np.where(np.arange(120) % 3 == 0, -one_sign, one_sign)
    for values, is_told in ((one_sign, False), (-one_sign, False), (both, True), (-both, True)):
        fit = fit_release(values * PA, noise=noise, n=3)
        assert any("other sign" in text for text in fit.diagnostics["warnings"]) == is_told


def test_skewed_quanta_that_are_fitted_as_normal_are_pointed_out():
    rng = np.random.default_rng(21)
    counts = rng.binomial(2, 0.5, 800).astype(float)
    skewed = np.where(counts > 0, rng.gamma(np.maximum(counts, 1) / 0.16) * 0.16, 0.0)
    normal = counts + 0.3 * np.sqrt(counts) * rng.normal(size=800)
    for quanta, is_told in ((skewed, True), (normal, False)):
        x = 10 * quanta + rng.normal(0, 1.5, 800)
        quanta = QuantalVariability(0.4 if is_told else 0.3, family="normal")
        fit = fit_release(x * PA, noise=1.5 * PA, variability=quanta, n=2)
        assert any("gamma quanta explain" in text for text in fit.diagnostics["warnings"]) == is_told
        either = fit_release(x * PA, noise=1.5 * PA, variability=quanta.within, n=2)
        assert either.family == ("gamma" if is_told else "normal")
        assert not any("gamma quanta explain" in text for text in either.diagnostics["warnings"])


def test_intervals_hold_whatever_the_law_of_the_quanta():
    rng = np.random.default_rng(7)
    quanta = QuantalVariability(0.3, family="gamma")
    synapse = QuantalSynapse(2, 0.5, 10 * PA)
    options = {"n_trials": 400, "noise": 1 * PA, "variability": quanta, "rng": rng}
    recordings = [simulate_recording(synapse, **options)[0] for _ in range(40)]
    n_held = {}
    for family in ("normal or gamma", "normal"):
        variability = QuantalVariability(0.3, family=family)
        fits = fit_releases(recordings, noise=1 * PA, variability=variability)
        identified = [fit for fit in fits if fit.n.identified]
        n_held[family] = sum(fit.q.holds(10.0) for fit in fits), len(identified)
        if family != "normal":
            n_right = sum(fit.n.holds(2) for fit in identified)
            assert binom.cdf(n_right, len(identified), 0.95) > 1e-4
    # With normal quanta only, the interval of q held 26 of 40 times.
    assert n_held["normal or gamma"][1] > 30
    assert binom.cdf(n_held["normal or gamma"][0], 40, 0.95) > 1e-4 > binom.cdf(n_held["normal"][0], 40, 0.95)


RNG = np.random.default_rng(0)
PLAIN = RNG.binomial(4, 0.5, 150) * 10.0 + RNG.normal(0, 2, 150)
SIGNS = np.where(np.arange(150) % 3 == 0, -1.0, 1.0)


@pytest.mark.parametrize("noise", ["free", 2 * PA])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (PLAIN, None),
        (-PLAIN, None),
        (RNG.binomial(10, 0.92, 150) * 10.0 + RNG.normal(0, 2, 150), None),
        (RNG.binomial(60, 0.6, 150) * 10.0 + RNG.normal(0, 2, 150), None),
        (RNG.binomial(4, 0.05, 150) * 10.0 + RNG.normal(0, 2, 150), None),
        (PLAIN - 500.0, "baseline or holding current"),
        (PLAIN + 100.0, "baseline or holding current"),
        (1e4 + PLAIN, "baseline or holding current"),
        (PLAIN - 15.0, r"other sign|baseline"),
        (PLAIN * SIGNS, "other sign"),
        (PLAIN * np.where(SIGNS < 0, -0.7, 1.0), "other sign"),
    ],
)
def test_offsets_and_mixed_signs_are_named_at_the_callers_line(noise, values, message):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = fit_release(values * PA, noise=noise)
    told = [w for w in caught if w.category is ImplausibleRecordingWarning]
    is_told = [bool(re.search(message or "", str(w.message))) for w in told]
    assert is_told == ([] if message is None else [True])
    assert all(w.filename == __file__ for w in caught)
    if message is not None:
        assert not fit.n.identified and not fit.q.identified
        assert any(re.search(message, text) for text in fit.diagnostics["warnings"])


def test_a_recording_that_contradicts_its_model_identifies_nothing():
    fit = fit_release((PLAIN - 500.0) * PA, noise=2 * PA, n=3)
    assert fit.is_rejected and not fit.p.identified and not fit.q.identified
    assert "does not explain" in fit.identifiability_text
    assert not fit_release(PLAIN * PA).is_rejected


@pytest.mark.parametrize("noise", ["free", 2 * PA])
@pytest.mark.parametrize("value", [1e300, -1e200, 1e-310])
def test_numbers_that_are_no_responses_stop_no_other_synapse(noise, value):
    ordinary = trials(2, 0.5, 10.0, 2.0, 40, seed=1).magnitude.ravel()
    wild = np.array([value, 0.0, 0.0, 2.0 * value]) if abs(value) < 1 else np.append(ordinary[1:], value)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        fits = fit_releases([wild * PA, ordinary * PA], noise=noise)
    assert "which is no response of a synapse" in fits[0].reason
    assert fits[1].n.holds(2)


def test_noise_far_from_the_responses_is_refused_and_larger_noise_than_they_show_pointed_out():
    x = trials(3, 0.5, 10.0, 2.0, 80, seed=2)
    with pytest.raises(ValueError, match=r"noise of 1e\+30 pA cannot be that of responses .* check its unit"):
        fit_release(x, noise=1e30 * PA)
    # A thousand times too large: nA taken for pA.
    assert "are its value and unit right" in fit_release(x, noise=2 * pq.nA).diagnostics["warnings"][0]
    for noise in (2 * PA, "free"):
        warned = " ".join(fit_release(x, noise=noise).diagnostics["warnings"])
        assert "are its value and unit right" not in warned
    # Of failures alone the noise is all there is.
    failures = np.random.default_rng(3).normal(0, 2, 80) * PA
    assert "value and unit" not in " ".join(fit_release(failures, noise=2 * PA).diagnostics["warnings"])


def test_correlations_of_residuals_stay_within_one():
    x = trials(3, 0.5, 10.0, 2.0, 80, seed=2)
    fit = fit_release(x - 500 * PA, noise=50 * PA)
    assert abs(fit.diagnostics["residual_tests"]["lag 1"][0]) <= 1.1
    assert abs(fit_release(x, noise=2 * pq.nA).diagnostics["residual_tests"]["lag 1"][0]) <= 1.1


def test_a_wide_interval_of_the_mean_ends_where_its_profile_does():
    fit = fit_release(trials(2, 0.04, 10.0, 2.0, 100, seed=5), noise=2 * PA)
    mean = fit.values["mean"]
    assert mean.high > 1.5 * mean.value
    best = []
    for row, n in enumerate(fit.profile.sites[:-1]):
        p = np.geomspace(1e-4, 30.0, 400) / n
        p = p[p < 0.98]
        theta = np.stack([np.log(p / (1 - p)), np.log(mean.high / abs(fit.scale) / (n * p))], axis=-1)
        likelihood = fit.profile.likelihood(row)
        best.append(likelihood.at(theta, np.zeros(p.size, int), value_only=True).value.max())
    assert 2 * (fit.profile.value.max() - max(best)) == pytest.approx(3.841, abs=0.1)


@pytest.mark.parametrize("seed", [0, 2])
def test_a_train_with_known_n_is_at_least_as_likely_as_at_the_truth(seed):
    times, n = np.cumsum(np.random.default_rng(5).uniform(8.0, 120.0, 26)) * pq.ms, 10
    dynamics = ShortTermDynamics(0.3, recovery=50 * pq.ms, facilitation=100 * pq.ms)
    options = {"noise": 3 * PA, "dynamics": dynamics, "rng": np.random.default_rng(seed)}
    x = simulate_recording(QuantalSynapse(n, 0.3, 10 * PA), n_sweeps=6, spike_times=times, **options)
    fit = fit_release(x, noise=3 * PA, spike_times=times, dynamics="depletion+facilitation", n=n)
    truth = [np.log(0.3 / 0.7), np.log(10 / abs(fit.scale)), np.log(50.0), np.log(100.0)]
    likelihood = fit.profile.likelihood(0)
    assert likelihood.names == ["p", "q", "recovery", "facilitation"]
    assert fit.profile.value.max() > likelihood.at(np.array([truth]), np.zeros(1, int)).value[0]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("noise", [3 * PA, "free"])
def test_independent_trials_are_fitted_the_same_with_intervals_and_without(seed, noise):
    x = trials(4, 0.4, 10.0, 3.0, 20, seed=seed, within=0.3, n_sweeps=3).reshape(3, 20)
    x[1, 4] = np.nan * PA
    intervals, labels = np.full((3, 20), 50.0) * pq.ms, ["a", "b", "a"]
    options = {"noise": noise, "variability": 0.3, "n": 4}
    alone = fit_release(x.ravel(), conditions=np.repeat(labels, 20), **options)
    fit = fit_release(x, intervals=intervals, conditions=labels, **options)
    assert fit.log_likelihood == pytest.approx(alone.log_likelihood, abs=1e-6)
    for name, value in alone.values.items():
        found = fit.values[name]
        assert (found.value, found.low, found.high) == pytest.approx(
            (value.value, value.low, value.high), rel=1e-3, abs=1e-6
        )
    assert np.concatenate(fit.residuals) == pytest.approx(
        np.concatenate(alone.residuals), abs=1e-6, nan_ok=True
    )


def test_a_fit_at_a_prompt_is_a_line_of_estimates():
    fits = fit_releases([{"amplitudes": trials(3, 0.5, 10.0, 2.0, 80, seed=2), "noise": 2 * PA}] * 2)
    text = repr(fits[0])
    assert text.startswith("<fit of 80 responses, independent responses, noise known") and "\n" not in text
    assert f"p {fits[0].values['p']}" in text and len(text) < 500


def test_a_train_with_free_n_is_as_likely_as_with_that_n_given():
    times = np.cumsum(np.random.default_rng(5).uniform(8.0, 120.0, 26)) * pq.ms
    dynamics = ShortTermDynamics(0.7, recovery=50 * pq.ms, facilitation=100 * pq.ms)
    options = {"noise": 3 * PA, "dynamics": dynamics, "rng": np.random.default_rng(5)}
    x = simulate_recording(QuantalSynapse(10, 0.7, 10 * PA), n_sweeps=6, spike_times=times, **options)
    kinds = {"variability": 0.3, "dynamics": "depletion+facilitation"}
    profile = fit_release(x, noise=3 * PA, spike_times=times, n=14, **kinds).profile
    free = profile_of_sites(
        profile.model, profile.data, sites_tried(14, n_last=14, has_limit=False), has_posterior=False
    )
    assert free.value[free.sites == 14].max() > profile.value.max() - 0.01


@pytest.mark.parametrize("wall", [1.5, 4.0, 11.0])
@pytest.mark.parametrize("known", [None, -np.inf, 0.9, 8.0])
def test_an_end_is_found_though_the_likelihood_is_nought_farther_out(wall, known):
    def evaluate(theta, rows):
        is_inside = theta[:, 0] < wall
        value = np.where(is_inside, -0.5 * (theta**2).sum(axis=1), -np.inf)
        gradient = np.where(is_inside[:, None], -theta, np.nan)
        return Point(value, gradient, np.tile(-np.eye(2), (len(theta), 1, 1)))

    # A curvature that promises too little, as that of a ridge does, makes the first step too long.
    summit = Summit(np.zeros((1, 2)), np.zeros(1), 1e-2 * np.eye(2)[None])
    bounds = (np.full(2, -20.0), np.full(2, 20.0))
    known_end = None if known is None else np.array([known])
    (end,) = profile_end(evaluate, summit, bounds, 0, 1.0, np.array([1.0]), known_end)
    assert end <= 8.0 if known == 8.0 else end == pytest.approx(1.0, abs=0.02)


def test_so_does_the_mean_at_rest_of_a_train_that_facilitates():
    p, times = 0.3, np.cumsum(np.random.default_rng(5).uniform(8.0, 120.0, 26)) * pq.ms
    dynamics = ShortTermDynamics(p, recovery=50 * pq.ms, facilitation=100 * pq.ms)
    options = {"noise": 3 * PA, "dynamics": dynamics, "rng": np.random.default_rng(0)}
    x = simulate_recording(QuantalSynapse(4, p, 10 * PA), n_sweeps=6, spike_times=times, **options)
    fit = fit_release(x, noise=3 * PA, spike_times=times, dynamics="depletion+facilitation", n=4)
    likelihood, mean = fit.profile.likelihood(0), fit.values["mean"]
    p, q = (likelihood.names.index(name) for name in ("p", "q"))
    others = [i for i in range(len(likelihood.names)) if i != q]
    for end in (mean.low, mean.high):

        def loss(free, end=end):
            theta = np.zeros((1, len(likelihood.names)))
            theta[0, others] = free
            theta[0, q] = np.log(end / abs(fit.scale) / 4) + np.logaddexp(0.0, -theta[0, p])
            return -2 * likelihood.at(theta, np.zeros(1, int), value_only=True).value[0]

        start = fit.profile.theta[0, 0, others]
        least = min(minimize(loss, start + shift, method="Nelder-Mead").fun for shift in (-0.3, 0.0, 0.3))
        assert least + 2 * fit.profile.value.max() == pytest.approx(3.841, abs=0.1)


@pytest.mark.parametrize(
    ("n", "p", "noise", "n_trials"), [(10, 0.9, 0.5, 60), (10, 0.9, 2.0, 60), (15, 0.5, 1.0, 90)]
)
def test_a_given_n_is_not_fitted_between_the_peaks_of_the_amplitudes(n, p, noise, n_trials):
    from scipy.stats import binom, norm

    for seed in range(2):
        rng, k = np.random.default_rng(seed), np.arange(n + 1)
        x = rng.binomial(n, p, n_trials) * 12.0 + rng.normal(0, noise, n_trials)
        at_truth = np.log((binom.pmf(k, n, p) * norm.pdf(x[:, None], 12.0 * k, noise)).sum(axis=1)).sum()
        (fit,) = fit_releases([x * pq.pA], noise=noise * pq.pA, n=n)
        assert fit.log_likelihood >= at_truth


@pytest.mark.parametrize(("n", "p", "seed"), [(6, 0.3, 2), (8, 0.6, 6), (4, 0.5, 2)])
def test_nor_is_that_of_trains(n, p, seed):
    times = np.cumsum([0, 10, 10, 10, 10, 30, 60, 150, 400.0]) * pq.ms
    dynamics = ShortTermDynamics(p, 100 * pq.ms, 0 * pq.ms)
    x = simulate_recording(
        QuantalSynapse(n, p, -12 * pq.pA),
        n_sweeps=10,
        spike_times=times,
        dynamics=dynamics,
        noise=2 * pq.pA,
        rng=np.random.default_rng(seed),
    )
    known = {"noise": 2 * pq.pA, "n": n}
    (fit,) = fit_releases([x], times, dynamics="depletion", **known)
    (at_truth,) = fit_releases([x], times, dynamics=dynamics, **known)
    assert fit.log_likelihood >= at_truth.log_likelihood
    assert fit.q.low < -11.5 and fit.q.high > -12.5


def test_responses_that_never_fail_leave_n_open():
    x = -36 + np.random.default_rng(0).normal(0, 2, 200)
    (fit,) = fit_releases([x * pq.pA], noise=2 * pq.pA)
    assert (fit.n.value, fit.n.low, fit.n.high) == (1, 1, np.inf)
    assert (fit.p.low, fit.q.high) == (0.0, 0.0) and fit.p.value > 0.99


def test_masked_responses_are_missing_and_channels_are_no_sweeps():
    x = np.random.default_rng(1).binomial(3, 0.5, 40) * 12.0 + 0.1
    masked = np.ma.masked_array(x, np.arange(40) % 7 == 0)
    options = {"noise": 2 * pq.pA, "n": 3, "unit": pq.pA}
    (fit, same) = fit_releases([masked, np.where(masked.mask, np.nan, x)], **options)
    assert fit.n_responses == 34 and fit.q == same.q
    neo = pytest.importorskip("neo")
    signal = neo.AnalogSignal(x.reshape(20, 2), units="pA", sampling_rate=1 * pq.kHz)
    with pytest.raises(ValueError, match="signal of 2 channels"):
        fit_release(signal, noise=2 * pq.pA, n=3)


def test_samples_of_traces_are_refused_before_they_are_fitted():
    (failed,) = fit_releases([np.arange(1_000_000.0) * pq.pA], noise=2 * pq.pA)
    assert "1000000 responses of one synapse" in failed.reason


def test_no_likelihood_is_infinite_where_quanta_vanish_in_the_noise():
    x = trials(6, 0.57, 10, 4.5, 100, 3, within=0.3)
    (fit,) = fit_releases([x], noise=4.5 * PA, variability=0.3)
    theta = np.array([[odds, log_q] for odds in (-6.0, -2.66, 0.0) for log_q in (-11.0, -10.33, -9.5)])
    row = int(np.flatnonzero((fit.profile.sites == 1e6) & (np.array(fit.profile.families) == "gamma"))[0])
    likelihood = fit.profile.likelihood(row, np.zeros(len(theta), int))
    assert np.all(likelihood.at(theta, np.arange(len(theta))).value < np.inf)
    assert np.isfinite(fit.log_likelihood) and fit.n.low > 1


def test_goodness_of_fit_is_even_where_the_model_is_true():
    rng = np.random.default_rng(3)
    x = rng.binomial(3, 0.4, (60, 40)) * 10.0 + rng.normal(0, 2, (60, 40))
    fits = fit_releases(x * pq.pA, noise=2 * pq.pA)
    p_values = [goodness_of_fit(fit, rng=rng, n_simulated=19).p_values for fit in fits]
    for name in ("distribution", "lag 1"):
        # Of residuals, which a fit to its own recording makes smaller than those under the truth.
        assert np.mean([p[name] for p in p_values]) == pytest.approx(0.5, abs=5 * np.sqrt(1 / 12 / 40))


def test_artefacts_on_one_side_do_not_lead_robust_fits_astray():
    rng = np.random.default_rng(1)
    x = rng.binomial(5, 0.4, (300, 8)) * 10.0 + rng.normal(0, 2, (300, 8))
    is_artefact = rng.random(x.shape) < 0.02
    x[is_artefact] = rng.uniform(150, 400, is_artefact.sum())
    fits = fit_releases(x * pq.pA, noise=2 * pq.pA, robust=True)
    # Half a per cent is the standard error.
    assert [fit.q.value for fit in fits] == pytest.approx([10.0] * 8, rel=0.03)


@pytest.mark.parametrize("n_artefacts", [3, 8])
def test_what_a_robust_fit_takes_for_artefacts_makes_neither_it_nor_its_simulations_implausible(n_artefacts):
    rng = np.random.default_rng(2)
    x = rng.binomial(4, 0.45, 300) * -12.0 + rng.normal(0, 1.8, 300)
    x[rng.choice(300, n_artefacts, replace=False)] = rng.uniform(25, 60, n_artefacts)
    fit = fit_release(x * PA, noise=1.8 * PA, robust=True)
    assert fit.implausible == [] and fit.n.identified and fit.n.holds(4) and fit.p.holds(0.45)
    drawn = fit_release(fit.simulate(rng=rng)[0] * PA, noise=1.8 * PA, robust=True)
    assert drawn.implausible == [] and drawn.n.holds(4)
    p_values = goodness_of_fit(fit, rng=rng, n_simulated=19).p_values
    # What the artefacts are like is no part of the model.
    assert "distribution" in p_values and not any("response" in name for name in p_values)
    # Those of a fit that does not allow for them are a sign of a wrong model.
    assert any("other sign" in text for text in fit_release(x * PA, noise=1.8 * PA).implausible)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_an_interval_that_nothing_bounds_is_open(sign):
    rng = np.random.default_rng(6)
    # Beside a noise that is said far too large so small a mean may be that of quanta of any size.
    x = rng.normal(0.0, 0.2, 120)
    fit = fit_release(sign * (x - x.mean() + 0.005) * PA, noise=1.5 * PA, n=4)
    for estimate in (fit.q, fit.mean, fit.capacity):
        assert sorted(map(abs, (estimate.low, estimate.high))) == [0.0, np.inf]


def test_artefacts_and_failures_written_as_zero_are_named():
    rng = np.random.default_rng(3)
    x = rng.binomial(3, 0.5, 60) * 10.0 + rng.normal(0, 1, 60)
    quiet = fit_release(x * pq.pA, noise=1 * pq.pA, n=3).diagnostics["warnings"]
    assert not any("artefact" in text or "exactly 0" in text for text in quiet)
    # The artefact becomes the quantum: no residual shows it.
    far = fit_release(np.append(x, 900) * pq.pA, noise=1 * pq.pA, n=1).diagnostics
    assert any("robust=True" in text for text in far["warnings"])
    for noise in (1 * pq.pA, "free"):
        zeros = fit_release(np.where(x < 5, 0.0, x) * pq.pA, noise=noise, n=3).diagnostics["warnings"]
        assert any("responses are exactly 0" in text for text in zeros)
    counts = fit_release(np.round(x / 5) * 5 * pq.pA, noise=1 * pq.pA, n=3).diagnostics["warnings"]
    assert not any("exactly 0" in text for text in counts)


@pytest.mark.parametrize(
    "copy",
    [
        lambda x: np.concatenate([x, x]),
        lambda x: np.repeat(x, 2),
        lambda x: np.concatenate([x[:40], x[:15], x[40:]]),
    ],
    ids=["table twice", "rows twice", "a block again"],
)
def test_rows_that_were_copied_identify_nothing(copy):
    rng = np.random.default_rng(5)
    x = np.round(rng.binomial(3, 0.4, 120) * 10.0 + rng.normal(0, 1, 120), 2)
    assert fit_release(x * PA, noise=1 * PA).n.identified
    with pytest.warns(ImplausibleRecordingWarning, match="repeat the one .* before to the last digit"):
        fit = fit_release(copy(x) * PA, noise=1 * PA)
    assert not (fit.n.identified or fit.p.identified or fit.q.identified)


def test_responses_that_are_rounded_sorted_or_counts_are_no_copies():
    rng = np.random.default_rng(6)
    x = rng.binomial(3, 0.4, 300) * 10.0 + rng.normal(0, 2, 300)
    for values in (
        np.round(x),
        np.sort(np.round(x, 1)),
        np.round(x / 5) * 5,
        np.round(x / 10),
        np.minimum(x, 22),
    ):
        fit = fit_release(values * PA, n=3)
        assert not any("last digit" in text for text in fit.implausible)


def test_a_saturated_amplifier_is_pointed_out():
    rng = np.random.default_rng(7)
    x = rng.binomial(3, 0.4, 200) * 10.0 + rng.normal(0, 2, 200)
    for sign, limit, is_told in ((1, 25.0, True), (-1, 25.0, True), (1, 99.0, False)):
        warned = fit_release(sign * np.minimum(x, limit) * PA, noise=2 * PA, n=3).diagnostics["warnings"]
        assert any("a saturated amplifier" in text for text in warned) == is_told


def test_both_signs_in_turn_are_no_offset():
    rng = np.random.default_rng(8)
    x = (rng.binomial(4, 0.4, 150) * 10.0 + rng.normal(0, 1.5, 150)) * (-1.0) ** np.arange(150)
    (text,) = fit_release(x * PA).implausible
    assert "have the other sign" in text


def test_sweeps_of_one_response_are_trials_in_order():
    x = np.sort(np.random.default_rng(2).binomial(3, 0.5, 60) * 10.0) + np.tile([0.3, -0.2, 0.1], 20)
    trials = {"amplitudes": [[v] * pq.pA for v in x], "noise": 1 * pq.pA, "n": 3}
    for each in fit_releases([trials, trials | {"intervals": [[1.0] * pq.ms] * 60}]):
        assert each.serial is not None and each.serial.p_values["neighbours"] < 1e-6
        assert len(each.residuals) == 1
    with pytest.raises(ValueError, match="at least two in a sweep"):
        fit_release(trials["amplitudes"], [0.0] * pq.ms, dynamics="depletion")


def test_what_is_asked_of_a_fit_of_one_condition_or_of_a_file_of_fits_is_named():
    fit = fit_release(PLAIN * PA, noise=2 * PA, n=3, conditions=["a"] * len(PLAIN))
    with pytest.raises(ValueError, match="condition must be 'a' or None, got 'b'"):
        fit.dynamics_of("b")
    with pytest.raises(ValueError, match=r"stored has the fits of 'x', 'y': .*stored\['x'\]"):
        ReleaseFit.from_dict({"x": fit.to_dict(), "y": fit.to_dict()})
    with pytest.raises(ValueError, match=r"dynamics must be one of none, .*got 'depresion'"):
        fit_release(PLAIN * PA, dynamics="depresion")
    with pytest.raises(ValueError, match="conditions True and 1 are the same to Python"):
        fit_release(PLAIN * PA, conditions=[True] * 5 + [1] * (len(PLAIN) - 5))


def test_labels_and_sweeps_that_are_wrong_are_named_by_number():
    x = np.arange(6.0) * pq.pA
    for label in (None, float("nan")):
        with pytest.raises(ValueError, match=r"conditions\[5\] is (None|nan)"):
            fit_release(x, conditions=["a"] * 5 + [label])
    with pytest.raises(ValueError, match=r"sweep 1 of amplitudes must have the dimension"):
        fit_release([x, x.magnitude * pq.mV])


@pytest.mark.parametrize("dynamics", [None, "depletion"])
@pytest.mark.parametrize("n_sweeps", [1, 3])
def test_few_sweeps_that_begin_with_failures_are_fitted_as_well_as_many(dynamics, n_sweeps):
    rng = np.random.default_rng(3)
    x = (rng.binomial(4, 0.4, 60) * -12.0 + rng.normal(0, 2, 60)).reshape(n_sweeps, -1)
    x[:, 0] = rng.normal(0, 0.5, n_sweeps)
    times = 20.0 * np.arange(x.shape[1]) * pq.s
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit, known = fit_release(x * PA, times, dynamics=dynamics), fit_release(x.ravel() * PA)
    assert fit.log_likelihood > known.log_likelihood - 0.01 and fit.n.value == known.n.value


def test_columns_of_arrays_and_tables_are_synapses():
    pd = pytest.importorskip("pandas")
    x = np.random.default_rng(3).binomial(3, 0.4, (40, 2)) * 10.0
    x += np.random.default_rng(4).normal(0, 1, x.shape)
    expected = [fit.q.value for fit in fit_releases(x * PA, noise=1 * PA)]
    masked = np.ma.masked_invalid(x)
    assert type(fit_releases(x * PA, noise=1 * PA).table()[0]["bic"]) is float
    for recordings in (x, masked, pd.DataFrame(x, columns=["a", "b"]), list(x.T), (row for row in x.T)):
        fits = fit_releases(recordings, unit=PA, noise=[1 * PA, 1 * PA])
        assert [fit.q.value for fit in fits] == expected
    for wrong in (x[:, 0] * PA, pd.Series(x[:, 0]), {"a": x[:, 0] * PA}, "abc", None, 3.0):
        with pytest.raises(TypeError, match=r"recordings must be a quantity .* fit_release fits one"):
            fit_releases(wrong, unit=PA)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n": [2, 3]}, r"n must be a whole number or None, got \[2, 3\]"),
        ({"n": np.arange(1, 4)}, r"n must be a whole number or None, got \[1 2 3\]"),
        ({"level": "high"}, "level must be a number, got 'high'"),
        ({"level": 95}, "level must be a number above 0 and below 1, such as 0.95, got 95"),
        ({"shared": "n"}, "shared must be a sequence of texts, got 'n'"),
        ({"shared": ["sites"]}, "shared may name n, p, q, variability, noise, got 'sites'"),
        ({"dynamics": "depresion"}, "dynamics must be one of .*, got 'depresion'"),
        ({"robust": "yes"}, "robust must be true or false, got 'yes'"),
    ],
)
def test_an_option_of_all_synapses_that_none_takes_is_refused_and_that_of_one_is_its_reason(wrong, message):
    x = trials(3, 0.4, 10.0, 2.0, 60, seed=3)
    with pytest.raises((TypeError, ValueError), match=message):
        fit_releases([x, x], noise=2 * PA, **wrong)
    bad, good = fit_releases([{"amplitudes": x} | wrong, {"amplitudes": x}], noise=2 * PA)
    assert re.search(message, bad.reason) and good.n.value == 3


def test_arguments_that_fit_release_has_not_are_named_in_a_batch():
    x = trials(3, 0.5, 10.0, 1.0, 30, seed=1)
    with pytest.raises(TypeError, match="fit_release has no argument 'nosie': did you mean 'noise'"):
        fit_releases([x], nosie=1 * PA)
    with pytest.raises(ValueError, match="noise has 3 entries for 1 synapses"):
        fit_releases([x], noise=[1 * PA] * 3)
    fits = fit_releases([{"amplitude": x}, {"noise": 1 * PA}, x], noise=1 * PA)
    reasons = [getattr(fit, "reason", "") for fit in fits]
    assert "did you mean 'amplitudes'" in reasons[0] and "amplitudes must carry" in reasons[1]
    assert not reasons[2]


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        ([1 * PA] * 3, "noise has 3 entries for 2 conditions: give one for each"),
        (
            {"a": 1 * PA, "b": "free"},
            r"noise of a condition .* got 'free': .*shared=\('n', 'q', 'variability'\)",
        ),
        ({"a": 1 * PA, "c": 1 * PA}, "no entry for condition 'b': it has 'a', 'c'"),
    ],
)
def test_noises_of_conditions_that_are_none_are_told_how_to_become_some(noise, message):
    x = trials(3, 0.5, 10.0, 1.0, 30, seed=1)
    with pytest.raises(ValueError, match=message):
        fit_release(x, conditions=["a", "b"] * 15, noise=noise)


def test_units_of_plain_numbers_are_those_of_responses():
    x = trials(3, 0.5, 10.0, 1.0, 30, seed=1).magnitude
    for unit, message in [
        (2 * PA, "unit must be a unit of quantities, such as pq.pA, got 2.0 pA"),
        (pq.kg, "amplitudes must be a potential, current, conductance or charge"),
    ]:
        with pytest.raises(ValueError, match=message):
            fit_release(x, unit=unit)
    with pytest.raises(
        TypeError, match=r"unit must carry a unit .* got 'pA': write pq.mV, say, and not a text"
    ):
        fit_release(x, unit="pA")


def test_steps_of_calcium_are_no_run_down_of_sweeps():
    # Pairs of one mean in each condition, whose means rise from one to the next.
    rng = np.random.default_rng(1)
    p = np.repeat([0.2, 0.5, 0.8], 30)
    x = rng.binomial(5, p[:, None], (90, 2)) * 10.0 + rng.normal(0, 2, (90, 2))
    fit = fit_release(x * PA, [0, 1000] * pq.ms, conditions=list(p), noise=2 * PA)
    assert not fit.serial.is_dependent and fit.serial.p_values["run-down"] > 0.01


def test_estimates_of_one_kind_stand_together():
    x = trials(3, 0.5, 10.0, 1.0, 60, seed=1)
    both = fit_release(x, conditions=["a", "b"] * 30, noise=1 * PA)
    assert list(both.values)[-3:] == ["mean[a]", "mean[b]", "capacity"]
    apart = fit_release(x, conditions=["a", "b"] * 30, noise=1 * PA, shared=("n", "variability", "noise"))
    assert list(apart.values)[-2:] == ["capacity[a]", "capacity[b]"]


def test_a_plot_shows_the_model_where_something_was_measured():
    intervals = [np.full(3, 5.0) * pq.ms, np.full(6, 500.0) * pq.ms]
    x = [np.array([32.0, 19.0, 11.0, 1.0]), np.array([np.nan, 31.0, 21.0, 30.0, 29.0, 41.0, 22.0])]
    fit = fit_release([row * PA for row in x], intervals=intervals, dynamics="depletion", n=4, noise=3 * PA)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        axes = fit.plot().axes[2]
    model = axes.lines[0].get_ydata()
    # Beyond the end of the short sweep all intervals are long: the model is full again at every stimulus.
    np.testing.assert_allclose(model[4:], model[-1], rtol=0.02)
    assert all(tick == round(tick) for tick in axes.get_xticks())
    x[0][0] = np.nan
    fit = fit_release([row * PA for row in x], intervals=intervals, dynamics="depletion", n=4, noise=3 * PA)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        positions = fit.plot().axes[2].lines[0].get_xdata()
    assert list(positions) == [2, 3, 4, 5, 6, 7]


def test_conditions_of_any_kind_come_back_from_json():
    x = trials(3, 0.5, 10.0, 1.0, 40, seed=1)
    for labels in ([(1, "drug"), (2, "drug")], [np.datetime64("2020-01-01"), np.datetime64("2020-01-02")]):
        fit = fit_release(x, conditions=labels * 20, noise=1 * PA)
        again = ReleaseFit.from_dict(json.loads(fit.to_json()))
        assert again.summary() == fit.summary() and list(again.p) == [str(label) for label in fit.p]


def test_the_unit_of_the_amplitudes_changes_nothing_where_noise_is_free():
    rng = np.random.default_rng(0)
    x = 10.0 * rng.binomial(5, 0.4, 80) + rng.normal(0.0, 2.5, 80)
    fits = [fit_release(factor * x * pq.pA) for factor in (1.0, 1.4, 1e3)]
    for name, value in fits[0].values.items():
        for fit, factor in zip(fits[1:], (1.4, 1e3), strict=True):
            unit = factor if value.unit else 1.0
            ends = np.array([fit.values[name].credible, (fit.values[name].low, fit.values[name].high)])
            np.testing.assert_allclose(ends / unit, [value.credible, (value.low, value.high)], rtol=1e-5)
