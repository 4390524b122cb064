"""M14: at the same c, noise of its own for each synapse lowers the average noise only slightly."""

from typing import Any

import xarray as xr

from biophys.estimates import means_along
from validation.claims.malkin2023.reliability_networks import growth_at_end
from validation.criteria import above, below, in_every
from validation.published_settings import published_settings
from validation.registry import Context, Findings, Run, measures
from validation.runs import result_beside
from validation.statement import MALKIN, Claim, Clause, row, setting_of

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

_WORDS = "sigma of heterogeneous over homogeneous noise, geometric mean over c"
_CONVERGED: dict[str, Any] = {"formulation": "text", "n_epochs": 6, "noise_memory": 0.99, "noise_haste": 10.0}


@measures(M14, experiment="reliability")
def average_noise(run: Run, context: Context) -> Findings:
    """Compare the mean sigma of networks with one noise for each synapse and with one for all."""
    for average in ("rms", "mean", "median"):
        # The published average is the root mean square.
        subjects = (LOWER, SLIGHTLY) if average == "rms" else (M14,)
        estimates = means_along(_ratio(run.result[f"sigma_{average}"]), "rho", "ratio")
        words = f"{average} {_WORDS}"
        for subject in subjects:
            yield row(subject, estimates, words, along="rho")
    growth = means_along(growth_at_end(_ratio(run.result.sigma_by_epoch)), "rho", "ratio")
    yield row(M14, growth, f"rms {_WORDS}: growth in the last fifth of the epochs", along="rho")
    settled = result_beside(run, context, "reliability_converged", **_CONVERGED)
    if settled is not run:
        ratios = means_along(_ratio(settled.result.sigma_rms), "rho", "ratio")
        here = setting_of(settled.config, published_settings("reliability"))
        yield row(M14, ratios, f"rms {_WORDS}, once it has settled", along="rho", setting=here)


def _ratio(sigma: xr.DataArray) -> xr.DataArray:
    """Return what is left of homogeneous noise where each synapse has noise of its own."""
    ratio = sigma.sel(noise="heterogeneous") / sigma.sel(noise="homogeneous")
    return ratio.prod("multiplier") ** (1 / ratio.sizes["multiplier"])
