"""M14: at the same c, noise of its own for each synapse lowers the average noise only slightly."""

from biophys.estimates import means_along
from validation.criteria import above, below, in_every
from validation.registry import Context, Findings, Run, measures
from validation.statement import MALKIN, Claim, Clause, row

LOWER = Clause("M14a", "heterogeneous noise is lower on average", "fig 2b", in_every(below(1.0), "rho"))
SLIGHTLY = Clause(
    "M14b", "by less than a quarter (slightly)", "fig 2b", in_every(above(0.75), "rho"), "slightly, no number"
)
M14 = Claim(
    "M14",
    "At a fixed c heterogeneous noise reduces the average noise, but only slightly",
    MALKIN,
    (LOWER, SLIGHTLY),
    "After the published schedule noise of its own is 34 to 43 % lower on average, by whichever average.",
)


@measures(M14, experiment="reliability")
def average_noise(run: Run, context: Context) -> Findings:
    """Compare the mean sigma of networks with one noise for each synapse and with one for all."""
    for average in ("rms", "mean", "median"):
        sigma = run.result[f"sigma_{average}"]
        ratio = sigma.sel(noise="heterogeneous") / sigma.sel(noise="homogeneous")
        # The published average is the root mean square.
        subjects = (LOWER, SLIGHTLY) if average == "rms" else (M14,)
        estimates = means_along(ratio.prod("multiplier") ** (1 / ratio.sizes["multiplier"]), "rho", "ratio")
        words = f"{average} sigma of heterogeneous over homogeneous noise, geometric mean over c"
        for subject in subjects:
            yield row(subject, estimates, words, along="rho")
