"""X07: the pairing protocol in the spiking rule, against each recorded connection and means of protocols."""

import itertools
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from biophys.estimates import exactly
from biophys.recordings.recorded_connections import PlasticityRecordings
from brianpresyn.experiments import stdp_protocol
from brianpresyn.experiments import stdp_recordings as stdp
from brianpresyn.experiments.stdp_prediction import fitted_rule, left_out_changes, predicted_changes
from brianpresyn.unified_stdp import PrePostSTDP
from validation.claims.malkin2023.potentiation import M08, SMALLER
from validation.claims.schug2021.stable_synapses import S18, TEST
from validation.criteria import above
from validation.data.recordings import read_sjostrom2001
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import CROSS_CHECK, Claim, Rendering, row, spiking

_better = partial(spiking, source=CROSS_CHECK, criterion=above(0.0), unit="recordings")
PUBLISHED_RULE = {
    "dP": _better("X07a", "published parameters predict the change of P better than no change"),
    "dq / q": _better("X07b", "published parameters predict the change of q better than no change"),
}
FITTED_RULE = {
    "dP": _better("X07c", "the rule fitted to the other protocols predicts the change of P better"),
    "dq / q": _better("X07d", "the rule fitted to the other protocols predicts the change of q better"),
}
X07 = Claim(
    "X07",
    "STDP protocol of Sjöström et al. 2001 run on the spiking pre/post rule: predicted change of P and q at "
    "each frequency and timing against each recorded connection",
    CROSS_CHECK,
    (*PUBLISHED_RULE.values(), *FITTED_RULE.values()),
    known_deviation="With the published parameters and one train the rule predicts the change of P of "
    "single connections worse than no change would; files and rule also disagree on the timing of some rows. "
    "Applied for one pairing of a train, and with potentiation at +10 ms, it predicts most of the change of "
    "the means of protocols (observed).",
)


@measures(X07, "S18", "M08", data_sets=("sjostrom2001",), needs=("xarray",))
def stdp_protocol_against_recordings(context: Context) -> Findings:
    """Run each recorded connection's protocol on the spiking rule and compare the changes of P and q.

    The published amplitudes are used unchanged, with one train (one pairing at 0.1 Hz) and learning rates of
    1. How many trains the published fit assumed is not stated in the sources at hand: with all repetitions of
    a protocol every p would saturate.

    The published file gives a timing of -10 ms (postsynaptic first) for 24 of the 30 potentiated connections,
    those at 10 to 50 Hz among them, where the original study paired at +10 ms. Clauses are judged with the
    file as it is; beside them stands +10 ms for every potentiated connection.

    At 0.1 Hz the files hold both potentiation and depression for a timing of -10 ms, and some names of
    connections in both: no rule of frequency and timing alone can predict both signs. Whole recordings are
    resampled: twelve of the 32 occur under both inductions.
    """
    recordings, rng = read_sjostrom2001(), np.random.default_rng(context.seed)
    recorded = stdp.recorded_changes(recordings)
    for reading, timing in stdp.readings_of_timing(recordings).items():
        result = stdp_protocol.run(stdp.protocol_config(recordings, timing, context.seed))
        relative = (result.q_after - result.q_before) / result.q_before
        predicted = (result.p_after - result.p_before).to_numpy(), relative.to_numpy()
        for name, ours, theirs in zip(stdp.QUANTITIES, predicted, recorded, strict=True):
            condition = {"connections": "LTP and LTD", "trains": 1, "timing": reading}
            rms, r = stdp.error_and_correlation(ours, theirs, recordings.recording, rng)
            yield row(X07, rms, f"root mean square error of the predicted {name}", condition=condition)
            yield row(X07, r, f"correlation of predicted with recorded {name}", condition=condition)
            off = stdp.ProtocolMeans(recordings, timing).differences(ours, theirs)
            for (frequency, at), each in off.items():
                about = {"frequency_Hz": frequency, "timing_ms": at, "timing": reading}
                yield row(X07, each, f"predicted minus recorded {name}", condition=about, published=0.0)
        yield from predicted_correlations(recordings, result, reading, rng)
    grid = stdp_protocol.run(stdp_protocol.QUICK)
    caption = (
        f"Change of release probability (left) and quantal amplitude (right) of {len(recordings)} recorded "
        "connections (dots), and of a spiking synapse under the rule with its published parameters (lines; "
        "p = 0.5 before). One train of five pairings, one pairing at 0.1 Hz, learning rates 1."
    )
    draw = partial(stdp.draw_changes, grid=grid, recordings=recordings, recorded=recorded)
    yield claim_figure(draw, caption, (9, 4.2))


