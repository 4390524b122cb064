"""Measure what the spiking pre- and postsynaptic STDP rule predicts for the recorded connections."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from biophys.units import magnitude_in
from brianpresyn.experiments import stdp_protocol
from validation.association import pearson
from validation.bootstrap import bootstrap
from validation.claims.claim import ClaimFigure, Context, Evidence, Measurement, Rendering, Verdict
from validation.claims.interval_verdicts import verdict_above, verdict_below
from validation.claims.over_seeds import seed_estimate
from validation.claims.schug2021.stable_synapses import PUBLISHED_R
from validation.data.recordings import PlasticityRecordings, read_sjostrom2001
from validation.registry import measures

if TYPE_CHECKING:
    import xarray as xr

_COLOURS = {10.0: "#0072B2", -10.0: "#D55E00"}
AS_IN_FILE = "as in the file"


@dataclass(frozen=True, eq=False)
class Prediction:
    """Predicted and recorded change of one quantity, connection by connection."""

    quantity: str
    predicted: NDArray[np.float64]
    recorded: NDArray[np.float64]


@measures("X07", "S18", "M08", rendering=Rendering.SPIKING, data_sets=("sjostrom2001",), needs=("xarray",))
def stdp_protocol_against_recordings(context: Context) -> Evidence:
    """Run each recorded connection's protocol on the spiking rule and compare the changes of P and q."""
    recordings = read_sjostrom2001()
    rng = np.random.default_rng(context.seed)
    measurements = []
    for reading, timing in readings_of_timing(recordings).items():
        result = stdp_protocol.run(protocol_config(recordings, timing, context.seed))
        predictions = _predictions(recordings, result)
        for prediction in predictions:
            measurements += _x07(prediction, recordings, reading, rng)
            measurements += _by_protocol(prediction, recordings, timing, reading)
        measurements += _predicted_correlations(recordings, result, reading, rng)
    grid = stdp_protocol.run(stdp_protocol.QUICK)
    caption = (
        f"Change of release probability (left) and quantal amplitude (right) of {len(recordings)} recorded "
        "connections (dots), and of a spiking synapse under the rule with its published parameters (lines; "
        "p = 0.5 before). One train of five pairings, one pairing at 0.1 Hz, learning rates 1."
    )
    remarks = (
        "The published amplitudes are used unchanged, with one train (one pairing at 0.1 Hz) and learning "
        "rates of 1. How many trains the published fit assumed is not stated in the sources at hand: with "
        "all repetitions of a protocol every p would saturate.",
        "The published file gives a timing of -10 ms (postsynaptic first) for 24 of the 30 potentiated "
        "connections, those at 10 to 50 Hz among them, where the original study paired at +10 ms. The main "
        "reading takes the file as it is; the supporting one takes +10 ms for every potentiated connection.",
        "At 0.1 Hz the files hold both potentiation and depression for a timing of -10 ms, and some names "
        "of connections in both: no rule of frequency and timing alone can predict both signs.",
    )
    figure = _figure(grid, recordings, predictions)
    return Evidence(tuple(measurements), (ClaimFigure(figure, caption),), remarks)


def readings_of_timing(recordings: PlasticityRecordings) -> dict[str, NDArray[np.float64]]:
    """Return the timing of every connection in ms: as in the file, and with all potentiation at +10 ms."""
    timing = recordings.timing.magnitude
    return {
        AS_IN_FILE: timing,
        "LTP at +10 ms": np.where(recordings.induction == "LTP", 10.0, timing),
    }


def protocol_config(
    recordings: PlasticityRecordings, timing: NDArray[np.float64], seed: int
) -> stdp_protocol.Config:
    """Return the protocol of every recorded connection, at these timings (ms)."""
    return stdp_protocol.Config(
        frequency=tuple(recordings.frequency.magnitude.tolist()),
        timing=tuple(timing.tolist()),
        p=tuple(recordings.p_before.tolist()),
        q=tuple(recordings.q_before.magnitude.tolist()),
        seed=seed,
    )


