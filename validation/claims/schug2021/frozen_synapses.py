"""S17: release probabilities rise and synapses freeze from task to task."""

from typing import Any

import numpy as np

from biophys.estimates import mean_of
from validation.claims.schug2021.task_sequences import sequences_of
from validation.criteria import monotone
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import SCHUG, Claim, Clause, row

RISING = Clause(
    "S17a", "mean p over ten permuted tasks", "app 1 fig 3b", monotone(), "a curve without numbers"
)
S17 = Claim(
    "S17",
    "Final accuracy by task on Split MNIST; mean p and percentage of frozen weights rise over ten permuted "
    "tasks",
    SCHUG,
    (RISING,),
)


@measures(S17, experiment="lifelong")
def frozen_synapses(run: Run, context: Context) -> Findings:
    """Follow mean release probability and the share of frozen synapses from task to task."""
    from rate_models.experiments.lifelong_figures import accuracy_table, tasks_learned
    from rate_models.experiments.lifelong_methods import METHODS

    result = run.result
    for tasks in sequences_of(run, "permuted"):
        if not tasks.has(tasks.consolidating):
            continue
        # A frozen synapse stays frozen: that share cannot fall, and is observed.
        for variable, unit, label in (
            ("mean_p", 1, "mean p"),
            ("frozen", 100, "share of frozen synapses (%)"),
        ):
            values = unit * tasks_learned(result, variable, tasks.name, tasks.consolidating)
            steps = np.diff(values, axis=1)
            growth = {str(n): mean_of(step, unit="networks") for n, step in enumerate(steps.T, start=1)}
            subject = RISING if variable == "mean_p" and tasks.name != "permuted_fashion" else S17
            quantity = f"smallest growth of {label} with a task"
            about: dict[str, Any] = {"setting": tasks.setting(), "condition": {"tasks": tasks.name}}
            reason = f"{values[:, 1].mean():.3g} after one task, {values[:, -1].mean():.3g} after all"
            yield row(subject, growth, quantity, along="task", reason=reason, **about)
    yield from panels(run, "by_task release_probability", S17, (9, 4))
    shown = ("presynaptic", "none", "ewc", "bgd", "joint")
    for tasks in sequences_of(run, "split"):
        names = [name for name in shown if tasks.has(name)]
        final = {name: 100 * accuracy_table(result, tasks.name, name)[:, -1].mean(axis=0) for name in names}
        rows = "; ".join(
            f"{METHODS[name].label} {' / '.join(f'{x:.1f}' for x in by_task)}"
            for name, by_task in final.items()
        )
        if rows:
            yield f"{tasks.name}, final accuracy on tasks 1 to 5 in percent: {rows}."
