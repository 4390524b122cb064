"""S11: what the model loses without one or both of its mechanisms."""

import itertools
from typing import Any

from validation.claims.schug2021.task_sequences import TUNED, sequences_of
from validation.criteria import equals, significant
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import SCHUG, Claim, Clause, row

# Levels of the published tests; where only "p < 0.01 or p < 0.05" is said, the latter.
_LOSSES: dict[tuple[str, ...], Any] = {
    ("full", "ghost"): ("ab", "fixed release (ghost p) loses", significant(0.05), significant(0.01)),
    ("size",): ("cd", "size of the loss by ghost p", equals(1.4, 1.0), equals(5.6, 1.0)),
    ("full", "neither"): ("ef", "neither mechanism loses", *[significant(0.05)] * 2),
    ("ghost", "neither"): ("gh", "neither mechanism loses against ghost p", *[significant(0.05)] * 2),
}
CLAUSES = {
    (pair, tasks): Clause(f"S11{letter}", f"{text}, {tasks}", "fig 5a and text", criterion)
    for pair, (letters, text, *criteria) in _LOSSES.items()
    for letter, tasks, criterion in zip(letters, ("split_mnist", "permuted_mnist"), criteria, strict=True)
}
S11 = Claim(
    "S11",
    'Ablation: fixed ("ghost") release probability loses 1.4 points on Split MNIST (t = 3.44, p < 0.05) and '
    "5.6 on Permuted MNIST (t = 6.72, p < 0.01); removing both consolidation mechanisms loses accuracy on "
    "both; all pairwise comparisons are significant",
    SCHUG,
    tuple(CLAUSES.values()),
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
        others = ("no_freezing", "no_modulation", "misnormalised_ghost")
        judged = (("full", "ghost"), ("full", "neither"), ("ghost", "neither"))
        for first, second in (*judged, *(("full", other) for other in others)):
            names = f"{first}_{source}", f"{second}_{source}"
            if not tasks.has(*names):
                continue
            subjects = [CLAUSES.get(((first, second), tasks.published_as), S11)]
            # A number of the published networks says nothing of smaller ones.
            if second == "ghost" and not here.departures:
                subjects.append(CLAUSES[("size",), tasks.name])
            condition = {"tasks": tasks.name, "with": _ARMS[first], "without": _ARMS[second]}
            for subject in subjects:
                yield row(subject, tasks.advantage(*names), quantity, setting=here, condition=condition)
    yield from panels(run, "ablation", S11, (9, 4))