def recorded_changes(recordings: PlasticityRecordings) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the change of p, and that of q relative to q before."""
    q_before = recordings.q_before
    change_of_q = magnitude_in(recordings.q_after - q_before, q_before.units) / q_before.magnitude
    return recordings.p_after - recordings.p_before, change_of_q


def _predictions(recordings: PlasticityRecordings, result: xr.Dataset) -> list[Prediction]:
    """Return predicted and recorded change of p, and of q relative to q before."""
    dp, dq = recorded_changes(recordings)
    return [
        Prediction("dP", (result.p_after - result.p_before).to_numpy(), dp),
        Prediction("dq / q", ((result.q_after - result.q_before) / result.q_before).to_numpy(), dq),
    ]


def _x07(
    prediction: Prediction, recordings: PlasticityRecordings, reading: str, rng: np.random.Generator
) -> list[Measurement]:
    """Return the error of the rule, and by how much it is below the error of predicting no change."""
    error = (prediction.predicted - prediction.recorded) ** 2
    gain = prediction.recorded**2 - error
    rmse = bootstrap(lambda w: np.sqrt(w @ error / w.sum(axis=1)), len(error), rng=rng)
    saved = bootstrap(lambda w: (w @ gain) / (w @ prediction.recorded**2), len(error), rng=rng)
    low, high = saved.interval or (np.nan, np.nan)
    verdict, reads = verdict_of_share((low, high))
    correlation = bootstrap(
        lambda w: pearson(prediction.predicted, prediction.recorded, w), len(error), rng=rng
    )
    condition = {"connections": "LTP and LTD", "trains": 1, "timing": reading}
    return [
        Measurement(
            "X07",
            Rendering.SPIKING,
            f"root mean square error of the predicted {prediction.quantity}",
            rmse.value,
            verdict,
            condition=condition,
            published="below the error of predicting no change: "
            f"{float(np.sqrt(np.mean(prediction.recorded**2))):.3f}",
            interval=rmse.interval,
            n=len(recordings),
            reason=f"share of the squared change explained {saved.value:.2f}, 95 % interval {low:.2f} to "
            f"{high:.2f}: {reads}",
            is_supporting=reading != AS_IN_FILE,
        ),
        Measurement(
            "X07",
            Rendering.SPIKING,
            f"correlation of predicted with recorded {prediction.quantity}",
            correlation.value,
            Verdict.REPRODUCED if (correlation.interval or (0.0,))[0] > 0 else Verdict.INCONCLUSIVE,
            condition=condition,
            interval=correlation.interval,
            n=len(recordings),
            reason="reproduced if the interval lies above 0",
            is_supporting=True,
        ),
    ]


def verdict_of_share(interval: tuple[float, float]) -> tuple[Verdict, str]:
    """Return what the interval of the share of the squared change that is explained says."""
    verdict = verdict_above(interval)
    words = {
        Verdict.REPRODUCED: "the rule predicts better than no change",
        Verdict.NOT_REPRODUCED: "the rule predicts worse than no change",
        Verdict.INCONCLUSIVE: "the interval includes predicting as badly as no change",
    }
    return verdict, words[verdict]


def _by_protocol(
    prediction: Prediction,
    recordings: PlasticityRecordings,
    timings: NDArray[np.float64],
    reading: str,
) -> list[Measurement]:
    """Return the predicted minus the recorded mean change for every frequency and timing."""
    measurements = []
    protocols = np.column_stack([recordings.frequency.magnitude, timings])
    for frequency, timing in np.unique(protocols, axis=0):
        chosen = np.all(protocols == (frequency, timing), axis=1)
        error = (prediction.predicted - prediction.recorded)[chosen]
        of = seed_estimate(error)
        low, high = of.interval
        measurements.append(
            Measurement(
                "X07",
                Rendering.SPIKING,
                f"predicted minus recorded {prediction.quantity}",
                of.mean,
                Verdict.REPRODUCED if low <= 0 <= high else Verdict.NOT_REPRODUCED,
                condition={
                    "frequency_Hz": float(frequency),
                    "timing_ms": float(timing),
                    "timing": reading,
                },
                published=0.0,
                interval=of.interval,
                n=of.n,
                reason=f"predicted {prediction.predicted[chosen].mean():+.3f}, recorded "
                f"{prediction.recorded[chosen].mean():+.3f}; agrees if the interval includes 0",
                is_supporting=True,
            )
        )
    return measurements


def _predicted_correlations(
    recordings: PlasticityRecordings, result: xr.Dataset, reading: str, rng: np.random.Generator
) -> list[Measurement]:
    """Return the correlation of p before with the predicted relative change of p q (S18, M08)."""
    before = (result.p_before * result.q_before).to_numpy()
    change = (result.p_after * result.q_after).to_numpy() / before - 1.0
    p = recordings.p_before
    is_potentiated = recordings.induction == "LTP"
    measurements = []
    for claim, chosen, published, condition in (
        ("S18", np.ones(len(p), bool), PUBLISHED_R, "LTP and LTD"),
        ("M08", is_potentiated, "negative", "LTP"),
    ):
        values = np.abs(change[chosen])
        found = bootstrap(partial(pearson, p[chosen], values), int(chosen.sum()), rng=rng)
        interval = found.interval or (np.nan, np.nan)
        measurements.append(
            Measurement(
                claim,
                Rendering.SPIKING,
                "correlation of p before with the predicted relative change of p q",
                found.value,
                verdict_below(interval),
                condition={"connections": condition, "timing": reading},
                published=published,
                interval=interval,
                n=int(chosen.sum()),
                reason="the spiking rule run on each recorded connection's protocol from its p and q; "
                "reproduced if the interval lies below 0",
                is_supporting=reading != AS_IN_FILE,
            )
        )
    return measurements


def _figure(grid: xr.Dataset, recordings: PlasticityRecordings, predictions: list[Prediction]) -> Figure:
    figure = Figure((9, 4.2))
    for axes, quantity, prediction in zip(figure.subplots(1, 2), ("p", "q"), predictions, strict=True):
        for timing, colour in _COLOURS.items():
            for induction, marker in (("LTP", "^"), ("LTD", "v")):
                chosen = (recordings.timing.magnitude == timing) & (recordings.induction == induction)
                axes.plot(
                    recordings.frequency.magnitude[chosen] + (0.6 if timing > 0 else -0.6),
                    prediction.recorded[chosen],
                    marker,
                    color=colour,
                    alpha=0.5,
                    markersize=5,
                    label=f"{timing:+g} ms, {induction}" if chosen.any() else None,
                )
        stdp_protocol.plot(grid, axes, quantity=quantity)
    # Below the axes, where it covers no connection.
    figure.legend(*figure.axes[0].get_legend_handles_labels(), fontsize=7, ncols=5, loc="lower center")
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    return figure
