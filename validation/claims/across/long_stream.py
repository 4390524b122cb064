"""X14: sixty tasks in one pass, more than the synapses can hold: release odds whose evidence fades."""

from typing import Any

from biophys.estimates import mean_of
from validation.criteria import above
from validation.registry import Context, Findings, Run, measures, panels
from validation.runs import result_beside
from validation.statement import CROSS_CHECK, Claim, Clause, not_run, row

LEVEL = Clause("X14a", "the newest five tasks, all along: at least 85 %", CROSS_CHECK, above(85.0))
BETTER = Clause("X14b", "better there than evidence that stays, seed by seed", CROSS_CHECK, above(0.0))
_SAID = (
    "On a stream of more tasks than the synapses can hold, release odds whose evidence fades go on learning "
    "new ones; where evidence stays they learn them less and less well"
)
X14 = Claim("X14", _SAID, CROSS_CHECK, (LEVEL, BETTER))
# Rate, gain and a memory of three tasks were found on seed 1, with training images held out.
_LONG_STREAM: dict[str, Any] = {
    **{"hidden_units": (50,), "n_tasks": 60, "n_epochs": 1},
    **{"learning_rate": 3.0, "gain": 4.0, "memory": 1800.0},
    "methods": ("evidence", "fading", "published", "mesu"),
}
_NEWEST = "accuracy on the newest five tasks, mean from the fifth on (%)"


@measures(X14, experiment="graceful_forgetting")
def long_stream(run: Run, context: Context) -> Findings:
    """Follow the accuracy on the newest five tasks, and what is left of the old ones."""
    from rate_models.experiments import graceful_forgetting as networks

    stream = result_beside(run, context, "graceful_forgetting_long_stream", **_LONG_STREAM)
    if stream is run and not context.is_quick:
        for clause in X14.clauses:
            yield not_run(clause, "needs `graceful_forgetting_long_stream.nc` beside the stored run")
        return
    names = [str(name) for name in stream.result["algorithm"].values if name not in networks.CONTROLS]
    newest = {name: networks.newest_tasks(stream.result, name) for name in names}
    for name, accuracy in newest.items():
        condition = {"method": networks.METHODS[name].label}
        # The level was asked for on MNIST: a share of the digits says nothing of it.
        is_judged = name == "fading" and stream.config["data_set"] == "mnist"
        subject = LEVEL if is_judged else X14
        yield row(subject, mean_of(accuracy, unit="networks"), _NEWEST, condition=condition)
        at_end = 100 * stream.result.accuracy.sel(algorithm=name)[:, -1].dropna("seed", how="all")
        older = at_end[:, : at_end.sizes["task"] // 2]
        for words, part in (("older half of the tasks", older), ("newest task", at_end[:, -1:])):
            left = mean_of(part.mean("task").to_numpy(), unit="networks")
            yield row(X14, left, f"accuracy on the {words} at the end (%)", condition=condition)
    ahead = mean_of(newest["fading"] - newest["evidence"], unit="networks", how="paired by seed")
    yield row(BETTER, ahead, "advantage of evidence that fades on the newest five tasks (points)")
    yield from panels(stream, "by_task release_probability", X14, (9, 4))
