"""X07: how well the STDP rule, fitted to some recorded protocols, predicts the one that was left out."""

from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from biophys.bootstrap import bootstrap
from biophys.estimates import Estimate, exactly
from biophys.palette import BLUE, PURPLE, VERMILION
from brianpresyn.experiments import stdp_protocol
from brianpresyn.experiments.stdp_prediction import fitted_rule, left_out_changes, predicted_changes
from validation.claims.across.stdp_protocol import (
    AS_IN_FILE,
    FITTED_RULE,
    PUBLISHED_RULE,
    X07,
    protocol_config,
    readings_of_timing,
    recorded_changes,
)
from validation.data.recordings import read_sjostrom2001
from validation.registry import ClaimFigure, Context, Findings, measures
from validation.statement import Measurement, row

PUBLISHED = "published parameters"
LEFT_OUT = "fitted to the other protocols"
FITTED = "fitted to all protocols"

_COLOURS = {PUBLISHED: PURPLE, LEFT_OUT: VERMILION, FITTED: BLUE}
_CLAUSES = {PUBLISHED: PUBLISHED_RULE, LEFT_OUT: FITTED_RULE}
_QUANTITIES = tuple(PUBLISHED_RULE)
_REMARKS = (
    "Leave one protocol out: connections of one frequency and timing are predicted by the rule whose three "
    "amplitudes (d+, d-, c+) were fitted to all others by least squares; time constants, one train and "
    "learning rates of 1 as with the published parameters. The bar is the error of predicting no change. "
    "Resampled are whole recordings with their predictions: the fits are not repeated for each resample.",
)


@measures(X07, data_sets=("sjostrom2001",), needs=("xarray",))
def left_out_protocols(context: Context) -> Findings:
    """Compare published, refitted and held-out predictions with the prediction of no change."""
    recordings = read_sjostrom2001()
    rng = np.random.default_rng(context.seed)
    recorded = recorded_changes(recordings)
    drawn = {}
    for reading, timing in readings_of_timing(recordings).items():
        config = protocol_config(recordings, timing, context.seed)
        predictions = _predictions(config, recorded)
        yield _agreement(config, reading)
        for index, quantity in enumerate(_QUANTITIES):
            for name, predicted in predictions.items():
                clause = _CLAUSES.get(name, {}).get(quantity, X07)
                words = f"share of the squared change {quantity} explained beyond predicting no change"
                condition = {"parameters": name, "timing": reading}
                estimate = explained_share(predicted[index], recorded[index], recordings.recording, rng)
                yield row(clause if reading == AS_IN_FILE else X07, estimate, words, condition=condition)
        if reading == AS_IN_FILE:
            drawn = predictions
    caption = (
        f"Predicted against recorded change of {len(recordings)} connections, timing as in the file: by the "
        "published parameters, and by amplitudes fitted to all protocols but the connection's own. On the "
        "line the prediction is right."
    )
    yield ClaimFigure(_figure(drawn, recorded), caption)
    yield from _REMARKS


def _predictions(
    config: stdp_protocol.Config, recorded: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    everything = np.ones(len(config.p), dtype=bool)
    best = fitted_rule(config, *recorded, everything)
    return {
        LEFT_OUT: left_out_changes(config, *recorded),
        PUBLISHED: predicted_changes(config),
        FITTED: predicted_changes(replace(config, rule=best)),
    }


def _agreement(config: stdp_protocol.Config, reading: str) -> Measurement:
    """Return how far the rule in numbers is from the rule in spikes."""
    result = stdp_protocol.run(config)
    dp, dq = predicted_changes(config)
    worst = max(
        float(np.max(np.abs(result.p_after - result.p_before - dp))),
        float(np.max(np.abs(result.q_after / result.q_before - 1 - dq))),
    )
    quantity = "largest difference of the rule in spikes from the rule in numbers"
    condition = {"timing": reading}
    estimate = exactly(worst, n=len(config.p), unit="rows")
    return row(X07, estimate, quantity, condition=condition, published=0.0, reason="published parameters")


def explained_share(
    predicted: NDArray[np.float64],
    recorded: NDArray[np.float64],
    recording: NDArray[np.str_],
    rng: np.random.Generator,
) -> Estimate:
    """Return the share of the squared change that a prediction explains, beyond predicting no change.

    Parameters
    ----------
    predicted, recorded
        Changes, shape (row,).
    recording
        Which recording each row is of: whole recordings are resampled.
    rng
        Draws the resamples.
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


def _figure(
    predictions: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]],
    recorded: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> Figure:
    figure = Figure((9, 4.2), layout="constrained")
    for index, (axes, quantity) in enumerate(zip(figure.subplots(1, 2), _QUANTITIES, strict=True)):
        for name, marker in ((PUBLISHED, "x"), (LEFT_OUT, "o")):
            axes.plot(
                predictions[name][index],
                recorded[index],
                marker,
                color=_COLOURS[name],
                markersize=5,
                alpha=0.7,
                label=name,
            )
        ends = [float(recorded[index].min()), float(recorded[index].max())]
        axes.plot(ends, ends, color="black", linewidth=0.8)
        axes.axhline(0.0, color="black", linewidth=0.5, linestyle=":")
        axes.set_xlabel(f"predicted {quantity}")
        axes.set_ylabel(f"recorded {quantity}")
        axes.legend(fontsize=8)
    return figure
