"""Plastic release probability: the same trajectory as in numpy, whatever drives it."""

import numpy as np
import pytest
from brian2 import (
    DimensionMismatchError,
    Network,
    NeuronGroup,
    SpikeGeneratorGroup,
    StateMonitor,
    TimedArray,
    ms,
    mV,
)

from biophys.release_plasticity import (
    OddsPlasticity,
    ReleasePlasticity,
    learning_rate_factor,
    updated_release_probability,
)
from brianpresyn import bernoulli_release, synapses
from brianpresyn.plasticity import release_plasticity
from brianpresyn.update_signals import (
    given_signal,
    pair_stdp,
    reward_modulated,
    teacher_error,
    triplet_stdp,
)

pytestmark = pytest.mark.usefixtures("on_numpy")

RULES = [
    ReleasePlasticity(p_up=0.07, p_down=0.05, g_lim=0.5),
    ReleasePlasticity(p_up=0.07, p_down=0.05, g_lim=0.5, form="soft_bound"),
    ReleasePlasticity(p_up=0.2, p_down=0.1, g_lim=0.5, p_max=0.9, p_freeze=0.85, consolidation=True),
    ReleasePlasticity(p_up=0.2, p_down=0.1, g_lim=0.5, p_freeze=0.7, form="soft_bound", consolidation=True),
]


def driven_by(signals, rule, learning_rate=None, strength="q", **options):
    """Return p and q of synapses after each of the updates `signals` (update, synapse)."""
    n_updates, n_synapses = signals.shape
    source = NeuronGroup(n_synapses, "drive : 1", threshold="drive > 0.5")
    source.drive = 1
    target = NeuronGroup(n_synapses, "v : volt")
    drive = TimedArray(signals, dt=0.1 * ms)
    signal = given_signal("drive_of(t, i)", namespace={"drive_of": drive})
    amplitude = {"q": 1 * mV} if strength == "q" else {"mean": rule.p_min * mV}
    code = bernoulli_release(p=rule.p_min, **amplitude)
    code += release_plasticity(rule, signal, learning_rate=learning_rate, strength=strength, **options)
    connection = synapses(source, target, code, connect={"j": "i"}, seed=1)
    monitor = StateMonitor(connection, ["p", "q"], record=True, when="end")
    Network(source, target, connection, monitor).run(n_updates * 0.1 * ms)
    return np.array(monitor.p).T, np.array(monitor.q / mV).T


@pytest.mark.parametrize("rule", RULES)
def test_trajectory_is_that_of_the_shared_rule(rule):
    signals = np.random.default_rng(4).normal(size=(200, 30))
    p = np.full(30, rule.p_min)
    measured, _ = driven_by(signals, rule)
    for step, signal in enumerate(signals):
        p = updated_release_probability(p, signal, rule)
        np.testing.assert_allclose(measured[step], p, rtol=0, atol=1e-12)
    assert np.ptp(measured) > 0.4


@pytest.mark.parametrize("rule", RULES)
def test_expected_strength_stays_when_p_moves(rule):
    p, q = driven_by(np.random.default_rng(5).normal(size=(100, 10)), rule)
    assert p.max() > 0.4
    np.testing.assert_allclose(p * q, rule.p_min * 1.0, rtol=1e-12)


def test_the_quantum_stays_instead_when_the_strength_need_not():
    p, q = driven_by(np.random.default_rng(5).normal(size=(50, 10)), RULES[0], keeps_strength=False)
    assert np.ptp(p) > 0.4
    np.testing.assert_allclose(q, 1.0, rtol=1e-12)


@pytest.mark.parametrize("learning_rate", [None, 0.01])
def test_both_ways_to_hold_the_strength_agree(learning_rate):
    rule, signals = RULES[2], np.random.default_rng(7).normal(size=(80, 10))
    by_q = driven_by(signals, rule, learning_rate and learning_rate * mV)
    by_mean = driven_by(signals, rule, learning_rate and learning_rate * mV, strength="strength")
    np.testing.assert_allclose(by_q[0], by_mean[0], rtol=1e-12)
    np.testing.assert_allclose(by_q[1], by_mean[1], rtol=1e-9)


def test_the_release_model_must_hold_the_strength_as_the_rule_does():
    rule, signal = RULES[0], given_signal("1.0")
    target = NeuronGroup(1, "v : volt", threshold="False")
    code = bernoulli_release(p=0.5, q=1 * mV) + release_plasticity(rule, signal, strength="strength")
    with pytest.raises(ValueError, match="needs strength, which no piece brings"):
        synapses(target, target, code, connect=True, seed=1)
    code = bernoulli_release(p=0.5, mean=1 * mV) + release_plasticity(rule, signal)
    with pytest.raises(ValueError, match="sets q, which follows from other variables"):
        synapses(target, target, code, connect=True, seed=1)


