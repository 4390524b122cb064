"""X07: how well the STDP rule, fitted to some recorded protocols, predicts the one that was left out."""

import itertools
from dataclasses import replace
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from biophys.bootstrap import bootstrap
from biophys.estimates import Estimate, exactly
from biophys.palette import BLUE, PURPLE, VERMILION
from brianpresyn.experiments import stdp_protocol
from brianpresyn.experiments.stdp_prediction import fitted_rule, left_out_changes, predicted_changes
from validation.claims.across import stdp_protocol as protocol
from validation.data.recordings import read_sjostrom2001
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import Measurement, row

_Changes = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Of p, and of q relative to q before, connection by connection."""

PUBLISHED = "published parameters"
LEFT_OUT = "fitted to the other protocols"
FITTED = "fitted to all protocols"

_COLOURS = {PUBLISHED: PURPLE, LEFT_OUT: VERMILION, FITTED: BLUE}
_CLAUSES = {PUBLISHED: protocol.PUBLISHED_RULE, LEFT_OUT: protocol.FITTED_RULE}
_QUANTITIES = tuple(protocol.PUBLISHED_RULE)
_REMARKS = (
    "Leave one protocol out: connections of one frequency and timing are predicted by the rule whose three "
    "amplitudes (d+, d-, c+) were fitted to all others by least squares; time constants, one train and "
    "learning rates of 1 as with the published parameters. The bar is the error of predicting no change. "
    "Resampled are whole recordings with their predictions: the fits are not repeated for each resample.",
)


@measures(protocol.X07, data_sets=("sjostrom2001",), needs=("xarray",))
def left_out_protocols(context: Context) -> Findings:
    """Compare published, refitted and held-out predictions with the prediction of no change."""
    recordings = read_sjostrom2001()
    rng, recorded = np.random.default_rng(context.seed), protocol.recorded_changes(recordings)
    for reading, timing in protocol.readings_of_timing(recordings).items():
        is_as_filed = reading == protocol.AS_IN_FILE
        config = protocol.protocol_config(recordings, timing, context.seed)
        best = fitted_rule(config, *recorded, np.ones(len(config.p), dtype=bool))
        predictions = {
            LEFT_OUT: left_out_changes(config, *recorded),
            PUBLISHED: predicted_changes(config),
            FITTED: predicted_changes(replace(config, rule=best)),
        }
        if is_as_filed:
            drawn = predictions
        yield _in_spikes_and_numbers(config, predictions[PUBLISHED], reading)
        for (index, quantity), (name, predicted) in itertools.product(
            enumerate(_QUANTITIES), predictions.items()
        ):
            clause = _CLAUSES.get(name, {}).get(quantity, protocol.X07) if is_as_filed else protocol.X07
            share = explained_share(predicted[index], recorded[index], recordings.recording, rng)
            words = f"share of the squared change {quantity} explained beyond predicting no change"
            yield row(clause, share, words, condition={"parameters": name, "timing": reading})
    caption = (
        f"Predicted against recorded change of {len(recordings)} connections, timing as in the file: by the "
        "published parameters, and by amplitudes fitted to all protocols but the connection's own. On the "
        "line the prediction is right."
    )
    yield claim_figure(partial(_draw, predictions=drawn, recorded=recorded), caption, (9, 4.2))
    yield from _REMARKS


def _in_spikes_and_numbers(config: stdp_protocol.Config, predicted: _Changes, reading: str) -> Measurement:
    """Return how far the rule in numbers is from the rule in spikes."""
    result = stdp_protocol.run(config)
    changes = result.p_after - result.p_before, result.q_after / result.q_before - 1
    worst = max(float(np.max(np.abs(a - b))) for a, b in zip(changes, predicted, strict=True))
    estimate = exactly(worst, n=len(config.p), unit="rows")
    quantity, condition = (
        "largest difference of the rule in spikes from the rule in numbers",
        {"timing": reading},
    )
    return row(
        protocol.X07, estimate, quantity, condition=condition, published=0.0, reason="published parameters"
    )


def explained_share(
    predicted: NDArray[np.float64],
    recorded: NDArray[np.float64],
    recording: NDArray[np.str_],
    rng: np.random.Generator,
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


def _draw(figure: Figure, predictions: dict[str, _Changes], recorded: _Changes) -> None:
    for index, (axes, quantity) in enumerate(zip(figure.subplots(1, 2), _QUANTITIES, strict=True)):
        y = recorded[index]
        for name, marker in ((PUBLISHED, "x"), (LEFT_OUT, "o")):
            style = {"color": _COLOURS[name], "markersize": 5, "alpha": 0.7, "label": name}
            axes.plot(predictions[name][index], y, marker, **style)
        axes.plot([y.min(), y.max()], [y.min(), y.max()], color="black", linewidth=0.8)
        axes.axhline(0.0, color="black", linewidth=0.5, linestyle=":")
        axes.set(xlabel=f"predicted {quantity}", ylabel=f"recorded {quantity}")
        axes.legend(fontsize=8)
