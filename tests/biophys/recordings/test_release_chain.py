"""The forward likelihood is the sum over all paths, and its gradient is its slope."""

import itertools

import numpy as np
import pytest
from scipy.stats import binom, norm

from biophys import fit_release
from biophys.recordings.likelihood import Likelihood, ReleaseModel, Responses, kind_of
from biophys.recordings.release_chain import filter_forward, released_before
from biophys.recordings.release_moments import train_moments
from biophys.recordings.response_density import Quanta, log_density
from biophys.recordings.train_dynamics import DYNAMICS, drive
from validation.data.datastore import DataSetMissing, locate
from validation.data.recordings import read_gontier2023

GAPS = np.array([[1e9, 20.0, 20.0, 50.0, 300.0]])
AMPLITUDES = np.array([[18.0, 3.0, 11.0, -1.5, 9.0]])


def log_likelihood(x, gaps, n, p, q, noise, within, kind, **psi):
    """The log likelihood of one recording (sweeps, stimuli) by the forward pass."""
    x = np.asarray(x)[None]
    shape = x.shape[:2]
    quanta = Quanta(*(np.full(shape, value) for value in (q, noise, within)))
    log_f, _ = log_density(np.nan_to_num(x), quanta, np.arange(n + 1.0), n)
    log_f = np.where(np.isfinite(x)[..., None], log_f, 0.0)
    coordinates = np.array([[psi[name] for name in DYNAMICS[kind]]])
    driven = drive(kind, np.full(shape, p), coordinates, gaps)
    return filter_forward(log_f, driven.u, driven.empty, n).log_s.sum()


def over_all_paths(x, gaps, n, p, q, noise, within, tau):
    """The same by enumeration of every number released and every number refilled."""
    total = 0.0
    steps = range(n + 1)
    for released in itertools.product(steps, repeat=x.size):
        for refilled in itertools.product(steps, repeat=x.size - 1):
            full, weight = n, 1.0
            for t, k in enumerate(released):
                if t:
                    new = refilled[t - 1]
                    weight *= binom.pmf(new, n - full, 1.0 - np.exp(-gaps[t] / tau))
                    full += new
                weight *= binom.pmf(k, full, p)
                if np.isfinite(x[t]):
                    weight *= norm.pdf(x[t], k * q, np.sqrt(noise**2 + k * (within * q) ** 2))
                if weight == 0.0:
                    break
                full -= k
            total += weight
    return np.log(total)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_forward_pass_is_the_sum_over_all_paths(n):
    x = np.array([18.0, 3.0, np.nan, -1.5, 9.0][: 5 if n < 3 else 4])
    arguments, gaps = (n, 0.35, 9.0, 2.0, 0.3), GAPS[:, : x.size]
    forward = log_likelihood(x[None], gaps, *arguments, "depletion", recovery=np.log(100.0))
    assert forward == pytest.approx(over_all_paths(x, gaps[0], *arguments, 100.0), rel=1e-12)


def test_published_values():
    depletion = (AMPLITUDES, GAPS, 2, 0.5, 9.0, 2.0, 0.3, "depletion")
    recovery = np.log(100.0)
    assert log_likelihood(*depletion, recovery=recovery) == pytest.approx(-15.478906969632, rel=1e-12)
    facilitating = log_likelihood(
        AMPLITUDES,
        GAPS,
        3,
        0.4,
        8.0,
        2.0,
        0.0,
        "depletion+facilitation",
        recovery=np.log(200.0),
        facilitation=np.log(50.0),
    )
    assert facilitating == pytest.approx(-15.124977304662, rel=1e-12)
    missing = AMPLITUDES.copy()
    missing[0, 2] = np.nan
    value = log_likelihood(missing, *depletion[1:], recovery=recovery)
    assert value == pytest.approx(-11.790162418069, rel=1e-12)


