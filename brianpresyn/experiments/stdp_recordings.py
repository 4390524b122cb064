"""The STDP rule against recorded connections: what a prediction explains of their changes.

Recordings of Sjöström et al. (2001), with the change of every connection, and, as the authors of the rule
fitted it (Costa et al. 2015, eLife 4:e09457, doi:10.7554/eLife.09457), of the means of every protocol.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from brian2 import ms
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.optimize import least_squares

from biophys.association import pearson
from biophys.bootstrap import bootstrap
from biophys.estimates import Estimate, exactly, mean_of
from biophys.palette import BLUE, PURPLE, VERMILION
from biophys.recordings.recorded_connections import PlasticityRecordings
from biophys.units import FloatArray, magnitude_in
from brianpresyn.experiments.stdp_protocol import Config, plot, run, spike_times
from brianpresyn.unified_stdp import PrePostSTDP

_Changes = tuple[FloatArray, FloatArray]
"""Of p, and of q relative to q before, connection by connection."""

QUANTITIES = ("dP", "dq / q")
"""What changes, in words."""

AS_IN_FILE = "as in the file"
_COLOURS = {10.0: BLUE, -10.0: VERMILION}


def readings_of_timing(recordings: PlasticityRecordings) -> dict[str, FloatArray]:
    """Return the timing of every connection in ms: as in the file, and with all potentiation at +10 ms."""
    timing = recordings.timing.magnitude
    return {AS_IN_FILE: timing, "LTP at +10 ms": np.where(recordings.induction == "LTP", 10.0, timing)}


def protocol_config(recordings: PlasticityRecordings, timing: FloatArray, seed: int) -> Config:
    """Return the protocol of every recorded connection, at these timings (ms)."""
    return Config(
        frequency=tuple(recordings.frequency.magnitude.tolist()),
        timing=tuple(timing.tolist()),
        p=tuple(recordings.p_before.tolist()),
        q=tuple(recordings.q_before.magnitude.tolist()),
        seed=seed,
    )


def recorded_changes(recordings: PlasticityRecordings) -> _Changes:
    """Return the change of p, and that of q relative to q before."""
    q_before = recordings.q_before
    change_of_q = magnitude_in(recordings.q_after - q_before, q_before.units) / q_before.magnitude
    return recordings.p_after - recordings.p_before, change_of_q


def explained_share(
    predicted: FloatArray, recorded: FloatArray, recording: NDArray[np.str_], rng: np.random.Generator
) -> Estimate:
    """Return the share of the squared change that a prediction explains, beyond predicting no change.

    Whole recordings are resampled: `recording` says which each row is of.
    """
    error = (predicted - recorded) ** 2
    return bootstrap(
        lambda w: (w @ (recorded**2 - error)) / (w @ recorded**2),
        len(error),
        clusters=recording,
        rng=rng,
        unit="recordings",
        how=f"root mean square error {np.sqrt(error.mean()):.3f}, of no change "
        f"{np.sqrt(np.mean(recorded**2)):.3f}; {len(error)} rows",
    )


def changes_of(result: xr.Dataset) -> _Changes:
    """Return the change of p, and that of q relative to q before, of a run of the protocol."""
    relative = (result.q_after - result.q_before) / result.q_before
    return (result.p_after - result.p_before).to_numpy(), relative.to_numpy()


def misses(
    recordings: PlasticityRecordings,
    timing: FloatArray,
    predicted: _Changes,
    recorded: _Changes,
    rng: np.random.Generator,
) -> Iterator[tuple[str, dict[str, Any], Estimate, float | None]]:
    """Yield how far predicted changes are from recorded ones: quantity, condition, estimate, right value.

    Of p, and then of q: error and correlation over connections, and the difference at every protocol.
    """
    for name, ours, theirs in zip(QUANTITIES, predicted, recorded, strict=True):
        rms, r = error_and_correlation(ours, theirs, recordings.recording, rng)
        about = {"connections": "LTP and LTD", "trains": 1}
        yield f"root mean square error of the predicted {name}", about, rms, None
        yield f"correlation of predicted with recorded {name}", about, r, None
        for (frequency, at), each in ProtocolMeans(recordings, timing).differences(ours, theirs).items():
            about = {"frequency_Hz": frequency, "timing_ms": at}
            yield f"predicted minus recorded {name}", about, each, 0.0


def largest_difference_in_spikes(config: Config, predicted: _Changes) -> Estimate:
    """Return how far the rule in spikes is from its prediction in numbers, where it is farthest."""
    changes = changes_of(run(config))
    worst = max(float(np.max(np.abs(a - b))) for a, b in zip(changes, predicted, strict=True))
    return exactly(worst, n=len(config.p), unit="rows")


def error_and_correlation(
    predicted: FloatArray, recorded: FloatArray, recording: NDArray[np.str_], rng: np.random.Generator
) -> tuple[Estimate, Estimate]:
    """Return the root mean square error of a prediction, and its correlation with what was recorded."""
    error, how = (predicted - recorded) ** 2, f"of predicting no change {np.sqrt(np.mean(recorded**2)):.3f}"
    drawn: dict[str, Any] = {"clusters": recording, "rng": rng, "unit": "recordings"}
    rms = bootstrap(lambda w: np.sqrt(w @ error / w.sum(axis=1)), len(error), how=how, **drawn)
    return rms, bootstrap(lambda w: pearson(predicted, recorded, w), len(error), **drawn)


def release_and_predicted_change(
    recordings: PlasticityRecordings,
    result: xr.Dataset,
    chosen: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Estimate:
    """Return the correlation of p before with the size of the predicted relative change of p q.

    `result` is of `brianpresyn.experiments.stdp_protocol`, `chosen` says which connections are taken.
    """
    before = (result.p_before * result.q_before).to_numpy()
    change = np.abs((result.p_after * result.q_after).to_numpy() / before - 1.0)
    related = partial(pearson, recordings.p_before[chosen], change[chosen])
    how = "the spiking rule run on each recorded connection's protocol from its p and q"
    drawn: dict[str, Any] = {"clusters": recordings.recording[chosen], "rng": rng, "unit": "recordings"}
    return bootstrap(related, int(chosen.sum()), how=how, **drawn)


# ---- means of protocols ----

TRAIN, PAIRING, ALL_TRAINS = "one train", "one pairing", "15 trains, as in the recordings"
"""How many repetitions of a protocol the rule is applied for."""

_PARAMETERS = ("d_minus", "tau_y_minus", "d_plus", "tau_y_plus", "c_plus", "tau_x_plus")
_START_P, _LARGEST_Q = 0.5, 2.0
# Changes do not depend on p and q, but for their bounds: this small a learning rate never meets them.
_RATE = 1e-6
# Where timings leave a time constant open, a fit would go on along a valley without a floor.
_MOST_TRIES = 40


def ratios(rule: PrePostSTDP, protocols: FloatArray, applied: str) -> FloatArray:
    """Return P after over P before and q after over q before, shape (2, protocol)."""
    frequency, timing = protocols.T
    slow = replace(rule, eta_p=_RATE, eta_q=_RATE)
    n = len(protocols)
    config = Config(tuple(frequency), tuple(timing), (_START_P,) * n, (1.0,) * n, rule=slow)
    per_train = np.stack(predicted_changes(config)) / _RATE
    is_train = frequency >= 1
    n_applied = {
        TRAIN: np.ones(n),
        PAIRING: np.where(is_train, 1 / config.n_pairs, 1.0),
        ALL_TRAINS: np.where(is_train, 15.0, 15.0 * config.n_pairs),
    }[applied]
    start = np.array([[_START_P], [1.0]])
    return np.clip(start + n_applied * per_train, 0.0, [[1.0], [_LARGEST_Q]]) / start


@dataclass(frozen=True, eq=False)
class ProtocolMeans:
    """The means of the connections of every protocol, a frequency and a timing.

    Parameters
    ----------
    recordings, timing : every connection, and its timing in ms
    """

    recordings: PlasticityRecordings
    timing: FloatArray

    @property
    def _unique(self) -> tuple[FloatArray, NDArray[np.intp]]:
        pairs = np.column_stack([self.recordings.frequency.magnitude, self.timing])
        protocols, member = np.unique(pairs, axis=0, return_inverse=True)
        return protocols, member.ravel()

    @property
    def protocols(self) -> FloatArray:
        """Frequency (Hz) and timing (ms) of each, shape (protocol, 2)."""
        return self._unique[0]

    def ratios(self, weights: FloatArray | None = None) -> FloatArray:
        """Return the recorded P and q after over before, (2, resample, protocol); nan without connections."""
        recordings, member = self.recordings, self._unique[1]
        pairs = (
            (recordings.p_before, recordings.p_after),
            (recordings.q_before.magnitude, recordings.q_after.magnitude),
        )
        weights = np.ones((1, len(recordings))) if weights is None else weights
        one_hot = member[:, None] == np.arange(member.max() + 1)
        with np.errstate(invalid="ignore"):
            return np.stack(
                [(weights @ (a[:, None] * one_hot)) / (weights @ (b[:, None] * one_hot)) for b, a in pairs]
            )

    def differences(self, predicted: FloatArray, recorded: FloatArray) -> dict[tuple[float, float], Estimate]:
        """Return the mean predicted less recorded change by frequency (Hz) and timing (ms) of a protocol."""
        protocols, member = self._unique
        off = {}
        for number, (frequency, timing) in enumerate(protocols):
            ours, theirs = predicted[member == number], recorded[member == number]
            how = f"predicted {ours.mean():+.3f}, recorded {theirs.mean():+.3f}"
            off[float(frequency), float(timing)] = mean_of(ours - theirs, unit="rows", how=how)
        return off

    def explained(self, index: int, predicted: FloatArray, rng: np.random.Generator) -> Estimate:
        """Return the share of the squared change of P (0) or q (1) explained beyond predicting no change."""

        def skill(weights: FloatArray) -> FloatArray:
            recorded = self.ratios(weights)[index]
            wrong, change = ((each - recorded) ** 2 for each in (predicted, 1.0))
            return 1 - np.nansum(wrong, axis=1) / np.nansum(change, axis=1)

        names = self.recordings.recording
        return bootstrap(skill, len(names), clusters=names, rng=rng, unit="recordings")


def refitted(protocols: FloatArray, recorded: FloatArray, applied: str) -> dict[str, float]:
    """Return the six parameters that predict the ratios best, each over its value in Table 1."""
    table = PrePostSTDP()

    def rule_at(logarithms: FloatArray) -> PrePostSTDP:
        factors = dict(zip(_PARAMETERS, np.exp(logarithms), strict=True))
        return replace(table, **{name: getattr(table, name) * factor for name, factor in factors.items()})

    fit = least_squares(
        lambda logarithms: (ratios(rule_at(logarithms), protocols, applied) - recorded).ravel(),
        np.zeros(len(_PARAMETERS)),
        bounds=(-3.0, 3.0),
        max_nfev=_MOST_TRIES,
    )
    return dict(zip(_PARAMETERS, np.exp(fit.x).tolist(), strict=True))


# ---- figures ----


def draw_changes(
    figure: Figure, grid: xr.Dataset, recordings: PlasticityRecordings, recorded: Sequence[np.ndarray]
) -> None:
    """Draw change of release probability (left) and quantal amplitude (right) of recorded connections (dots),
    and of a spiking synapse under the rule with its published parameters (lines; p = 0.5 before). One train
    of five pairings, one pairing at 0.1 Hz, learning rates 1.
    """
    timings, frequency = recordings.timing.magnitude, recordings.frequency.magnitude
    for axes, quantity, change in zip(figure.subplots(1, 2), "pq", recorded, strict=True):
        for (timing, colour), (induction, marker) in itertools.product(
            _COLOURS.items(), (("LTP", "^"), ("LTD", "v"))
        ):
            chosen = (timings == timing) & (recordings.induction == induction)
            x, y = frequency[chosen] + (0.6 if timing > 0 else -0.6), change[chosen]
            label = f"{timing:+g} ms, {induction}" if chosen.any() else None
            axes.plot(x, y, marker, color=colour, alpha=0.5, markersize=5, label=label)
        plot(grid, axes, quantity=quantity)
    # Outside the axes, where it covers no connection.
    handles = figure.axes[0].get_legend_handles_labels()
    figure.legend(*handles, fontsize=7, ncols=5, loc="outside lower center")


def draw_predictions(figure: Figure, predictions: Mapping[str, _Changes], recorded: _Changes) -> None:
    """Draw predicted against recorded change of the connections, timing as in the file: by the published
    parameters, and by amplitudes fitted to all protocols but the connection's own. On the line the prediction
    is right.
    """
    for index, (axes, quantity) in enumerate(zip(figure.subplots(1, 2), QUANTITIES, strict=True)):
        y = recorded[index]
        for (name, predicted), marker, colour in zip(
            predictions.items(), ("x", "o"), (PURPLE, VERMILION), strict=True
        ):
            style = {"color": colour, "markersize": 5, "alpha": 0.7, "label": name}
            axes.plot(predicted[index], y, marker, **style)
        axes.plot([y.min(), y.max()], [y.min(), y.max()], color="black", linewidth=0.8)
        axes.axhline(0.0, color="black", linewidth=0.5, linestyle=":")
        axes.set(xlabel=f"predicted {quantity}", ylabel=f"recorded {quantity}")
        axes.legend(fontsize=8)


# ---- the rule in plain numbers: the same trains, event by event; the two agree to rounding ----

# An amplitude this large saturates p or q within one train.
_LARGEST_AMPLITUDE = 5.0


def predicted_changes(config: Config) -> tuple[FloatArray, FloatArray]:
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
    # Times in ms, nan for none, and kinds of spikes: the first of every connection, the second, ...
    before, after = spike_times(config)
    times = np.concatenate([before, after], axis=1)
    order = np.argsort(times, axis=1)
    in_order = np.take_along_axis(times, order, axis=1).T
    for time, is_pre in zip(in_order, before.shape[1] > order.T, strict=True):
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


def fitted_rule(
    config: Config, change_of_p: FloatArray, change_of_q: FloatArray, is_used: NDArray[np.bool_]
) -> PrePostSTDP:
    """Return the rule with the amplitudes that predict the used connections best; time constants stay.

    The errors of the recorded changes, that of q relative to q before, are squared and added.
    """
    rule = config.rule

    def error_of_p(amplitudes: FloatArray) -> FloatArray:
        tried = replace(rule, d_plus=float(amplitudes[0]), d_minus=float(amplitudes[1]))
        return (predicted_changes(replace(config, rule=tried))[0] - change_of_p)[is_used]

    def error_of_q(amplitudes: FloatArray) -> FloatArray:
        tried = replace(rule, c_plus=float(amplitudes[0]))
        return (predicted_changes(replace(config, rule=tried))[1] - change_of_q)[is_used]

    d_plus, d_minus = _best(error_of_p, [rule.d_plus, rule.d_minus])
    (c_plus,) = _best(error_of_q, [rule.c_plus])
    return replace(rule, d_plus=float(d_plus), d_minus=float(d_minus), c_plus=float(c_plus))


def _best(error: Callable[[FloatArray], FloatArray], start: list[float]) -> FloatArray:
    """Return the amplitudes, not negative, with the smallest sum of squared errors."""
    return least_squares(error, start, bounds=(0.0, _LARGEST_AMPLITUDE), x_scale=0.1).x


def left_out_changes(
    config: Config, change_of_p: FloatArray, change_of_q: FloatArray
) -> tuple[FloatArray, FloatArray]:
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
