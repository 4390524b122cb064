"""M03-M05, M14 and M16: results that hold, fail, or do not say."""

from dataclasses import replace

import numpy as np
import pytest

from rate_models.experiments import reliability_tradeoff
from validation.claims.malkin2023.paying_networks import (
    M03,
    M04,
    M05,
    M14,
    M16,
    advantage,
    average_noise,
    cost_multiplier,
    heterogeneous_noise,
    log_log_slope,
    reliability_cost,
    several_costs,
)
from validation.published_settings import published_settings
from validation.statement import Verdict

PUBLISHED = published_settings("reliability")

YES, NO, OPEN = Verdict.REPRODUCED, Verdict.NOT_REPRODUCED, Verdict.OPEN
MEASURED = (
    (M03, cost_multiplier),
    (M04, heterogeneous_noise),
    (M05, reliability_cost),
    (M14, average_noise),
    (M16, several_costs),
)


@pytest.fixture(scope="module")
def swept():
    """Return a result of the sweep with made-up accuracies and noise of three seeds."""
    tiny = dict(hidden_units=(6, 5), n_epochs=1, batch_size=100, rho=(0.5, 2.0))
    sweep = dict(log10_c_low=(-2, -2), log10_c_high=(2, 2), n_c=5, seeds=(1, 2, 3))
    result = reliability_tradeoff.run(replace(reliability_tradeoff.QUICK, **tiny, **sweep))
    log_c, is_equal = np.log10(result.c), (result.noise == "homogeneous").astype(float)
    jitter = 0.002 * (result.seed - 2)
    accuracy = 0.6 - 0.15 * log_c - 0.05 * is_equal * (1 + jitter) + jitter
    sigma = 0.1 * 10 ** (0.4 * log_c) * np.exp(0.01 * (result.seed - 2)) * (1 + 0.1 * is_equal * (1 + jitter))
    costs = 100 * sigma**-result.rho / result.rho
    made_up = {
        "accuracy": accuracy,
        "sigma_rms": sigma,
        "sigma_mean": sigma,
        "sigma_median": sigma,
        "cost": costs * (1.05 - 0.05 * is_equal) * (1 + jitter * log_c),
        "cost_at_rms": costs / 100,
    }
    dims = result.accuracy.dims
    zero = 0 * result.accuracy
    result = result.assign({name: (zero + values).transpose(*dims) for name, values in made_up.items()})
    mixture = result.isel(rho=0, drop=True)
    return result.assign({f"mixture_{name}": mixture[name] for name in ("accuracy", "sigma_rms")})


@pytest.mark.parametrize(("claim", "function"), MEASURED)
def test_a_sweep_that_holds_is_reproduced(verdicts, swept, claim, function):
    assert verdicts(claim, function, swept, PUBLISHED) == [YES] * len(claim.clauses)


@pytest.mark.parametrize(("claim", "function"), MEASURED)
def test_one_network_leaves_every_clause_open(verdicts, swept, claim, function):
    assert verdicts(claim, function, swept.isel(seed=[0]), PUBLISHED) == [OPEN] * len(claim.clauses)


def test_other_settings_hold_here_at_most(verdicts, swept):
    short = {**PUBLISHED, "n_epochs": 6}
    assert verdicts(M03, cost_multiplier, swept, short) == [Verdict.HOLDS_HERE] * 2


def test_equal_noise_that_does_better_fails_m04_only(verdicts, swept):
    swapped = swept.assign(accuracy=swept.accuracy.isel(noise=[1, 0]).assign_coords(noise=swept.noise))
    assert verdicts(M04, heterogeneous_noise, swapped, PUBLISHED)[0] is NO
    assert verdicts(M03, cost_multiplier, swapped, PUBLISHED) == [YES, YES]


def test_accuracy_that_rises_with_c_fails_m03(verdicts, swept):
    assert verdicts(M03, cost_multiplier, swept.assign(accuracy=1 - swept.accuracy), PUBLISHED) == [NO, YES]
    risen = swept.assign(mixture_accuracy=1 - swept.mixture_accuracy)
    assert verdicts(M16, several_costs, risen, PUBLISHED) == [NO, YES, NO]


@pytest.mark.parametrize(("factor", "expected"), [(2.0, [NO, YES]), (0.5, [YES, NO])])
def test_unequal_noise_must_be_lower_but_not_by_much(verdicts, swept, factor, expected):
    scaled = swept.sigma_rms.where(swept.noise == "homogeneous", factor * swept.sigma_rms)
    assert verdicts(M14, average_noise, swept.assign(sigma_rms=scaled), PUBLISHED) == expected


def test_slope_and_advantage_are_those_that_were_put_in(swept):
    slope = log_log_slope(swept.sigma_rms, swept.c)
    assert slope.values == pytest.approx(np.full(slope.shape, 0.4))
    assert float(advantage(swept).mean()) == pytest.approx(0.05)
    # At the same sigma the lead is what c costs on the way, and the higher noise of equal sigmas.
    lead = 0.05 - 0.15 * np.log10(1.1) / 0.4
    assert float(advantage(swept, "sigma_rms").sel(seed=2).mean()) == pytest.approx(lead, abs=1e-3)
