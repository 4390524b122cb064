"""M13: predictions of networks that pay for reliability beside those of variational Bayes."""

from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from biophys.estimates import mean_of, means_along
from validation.criteria import above, below, between, in_every
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import MALKIN, Claim, Clause, row

_clause = partial(Clause, source="app 4 fig 1")
BAYES = _clause("M13a", "variational Bayes: the spread rises where there are no data", criterion=above(1.0))
FOLLOWS = _clause("M13b", "the overall cost gives comparable patterns", criterion=in_every(above(0.0), "rho"))
FARTHER = _clause("M13c", "less so for large rho", criterion=above(1.0))
NARROW = _clause("M13d", "small c: narrow distributions", criterion=in_every(below(1.0), "rho"))
# "Unrelated": within a quarter, which the paper does not say.
EVEN = _clause("M13e", "at small c and rho = 2 the spread is unrelated to data", criterion=between(0.8, 1.25))
MISFIT = _clause("M13f", "large c: poor predictions", criterion=in_every(above(1.0), "rho"))
M13 = Claim(
    "M13",
    "Predictive distributions of a one-hidden-layer regression network (y = x^3 + 2x^2, noise sd 0.05): "
    "overall-cost networks resemble variational Bayes, less so for large rho; narrow for small c, poor for "
    "large",
    MALKIN,
    (BAYES, FOLLOWS, FARTHER, NARROW, EVEN, MISFIT),
)
_UNIT = "seeds of data and network"
_ratio = partial(mean_of, scale="ratio", unit=_UNIT)


@measures(M13, experiment="predictive")
def predictive_distributions(run: Run, context: Context) -> Findings:
    """Train regression networks by variational Bayes and under each cost, and compare their predictions.

    Number and place of the data, prior, nonlinearity (rectified), s and training are not stated in the paper;
    s is chosen per network as the one whose predictions are nearest to variational Bayes.
    """
    from rate_models.experiments.predictive_distributions import distance_to_variational, target_function

    result = run.result
    distance = distance_to_variational(result)
    words = "predictive sd without data over with data"
    yield row(BAYES, _ratio(_without_data(result, result.sd_of_variational)), words)
    at_nearest = result.sd.isel(s=distance.argmin("s"))
    words = "correlation over x of log predictive sd with that of variational Bayes, at the nearest s"
    correlations = xr.corr(np.log(at_nearest), np.log(result.sd_of_variational), "x")
    by_rho = means_along(correlations, "rho", "correlation", unit=_UNIT)
    yield row(FOLLOWS, by_rho, words, along="rho")
    nearest = distance.min("s")
    means = {rho: float(nearest.sel(rho=rho).mean()) for rho in nearest.rho.values}
    reason = "; ".join(f"rho {rho:.3g}: {mean:.3f}" for rho, mean in means.items())
    words = "distance to variational Bayes at the nearest s: largest rho over smallest"
    yield row(FARTHER, _ratio(nearest.isel(rho=-1) / nearest.isel(rho=0)), words, reason=reason)
    smallest = result.isel(s=0)
    narrow = np.exp((np.log(smallest.sd) - np.log(result.sd_of_variational)).mean("x"))
    words = "predictive sd at the smallest c over that of variational Bayes, geometric mean over x"
    yield row(NARROW, means_along(narrow, "rho", "ratio", unit=_UNIT), words, along="rho")
    even = _without_data(result, smallest.sd.isel(rho=-1))
    words = "predictive sd without data over with data, smallest c and largest rho"
    yield row(EVEN, _ratio(even), words)
    at_data = result.isel(x=result.has_data.values.astype(bool))
    error = ((at_data["mean"] - target_function(at_data.x.values)) ** 2).mean("x") ** 0.5
    words = "error of the mean prediction, largest c over smallest"
    estimate = means_along(error.isel(s=-1) / error.isel(s=0), "rho", "ratio", unit=_UNIT)
    yield row(MISFIT, estimate, words, along="rho")
    yield from panels(run, "app4-fig1a app4-fig1b distance", M13, (9, 3.4))


def _without_data(result: xr.Dataset, sd: xr.DataArray) -> Any:
    """Return the geometric mean of the spread where there are no data over that where there are."""
    log_sd: Any = np.log(sd)
    has_data = result.has_data.values.astype(bool)
    difference: Any = log_sd.isel(x=~has_data).mean("x") - log_sd.isel(x=has_data).mean("x")
    return np.exp(difference)
