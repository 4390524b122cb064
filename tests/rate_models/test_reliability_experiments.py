"""The experiments on reliability costs in miniature: what they return, that files keep it, and figures."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from rate_models.experiments import (
    bayesian_signatures,
    posterior,
    predictive_distributions,
    reliability_tradeoff,
)
from rate_models.experiments.bayesian_signatures import theoretical_slope
from rate_models.experiments.predictive_distributions import distance_to_variational

TINY = dict(hidden_units=(6, 5), n_epochs=2, batch_size=100)
CONFIGS = {
    reliability_tradeoff: replace(
        reliability_tradeoff.QUICK, **TINY, rho=(0.5, 2.0), log10_c_low=(-2, -3), log10_c_high=(2, 2), n_c=3
    ),
    bayesian_signatures: replace(
        bayesian_signatures.QUICK, **TINY, rho=(0.5, 2.0), n_statistics_epochs=1, n_shown=20
    ),
    posterior: replace(posterior.QUICK, **TINY, rho=(0.5, 2.0), n_shown=20),
    predictive_distributions: replace(
        predictive_distributions.QUICK, rho=(0.5, 2.0), n_steps=150, n_draws=20, n_x=30
    ),
}


@pytest.fixture(scope="module", params=list(CONFIGS), ids=lambda module: module.__name__.split(".")[-1])
def ran(request):
    said = []
    result = request.param.run(CONFIGS[request.param], on_progress=lambda f, doing: said.append(f))
    return request.param, result, said


def test_progress_rises_to_the_end(ran):
    _, _, said = ran
    assert said == sorted(said)
    assert said[0] > 0 and 0.9 <= said[-1] <= 1


def test_a_result_survives_a_file_and_is_small(ran, tmp_path):
    _, result, _ = ran
    path = tmp_path / "result.nc"
    result.to_netcdf(path, engine="scipy")
    assert path.stat().st_size < 400_000
    again = xr.load_dataset(path, engine="scipy")
    for name in result.data_vars:
        np.testing.assert_array_equal(again[name].values, result[name].values)


def test_every_figure_can_be_drawn_from_the_result_alone(ran):
    module, result, _ = ran
    for draw in module.FIGURES.values():
        figure = Figure()
        draw(result, figure)
        assert figure.axes
        assert all(axes.get_xlabel() or figure.get_supxlabel() for axes in figure.axes[:1])


def test_mixtures_pay_an_equal_share_of_every_cost():
    config = CONFIGS[reliability_tradeoff]
    mixed = reliability_tradeoff.networks_of(config)[-1]
    assert [term.rho for term in mixed.cost] == list(config.rho)
    assert [term.c for term in mixed.cost] == pytest.approx(list(config.c[:, -1] / len(config.rho)))


def test_accuracies_and_noise_are_of_the_networks_they_are_labelled_with():
    config = CONFIGS[reliability_tradeoff]
    result = reliability_tradeoff.run(config)
    alone = reliability_tradeoff.run(replace(config, rho=(2.0,), log10_c_low=(-3,), log10_c_high=(2,)))
    for name in ("accuracy", "sigma_rms", "cost", "atp", "sigma_by_layer"):
        np.testing.assert_allclose(result[name].sel(rho=[2.0]), alone[name], rtol=1e-4, err_msg=name)
    assert result.c.sel(rho=0.5).values == pytest.approx([1e-2, 1, 1e2])
    homogeneous = result.sel(noise="homogeneous")
    spread = homogeneous.sigma_by_layer.max("quantile") / homogeneous.sigma_by_layer.min("quantile")
    np.testing.assert_allclose(spread, 1, rtol=1e-5)


def test_further_seeds_are_trained_at_the_published_c_only():
    config = replace(
        CONFIGS[bayesian_signatures],
        rho=(2.0,),
        c_factors=(0.1, 1.0, 10.0),
        seeds=(1, 2),
        n_seeds_at_every_c=1,
    )
    result = bayesian_signatures.run(config)
    trained = result.accuracy.notnull().all(["rho", "state"])
    assert trained.sel(seed=1).values.tolist() == [True, True, True]
    assert trained.sel(seed=2).values.tolist() == [False, True, False]
    assert result.attrs["n_networks"] == 8
    whole = bayesian_signatures.run(replace(config, n_seeds_at_every_c=0))
    shared = {"seed": 2, "c_factor": 1.0}
    np.testing.assert_allclose(result.accuracy.sel(shared), whole.accuracy.sel(shared))
    for draw in bayesian_signatures.FIGURES.values():
        draw(result, Figure())
        draw(result.sel(c_factor=[1.0]), Figure())


def test_linear_network_follows_the_curvature_once_it_has_converged():
    config = replace(
        bayesian_signatures.QUICK,
        rho=(2.0,),
        c_factors=(1.0,),
        hidden_units=(6,),
        n_epochs=20,
        n_statistics_epochs=1,
    )
    result = bayesian_signatures.run(config)
    slopes = result.linear_slope_above_floor.sel(predictor="hessian (curvature)", rho=2.0).squeeze()
    assert float(slopes.sel(state="converged")) == pytest.approx(theoretical_slope("hessian", 2.0), abs=0.08)
    ratio = result.linear_sigma_over_theory.sel(quantile=0.5, rho=2.0).squeeze()
    assert abs(float(ratio.sel(state="converged"))) < abs(float(ratio.sel(state="published")))


def test_theoretical_slopes_are_those_of_equation_54():
    assert theoretical_slope("learning rate", 0.5) == pytest.approx(1.6)
    assert theoretical_slope("hessian (noisy)", 2 / 3) == pytest.approx(-0.75)
    assert theoretical_slope("input power", 4 / 3) == pytest.approx(-0.6)


def test_distance_is_zero_to_itself_and_adds_means_and_deviations():
    ones = xr.DataArray(np.ones((1, 1, 2, 4)), dims=("rho", "s", "seed", "x"))
    own = ones.isel(rho=0, s=0)
    result = xr.Dataset({"mean": ones, "sd": ones, "mean_of_variational": own, "sd_of_variational": own})
    assert float(distance_to_variational(result).max()) == 0
    shifted = result.assign(mean=ones + 3, sd=ones + 4)
    np.testing.assert_allclose(distance_to_variational(shifted), 5)


def test_wrong_settings_are_named():
    with pytest.raises(ValueError, match=r"formulation must be one of text, program, .* got 'other'"):
        reliability_tradeoff.Config(formulation="other")
    with pytest.raises(ValueError, match="log10_c_low needs a value per rho, that is 4, got"):
        reliability_tradeoff.Config(log10_c_low=(1.0,))
    with pytest.raises(ValueError, match="c_factors must be a tuple of numbers above 0"):
        bayesian_signatures.Config(c_factors=())
    with pytest.raises(ValueError, match=r"prior_sd must be a number above 0, such as 0\.3, got 0"):
        posterior.Config(prior_sd=0.0)
    with pytest.raises(ValueError, match="two intervals in ascending order"):
        predictive_distributions.Config(data_ranges=((0.0, 1.0), (0.5, 2.0)))
