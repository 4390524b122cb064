"""X05: the perceptron that learns five tasks, in spikes: plastic release against its controls."""

from functools import partial

import xarray as xr

from biophys.estimates import mean_of
from brianpresyn.experiments.spiking_perceptron import PLASTIC, leads
from validation.claims.schug2021.important_synapses import S02
from validation.claims.schug2021.perceptron_memory import S12
from validation.criteria import significant
from validation.experiments.same_patterns import PAIRED, draw_forgetting, rate_accuracies
from validation.registry import Context, Findings, Run, claim_figure, measures, panels
from validation.statement import CROSS_CHECK, Claim, Rendering, row, spiking

_clause = partial(spiking, source=CROSS_CHECK, criterion=significant(0.01))
FIRST = _clause("X05a", "plastic release remembers task 1 better than reliable release after five tasks")
MEAN = _clause("X05b", "plastic release has the higher mean accuracy over five tasks")
_SAID = "S12 in spikes: five pattern tasks, spiking perceptron with plastic release"
_DEVIATION = (
    "At the paper's size plastic release beats fixed release but not the deterministic perceptron: an input "
    "in spikes is a pair of lines with a synapse each; with such inputs the advantage is gone in rates too."
)
X05 = Claim("X05", _SAID, CROSS_CHECK, (FIRST, MEAN), _DEVIATION)


@measures(X05, "S02", "S12", experiment="spiking_perceptron", needs=("brian2",))
def lifelong_spiking_perceptron(run: Run, context: Context) -> Findings:
    """Compare task 1 after five tasks, and the mean over the tasks, with each control, seed by seed.

    Controls have the same lines and delays; their strengths start at 0 and only the sign of the potential
    counts, so that no learning rate had to be tuned for them.
    """
    config, result, rates = run.settings, run.result, rate_accuracies(run.settings)
    for inputs, accuracy in {"": result.accuracy, **rates}.items():
        yield from compared(accuracy, inputs)
    reliable = mean_of((result.p.sel(model=PLASTIC) >= 0.9 - 1e-9).mean("line"), unit="networks")
    quantity = "share of synapses with p at least 0.9 after five tasks of the perceptron"
    condition = {"n_inputs": int(result.attrs["n_inputs"]), "form": "soft_bound"}
    reason = "another problem than the published one; p is capped at 0.9"
    yield row(S02, reliable, quantity, condition=condition, reason=reason)
    sizes = f"{config.n_inputs} inputs, {config.n_patterns} patterns a task, {config.n_epochs} epochs."
    yield from panels(run, "memory", X05, (10, 3.6), sizes)
    if rates:
        yield claim_figure(draw_forgetting, size=(9, 3.6), spikes=result.accuracy, rates=rates)


def compared(accuracy: xr.DataArray, inputs: str = "") -> Findings:
    """Yield the advantage of plastic release over each control; `inputs` says that they are in rates."""
    form = Rendering.RATE if inputs else Rendering.SPIKING
    for clause, published, (words, by_control) in zip(
        X05.clauses, S12.clauses, leads(accuracy).items(), strict=True
    ):
        for control, lead in by_control.items():
            # Clauses are about reliable release. A pair of lines in rates tells why the renderings differ.
            is_judged, both = control == "deterministic" and inputs != PAIRED, (clause, published)
            condition = {"control": control, **({"input": inputs} if inputs else {})}
            for subject in (both[:1] if inputs else both) if is_judged else (X05,):
                quantity = f"{words}: plastic release minus control"
                yield row(subject, lead, quantity, rendering=form, condition=condition)
