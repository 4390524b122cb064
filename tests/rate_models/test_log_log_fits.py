"""Slopes and rank correlations on logarithmic axes: recovered, against scipy, floors, clusters, coverage."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import linregress, spearmanr

from rate_models.log_log_fits import _fits, above_floor, association

ALL = dict(generator=torch.Generator().manual_seed(0), n_resamples=50)


def drawn(n_replicas=2, n_out=15, n_in=20, slope=-0.6, noise=0.3, seed=1):
    rng = np.random.default_rng(seed)
    x = np.exp(rng.normal(size=(n_replicas, n_out, n_in)))
    y = x**slope * np.exp(noise * rng.normal(size=x.shape))
    return torch.from_numpy(x), torch.from_numpy(y)


def test_slope_and_rank_correlation_are_those_of_scipy():
    x, y = drawn()
    found = association(x, y, x > 0, **ALL)
    for replica in range(2):
        a, b = x[replica].flatten().numpy(), y[replica].flatten().numpy()
        assert found.slope[replica].item() == pytest.approx(linregress(np.log(a), np.log(b)).slope)
        assert found.correlation[replica].item() == pytest.approx(spearmanr(a, b).statistic)


def test_a_resample_counts_every_input_as_often_as_it_was_drawn():
    x, y = (each.log() for each in drawn(1, n_out=3, n_in=5))
    times = torch.tensor([[0.0, 2.0, 1.0, 3.0, 0.0]], dtype=torch.float64)
    slope, correlation = _fits(x, y, x < math.inf, times)
    a, b = (each[0].repeat_interleave(times[0].int(), dim=1).flatten().numpy() for each in (x, y))
    assert slope.item() == pytest.approx(linregress(a, b).slope)
    assert correlation.item() == pytest.approx(np.corrcoef(a, b)[0, 1])


@pytest.mark.parametrize("n_used", [2, 3])
def test_a_fit_takes_three_synapses(n_used):
    x, y = drawn(1, n_out=1, n_in=n_used)
    assert association(x, y, x > 0, **ALL).slope.isnan().item() == (n_used == 2)


def test_ties_share_their_mean_rank():
    x, y = drawn(1)
    x = x.round(decimals=0) + 1
    found = association(x, y, x > 0, **ALL)
    expected = spearmanr(x.flatten().numpy(), y.flatten().numpy()).statistic
    assert found.correlation.item() == pytest.approx(expected)


def test_only_used_and_positive_synapses_count():
    x, y = drawn(1)
    used = torch.rand(x.shape, generator=torch.Generator().manual_seed(5)) < 0.5
    spoiled_x, spoiled_y = x.clone(), y.clone()
    spoiled_x[~used], spoiled_y[~used] = 1e6, 1e6
    spoiled_x[0, 0, 0], spoiled_y[0, 0, 1] = 0.0, float("inf")
    kept = used.clone()
    kept[0, 0, :2] = False
    expected = association(x, y, kept, **ALL)
    found = association(spoiled_x, spoiled_y, used, **ALL)
    assert found.slope.item() == pytest.approx(expected.slope.item())
    assert found.correlation.item() == pytest.approx(expected.correlation.item())
    assert found.share.item() == pytest.approx(kept.double().mean().item())


def test_intervals_hold_the_true_slope_although_synapses_of_an_input_share_their_error():
    rng = np.random.default_rng(2)
    n = 200
    x = np.exp(rng.normal(size=(n, 1, 40))) * np.ones((1, 10, 1))
    y = x**-0.5 * np.exp(0.5 * rng.normal(size=(n, 1, 40)) + 0.1 * rng.normal(size=(n, 10, 40)))
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    found = association(x, y, x > 0, generator=torch.Generator().manual_seed(1), n_resamples=300)
    holds = ((found.slope_low < -0.5) & (found.slope_high > -0.5)).double().mean().item()
    # 200 intervals of nominal coverage 0.95 (a percentile bootstrap of 40 clusters covers a little less).
    assert 0.88 <= holds <= 0.99


def test_no_spread_gives_nan_and_floors_are_relative_to_the_mean():
    x, y = drawn(1)
    assert torch.isnan(association(torch.ones_like(x), y, x > 0, **ALL).slope).all()
    curvature = torch.tensor([[[1.0, 2.0, 1e-5, 0.0]]])
    assert above_floor(curvature).tolist() == [[[True, True, False, False]]]
