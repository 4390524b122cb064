"""Compare NEST's stochastic synapses with this package's, where NEST is installed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from validation.claims.claim import ClaimFigure, Context, Evidence, Measurement, Rendering, Verdict
from validation.experiments import nest_parity
from validation.experiments.nest_parity import CASES, INTERPRETER_VARIABLE, Parity
from validation.registry import measures

# A family of true statements fails below this once in a thousand reports.
_SMALLEST_FAMILY_P = 1e-3
# An interval wider than this to either side says nothing.
_WIDEST = 0.1


@measures("X09", rendering=Rendering.SPIKING)
def release_in_nest(context: Context) -> Evidence:
    """Compare mean, variance and failures over trains of spikes, synapse by synapse."""
    interpreter = nest_parity.nest_interpreter()
    if interpreter is None:
        return Evidence((_skipped(),))
    n_synapses = 4000 if context.is_quick else 20_000
    tasks = [nest_parity.nest_task(case, n_synapses, context.seed + 1) for case in CASES]
    version, found = nest_parity.run_in_nest(tasks, interpreter)
    in_nest = [np.array(each) for each in found]
    own = [nest_parity.own_responses(case, n_synapses, context.seed) for case in CASES]
    rng = np.random.default_rng(context.seed)
    parities = [
        parity
        for case, theirs, ours in zip(CASES, in_nest, own, strict=True)
        for parity in nest_parity.compared(case, theirs, ours, rng=rng)
    ]
    measurements = tuple(_measurement(parity, len(parities), n_synapses) for parity in parities)
    caption = (
        f"Mean response and share of failures at each spike of a 20 Hz train, NEST {version} (dots) and this "
        f"package (crosses); {n_synapses} synapses each, two standard errors."
    )
    remarks = (
        "The weight of NEST's quantal_stp_synapse is that of one quantum, although its documentation calls "
        "it the amplitude with all sites released: the first response is "
        f"{in_nest[4][:, 0].mean():.2f} weights with n = 5 and p = 0.4, where n p = 2.",
    )
    return Evidence(measurements, (ClaimFigure(_figure(in_nest, own), caption),), remarks)


def _skipped() -> Measurement:
    reason = (
        "NEST cannot be imported: install nest-simulator in an environment of its own and name that "
        f"environment's Python in {INTERPRETER_VARIABLE}"
    )
    return Measurement("X09", Rendering.SPIKING, "none", None, Verdict.SKIPPED, reason=reason)


def _measurement(parity: Parity, n_compared: int, n_synapses: int) -> Measurement:
    family_p = min(1.0, parity.p_value * n_compared)
    low, high = parity.interval
    if family_p < _SMALLEST_FAMILY_P:
        verdict = Verdict.NOT_REPRODUCED
    else:
        is_precise = max(1 - low, high - 1) < _WIDEST
        verdict = Verdict.REPRODUCED if is_precise else Verdict.INCONCLUSIVE
    return Measurement(
        "X09",
        Rendering.SPIKING,
        f"{parity.statistic} of the response in NEST over that in this package",
        parity.ratio,
        verdict,
        condition={"synapse": parity.case},
        published=1.0,
        interval=parity.interval,
        n=n_synapses,
        reason=f"bootstrap over synapses, p = {parity.p_value:.2g}; reproduced if {n_compared} times p is at "
        f"least {_SMALLEST_FAMILY_P:g} and the interval within {_WIDEST:.0%} of 1",
    )


def _figure(in_nest: Sequence[NDArray[np.int64]], own: Sequence[NDArray[np.int64]]) -> Figure:
    figure = Figure((9, 3.8))
    left, right = figure.subplots(1, 2)
    colours = ("#0072B2", "#E69F00", "#009E73")
    shown = [number for number, case in enumerate(CASES) if case.model == "quantal_stp_synapse"]
    spike = np.arange(nest_parity.N_SPIKES) + 1
    for number, colour in zip(shown, colours, strict=True):
        for quanta, marker, shift in ((in_nest[number], "o", -0.1), (own[number], "x", 0.1)):
            error = 2 * quanta.std(axis=0, ddof=1) / np.sqrt(len(quanta))
            label = CASES[number].name if marker == "o" else None
            left.errorbar(
                spike + shift, quanta.mean(axis=0), error, fmt=marker, color=colour, label=label, ms=4
            )
            failed = (quanta == 0).mean(axis=0)
            error = 2 * np.sqrt(failed * (1 - failed) / len(quanta))
            right.errorbar(spike + shift, failed, error, fmt=marker, color=colour, ms=4)
    left.set_ylabel("mean response (quanta)")
    right.set_ylabel("share of failures")
    left.legend(fontsize=7)
    for axes in (left, right):
        axes.set_xlabel("spike of the train")
    figure.tight_layout()
    return figure
