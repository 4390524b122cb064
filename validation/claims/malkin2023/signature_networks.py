"""The networks of figure 5 and appendices 5 and 6: their published settings, and numbers over their seeds."""

import xarray as xr

SIGNS = {"hessian (minibatch)": -1, "learning rate": 1, "input rate": -1}
"""Published sign of the correlation with the variance."""

WORDS = {
    "hessian (minibatch)": "Hessian",
    "learning rate": "learning rate",
    "input rate": "input rate",
    "input power": "mean squared input",
    "hessian (curvature)": "curvature",
}

STATES = ("published", "converged")
"""After the published schedule, in which no sigma has settled, and with phi learning ten times as fast."""


def signed(values: xr.DataArray) -> xr.DataArray:
    """Return what was measured with the published predictors, positive where it has the published sign."""
    return values.sel(predictor=list(SIGNS)) * xr.DataArray(
        list(SIGNS.values()), [("predictor", list(SIGNS))]
    )
