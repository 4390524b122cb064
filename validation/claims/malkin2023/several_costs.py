"""M16: networks that pay all costs at once behave as those that pay one."""

from functools import partial

from biophys.estimates import mean_of
from validation.claims.malkin2023.reliability_networks import NOISES, advantage, from_first_to_last_c
from validation.criteria import above, below
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import MALKIN, Claim, Clause, not_run, row

_clause = partial(Clause, source="results, after fig 1")
ACCURACY = _clause("M16a", "accuracy falls with c", criterion=below(0.0))
NOISE = _clause("M16b", "mean sigma rises with c", criterion=above(1.0))
BETTER = _clause("M16c", "heterogeneous noise is more accurate at the same c", criterion=above(0.0))
M16 = Claim(
    "M16",
    "Several costs at once: likely not significantly different from each cost by itself",
    MALKIN,
    (ACCURACY, NOISE, BETTER),
)


@measures(M16, experiment="reliability")
def several_costs(run: Run, context: Context) -> Findings:
    """Ask of networks that pay an equal share of four costs what figures 2 and 3 show of one cost."""
    if "mixture_accuracy" not in run.result:
        for clause in M16.clauses:
            yield not_run(clause, "this run of the experiment left these networks out")
        return
    names = {"mixture_accuracy": "accuracy", "mixture_sigma_rms": "sigma_rms"}
    mixture = run.result[list(names)].rename(names)
    estimate = partial(mean_of, unit="networks")
    for noise in NOISES:
        part, condition = mixture.sel(noise=noise), {"noise": noise}
        change = estimate(from_first_to_last_c(part.accuracy))
        words = "change of test accuracy from the smallest to the largest c"
        yield row(ACCURACY, change, words, condition=condition)
        rise = part.sigma_rms.isel(multiplier=-1) / part.sigma_rms.isel(multiplier=0)
        words = "rms sigma, largest c over smallest"
        yield row(NOISE, estimate(rise, "ratio"), words, condition=condition)
    words = "accuracy of heterogeneous minus homogeneous noise at the same c, mean over the sweep"
    yield row(BETTER, estimate(advantage(mixture)), words)
    yield from panels(run, "mixture", M16, (9, 3.4))
