"""Verdicts on reliability costs, signatures and posteriors: results that hold, fail, or do not say."""

from dataclasses import replace

import numpy as np
import pytest

from rate_models.experiments import (
    posterior as posterior_experiment,
)
from rate_models.experiments import (
    predictive_distributions,
    reliability_tradeoff,
)
from validation.claims import posteriors
from validation.claims import reliability_tradeoff as tradeoff
from validation.claims.claim import Verdict, combined_verdict

TINY = dict(hidden_units=(6, 5), n_epochs=1, batch_size=100, rho=(0.5, 2.0))


def verdict(evidence, claim):
    return combined_verdict([m for m in evidence.measurements if m.claim == claim])


@pytest.fixture(scope="module")
def swept():
    """Return a result of the sweep with made-up accuracies and noise of three seeds."""
    config = replace(
        reliability_tradeoff.QUICK, **TINY, log10_c_low=(-2, -2), log10_c_high=(2, 2), n_c=5, seeds=(1, 2, 3)
    )
    result = reliability_tradeoff.run(config)
    log_c = np.log10(result.c)
    is_equal = (result.noise == "homogeneous").astype(float)
    jitter = 0.002 * (result.seed - 2)
    accuracy = 0.6 - 0.15 * log_c - 0.05 * is_equal * (1 + jitter) + jitter
    sigma = 0.1 * 10 ** (0.4 * log_c) * np.exp(0.01 * (result.seed - 2))
    costs = 100 * sigma**-result.rho / result.rho
    dims = result.accuracy.dims
    return result.assign(
        accuracy=accuracy.transpose(*dims),
        sigma_rms=(sigma + 0 * result.accuracy).transpose(*dims),
        cost=(costs * (1.05 - 0.05 * is_equal)).transpose(*dims),
        cost_at_rms=(costs / 100 + 0 * result.accuracy).transpose(*dims),
    )


def test_a_sweep_that_holds_is_reproduced(swept):
    evidence = tradeoff.evidence_of(swept)
    for claim in ("M03", "M04", "M05"):
        assert verdict(evidence, claim) is Verdict.REPRODUCED, claim
    at_c = next(m for m in evidence.measurements if m.claim == "M04" and not m.is_supporting)
    assert at_c.measured == pytest.approx(0.05) and at_c.n == 6
    excess = next(m for m in evidence.measurements if "summed cost" in m.quantity)
    assert excess.measured == pytest.approx(1.05)


def test_equal_noise_that_does_better_fails_m04_only(swept):
    swapped = swept.assign(accuracy=swept.accuracy.isel(noise=[1, 0]).assign_coords(noise=swept.noise))
    evidence = tradeoff.evidence_of(swapped)
    assert verdict(evidence, "M04") is Verdict.NOT_REPRODUCED
    assert verdict(evidence, "M03") is Verdict.REPRODUCED


def test_accuracy_that_rises_with_c_fails_m03_and_noise_without_end_leaves_it_open(swept):
    assert (
        verdict(tradeoff.evidence_of(swept.assign(accuracy=1 - swept.accuracy)), "M03")
        is Verdict.NOT_REPRODUCED
    )
    rng = np.random.default_rng(1)
    scattered = swept.assign(accuracy=0.5 + 0 * swept.accuracy + 0.1 * rng.normal(size=swept.accuracy.shape))
    assert verdict(tradeoff.evidence_of(scattered), "M03") is not Verdict.REPRODUCED


@pytest.fixture(scope="module")
def compared():
    """Return a result of the posterior experiment with the slopes of the theory."""
    result = posterior_experiment.run(replace(posterior_experiment.QUICK, **TINY, n_shown=10)).copy(deep=True)
    scatter = 0.02 * np.random.default_rng(0).normal(size=result.slope.sel(rho=0.5).shape)
    for rho in result.rho.values:
        for end, shift in (("", 0.0), ("_low", -0.05), ("_high", 0.05)):
            result[f"slope{end}"].loc[dict(rho=rho)] = 2 / (rho + 2) + shift + scatter
            result[f"correlation{end}"].loc[dict(rho=rho)] = 0.8 + shift
    return result


def test_noise_that_follows_the_posterior_less_steeply_is_reproduced(compared):
    assert verdict(posteriors.evidence_of_posterior(compared), "M11") is Verdict.REPRODUCED


def test_noise_as_steep_as_the_posterior_or_in_the_wrong_order_fails(compared):
    steep = compared.assign(slope=compared.slope + 0.4)
    assert verdict(posteriors.evidence_of_posterior(steep), "M11") is Verdict.NOT_REPRODUCED
    reversed_order = compared.assign(slope=compared.slope.isel(rho=[1, 0]).assign_coords(rho=compared.rho))
    assert verdict(posteriors.evidence_of_posterior(reversed_order), "M11") is Verdict.NOT_REPRODUCED


@pytest.fixture(scope="module")
def predicted():
    """Return predictions that equal variational Bayes for small rho and are off for large rho."""
    config = replace(predictive_distributions.QUICK, rho=(0.5, 2.0), n_steps=150, n_draws=20, n_x=30)
    result = predictive_distributions.run(config)
    rng = np.random.default_rng(0)
    off = 0.01 * result.rho * (1 + 0.1 * result.seed)
    wobble = 1 + 0.05 * rng.normal(size=result.sd.shape)
    return result.assign(
        mean=(result.mean_of_variational + off + 0 * result.sd).transpose(*result.sd.dims),
        sd=(result.sd_of_variational + 0 * result.sd).transpose(*result.sd.dims) * wobble,
    )


def test_predictions_that_resemble_variational_bayes_less_for_large_rho_are_reproduced(predicted):
    assert verdict(posteriors.evidence_of_predictions(predicted), "M13") is Verdict.REPRODUCED


def test_predictions_nearer_for_large_rho_fail_m13(predicted):
    swapped = predicted.assign(
        {name: predicted[name].isel(rho=[1, 0]).assign_coords(rho=predicted.rho) for name in ("mean", "sd")}
    )
    assert verdict(posteriors.evidence_of_predictions(swapped), "M13") is Verdict.NOT_REPRODUCED
