"""Quanta that vary: moments of the response, the same on every draw, and what is refused."""

import itertools

import numpy as np
import pytest
from brian2 import Hz, Network, NeuronGroup, ms, mV
from scipy import stats

from biophys.recordings.release_moments import release_cumulants
from brianpresyn import bernoulli_release, binomial_release, quantal_variance, spontaneous_release, synapses
from brianpresyn.quantal_noise import gamma_draw, site_sum_draw

pytestmark = pytest.mark.usefixtures("on_numpy")

SYNAPSES = np.arange(50_000)


def drawn(function, *arguments):
    return function.implementations["numpy"].get_code(None)(*arguments, SYNAPSES)


@pytest.mark.parametrize("shape", [0.4, 1.0, 6.25, 40.0])
def test_gamma_draws_follow_the_gamma_distribution(shape):
    assert stats.kstest(drawn(gamma_draw, 3, 1, shape), stats.gamma(shape).cdf).pvalue > 1e-4


def test_gamma_draws_of_shape_0_are_0():
    assert np.all(drawn(gamma_draw, 3, 1, 0.0) == 0)


def test_site_sums_have_the_moments_of_unequal_sites():
    n, p, cv = 20, 0.3, 0.4
    total = drawn(site_sum_draw, 3, 4, 1, np.full(SYNAPSES.size, n), np.full(SYNAPSES.size, p), cv, 1)
    variance = n * p * (1 + cv**2 - p)
    assert abs(total.mean() - n * p) < 5 * np.sqrt(variance / total.size)
    assert abs(total.var() / variance - 1) < 5 * np.sqrt(2.3 / total.size)


def test_sites_keep_their_sizes():
    ones = np.ones(SYNAPSES.size)
    first = drawn(site_sum_draw, 3, 4, 1, np.full(SYNAPSES.size, 5), ones, 0.3, 1)
    np.testing.assert_array_equal(
        first, drawn(site_sum_draw, 9, 4, 2, np.full(SYNAPSES.size, 5), ones, 0.3, 1)
    )


def responses(code, n_synapses=400, n_spikes=200):
    """Return the response to each spike in units of q; shape (synapse, spike)."""
    from brian2 import StateMonitor

    source = NeuronGroup(1, "drive : 1", threshold="drive > 0.5")
    source.drive = 1
    target = NeuronGroup(n_synapses, "v : volt")
    connection = synapses(source, target, code, connect=True, seed=5)
    monitor = StateMonitor(target, "v", record=True, when="end")
    Network(source, target, connection, monitor).run(n_spikes * 0.1 * ms)
    return np.diff(np.asarray(monitor.v / mV), axis=1, prepend=0)


@pytest.mark.parametrize(
    "options",
    [
        {"cv_within": 0.5},
        {"cv_within": 0.5, "distribution": "gaussian"},
        {"cv_between": 0.3},
        {"cv_within": 0.4, "cv_between": 0.3, "distribution": "gaussian"},
    ],
)
def test_response_has_the_stated_mean_and_variance(options):
    n, p = 6, 0.3
    measured = responses(quantal_variance(binomial_release(n=n, p=p, q=1 * mV), **options))
    cvs = {name[3:]: value for name, value in options.items() if name.startswith("cv_")}
    expected = float(release_cumulants(n, p, 1.0, **cvs)[2])
    # Sites keep their sizes, so the synapses are the independent samples.
    means, variances = measured.mean(axis=1), measured.var(axis=1, ddof=1)
    assert abs(means.mean() - n * p) < 5 * means.std() / np.sqrt(means.size)
    assert abs(variances.mean() - expected) < 5 * variances.std() / np.sqrt(variances.size)


def test_failures_stay_failures():
    code = quantal_variance(bernoulli_release(p=0.4, q=1 * mV), cv_within=0.5)
    measured = responses(code)
    assert abs((measured == 0).mean() - 0.6) < 5 * np.sqrt(0.24 / measured.size)


@pytest.mark.parametrize("p, cv_within, cv_between", [(0.3, 0.0, 0.0), (0.3, 0.4, 0.0), (0.8, 0.3, 0.5)])
def test_variance_of_the_response_is_that_of_all_outcomes(p, cv_within, cv_between):
    # Three sites, each of which is as much too small or too large, with every outcome of each.
    sites = np.array(list(itertools.product([1 - cv_between, 1 + cv_between], repeat=3)))[:, np.newaxis]
    outcomes = np.array(list(itertools.product([0, 1], repeat=3)))
    weights = np.prod(np.where(outcomes, p, 1 - p), axis=1)
    means = np.sum(sites * outcomes, axis=2)
    within = cv_within**2 * np.sum(sites**2 * outcomes, axis=2)
    variances = means**2 @ weights - (means @ weights) ** 2 + within @ weights
    assert release_cumulants(3.0, p, 1.0, cv_within, cv_between)[2] == pytest.approx(
        np.mean(variances), rel=1e-12
    )


def test_minis_of_many_intervals_are_those_of_a_poisson_process():
    # None in ten intervals of 10 ms at 10 Hz: exp(-1).
    cells = NeuronGroup(1, "v : 1", threshold="False")
    code = bernoulli_release(0.5, q=1) + spontaneous_release(10 * Hz, every=10 * ms)
    built = synapses(cells, cells, code, connect=True, seed=1)
    assert (1 - built.p_mini[0]) ** 10 == pytest.approx(np.exp(-1), rel=1e-12)


def test_minis_have_their_rate():
    target = NeuronGroup(500, "v : volt", threshold="False", dt=1 * ms)
    code = bernoulli_release(p=0.4, q=1 * mV) + spontaneous_release(2 * Hz, every=10 * ms)
    connection = synapses(target, target, code, connect={"j": "i"}, seed=5)
    Network(target, connection).run(2000 * ms)
    n_minis = connection.n_minis[:].sum()
    assert abs(n_minis - 2000) < 5 * np.sqrt(2000)
    assert float(np.sum(target.v / mV)) == pytest.approx(n_minis)


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda c: quantal_variance(c), ValueError, "both are 0"),
        (lambda c: quantal_variance(c, cv_within=-1), ValueError, "cv_within must lie in"),
        (lambda c: quantal_variance(c, cv_between=0.9), ValueError, r"cv_between must lie in \[0, 0.5\]"),
        (
            lambda c: quantal_variance(c, cv_within=0.1, cv_between=0.1),
            ValueError,
            "need distribution",
        ),
        (
            lambda c: quantal_variance(c, cv_within=0.1, distribution="normal"),
            ValueError,
            "must be 'gamma'",
        ),
        (
            lambda c: quantal_variance(binomial_release(2, 0.5, q=1.0, draws="brian2"), cv_within=0.1),
            ValueError,
            "code must be a release with draws='counter' that acts on a target",
        ),
        (lambda c: spontaneous_release(2.0, every=10 * ms), TypeError, "rate must be a rate such as 0.1"),
        (lambda c: spontaneous_release(20 * Hz, every=10 * ms), ValueError, "shorten every"),
        (lambda c: spontaneous_release(2 * Hz, every=-1 * ms), ValueError, "every must be a positive time"),
    ],
)
def test_bad_input_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make(binomial_release(n=2, p=0.5, q=1 * mV))
