"""X05: the perceptron that learns five tasks, in spikes: plastic release against its controls."""

import importlib.util
from collections.abc import Iterator
from functools import partial

import xarray as xr

from biophys.estimates import mean_of
from brianpresyn.experiments.spiking_perceptron import PLASTIC
from validation.claims.schug2021.important_synapses import S02
from validation.claims.schug2021.perceptron_memory import S12
from validation.criteria import significant
from validation.experiments.same_patterns import PAIRED, SIGNED, draw_forgetting, rate_accuracy
from validation.registry import Context, Findings, Run, claim_figure, measures, panels
from validation.statement import CROSS_CHECK, Claim, Clause, Measurement, Rendering, row, spiking

_clause = partial(spiking, source=CROSS_CHECK, criterion=significant(0.01))
FIRST = _clause("X05a", "plastic release remembers task 1 better than reliable release after five tasks")
MEAN = _clause("X05b", "plastic release has the higher mean accuracy over five tasks")
X05 = Claim(
    "X05",
    "S12 in spikes: five pattern tasks, spiking perceptron with plastic release",
    CROSS_CHECK,
    (FIRST, MEAN),
    known_deviation="At the paper's size plastic release beats fixed release but not the deterministic "
    "perceptron: an input in spikes is a pair of lines with a synapse each, and with such inputs the "
    "advantage is gone in rates too.",
)


@measures(X05, "S02", "S12", experiment="spiking_perceptron", needs=("brian2",))
def lifelong_spiking_perceptron(run: Run, context: Context) -> Findings:
    """Compare task 1 after five tasks, and the mean over the tasks, with each control, seed by seed.

    Controls have the same lines and delays; their strengths start at 0 and only the sign of the potential
    counts, so that no learning rate had to be tuned for them.
    """
    config, result = run.settings, run.result
    yield from _advantages(result.accuracy)
    reliable = mean_of((result.p.sel(model=PLASTIC) >= 0.9 - 1e-9).mean("line"), unit="networks")
    quantity = "share of synapses with p at least 0.9 after five tasks of the perceptron"
    condition = {"n_inputs": int(result.attrs["n_inputs"]), "form": "soft_bound"}
    reason = "another problem than the published one; p is capped at 0.9"
    yield row(S02, reliable, quantity, condition=condition, reason=reason)
    has_torch = importlib.util.find_spec("torch") is not None
    rates = {kind: rate_accuracy(config, inputs=kind) for kind in (SIGNED, PAIRED) if has_torch}
    for inputs, accuracy in rates.items():
        yield from _advantages(accuracy, inputs)
    caption = (
        "Accuracy on the first task (left), on all tasks learned so far (middle), and release probability of "
        f"all synapses at the end (right). {config.n_inputs} inputs, {config.n_patterns} patterns a task, "
        f"{config.n_epochs} epochs, {len(config.seeds)} seeds; bars: standard error."
    )
    yield from panels(run, "memory", X05, (10, 3.6), caption=caption)
    if rates:
        draw = partial(draw_forgetting, result.accuracy, rates)
        yield claim_figure(draw, _FORGETTING.format(n=len(config.seeds)), (9, 3.6))


_FORGETTING = (
    "Forgetting in spikes (solid) and in rates with an input that is one signed number (dashed) or a pair of "
    "lines as in spikes (dotted), on the same patterns, labels and {n} seeds: accuracy on the first task "
    "(left) and on all tasks learned so far (right) after each task; bars: standard error."
)


def _advantages(accuracy: xr.DataArray, inputs: str = "") -> Iterator[Measurement]:
    """Yield the advantage of plastic release over each control; `inputs` says that they are in rates.

    Reliable release is what the clauses are about, here and in S12. In rates only the published kind of input
    is compared with them: that of a pair of lines tells why the renderings differ.
    """
    last = accuracy.isel(after_task=-1)
    rendering = Rendering.RATE if inputs else Rendering.SPIKING
    quantities = {
        "accuracy on task 1 after five tasks": last.isel(task=0),
        "mean accuracy over five tasks": last.mean("task"),
    }
    for clause, published, (words, values) in zip(X05.clauses, S12.clauses, quantities.items(), strict=True):
        for control in (str(model) for model in values.model.values if model != PLASTIC):
            subjects: list[Clause | Claim] = [X05]
            if control == "deterministic" and inputs != PAIRED:
                subjects = [clause] if inputs else [clause, published]
            advantage = values.sel(model=PLASTIC) - values.sel(model=control)
            ahead = mean_of(advantage, unit="networks", how="paired by seed")
            quantity = f"{words}: plastic release minus control"
            condition = {"control": control, **({"input": inputs} if inputs else {})}
            for subject in subjects:
                yield row(subject, ahead, quantity, rendering=rendering, condition=condition)