@pytest.mark.parametrize("rule", RULES[1:])
def test_strength_learns_at_the_consolidated_rate(rule):
    signals = np.random.default_rng(6).normal(size=(50, 10))
    measured_p, measured_q = driven_by(signals, rule, learning_rate=0.01 * mV)
    p, strength = np.full(10, rule.p_min), np.full(10, rule.p_min)
    for step, signal in enumerate(signals):
        strength = strength + 0.01 * learning_rate_factor(p, rule) * signal
        p = updated_release_probability(p, signal, rule)
        np.testing.assert_allclose(measured_p[step] * measured_q[step], strength, rtol=1e-10, atol=1e-14)


ODDS_RULES = [
    OddsPlasticity(g_lim=3.0, p_min=0.6),
    OddsPlasticity(g_lim=0.8, memory=20.0, clamp=0.5, p_min=0.25, p_max=0.97),
]


@pytest.mark.parametrize("rule", ODDS_RULES)
@pytest.mark.parametrize("strength", ["q", "strength"])
def test_odds_count_evidence_and_the_strength_learns_by_what_is_known(rule, strength):
    signals = np.random.default_rng(6).normal(size=(80, 10))
    p, q = driven_by(signals, rule, learning_rate=0.05 * mV, strength=strength)
    r, w = np.ones(10), np.full(10, rule.p_min)
    floor, ceiling = (end / (1 - end) for end in (rule.p_min, rule.p_max))
    known = np.full(10, rule.p_min)
    for step, g in enumerate(signals):
        bound = rule.clamp * rule.g_lim * np.sqrt(r)
        w = w + 0.05 * np.clip(g, -bound, bound) / r
        r = r + known * (g / rule.g_lim) ** 2 - (r - 1) / rule.memory
        r = np.clip(r, 1, ceiling / floor)
        known = floor * r / (1 + floor * r)
        np.testing.assert_allclose(p[step], known, rtol=1e-9)
        np.testing.assert_allclose(p[step] * q[step], w, rtol=1e-9, atol=1e-12)
    assert p.min() >= rule.p_min and p.max() > rule.p_min + 0.1


def test_evidence_of_releases_does_not_hang_on_how_often_they_come():
    """Of 2000 spikes, whatever p: within five standard errors r gains the mean of the squared slope."""
    rule = OddsPlasticity(g_lim=1e4, p_min=0.3)
    n = 2000
    source = NeuronGroup(n, "x : 1", threshold="t < 0.05*ms")
    code = bernoulli_release(p=rule.p_min, q=1 * mV)
    code += release_plasticity(rule, given_signal("3e3*released/p"))
    connection = synapses(source, NeuronGroup(n, "v : volt"), code, connect={"j": "i"}, seed=1)
    Network(source, connection.target, connection).run(0.1 * ms)
    odds = connection.p[:] / (1 - connection.p[:])
    evidence = odds * (1 - rule.p_min) / rule.p_min - 1
    assert abs(evidence.mean() - 0.09) < 5 * evidence.std() / n**0.5


def spiking_pair(pre, post, code, duration=200 * ms, record=()):
    """Return one synapse between neurons with these spike times (ms), after the duration."""
    source = SpikeGeneratorGroup(1, np.zeros(len(pre), int), np.array(pre) * ms)
    driver = SpikeGeneratorGroup(1, np.zeros(len(post), int), np.array(post) * ms)
    target = NeuronGroup(1, "v : volt\nreward : 1\nerror : 1\nis_forced : 1", threshold="is_forced > 0.5",
                         reset="is_forced = 0")  # fmt: skip
    from brian2 import Synapses

    force = Synapses(driver, target, on_pre="is_forced_post = 1")
    force.connect()
    connection = synapses(source, target, code, connect=True, seed=1)
    target.reward, target.error = -2, 3
    Network(source, driver, target, force, connection).run(duration)
    return connection


def signals_of(signal, pre, post, **options):
    """Return the sum of a signal's values over all updates, read from the strength that learns by them."""
    code = bernoulli_release(p=0.5, q=1.0 * mV)
    code += release_plasticity(
        ReleasePlasticity(p_up=0.0, p_down=0.0, g_lim=0.0), signal, learning_rate=0.5 * mV
    )
    connection = spiking_pair(pre, post, code, **options)
    return float(connection.q[0] / mV) - 1.0


def test_pair_stdp_sums_over_all_pairs():
    pre, post = [10.0, 30.0], [15.0, 28.0]
    expected = 0.01 * (np.exp(-5 / 20) + np.exp(-18 / 20)) - 0.0105 * (np.exp(-15 / 20) + np.exp(-2 / 20))
    # A driven neuron spikes one step after the spike that drives it.
    measured = signals_of(pair_stdp(), pre, np.array(post) - 0.1)
    assert measured == pytest.approx(expected, rel=1e-9)