def predicted_correlations(
    recordings: PlasticityRecordings, result: xr.Dataset, reading: str, rng: np.random.Generator
) -> Findings:
    """Yield the correlation of p before with the predicted relative change of p q (S18, M08)."""
    is_potentiated = recordings.induction == "LTP"
    quantity = "correlation of p before with the size of the predicted relative change of p q"
    for clause, claim, chosen, rows in (
        (TEST, S18, np.ones_like(is_potentiated, dtype=bool), "LTP and LTD"),
        (SMALLER, M08, is_potentiated, "LTP"),
    ):
        r = stdp.release_and_predicted_change(recordings, result, chosen, rng)
        subject, about = (
            clause if reading == stdp.AS_IN_FILE else claim,
            {"connections": rows, "timing": reading},
        )
        yield row(subject, r, quantity, rendering=Rendering.SPIKING, condition=about)


@measures(X07, data_sets=("sjostrom2001",), needs=("xarray",))
def protocol_means(context: Context) -> Findings:
    """Compare predicted with recorded ratios of protocol means, and fit the six parameters anew.

    Protocol means: P after over P before and q after over q before, of means over the connections of a
    frequency and timing, as in Costa et al. 2015, who started from P = 0.5 and q = 1. Which repetitions their
    amplitudes stand for is not stated: the rule is applied for one train of five pairings, for one pairing of
    it (a fifth), and for all 15 trains, 75 pairings at 0.1 Hz. Timings of 10 ms alone hardly tell the time
    constants apart, which a refit therefore leaves open.
    """
    recordings, rng = read_sjostrom2001(), np.random.default_rng(context.seed)
    applications = (stdp.TRAIN, stdp.PAIRING, stdp.ALL_TRAINS)
    for (reading, timing), applied in itertools.product(
        stdp.readings_of_timing(recordings).items(), applications
    ):
        means, condition = (
            stdp.ProtocolMeans(recordings, timing),
            {"timing": reading, "rule applied for": applied},
        )
        predicted = stdp.ratios(PrePostSTDP(), means.protocols, applied)
        for index, quantity in enumerate("Pq"):
            words = f"share of the squared change of {quantity} explained beyond predicting no change"
            explained = means.explained(index, predicted[index], rng)
            yield row(X07, explained, f"{words}, means of protocols", condition=condition)
        factors = stdp.refitted(means.protocols, means.ratios()[:, 0], applied)
        listed = ", ".join(f"{name} × {value:.2g}" for name, value in factors.items())
        largest = exactly(max(max(f, 1 / f) for f in factors.values()), n=len(means.protocols))
        quantity = "largest factor between a refitted parameter and Table 1"
        yield row(X07, largest, quantity, condition=condition, published=1.0, reason=listed)


PUBLISHED, LEFT_OUT = "published parameters", "fitted to the other protocols"
_IN_SPIKES = "largest difference of the rule in spikes from the rule in numbers"
_CLAUSES = {PUBLISHED: PUBLISHED_RULE, LEFT_OUT: FITTED_RULE}


@measures(X07, data_sets=("sjostrom2001",), needs=("xarray",))
def left_out_protocols(context: Context) -> Findings:
    """Compare published, refitted and held-out predictions with the prediction of no change.

    Leave one protocol out: connections of one frequency and timing are predicted by the rule whose three
    amplitudes (d+, d-, c+) were fitted to all others by least squares; time constants, one train and learning
    rates of 1 as with the published parameters. The bar is the error of predicting no change. Resampled are
    whole recordings with their predictions: the fits are not repeated for each resample.
    """
    recordings, rng = read_sjostrom2001(), np.random.default_rng(context.seed)
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
    caption = (
        f"Predicted against recorded change of {len(recordings)} connections, timing as in the file: by the "
        "published parameters, and by amplitudes fitted to all protocols but the connection's own. On the "
        "line the prediction is right."
    )
    draw = partial(stdp.draw_predictions, predictions=drawn, recorded=recorded)
    yield claim_figure(draw, caption, (9, 4.2))
