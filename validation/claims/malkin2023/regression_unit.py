"""M09, trained: the noise of a linear unit that learns by gradient descent."""

import numpy as np

from biophys.estimates import mean_of
from biophys.optimal_precision import slopes_over_units
from validation.claims.malkin2023.optimal_variance import M09, NAMES, SLOPES, slope_rows
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import Rendering, row

UNITS = "seeds of data and noise"


@measures(M09, rendering=Rendering.RATE, experiment="linear")
def noise_of_a_regression_unit(run: Run, context: Context) -> Findings:
    """Train a linear unit by gradient descent and compare its noise with the exact optimum."""
    result = run.result
    log_ratio = np.log(result.sigma / result.optimum).mean(["synapse", "rho"])
    quantity = "trained sigma over (s^rho / H)^(1/(rho + 2)), geometric mean"
    estimate = mean_of(np.exp(log_ratio), "ratio", unit=UNITS)
    yield row(M09, estimate, quantity, published=1.0)
    regressors = {"on_input_power": result.power, "on_posterior_variance": result.posterior_sd**2}
    for name, x in regressors.items():
        slopes = slopes_over_units(result.sigma, np.log(x), "synapse", UNITS)
        quantity = f"slope of log sigma^2 on {NAMES[name]}"
        yield from slope_rows(SLOPES[name], M09, slopes, name, quantity)
    caption = (
        f"Linear unit with {result.sizes['synapse']} inputs of different strength, {result.attrs['n_data']} "
        f"data, {result.sizes['seed']} seeds: trained noise against sigma^(rho+2) = s^rho / H (line: equal)."
    )
    yield from panels(run, "sigma", M09, (6, 4), caption=caption)
