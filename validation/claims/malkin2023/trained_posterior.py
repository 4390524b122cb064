"""M18 and M19: figure 7b and c, and the bound on the evidence, with trained networks."""

from typing import Any

import numpy as np

from biophys.estimates import in_range, means_along
from validation.claims.malkin2023.reliability_networks import growth_at_end
from validation.criteria import above, equals, in_every
from validation.published_settings import published_settings
from validation.registry import Context, Findings, Run, measures
from validation.runs import result_beside
from validation.statement import MALKIN, Claim, Clause, not_run, row, setting_of

# Within 20 %, what a figure on log axes shows: no paper states a margin.
SLOPES = Clause("M18a", "slope over 2/(rho+2) at s = 0.01", "fig 7b", in_every(equals(1.0, 0.2), "rho"))
RISES = Clause("M18b", "noise rises with c of 0.112, 0.2, 0.356 at rho = 1/2", "fig 7c", in_every(above(1.0)))
M18 = Claim(
    "M18", "The lines of figure 7b,c, which are analytic, hold for trained networks", MALKIN, (SLOPES, RISES)
)
BOUND = Clause("M19a", "ELBO plus overall cost plus constant", "eq 49", in_every(above(0.0), "network"))
M19 = Claim("M19", "The overall cost bounds the evidence lower bound of a trained network", MALKIN, (BOUND,))

_FIGURE_7C = {"rho": (0.5,), "s": (10**-2.5, 0.01, 10**-1.5)}
# Networks of figure 5, with their published settings.
_FIGURE_5: dict[str, Any] = {
    **{"formulation": "figures", "rho": (0.5,), "s": (0.001,), "initial_sigma": 1e-4},
    **{"noise_haste": 1.0, "learning_rate": None},
}


@measures(M18, experiment="posterior")
def trained_posterior(run: Run, context: Context) -> Findings:
    """Compare the slopes of trained noise with those of the linear model, and the noise at several c."""
    result = run.result
    if 0.01 in result.s.values:
        slope = result.slope.sel(posterior="variational", s=0.01).mean("layer") * (result.rho + 2) / 2
        words = "slope of log sigma on log posterior sd over 2/(rho+2), mean over layers"
        yield row(SLOPES, means_along(slope, "rho"), words, along="rho")
    else:
        yield not_run(SLOPES, "this run of the experiment has no networks with s = 0.01")
    growth = means_along(growth_at_end(result.sigma_by_epoch.isel(s=0)), "rho", "ratio")
    words = f"rms sigma at s = {float(result.s[0]):g}: growth in the last fifth of the epochs"
    yield row(M18, growth, words, along="rho")
    by_c = result_beside(run, context, "posterior_by_c", **_FIGURE_7C)
    noise = by_c.result.sigma_by_epoch.isel(epoch=-1).sel(rho=0.5)
    ratio = (noise / noise.shift(s=1)).isel(s=slice(1, None))
    ratio = ratio.assign_coords(s=[2 * s**0.5 for s in ratio.s.values]).rename(s="c")
    words = "rms sigma over that at the next smaller c"
    is_of_figure = np.array_equal(noise.s, _FIGURE_7C["s"]) or context.is_quick
    about: dict[str, Any] = {
        "along": "c",
        "setting": setting_of(by_c.config, published_settings("posterior")),
    }
    yield row(RISES if is_of_figure else M18, means_along(ratio, "c", "ratio"), words, **about)
    if not is_of_figure:
        yield not_run(RISES, "needs networks with s of 10^-2.5 and 10^-1.5")


@measures(M19, experiment="posterior")
def bound_on_evidence(run: Run, context: Context) -> Findings:
    """Add up both sides of equation 49, without the expected log-likelihood that is in both."""
    beside = run
    if "evidence_gap" not in run.result:
        beside = result_beside(run, context, "posterior_evidence", **_FIGURE_5)
    if "evidence_gap" not in beside.result:
        yield not_run(BOUND, "needs `posterior_evidence.nc` beside the stored run")
        return
    gap, setting = beside.result.evidence_gap, setting_of(beside.config, published_settings("posterior"))
    # Of one network it is a number without error, and the smallest of all decides.
    smallest = {float(rho): float(gap.sel(rho=rho).min()) for rho in gap.rho.values}
    by_rho = {f"rho {rho:.3g}": in_range(least, (least, least), "exact") for rho, least in smallest.items()}
    words = "evidence lower bound plus overall cost plus constant (nats), smallest over networks"
    yield row(BOUND, by_rho, words, along="network", setting=setting)
