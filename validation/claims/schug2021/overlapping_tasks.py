"""S30: fewer important synapses are shared between tasks where release probabilities learn."""

from typing import Any

from biophys.estimates import mean_of
from validation.claims.schug2021.task_sequences import sequences_of
from validation.criteria import above
from validation.registry import Context, Findings, Run, measures
from validation.runs import result_beside
from validation.statement import SCHUG, Claim, Clause, not_run, row

OVERLAP = Clause("S30a", "overlap with ghost p less that with plastic p", "results, ablation", above(0.0))
S30 = Claim(
    "S30",
    "Sparsity by presynaptic plasticity decreases the overlap of important synapses of different tasks",
    SCHUG,
    (OVERLAP,),
)
_ARMS = ("full_arm", "ghost_arm")
_ON_PERMUTED: dict[str, Any] = {"benchmarks": ("permuted_mnist",), "methods": _ARMS, "n_seeds_permuted": 3}


@measures(S30, experiment="lifelong")
def overlapping_tasks(run: Run, context: Context) -> Findings:
    """Compare the overlap of the tenth of the synapses with most Fisher information, task by task."""
    beside = (
        run if "overlap" in run.result else result_beside(run, context, "lifelong_overlap", **_ON_PERMUTED)
    )
    if "overlap" not in beside.result:
        yield not_run(OVERLAP, "needs `lifelong_overlap.nc` beside the stored run")
        return
    for tasks in sequences_of(beside, "split", "permuted"):
        if tasks.has(*_ARMS):
            overlap = beside.result.overlap.sel(benchmark=tasks.name)
            full, ghost = (overlap.sel(algorithm=name) for name in _ARMS)
            how = f"paired seeds, {float(ghost.mean()):.3f} against {float(full.mean()):.3f}, 0.1 by chance"
            more = mean_of(ghost - full, unit="networks", how=how)
            words = "share of a task's important synapses that another has: ghost p less plastic p"
            about: dict[str, Any] = {"condition": {"tasks": tasks.name}, "setting": tasks.setting()}
            yield row(OVERLAP if "permuted" in tasks.name else S30, more, words, **about)
