"""S12 and S13: a perceptron with consolidation keeps earlier patterns better, but for its capacity."""

import numpy as np
import xarray as xr

from biophys.estimates import difference_of, mean_of
from validation.criteria import above, significant
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import SCHUG, Claim, Clause, row

FIRST = Clause("S12a", "task 1 is kept better", "fig 5b", significant(0.01), unit="perceptrons")
ALL = Clause("S12b", "higher mean accuracy over five tasks", "fig 5c", significant(0.01), unit="perceptrons")
_SAID = (
    "Perceptron: the presynaptically consolidated one keeps task 1 better and has a higher mean accuracy "
    "over five tasks, p < 0.01"
)
S12 = Claim("S12", _SAID, SCHUG, (FIRST, ALL))
_WORDS = "task 1 patterns recalled after all tasks", "patterns of all tasks recalled"
CONTROLS = {
    "falling_rate": "a rate that falls to a tenth",
    "unselective": "the rate of the mean synapse",
    "shuffled": "p shuffled after tasks",
}


def load_of(result: xr.Dataset) -> xr.DataArray:
    """Return the patterns of all tasks over the capacity 2 N, by patterns per task."""
    return result.n_patterns * result.sizes["task"] / (2 * int(result.attrs["n_inputs"]))


def number_at(result: xr.Dataset, load: float) -> int:
    """Return the patterns per task whose load is nearest to this one; the paper's is 0.25."""
    return int(result.n_patterns.values[abs(load_of(result).values - load).argmin()])


def p_rules(result: xr.Dataset) -> list[str]:
    """Return the models with consolidation, controls left out."""
    return [str(model) for model in result.model.values if model in ("presynaptic", "additive")]


@measures(S12, experiment="perceptron")
def perceptron_memory(run: Run, context: Context) -> Findings:
    """Compare what perceptrons with and without consolidation recall after all tasks."""
    result, n_patterns = run.result, number_at(run.result, 0.25)
    at = 100 * result.accuracy.sel(n_patterns=n_patterns).isel(n_learned=-1)
    parts = at.sel(task=1), at.mean("task")
    compared = [(model, "standard", "with minus without consolidation") for model in p_rules(result)]
    controls = [("presynaptic", name, f"consolidation minus {words}") for name, words in CONTROLS.items()]
    compared += [control for control in controls if control[1] in at.model]
    for model, other, difference in compared:
        for clause, recalled, words in zip((FIRST, ALL), parts, _WORDS, strict=True):
            first, second = (recalled.sel(model=name).values for name in (model, other))
            subject = clause if (model, other) == ("presynaptic", "standard") else S12
            gain = difference_of(first, second, unit="perceptrons", is_pooled=True)
            about = {"patterns per task": n_patterns, "p rule": model}
            reason = f"{first.mean():.1f} % against {second.mean():.1f} %"
            yield row(subject, gain, f"{words}, {difference} (points)", condition=about, reason=reason)
    yield from panels(run, "recall", S12, (9, 4), f"Here {n_patterns} patterns per task.")


_SIMILAR = "the two accuracies differ less at capacity than at the paper's load, whichever is ahead"
SIMILAR = Clause("S13a", _SIMILAR, 'methods, "Experiments"', above(0.0), "more similar", unit="perceptrons")
_SAID = (
    "Perceptron: near the capacity of 2N patterns the accuracies with and without consolidation become more "
    "similar"
)
_DEVIATION = "At full size the advantage turns into a disadvantage that is larger than it was."
S13 = Claim("S13", _SAID, SCHUG, (SIMILAR,), _DEVIATION)


@measures(S13, experiment="perceptron")
def perceptron_capacity(run: Run, context: Context) -> Findings:
    """Compare how far the accuracies are apart at the paper's load and at capacity."""
    result = run.result
    final = 100 * result.accuracy.isel(n_learned=-1).mean("task")
    n_paper, n_full = number_at(result, 0.25), number_at(result, 1.0)
    for model in p_rules(result):
        gain = final.sel(model=model) - final.sel(model="standard")
        # The sign of the mean makes a distance of a difference; paired by seed.
        apart = gain * np.sign(gain.mean("seed"))
        curve = ", ".join(
            f"{float(load):.2g}: {float(gain.sel(n_patterns=n).mean()):+.1f}"
            for n, load in zip(result.n_patterns.values, load_of(result), strict=True)
        )
        condition = {"patterns per task": n_full, "p rule": model}
        nearer = mean_of(apart.sel(n_patterns=n_paper) - apart.sel(n_patterns=n_full), unit="perceptrons")
        words = f"distance of the accuracies with {n_paper} patterns per task less that at capacity (points)"
        reason = f"advantage of consolidation by patterns of all tasks / 2N: {curve}"
        subject = SIMILAR if model == "presynaptic" else S13
        yield row(subject, nearer, words, condition=condition, reason=reason)
        at_capacity = mean_of(gain.sel(n_patterns=n_full), unit="perceptrons")
        yield row(S13, at_capacity, "advantage at capacity (points)", condition=condition)
        for name in (name for name in CONTROLS if name in result.model):
            ahead = (final.sel(model=model) - final.sel(model=name)).sel(n_patterns=n_full)
            over, words = {**condition, "over": CONTROLS[name]}, "advantage at capacity (points)"
            yield row(S13, mean_of(ahead, unit="perceptrons"), words, condition=over)
    yield from panels(run, "load", S13, (9, 4))
