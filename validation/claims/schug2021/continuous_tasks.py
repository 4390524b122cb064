"""S14: tasks that blend into each other."""

from biophys.estimates import difference_of, mean_of
from validation.claims.schug2021.task_sequences import (
    benchmarks_of,
    consolidating,
    final_accuracies,
    is_run,
    lifelong_setting,
)
from validation.criteria import equals
from validation.registry import Context, Findings, Run, measures
from validation.statement import SCHUG, Claim, Clause, row

# Margins: the published error doubled, and that of the difference of the two published means.
LEVEL = Clause(
    "S14a", "mean accuracy", 'methods, "Continuous permuted MNIST"', equals(85.39, 1.2), "85.39 ± 0.6"
)
COMPARABLE = Clause(
    "S14b", "comparable to abrupt changes of task", 'methods, "Continuous permuted MNIST"', equals(0.0, 1.8)
)
S14 = Claim(
    "S14",
    "Continuous permuted MNIST: mean accuracy 0.8539 ± 0.006, comparable to that with abrupt task changes",
    SCHUG,
    (LEVEL, COMPARABLE),
)


@measures(S14, experiment="lifelong")
def continuous_tasks(run: Run, context: Context) -> Findings:
    """Compare the accuracy without abrupt changes of task with the published one, and with that with them."""
    result = run.result
    for benchmark in benchmarks_of(result, "continuous"):
        method, abrupt = consolidating(result, benchmark), benchmark.replace("continuous", "permuted")
        here, condition = lifelong_setting(run, benchmark), {"tasks": benchmark}
        if not is_run(result, benchmark, method):
            continue
        accuracy, quantity = final_accuracies(result, benchmark, method), "mean accuracy over all tasks (%)"
        # A number of the published networks says nothing of smaller ones.
        judged = S14 if here.departures else LEVEL
        yield row(judged, mean_of(accuracy, unit="networks"), quantity, setting=here, condition=condition)
        if is_run(result, abrupt, method):
            gap = difference_of(accuracy, final_accuracies(result, abrupt, method), unit="networks")
            quantity = "mean final accuracy with gradual minus with abrupt changes of task (points)"
            yield row(COMPARABLE, gap, quantity, setting=here, condition=condition)
