"""S14: tasks that blend into each other."""

from biophys.estimates import difference_of, mean_of
from validation.claims.schug2021.task_sequences import TaskSequence, sequences_of
from validation.criteria import equals
from validation.registry import Context, Findings, Run, measures
from validation.statement import SCHUG, Claim, Clause, row

# Margins: the published error doubled, and that of the difference of the two published means.
_PLACE = 'methods, "Continuous permuted MNIST"'
LEVEL = Clause("S14a", "mean accuracy", _PLACE, equals(85.39, 1.2), "85.39 ± 0.6", only_as_published=True)
COMPARABLE = Clause("S14b", "comparable to abrupt changes of task", _PLACE, equals(0.0, 1.8))
S14 = Claim(
    "S14",
    "Continuous permuted MNIST: mean accuracy 0.8539 ± 0.006, comparable to that with abrupt task changes",
    SCHUG,
    (LEVEL, COMPARABLE),
)


@measures(S14, experiment="lifelong")
def continuous_tasks(run: Run, context: Context) -> Findings:
    """Compare the accuracy without abrupt changes of task with the published one, and with that with them."""
    for tasks in sequences_of(run, "continuous"):
        abrupt = TaskSequence(run, tasks.name.replace("continuous", "permuted"))
        method, here, condition = tasks.consolidating, tasks.setting(), {"tasks": tasks.name}
        if not tasks.has(method):
            continue
        accuracy, quantity = tasks.final_accuracies(method), "mean accuracy over all tasks (%)"
        yield row(LEVEL, mean_of(accuracy, unit="networks"), quantity, setting=here, condition=condition)
        if abrupt.has(method):
            gap = difference_of(accuracy, abrupt.final_accuracies(method), unit="networks")
            quantity = "mean final accuracy with gradual minus with abrupt changes of task (points)"
            yield row(COMPARABLE, gap, quantity, setting=here, condition=condition)