@pytest.mark.data
@pytest.mark.parametrize(
    ("protocol", "model", "kind", "times", "expected"),
    [
        ("irregular", (40, 0.5, 10.0, 5.0, 0.3), "depletion", {"recovery": 80.0}, -727.82566005),
        ("100Hz_long", (40, 0.5, 10.0, 5.0, 0.3), "depletion", {"recovery": 80.0}, -1789.38968748),
        (
            "100Hz_long",
            (20, 0.5, 20.0, 5.0, 0.3),
            "two-rate+facilitation",
            {"recovery": 80.0, "slow_recovery": 2000.0, "facilitation": 30.0},
            -1934.08926834,
        ),
    ],
)
def test_values_of_a_program_apart_for_recorded_trains(protocol, model, kind, times, expected):
    trains = next(trains for trains in recorded_trains() if (trains.protocol, trains.cell) == (protocol, 1))
    psi = {name: np.log(time) for name, time in times.items()} | {"fast_share": np.log(0.7 / 0.3)}
    value = log_likelihood(trains.amplitudes.magnitude, trains.intervals.magnitude, *model, kind, **psi)
    assert value == pytest.approx(expected, rel=1e-9)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_recorded_trains_taken_as_independent_do_not_end_at_one_site_that_always_releases():
    # Without measured noise a lone start led to n = 1, p = 1, twenty log units below.
    trains = next(each for each in recorded_trains() if (each.protocol, each.cell) == ("100Hz_short", 1))
    fit = fit_release(trains.amplitudes, intervals=trains.intervals, noise="free", variability=0.3)
    assert fit.log_likelihood > -662.0
    assert fit.n.value > 4


def recorded_trains():
    try:
        return read_gontier2023(locate("gontier2023", download=False))
    except DataSetMissing as missing:
        pytest.skip(str(missing))


def test_one_stimulus_or_fast_recovery_is_a_mixture_of_independent_trials():
    rng = np.random.default_rng(1)
    x = rng.normal(5.0, 6.0, (1, 40))
    k = np.arange(6.0)
    sd = np.sqrt(4.0 + k * 0.09 * 81.0)
    mixture = np.log(norm.pdf(x[0][:, None], 9.0 * k, sd) @ binom.pmf(k, 5, 0.3)).sum()
    arguments = (5, 0.3, 9.0, 2.0, 0.3, "depletion")
    one_each = log_likelihood(x.T, np.full((40, 1), 1e9), *arguments, recovery=np.log(100.0))
    fast = log_likelihood(x, np.full((1, 40), 1e3), *arguments, recovery=np.log(1.0))
    assert one_each == pytest.approx(mixture, rel=1e-12)
    assert fast == pytest.approx(mixture, rel=1e-12)


def test_one_site_is_a_chain_of_two_states():
    x, gaps, p, tau = AMPLITUDES[0], GAPS[0], 0.4, 60.0
    f = norm.pdf(x[:, None], [0.0, 9.0], [2.0, np.sqrt(4.0 + 0.09 * 81.0)])
    full, total = 1.0, 0.0
    for t in range(x.size):
        if t:
            full = full + (1.0 - full) * (1.0 - np.exp(-gaps[t] / tau))
        weights = np.array([(1.0 - full) * f[t, 0], full * (1 - p) * f[t, 0], full * p * f[t, 1]])
        total += np.log(weights.sum())
        full = weights[1] / weights.sum()
    value = log_likelihood(AMPLITUDES, GAPS, 1, p, 9.0, 2.0, 0.3, "depletion", recovery=np.log(tau))
    assert value == pytest.approx(total, rel=1e-12)


def test_long_trains_and_far_amplitudes_have_a_finite_likelihood():
    x = np.tile([0.0, 9.0, 18.0, 60.0 + 40.0], 2500)[None]
    gaps = np.full(x.shape, 20.0)
    assert np.isfinite(log_likelihood(x, gaps, 3, 0.4, 9.0, 2.0, 0.3, "depletion", recovery=np.log(100.0)))
    far = log_likelihood(AMPLITUDES + 1e3, GAPS, 60, 0.4, 9.0, 2.0, 0.0, "depletion", recovery=4.0)
    assert np.isfinite(far)


