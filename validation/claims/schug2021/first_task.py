"""S09: with consolidation the first task is forgotten more slowly."""

from biophys.estimates import difference_of
from validation.claims.schug2021.task_sequences import departure_of, sequences_of
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

    for tasks in sequences_of(run, "split"):
        method = tasks.consolidating
        for baseline in (name for name in _WITHOUT if tasks.has(method, name)):
            tables = [100 * accuracy_table(run.result, tasks.name, n)[:, :, 0] for n in (baseline, method)]
            falls = [first[:, 1] - first[:, 2:].mean(axis=1) for first in tables]
            kept = [first[:, 2:].mean() for first in tables]
            here = tasks.setting(departure_of(baseline))
            without, consolidated = (METHODS[name].label for name in (baseline, method))
            condition = {"tasks": tasks.name, "without": without, "with": consolidated}
            subject = S09 if tasks.name == "split_fashion" else SLOWER
            quantity = "mean later fall of task 1 accuracy, without minus with consolidation (points)"
            reason = f"task 1 after the later tasks: {kept[1]:.1f} % with, {kept[0]:.1f} % without"
            later = difference_of(*falls, unit="networks")
            yield row(subject, later, quantity, setting=here, condition=condition, reason=reason)
    yield from panels(run, "first_task", S09, (9, 4))
