"""S11: what the model loses without one or both of its mechanisms."""

import itertools
from collections.abc import Callable

from validation.claims.schug2021.task_sequences import TUNED, sequences_of
from validation.criteria import Criterion, equals, significant
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import SCHUG, Claim, Clause, row

_BENCHMARKS = ("split_mnist", "permuted_mnist")


def _clauses(
    letters: str, text: str, published: tuple, criterion: Callable[[float], Criterion]
) -> dict[str, Clause]:
    """Return a clause for each sequence of tasks, by its name."""
    return {
        benchmark: Clause(f"S11{letter}", f"{text}, {benchmark}", "fig 5a and text", criterion(number))
        for letter, benchmark, number in zip(letters, _BENCHMARKS, published, strict=True)
    }


# Levels of the published tests; where only "p < 0.01 or p < 0.05" is said, the latter.
_LOSSES = {
    ("full", "ghost"): _clauses("ab", "fixed release (ghost p) loses", (0.05, 0.01), significant),
    ("full", "neither"): _clauses("ef", "neither mechanism loses", (0.05, 0.05), significant),
    ("ghost", "neither"): _clauses(
        "gh", "neither mechanism loses against ghost p", (0.05, 0.05), significant
    ),
    ("full", "no_freezing"): {},
    ("full", "no_modulation"): {},
    ("full", "misnormalised_ghost"): {},
}
_SIZES = _clauses("cd", "size of the loss by ghost p", (1.4, 5.6), lambda loss: equals(loss, 1.0))
S11 = Claim(
    "S11",
    'Ablation: fixed ("ghost") release probability loses 1.4 points on Split MNIST (t = 3.44, p < 0.05) and '
    "5.6 on Permuted MNIST (t = 6.72, p < 0.01); removing both consolidation mechanisms loses accuracy on "
    "both; all pairwise comparisons are significant",
    SCHUG,
    tuple(sorted((c for each in (*_LOSSES.values(), _SIZES) for c in each.values()), key=lambda c: c.id)),
)
_ARMS = {
    "full": "full model",
    "ghost": "ghost p, divided by the release probability",
    "misnormalised_ghost": "ghost p, divided by itself as programmed",
    "neither": "neither freezing nor modulation of the rate",
    "no_freezing": "no freezing",
    "no_modulation": "no modulation of the rate",
}


@measures(S11, experiment="lifelong")
def ablation(run: Run, context: Context) -> Findings:
    """Compare each pair of arms, with the settings that the program gives each and with those found here."""
    quantity = "loss of mean final accuracy by the ablation (points)"
    for tasks, source in itertools.product(sequences_of(run, "split", "permuted"), ("arm", "tuned")):
        here = tasks.setting(TUNED if source == "tuned" else "")
        for (first, second), clauses in _LOSSES.items():
            names = f"{first}_{source}", f"{second}_{source}"
            if not tasks.has(*names):
                continue
            subjects = [clauses.get(tasks.published_as, S11)]
            # A number of the published networks says nothing of smaller ones.
            if second == "ghost" and not here.departures:
                subjects.append(_SIZES[tasks.name])
            condition = {"tasks": tasks.name, "with": _ARMS[first], "without": _ARMS[second]}
            for subject in subjects:
                yield row(subject, tasks.advantage(*names), quantity, setting=here, condition=condition)
    caption = "The model without one or both of its mechanisms; mean and 95 % interval over seeds."
    yield from panels(run, {"ablation": caption}, S11, (9, 4))
