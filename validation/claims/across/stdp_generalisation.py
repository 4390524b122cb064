"""Beside X07: protocols predicted by the rule that was fitted to the others."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np

from brianpresyn.experiments import stdp_recordings as stdp
from brianpresyn.experiments.stdp_recordings import fitted_rule, left_out_changes, predicted_changes
from validation.claims.across.stdp_protocol import FITTED_RULE, PUBLISHED_RULE, X07
from validation.data.recordings import read_sjostrom2001
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import Rendering, row

PUBLISHED, LEFT_OUT = "published parameters", "fitted to the other protocols"
_IN_SPIKES = "largest difference of the rule in spikes from the rule in numbers"
_CLAUSES = {PUBLISHED: PUBLISHED_RULE, LEFT_OUT: FITTED_RULE}


@measures("X07", rendering=Rendering.SPIKING, data_sets=("sjostrom2001",), needs=("xarray",))
def left_out_protocols(context: Context) -> Findings:
    """Compare published, refitted and held-out predictions with the prediction of no change.

    Leave one protocol out: connections of one frequency and timing are predicted by the rule whose three
    amplitudes (d+, d-, c+) were fitted to all others by least squares; time constants, one train and learning
    rates of 1 as with the published parameters. The bar is the error of predicting no change. Resampled are
    whole recordings with their predictions: the fits are not repeated for each resample.
    """
    recordings, rng = read_sjostrom2001(), context.rng()
    recorded = stdp.recorded_changes(recordings)
    drawn: dict[str, Any] = {}
    for reading, timing in stdp.readings_of_timing(recordings).items():
        config = stdp.protocol_config(recordings, timing, context.seed)
        best = fitted_rule(config, *recorded, np.ones(len(config.p), dtype=bool))
        predictions = {
            LEFT_OUT: left_out_changes(config, *recorded),
            PUBLISHED: predicted_changes(config),
            "fitted to all protocols": predicted_changes(replace(config, rule=best)),
        }
        clauses, about = _CLAUSES if reading == stdp.AS_IN_FILE else {}, {"timing": reading}
        drawn = drawn or {name: predictions[name] for name in (PUBLISHED, LEFT_OUT)}
        off = stdp.largest_difference_in_spikes(config, predictions[PUBLISHED])
        yield row(X07, off, _IN_SPIKES, condition=about, published=0.0, reason=PUBLISHED)
        for (index, changed), (name, predicted) in itertools.product(
            enumerate(stdp.QUANTITIES), predictions.items()
        ):
            share = stdp.explained_share(predicted[index], recorded[index], recordings.recording, rng)
            words = f"share of the squared change {changed} explained beyond predicting no change"
            subject = clauses.get(name, {}).get(changed, X07)
            yield row(subject, share, words, condition={"parameters": name, **about})
    note = f"{len(recordings)} connections."
    yield claim_figure(stdp.draw_predictions, note, (9, 4.2), predictions=drawn, recorded=recorded)