def test_triplet_stdp_reads_the_slow_traces_before_the_spike():
    pre, post = [10.0, 40.0], [20.0, 55.0]
    parameters = {"a2_plus": 0.01, "a3_plus": 0.02, "a2_minus": 0.03, "a3_minus": 0.04}
    r1 = lambda t, spikes: sum(np.exp(-(t - s) / 16.8) for s in spikes if s < t)  # noqa: E731
    o1 = lambda t, spikes: sum(np.exp(-(t - s) / 33.7) for s in spikes if s < t)  # noqa: E731
    r2 = lambda t, spikes: sum(np.exp(-(t - s) / 101) for s in spikes if s < t)  # noqa: E731
    o2 = lambda t, spikes: sum(np.exp(-(t - s) / 125) for s in spikes if s < t)  # noqa: E731
    expected = sum(r1(t, pre) * (0.01 + 0.02 * o2(t, post)) for t in post)
    expected -= sum(o1(t, post) * (0.03 + 0.04 * r2(t, pre)) for t in pre)
    measured = signals_of(triplet_stdp(**parameters), pre, np.array(post) - 0.1)
    assert measured == pytest.approx(expected, rel=1e-9)


def test_reward_multiplies_the_decayed_eligibility():
    signal = reward_modulated("reward_post", every=100 * ms, tau_eligibility=300 * ms)
    eligibility = 0.01 * np.exp(-5 / 20)
    expected = -2 * eligibility * np.exp(-(100 - 15) / 300)
    measured = signals_of(signal, [10.0], [14.9], duration=150 * ms)
    assert measured == pytest.approx(expected, rel=1e-6)


def test_a_teacher_counts_what_was_released_in_the_trial():
    signal = teacher_error("error_post", every=50 * ms)
    code = bernoulli_release(p=1.0, q=1.0 * mV)
    rule = ReleasePlasticity(p_up=0.0, p_down=0.0, g_lim=0.0)
    code += release_plasticity(rule, signal, learning_rate=0.1 * mV)
    connection = spiking_pair([5.0, 20.0, 60.0], [190.0], code, duration=160 * ms)
    assert float(connection.q[0] / mV) == pytest.approx(1.0 + 0.1 * 3 * (2 + 1 + 0))


def test_a_rule_without_a_signal_is_refused():
    with pytest.raises(TypeError, match=r"signal must be of type UpdateSignal"):
        release_plasticity(ReleasePlasticity(), None)


def test_a_rule_without_release_is_refused():
    with pytest.raises(ValueError, match="needs p, q, which no piece brings"):
        synapses(
            NeuronGroup(1, "v : volt", threshold="False"), None,
            release_plasticity(ReleasePlasticity(), pair_stdp()), connect=True, seed=1,
        )  # fmt: skip


def test_two_rules_for_one_probability_are_refused():
    rule = release_plasticity(ReleasePlasticity(), given_signal("1.0"))
    with pytest.raises(ValueError, match="both set g, p"):
        rule + release_plasticity(ReleasePlasticity(), given_signal("2.0", at="post"))


def test_a_signal_with_the_wrong_unit_is_refused():
    signal = given_signal("v_post", at="post", dimension=mV.dim)
    with pytest.raises(DimensionMismatchError, match=r"must have the signal's unit \(volt\), got 0.001"):
        release_plasticity(ReleasePlasticity(), signal)
    assert "reaches(abs(g), g_lim)" in release_plasticity(ReleasePlasticity(), signal, g_lim=1 * mV).post_code
    with pytest.raises(DimensionMismatchError, match=r"\(no unit\), got .*: .* such as dimension=volt.dim"):
        release_plasticity(ReleasePlasticity(), given_signal("v_post"), g_lim=1 * mV)


@pytest.mark.parametrize(
    "make, error, message",
    [
        (
            lambda: release_plasticity(ReleasePlasticity(), given_signal("1.0"), g_lim=-1.0),
            ValueError,
            "g_lim must not be negative",
        ),
        (
            lambda: given_signal("1.0", at="sometimes"),
            ValueError,
            "at must be 'pre' or 'post' or",
        ),
        (lambda: given_signal("1.0", at="regularly"), ValueError, "regular updates need every="),
        (lambda: pair_stdp(tau_plus=0.02), TypeError, "tau_plus must be of type Quantity, such as 20"),
        (lambda: pair_stdp(tau_plus=-1 * ms), ValueError, "tau_plus must be a positive time"),
        (lambda: pair_stdp(a_plus=1 * mV), TypeError, "a_plus must be a number, .* got 1. mV"),
        (lambda: pair_stdp(a_plus=np.nan), ValueError, "a_plus must be a number"),
        (
            lambda: release_plasticity("additive", pair_stdp()),
            TypeError,
            "rule must be of type ReleasePlasticity",
        ),
        (lambda: release_plasticity(OddsPlasticity(), pair_stdp(), g_lim=0), ValueError, "g_lim must be pos"),
    ],
)
def test_bad_input_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()
