"""M06 and M10: slopes and correlations of the theory are reproduced, others are not."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from rate_models.experiments import bayesian_signatures as experiment
from validation.claims.malkin2023.paying_networks import (
    M06,
    M10,
    importance_and_variance,
    nearest_cost,
    slopes_without_hidden_layer,
    variance_at_other_c,
)
from validation.context import Context
from validation.data.datastore import DataSetMissing, locate
from validation.published_settings import published_settings
from validation.registry import evidence_of
from validation.statement import Verdict, verdict_on

PUBLISHED = published_settings("signatures")

YES, NO, OPEN, NOT_RUN = Verdict.REPRODUCED, Verdict.NOT_REPRODUCED, Verdict.OPEN, Verdict.NOT_RUN


@pytest.fixture(scope="module")
def signed():
    """Return a result of three seeds whose correlations and slopes are those of the theory."""
    tiny = dict(hidden_units=(6, 5), n_epochs=1, batch_size=100, rho=(0.5, 2.0), seeds=(1, 2, 3))
    config = replace(experiment.QUICK, **tiny, n_seeds_at_every_c=0, n_statistics_epochs=1, n_shown=10)
    result = experiment.run(config).copy(deep=True)
    jitter = xr.DataArray([-0.02, 0.0, 0.02], dims="seed")
    for predictor in result.predictor.values:
        for rho in result.rho.values:
            slope = experiment.theoretical_slope(str(predictor), float(rho))
            place = dict(predictor=predictor, rho=rho)
            for prefix in ("", "linear_"):
                for name, value in (("slope", slope), ("correlation", 0.8 * np.sign(slope))):
                    for kind in ("all", "above_floor"):
                        variable = result[f"{prefix}{name}_{kind}"]
                        variable.loc[place] = value + jitter.broadcast_like(variable.loc[place])
    level = result.sigma_by_epoch.isel(epoch=-1)
    result["sigma_by_epoch"].loc[dict(epoch=result.epoch[-1])] = (
        xr.ones_like(level) * result.c_factor**0.4 * (1 + jitter)
    ).transpose(*level.dims)
    return result


def test_signatures_of_the_theory_are_reproduced(verdicts, signed):
    assert verdicts(M06, (importance_and_variance, variance_at_other_c), signed, PUBLISHED) == [YES] * 6
    assert verdicts(M10, slopes_without_hidden_layer, signed, PUBLISHED) == [YES] * 4 + [NOT_RUN]


@pytest.mark.parametrize(
    ("layer", "c", "expected"),
    [
        (1, 1.0, [YES, YES, NO, YES, YES, YES]),
        (0, 1.0, [YES, YES, YES, NO, YES, YES]),
        (1, 10.0, [YES, YES, YES, YES, NO, YES]),
    ],
)
def test_the_opposite_sign_in_one_place_fails_its_clause(verdicts, signed, layer, c, expected):
    spoiled = signed.copy(deep=True)
    place = dict(predictor="input rate", state="published", rho=2.0, c_factor=c, layer=layer)
    spoiled = spoiled.assign_coords(layer=[0, 1, 2])
    spoiled.correlation_all.loc[place] = -spoiled.correlation_all.loc[place]
    assert verdicts(M06, (importance_and_variance, variance_at_other_c), spoiled, PUBLISHED) == expected


def test_one_network_leaves_m06_open(verdicts, signed):
    alone = signed.isel(seed=[0])
    assert verdicts(M06, (importance_and_variance, variance_at_other_c), alone, PUBLISHED) == [OPEN] * 6


def test_slopes_away_from_the_analytic_ones_fail_m10(verdicts, signed):
    flat = signed.assign(linear_slope_above_floor=0.5 * signed.linear_slope_above_floor)
    assert verdicts(M10, slopes_without_hidden_layer, flat, PUBLISHED)[:4] == [NO, NO, NO, YES]


@pytest.mark.data
def test_recorded_slope_is_nearest_to_rho_two_where_input_is_the_rate():
    try:
        locate("ko2013", download=False)
    except DataSetMissing as missing:
        pytest.skip(str(missing))
    found = evidence_of(nearest_cost(Context())).measurements
    assert verdict_on(M10.clauses[-1], found) is YES
    assert "nearest to actin" in found[0].reason and found[0].is_observation
