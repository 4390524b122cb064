"""S09: with consolidation the first task is forgotten more slowly."""

from biophys.estimates import difference_of
from validation.claims.schug2021.task_sequences import (
    benchmarks_of,
    consolidating,
    departure_of,
    is_run,
    lifelong_setting,
)
from validation.criteria import above
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import SCHUG, Claim, Clause, row

SLOWER = Clause("S09a", "the accuracy on task 1 falls further without consolidation", "fig 4b", above(0.0))
S09 = Claim(
    "S09",
    "Split MNIST: accuracy on task 1 falls more slowly with presynaptic consolidation than without",
    SCHUG,
    (SLOWER,),
)
_WITHOUT = ("none", "sgd_tuned", "adam_tuned")


@measures(S09, experiment="lifelong")
def first_task(run: Run, context: Context) -> Findings:
    """Compare how far the accuracy on task 1 falls, against each baseline without consolidation."""
    from rate_models.experiments.lifelong_figures import accuracy_table
    from rate_models.experiments.lifelong_methods import METHODS

    result = run.result
    for benchmark in benchmarks_of(result, "split"):
        method = consolidating(result, benchmark)
        for baseline in (name for name in _WITHOUT if is_run(result, benchmark, method, name)):
            tables = (100 * accuracy_table(result, benchmark, name)[:, :, 0] for name in (baseline, method))
            falls, kept = zip(
                *((first[:, 1] - first[:, 2:].mean(axis=1), first[:, 2:].mean()) for first in tables),
                strict=True,
            )
            yield row(
                S09 if benchmark == "split_fashion" else SLOWER,
                difference_of(*falls, unit="networks"),
                "mean later fall of task 1 accuracy, without minus with consolidation (points)",
                setting=lifelong_setting(run, benchmark, departure_of(baseline)),
                condition={
                    "tasks": benchmark,
                    "without": METHODS[baseline].label,
                    "with": METHODS[method].label,
                },
                reason=f"task 1 after the later tasks: {kept[1]:.1f} % with, {kept[0]:.1f} % without",
            )
    caption = "Accuracy on the first task after each task; mean and 95 % interval, or both of two seeds."
    yield from panels(run, {"first_task": caption}, S09, (9, 4))
