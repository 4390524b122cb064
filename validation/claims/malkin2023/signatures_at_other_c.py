"""M06e and M06f: noise and importance with c ten times larger and smaller (appendix 6, figure 2)."""

from biophys.estimates import means_along
from validation.claims.malkin2023.signature_networks import LEVEL, M06, OTHER_C
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import row


@measures(M06, experiment="signatures")
def variance_at_other_c(run: Run, context: Context) -> Findings:
    """Ask whether variance goes with importance at other c as at the published one, and rises with c."""
    from rate_models.experiments import bayesian_signatures as networks

    result = run.result
    if result.sizes["c_factor"] == 1:
        return
    other_c = result.sel(state="published", c_factor=result.c_factor[result.c_factor != 1]).correlation_all
    second = networks.signed(other_c).isel(layer=[1]).assign_coords(layer=[2])
    signs = means_along(second, ("predictor", "rho", "layer", "c_factor"), "correlation")
    yield row(OTHER_C, signs, "rank correlation, signed as published, least certain", along="case")
    steps = means_along(networks.growth_with_c(result), ("rho", "c_factor"), "ratio")
    words = "mean sigma at one c over that at the c ten times smaller"
    yield row(LEVEL, steps, words, along="case")
    yield from panels(run, "app6-fig2a app6-fig2b", M06, (9, 3.4))
