"""S13: near its capacity a perceptron gains less by consolidation."""

import numpy as np

from biophys.estimates import mean_of
from validation.claims.schug2021.perceptron_memory import CONTROLS, load_of, number_at, p_rules
from validation.criteria import above
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import SCHUG, Claim, Clause, row

_SIMILAR = "the two accuracies differ less at capacity than at the paper's load, whichever is ahead"
SIMILAR = Clause("S13a", _SIMILAR, 'methods, "Experiments"', above(0.0), "more similar", unit="perceptrons")
S13 = Claim(
    "S13",
    "Perceptron: near the capacity of 2N patterns the accuracies with and without consolidation become more "
    "similar",
    SCHUG,
    (SIMILAR,),
    "At full size the advantage turns into a disadvantage that is larger than it was.",
)


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
