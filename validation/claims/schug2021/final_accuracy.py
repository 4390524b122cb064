"""S10: the table of final accuracies."""

import itertools
from collections.abc import Mapping

import numpy as np

from biophys.estimates import mean_of
from validation.claims.schug2021.task_sequences import SEARCHED, TaskSequence, departure_of, sequences_of
from validation.criteria import above, below, equals
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import SCHUG, Claim, Clause, row

# Mean and standard error of three networks, percent. Methods of known settings, then those without.
_TABLE = {
    "split_mnist": ((82.90, 0.01), (77.68, 0.31), (98.55, 0.10), (70.41, 4.20), (80.44, 0.45)),
    "split_fashion": ((91.98, 0.12), (88.76, 0.45), (97.67, 0.09), (76.89, 1.05), (89.54, 0.88)),
    "permuted_mnist": ((86.14, 0.67), (79.60, 0.43), (97.33, 0.08), (89.58, 0.53), (89.73, 0.52)),
    "permuted_fashion": ((75.92, 0.37), (72.13, 0.75), (87.33, 0.07), (77.44, 0.41), (78.45, 0.15)),
}
METHODS = ("presynaptic", "none", "joint", "ewc", "bgd")
"""Columns of the table; for the last two no settings were published: only their order is judged."""

PUBLISHED = {name: dict(zip(METHODS, cells, strict=True)) for name, cells in _TABLE.items()}
_PLACE, _OTHERS = "fig 4c, app 1 table 1", ("none", "ewc", "bgd")

PRINTED = {
    (name, method): f"{mean:.2f} ± {error:.2f}"
    for name, cells in PUBLISHED.items()
    for method, (mean, error) in cells.items()
}

CELLS, ORDER = {}, {}
for _letter, _cell in zip("abcdefghijkl", itertools.product(PUBLISHED, METHODS[:3]), strict=True):
    _mean, _error = PUBLISHED[_cell[0]][_cell[1]]
    # A point, or the published error doubled.
    _near, _text = equals(_mean, max(1.0, 2 * _error)), f"{_cell[1]} on {_cell[0]}"
    CELLS[_cell] = Clause(f"S10{_letter}", _text, _PLACE, _near, PRINTED[_cell], family="S10 accuracy")
for _letter, _cell in zip("mnopqrstuvwx", itertools.product(PUBLISHED, _OTHERS), strict=True):
    _ahead = PUBLISHED[_cell[0]]["presynaptic"][0] - PUBLISHED[_cell[0]][_cell[1]][0]
    _sign, _text = above(0.0) if _ahead > 0 else below(0.0), f"presynaptic less {_cell[1]} on {_cell[0]}"
    ORDER[_cell] = Clause(f"S10{_letter}", _text, _PLACE, _sign, f"{_ahead:+.2f}", family="S10 order")
S10 = Claim(
    "S10",
    "Final mean accuracies, four data sets x five methods",
    SCHUG,
    (*CELLS.values(), *ORDER.values()),
    "Without consolidation Split MNIST comes out 3 points above the published value, Split Fashion 2 and "
    "Permuted Fashion 3 below; the published program does not run on the Split tasks as it stands. With "
    "settings that a search of 16 or 32 trials found, elastic weights are ahead of consolidation on Split "
    "Fashion (published: 15 points behind), and level with it on Permuted MNIST if the penalty moves along.",
)
_TRIED = {"sgd_tuned": "none", "ewc": "ewc", "bgd": "bgd", "presynaptic_tuned": "presynaptic"}
_COMPARED = ("none", "sgd_tuned", "adam_tuned", "ewc", "si", "bgd")


@measures(S10, experiment="lifelong")
def final_accuracy(run: Run, context: Context) -> Findings:
    """Compare every cell of the table, and the order of consolidation and each other method."""
    from rate_models.experiments.lifelong_figures import transfer_text, trials_of
    from rate_models.experiments.lifelong_methods import ABLATION_ARMS, METHODS

    for tasks in sequences_of(run, "split", "permuted"):
        names = [name for name in map(str, run.result["algorithm"].values) if tasks.has(name)]
        for name in (name for name in names if name not in ABLATION_ARMS):
            method, here = METHODS[name], tasks.setting(departure_of(name))
            condition = {"tasks": tasks.name, "method": method.label}
            if method.program == "ewc":
                condition |= {"fisher": method.fisher, "penalty": method.penalty}
            subject = CELLS.get((tasks.name, name), S10)
            estimate = mean_of(tasks.final_accuracies(name), unit="networks")
            quantity, printed = (
                "mean accuracy over all tasks after the last (%)",
                PRINTED.get((tasks.name, name)),
            )
            yield row(subject, estimate, quantity, setting=here, condition=condition, published=printed)
        quantity = "mean accuracy on held-out images, by the settings tried (%)"
        for name, tried in (
            (name, trials_of(run.result, tasks.name, name)) for name in _TRIED if name in names
        ):
            if tried is not None:
                condition, cell = {"tasks": tasks.name, "method": name}, (tasks.name, _TRIED[name])
                yield row(S10, tried, quantity, condition=condition, published=PRINTED.get(cell))
        quantity = "advantage of presynaptic consolidation in mean final accuracy (points)"
        for name in dict.fromkeys((tasks.consolidating, "presynaptic_tuned")):
            for other in (other for other in _COMPARED if name in names and other in names):
                subject, ahead = subject_of(ORDER, S10, tasks, name, other), tasks.advantage(name, other)
                labels = {"method": METHODS[name].label, "over": METHODS[other].label}
                here, condition = tasks.setting(departure_of(other)), {"tasks": tasks.name, **labels}
                yield row(subject, ahead, quantity, setting=here, condition=condition)
    yield from panels(run, "final_accuracy search transfer", S10, (9, 4))
    counts = np.unique(np.isfinite(run.result.trial_score).sum("trial"))
    yield (
        f"{SEARCHED.capitalize()}: a random search on held-out training images, each method with as many "
        f"trials ({' or '.join(map(str, counts[counts > 0])) or 'none here'} finished ones). Published "
        "settings, where there are any, are the first trial."
    )
    for tasks in sequences_of(run, "split", "permuted"):
        if shown := transfer_text(run.result, tasks.name, ("presynaptic", *_COMPARED)):
            yield f"{tasks.name}, forgetting / backward / forward transfer in points: {shown}."


def subject_of(
    clauses: Mapping[tuple[str, str], Clause], claim: Claim, tasks: TaskSequence, method: str, other: str
) -> Clause | Claim:
    """Return the clause on consolidation and another method, or the claim where nothing was published.

    On the digits every method is tuned: there the tuned baseline stands for the published one.
    """
    if not tasks.name.endswith("digits"):
        return clauses.get((tasks.name, other), claim) if method == "presynaptic" else claim
    named = {"sgd_tuned": "none", "ewc": "ewc", "bgd": "bgd"}.get(other, "")
    return clauses.get((tasks.published_as, named), claim)
