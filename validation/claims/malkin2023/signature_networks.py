"""The networks of figure 5 and appendices 5 and 6: their published settings, and numbers over their seeds."""

from __future__ import annotations

import xarray as xr

from validation.registry import Run
from validation.statement import Setting, setting_of

PUBLISHED = {
    "data_set": "mnist",
    "formulation": "figures",
    "s": 0.001,
    "hidden_units": [100, 100],
    "n_epochs": 50,
    "n_statistics_epochs": 10,
    "batch_size": 20,
    "initial_sigma": 1e-4,
    "noise_memory": 0.999,
}
"""Materials and methods; the formulation is the one that the published figures are consistent with."""

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


def signature_setting(run: Run) -> Setting:
    """Return what a run of the signatures experiment does otherwise than published."""
    return setting_of(run.config, PUBLISHED)


def signed(values: xr.DataArray) -> xr.DataArray:
    """Return what was measured with the published predictors, positive where it has the published sign."""
    return values.sel(predictor=list(SIGNS)) * xr.DataArray(
        list(SIGNS.values()), [("predictor", list(SIGNS))]
    )
