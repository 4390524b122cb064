"""The pre- and postsynaptic STDP rule in plain numbers, fitted to some protocols to predict the others.

The same trains as `brianpresyn.experiments.stdp_protocol`, event by event; the two agree to rounding.

References
----------
Costa RP, Froemke RC, Sjöström PJ, van Rossum MCW (2015). eLife 4:e09457, doi:10.7554/eLife.09457.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from brian2 import ms
from numpy.typing import NDArray
from scipy.optimize import least_squares

from brianpresyn.experiments.stdp_protocol import Config, spike_times
from brianpresyn.unified_stdp import PrePostSTDP

# An amplitude this large saturates p or q within one train.
_LARGEST_AMPLITUDE = 5.0


def predicted_changes(config: Config) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the change of p, and that of q relative to q before, of every connection.

    >>> dp, dq = predicted_changes(Config((50.0, 50.0), (10.0, -10.0), (0.5, 0.5), (0.2, 0.2)))
    >>> dp.round(3).tolist(), dq.round(3).tolist()
    ([0.206, -0.231], [0.467, 0.383])
    """
    rule = config.rule
    tau_x, tau_y, tau_slow = (float(tau / ms) for tau in (rule.tau_x_plus, rule.tau_y_minus, rule.tau_y_plus))
    p, q = np.array(config.p), np.ones(len(config.p))
    x, y_minus, y_plus = (np.zeros(len(p)) for _ in range(3))
    last = np.zeros(len(p))
    for time, is_pre in _events(config):
        happens = np.isfinite(time)
        elapsed = np.where(happens, time - last, 0.0)
        last = np.where(happens, time, last)
        x, y_minus, y_plus = (
            trace * np.exp(-elapsed / tau)
            for trace, tau in ((x, tau_x), (y_minus, tau_y), (y_plus, tau_slow))
        )
        pre, post = happens & is_pre, happens & ~is_pre
        dp = rule.eta_p * (rule.d_plus * y_plus * x - rule.d_minus * y_plus * y_minus)
        p = np.where(pre, np.clip(p + dp, rule.p_min, rule.p_max), p)
        q = np.where(post, np.clip(q + rule.eta_q * rule.c_plus * x * y_minus, rule.q_min, rule.q_max), q)
        x, y_minus, y_plus = x + pre, y_minus + post, y_plus + post
    return p - np.array(config.p), q - 1.0


def _events(config: Config) -> list[tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    """Return times (ms; nan for none) and kinds of spikes, the first of every connection, the second, ..."""
    pre, post = spike_times(config)
    times = np.concatenate([pre, post], axis=1)
    is_pre = np.arange(times.shape[1]) < pre.shape[1]
    order = np.argsort(times, axis=1)
    sorted_times = np.take_along_axis(times, order, axis=1)
    return [(sorted_times[:, k], is_pre[order[:, k]]) for k in range(times.shape[1])]


def fitted_rule(
    config: Config,
    change_of_p: NDArray[np.float64],
    change_of_q: NDArray[np.float64],
    is_used: NDArray[np.bool_],
) -> PrePostSTDP:
    """Return the rule with the amplitudes that predict the used connections best; time constants stay.

    The errors of the recorded changes, that of q relative to q before, are squared and added.
    """
    rule = config.rule

    def error_of_p(amplitudes: NDArray[np.float64]) -> NDArray[np.float64]:
        tried = replace(rule, d_plus=float(amplitudes[0]), d_minus=float(amplitudes[1]))
        return (predicted_changes(replace(config, rule=tried))[0] - change_of_p)[is_used]

    def error_of_q(amplitudes: NDArray[np.float64]) -> NDArray[np.float64]:
        tried = replace(rule, c_plus=float(amplitudes[0]))
        return (predicted_changes(replace(config, rule=tried))[1] - change_of_q)[is_used]

    d_plus, d_minus = _best(error_of_p, [rule.d_plus, rule.d_minus])
    (c_plus,) = _best(error_of_q, [rule.c_plus])
    return replace(rule, d_plus=float(d_plus), d_minus=float(d_minus), c_plus=float(c_plus))


def _best(
    error: Callable[[NDArray[np.float64]], NDArray[np.float64]], start: list[float]
) -> NDArray[np.float64]:
    """Return the amplitudes, not negative, with the smallest sum of squared errors."""
    return least_squares(error, start, bounds=(0.0, _LARGEST_AMPLITUDE), x_scale=0.1).x


def left_out_changes(
    config: Config, change_of_p: NDArray[np.float64], change_of_q: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what the rule, fitted to all other protocols, predicts for each connection.

    Connections of the same frequency and timing are one protocol.
    """
    protocols = np.column_stack([config.frequency, config.timing])
    predicted = np.zeros(len(protocols)), np.zeros(len(protocols))
    for protocol in np.unique(protocols, axis=0):
        is_left_out = np.all(protocols == protocol, axis=1)
        rule = fitted_rule(config, change_of_p, change_of_q, ~is_left_out)
        results = predicted_changes(replace(config, rule=rule))
        for into, values in zip(predicted, results, strict=True):
            into[is_left_out] = values[is_left_out]
    return predicted
