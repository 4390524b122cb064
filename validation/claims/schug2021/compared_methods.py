"""S22 and S23: consolidation against other methods, in the paper's words and by its tests."""

from validation.claims.schug2021.final_accuracy import subject_of
from validation.claims.schug2021.task_sequences import SEARCHED, TaskSequence, departure_of, sequences_of
from validation.criteria import above, equals, in_every, significant
from validation.registry import Context, Findings, Run, measures
from validation.statement import SCHUG, Claim, Clause, not_run, row

NAMES = {"none": "no consolidation", "ewc": "elastic weights", "bgd": "Bayesian gradient descent"}
BETTER = {
    ("split_mnist", other): Clause(f"S22{letter}", f"better than {name}", "fig 4c", significant(0.05))
    for letter, (other, name) in zip("abc", NAMES.items(), strict=True)
}
S22 = Claim(
    "S22",
    "Split MNIST: presynaptic consolidation has a higher mean accuracy than no consolidation, elastic weight "
    "consolidation and Bayesian gradient descent, each significant in an independent t-test",
    SCHUG,
    tuple(BETTER.values()),
)

_PLACE = "results, app 1 table 1"
# The largest difference that the paper's table calls similar is 3.6 points.
_SIMILAR = 4.0
_SIMILAR_TEXT = "similar to Bayesian gradient descent (within 4 points)"
SIMILAR = Clause("S23a", _SIMILAR_TEXT, _PLACE, in_every(equals(0.0, _SIMILAR), "other data set"))
_NOT_WORSE = "similar to or better than elastic weights (at most 4 points below)"
NOT_WORSE = Clause("S23b", _NOT_WORSE, _PLACE, in_every(above(-_SIMILAR), "other data set"))
CARRIES_OVER = Clause(
    "S23c",
    "settings tuned on Permuted MNIST carry over: better than no consolidation",
    'methods, "Model robustness"',
    in_every(above(0.0), "data set but Permuted MNIST"),
)
S23 = Claim(
    "S23",
    "On further data sets presynaptic consolidation is similar to Bayesian gradient descent and similar to "
    "or better than elastic weight consolidation, with settings tuned on Permuted MNIST",
    SCHUG,
    (SIMILAR, NOT_WORSE, CARRIES_OVER),
)
_FURTHER = ("split_fashion", "permuted_mnist", "permuted_fashion")
_PLACES = {
    SIMILAR: ("bgd", _FURTHER),
    NOT_WORSE: ("ewc", _FURTHER),
    CARRIES_OVER: ("none", ("split_mnist", "split_fashion", "permuted_fashion")),
}


@measures(S22, S23, experiment="lifelong")
def compared_methods(run: Run, context: Context) -> Findings:
    """Compare the final accuracy of consolidation with that of each other method."""
    quantity = "advantage of presynaptic consolidation in mean final accuracy (points)"
    for tasks in (tasks for tasks in sequences_of(run, "split") if "fashion" not in tasks.name):
        method = tasks.consolidating
        others = ("none", "sgd_tuned", "adam_tuned", "ewc", "bgd")
        for other in (name for name in others if tasks.has(method, name)):
            subject, ahead = subject_of(BETTER, S22, tasks, method, other), tasks.advantage(method, other)
            here, condition = tasks.setting(departure_of(other)), {"tasks": tasks.name, "over": other}
            yield row(subject, ahead, quantity, setting=here, condition=condition)
    for clause, (other, places) in _PLACES.items():
        sequences = [TaskSequence(run, name) for name in places]
        missing = [tasks.name for tasks in sequences if not tasks.has("presynaptic", other)]
        if missing:
            yield not_run(clause, f"this run of the experiment left {', '.join(missing)} out")
            continue
        ahead_in = {tasks.name: tasks.advantage("presynaptic", other) for tasks in sequences}
        here = sequences[0].setting("" if other == "none" else SEARCHED)
        yield row(clause, ahead_in, quantity, setting=here, condition={"over": NAMES[other]}, along="tasks")
