"""Results of the energy experiment whose outcome a test can set."""

import dataclasses

import numpy as np
import pytest
import xarray as xr

from rate_models.experiments.energy_efficiency import QUICK, run
from validation.archive import ArchivedRun
from validation.context import Context
from validation.published_settings import published_settings
from validation.registry import evidence_of

PUBLISHED = published_settings("energy")

TINY = dataclasses.replace(
    QUICK,
    models=("soft_bound", "soft_bound_uniform", "additive", "deterministic", "fixed_release"),
    l2=(0.0, 0.01),
    seeds=(1, 2, 3),
    hidden_units=(12, 10),
    n_epochs=2,
    evaluate_every=1,
    n_samples=2,
    scanned_p=(0.5, 0.7, 1.0),
    lesion_fractions=(0.0, 0.3, 0.6, 1.0),
    n_shuffles=3,
    n_gradient_synapses=5,
)


@pytest.fixture(scope="session")
def measured():
    """Return a result whose networks answer well, so that every number may be set by a test."""
    result = run(TINY)
    for prefix in ("", "step_size_", "scan_"):
        result[f"{prefix}accuracy"] = xr.ones_like(result[f"{prefix}accuracy"])
    return result


@pytest.fixture
def spread():
    """Return a deviation of each seed that leaves the mean as it is."""
    return xr.DataArray([-0.01, 0.0, 0.01], dims="seed")


@pytest.fixture
def ratios(measured, spread):
    """Return a result with energies of 1000 and the information given for each model."""

    def with_ratios(energy="synaptic_energy", **bits):
        information = xr.full_like(measured.information, np.nan)
        for model, value in bits.items():
            information.loc[{"model": model}] = value * (1 + spread)
        return measured.assign({"information": information, energy: xr.full_like(information, 1000.0)})

    return with_ratios


@pytest.fixture
def evidence():
    """Return what a measuring function finds in a result, as if it were of the published settings."""

    def found(function, result, config=PUBLISHED):
        return evidence_of(function(ArchivedRun("energy", result, dict(config), {}), Context()))

    return found
