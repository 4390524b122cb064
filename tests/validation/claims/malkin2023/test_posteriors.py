"""M11, M13, M17, M18 and M19: noise and predictions that resemble inference, or do not."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from rate_models.experiments import posterior, predictive_distributions
from validation.claims.malkin2023.noise_and_posterior import (
    M11,
    M13,
    M18,
    M19,
    bound_on_evidence,
    noise_and_posterior,
    noise_of_a_posterior,
    trained_posterior,
)
from validation.claims.malkin2023.noise_and_posterior import predictive_distributions as predicted_as
from validation.context import Context
from validation.published_settings import published_settings
from validation.statement import Verdict, verdict_on

PUBLISHED, PREDICTIVE = published_settings("posterior"), published_settings("predictive")

YES, NO, OPEN, NOT_RUN = Verdict.REPRODUCED, Verdict.NOT_REPRODUCED, Verdict.OPEN, Verdict.NOT_RUN


@pytest.fixture(scope="module")
def compared():
    """Return a result of the posterior experiment with the slopes of the theory."""
    tiny = dict(hidden_units=(6, 5), n_epochs=1, batch_size=100, n_shown=10)
    conditions = dict(rho=(0.5, 2.0), s=(0.01, 0.1), seeds=(1, 2, 3))
    result = posterior.run(replace(posterior.QUICK, **tiny, **conditions)).copy(deep=True)
    scatter = 0.02 * np.random.default_rng(0).normal(size=result.slope.sel(rho=0.5).shape)
    for rho in result.rho.values:
        result.slope.loc[dict(rho=rho)] = 2 / (rho + 2) + scatter
        result.correlation.loc[dict(rho=rho)] = 0.8 + scatter
    return result


def test_noise_that_follows_the_posterior_less_steeply_is_reproduced(verdicts, compared):
    assert verdicts(M11, noise_and_posterior, compared, PUBLISHED) == [YES, YES, YES, NOT_RUN]
    assert verdicts(M18, trained_posterior, compared, PUBLISHED)[0] is YES


@pytest.mark.parametrize(("factor", "expected"), [(2.0, YES), (0.5, NO)])
def test_noise_must_rise_with_c(verdicts, compared, factor, expected):
    scatter = 1 + 0.02 * np.random.default_rng(0).normal(size=compared.sigma_by_epoch.shape)
    sigma = xr.zeros_like(compared.sigma_by_epoch) + factor ** xr.DataArray([0, 1], dims="s")
    assert (
        verdicts(M18, trained_posterior, compared.assign(sigma_by_epoch=sigma * scatter), PUBLISHED)[1]
        is expected
    )


def test_the_bound_on_the_evidence_must_hold_in_every_network(verdicts, compared):
    assert verdicts(M19, bound_on_evidence, compared, PUBLISHED) == [YES]
    compared = compared.copy(deep=True)
    compared.evidence_gap.loc[dict(rho=2.0, s=0.1, seed=2)] = -1.0
    assert verdicts(M19, bound_on_evidence, compared, PUBLISHED) == [NO]
    assert verdicts(M19, bound_on_evidence, compared.drop_vars("evidence_gap"), PUBLISHED) == [NOT_RUN]


def test_layers_and_scales_of_one_network_are_no_sample(verdicts, compared):
    alone = compared.isel(seed=[0])
    assert verdicts(M11, noise_and_posterior, alone, PUBLISHED)[:3] == [OPEN] * 3


def test_noise_as_steep_as_the_posterior_or_in_the_wrong_order_fails(verdicts, compared):
    steep = compared.assign(slope=compared.slope + 0.4)
    assert verdicts(M11, noise_and_posterior, steep, PUBLISHED)[:3] == [YES, NO, YES]
    reversed_order = compared.assign(slope=compared.slope.isel(rho=[1, 0]).assign_coords(rho=compared.rho))
    assert verdicts(M11, noise_and_posterior, reversed_order, PUBLISHED)[:3] == [YES, YES, NO]
    assert verdicts(M18, trained_posterior, reversed_order, PUBLISHED)[0] is NO


def test_the_lines_of_figure_7_have_the_analytic_slopes():
    assert verdict_on(M11.clauses[-1], list(noise_of_a_posterior(Context()))) is YES


@pytest.fixture(scope="module")
def predicted():
    """Return predictions near those of variational Bayes for small rho, and off for large rho and large c."""
    config = replace(
        predictive_distributions.QUICK,
        rho=(0.5, 2.0),
        s=(0.003, 0.01, 0.03, 0.1),
        seeds=(1, 2, 3),
        n_steps=150,
        n_draws=20,
        n_x=30,
    )
    result = predictive_distributions.run(config)
    rng = np.random.default_rng(0)
    wobble = 1 + 0.05 * rng.normal(size=result.sd.shape)
    s_steps = np.arange(result.sizes["s"]) + 0 * result.s
    # The second s is nearest to variational Bayes, the last one misses most.
    off = 0.02 * result.rho * (1 + 0.1 * result.seed) * (0.3 + (s_steps - 1.1) ** 2)
    truth = result.x.copy(data=predictive_distributions.target_function(result.x.values))
    wider = result.x.copy(data=np.where(result.has_data.values, 1.0, 2.0))
    spread = 0.1 * wider * np.exp(0.01 * (result.seed - 2))
    narrow = 0.05 + 0 * spread
    sd = spread * (s_steps > 0) + narrow * (s_steps == 0)
    dims = result.sd.dims
    return result.assign(
        mean_of_variational=(truth + 0 * result.seed).transpose("seed", "x"),
        sd_of_variational=spread.transpose("seed", "x"),
        mean=(truth + off + 0 * result.sd).transpose(*dims),
        sd=(sd + 0 * result.sd).transpose(*dims) * wobble,
    )


def test_predictions_that_resemble_variational_bayes_less_for_large_rho_are_reproduced(verdicts, predicted):
    assert verdicts(M13, predicted_as, predicted, PREDICTIVE) == [YES] * 6


def test_predictions_nearer_for_large_rho_fail(verdicts, predicted):
    swapped = predicted.assign(
        {name: predicted[name].isel(rho=[1, 0]).assign_coords(rho=predicted.rho) for name in ("mean", "sd")}
    )
    assert verdicts(M13, predicted_as, swapped, PREDICTIVE)[2] is NO


def test_wide_distributions_at_small_c_and_good_predictions_at_large_c_fail(verdicts, predicted):
    backwards = predicted[["mean", "sd"]].isel(s=slice(None, None, -1)).assign_coords(s=predicted.s)
    swapped = predicted.assign(backwards.data_vars)
    found = verdicts(M13, predicted_as, swapped, PREDICTIVE)
    assert (found[4], found[5]) == (NO, NO) and found[3] is not YES