def recording(rng, n_rows=3):
    x = rng.normal(2.0, 1.0, (n_rows, 4, 9))
    x[1, 2, 3] = np.nan
    ones = np.ones((n_rows, 2))
    noise = (0.3 * ones, 0.25 * ones, 50.0 * ones, 0.0 * ones)
    return Responses(x, rng.uniform(5, 200, (4, 9)), np.array([0, 1, 0, 1]), *noise)


@pytest.mark.parametrize("is_robust", [False, True])
@pytest.mark.parametrize("kind", list(DYNAMICS))
def test_gradient_is_the_slope(kind, is_robust):
    rng = np.random.default_rng(7)
    model = ReleaseModel(kind, between=0.1, free=frozenset({"noise", "within"}), is_robust=is_robust)
    likelihood = Likelihood(model, recording(rng), 6)
    centre = {"p": 0.3, "q": -0.7, "noise": -1.5, "within": -1.2, "recovery": 4.5, "slow_recovery": 7.0}
    centre |= {"facilitation": 4.0, "fast_share": 0.5}
    theta = np.array([[centre.get(kind_of(name), -1.0) for name in likelihood.names]])
    theta = theta + 0.2 * rng.normal(size=(10, likelihood.size))
    rows, step = np.arange(10) % 3, 1e-5
    gradient = likelihood.at(theta, rows).gradient
    for i, axis in enumerate(np.eye(likelihood.size)):
        ends = [likelihood.at(theta + s * step * axis, rows, value_only=True).value for s in (1, -1)]
        slope = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(gradient[:, i], slope, rtol=1e-6, atol=1e-6 * np.abs(gradient).max())


def simulated_trains(n, p, q, tau, facilitation, gaps, n_trains, rng):
    """Responses of sites that empty and refill one by one."""
    full, u = np.ones((n_trains, n), bool), p
    x = np.empty((n_trains, gaps.size))
    for t, gap in enumerate(gaps):
        if t:
            full |= rng.random(full.shape) > np.exp(-gap / tau)
            u = p + u * (1 - p) * np.exp(-gap / facilitation)
        released = full & (rng.random(full.shape) < u)
        full &= ~released
        x[:, t] = q * released.sum(axis=1)
    return x


def test_moments_of_trains_are_those_of_simulated_sites_and_of_the_likelihood():
    gaps = np.array([1e9, 20.0, 20.0, 10.0, 60.0])
    n, p, q, tau, facilitation = 4, 0.4, 2.0, 80.0, 50.0
    x = simulated_trains(n, p, q, tau, facilitation, gaps, 200_000, np.random.default_rng(3))
    psi = np.log([[tau, facilitation]])
    driven = drive("depletion+facilitation", np.full((1, 1), p), psi, gaps[None])
    mean, covariance = train_moments(n, q, driven.u[0, 0], driven.empty[0, 0])
    errors = np.sqrt(np.diag(covariance) / len(x))
    np.testing.assert_array_less(np.abs(x.mean(axis=0) - mean), 5 * errors)
    d = x - x.mean(axis=0)
    products = d[:, :, None] * d[:, None, :]
    errors = products.std(axis=0) / np.sqrt(len(x))
    np.testing.assert_array_less(np.abs(products.mean(axis=0) - covariance), 5 * errors)
    assert np.all(covariance[np.triu_indices(5, 1)] <= 0)
    # Without any measurement the forward pass predicts the same means.
    unmeasured = np.zeros((1, 1, 5, n + 1))
    filtered = filter_forward(unmeasured, driven.u, driven.empty, n)
    released = released_before(filtered, driven.u, n)[0, 0]
    np.testing.assert_allclose(q * released @ np.arange(n + 1), mean, rtol=1e-12)
