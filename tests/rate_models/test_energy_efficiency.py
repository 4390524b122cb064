"""The energy experiment: what it refuses, trains and keeps, and that every panel can be drawn."""

import dataclasses
import math

import numpy as np
import pytest
import torch
import xarray as xr
from matplotlib.figure import Figure

from biophys.release_plasticity import ReleasePlasticity
from rate_models.datasets import load_images
from rate_models.devices import Execution
from rate_models.experiments.energy_efficiency import MAY_DIFFER, MODELS, QUICK, Config, run
from rate_models.experiments.energy_figures import FIGURES, best_over, best_ratio, ratio_of
from rate_models.layout import Layout
from rate_models.networks import FeedForward
from rate_models.release_models import NetworkSpec, synapses_and_rule, train
from rate_models.reliable_synapses import (
    correlations,
    group_distributions,
    probability_of_superiority,
    threshold_crossings,
)
from rate_models.stochastic_layers import BernoulliSynapses

TINY = dataclasses.replace(
    QUICK,
    models=MODELS,
    l2=(0.0, 0.01),
    seeds=(1, 2),
    variant_seeds=(1, 2),
    hidden_units=(12, 10),
    n_epochs=2,
    evaluate_every=1,
    n_samples=2,
    n_lesion_samples=2,
    scanned_p=(0.5, 1.0),
    scanned_learning_rates=(0.05, 1e6),
    lesion_fractions=(0.0, 0.5, 1.0),
    n_shuffles=3,
    n_gradient_synapses=5,
    lesions_at_every_l2=True,
)


@pytest.fixture(scope="module")
def result():
    return run(TINY)


def test_the_published_configuration_is_the_default():
    config = Config()
    assert config.l2 == (0.0, 0.001, 0.005, 0.01, 0.05, 0.1)
    assert (config.hidden_units, config.n_epochs, config.batch_size) == ((200, 200), 50, 100)
    assert (config.p_up, config.p_down, config.g_lim, config.p_min) == (0.07, 0.07, 0.001, 0.25)
    assert (config.learning_rate, config.learning_rate_deterministic, config.fixed_p) == (0.05, 0.08, 0.4)
    assert set(MAY_DIFFER) <= {field.name for field in dataclasses.fields(Config)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": ("soft_bound", "analog")}, "models must be a tuple of names out of .* got"),
        ({"models": ("matched_release",)}, "add that model"),
        ({"l2": (-0.1, 0.01)}, "l2 must be a tuple of numbers from 0 on, .*got -0.1 in"),
        ({"varied_l2": (0.3,)}, r"varied_l2 must be among l2="),
        ({"shown_l2": 0.02}, "hold shown_l2=0.02"),
        (
            {"lesion_fractions": (0.5, 1.2)},
            "lesion_fractions must be .* from 0 to 1, .* got 1.2 in",
        ),
        ({"seeds": ()}, "seeds must be a tuple of whole numbers"),
        ({"n_epochs": 0}, "n_epochs must be a whole number from 1 on"),
    ],
)
def test_bad_configurations_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(Config(), **change)


def test_unknown_data_sets_are_refused():
    with pytest.raises(ValueError, match="got 'letters'"):
        run(dataclasses.replace(TINY, data_set="letters"))


def test_every_network_has_its_place_and_diverged_ones_are_missing(result):
    assert result.sizes["model"] == len(MODELS)
    starts_uniform = result.model.str.endswith("uniform")
    energy = result.synaptic_energy.isel(epoch=-1)
    assert bool(energy.sel(model=~starts_uniform).notnull().all())
    assert bool(energy.sel(model=starts_uniform, l2=0.0).isnull().all())
    assert bool(energy.sel(model=starts_uniform, l2=0.01).notnull().all())
    assert bool(result.scan_synaptic_energy.sel(learning_rate=0.05).notnull().all())
    assert bool(result.scan_synaptic_energy.sel(learning_rate=1e6).isnull().all())
    assert result.epoch.values.tolist() == [1, 2]


def test_counts_are_complete(result):
    n_images, n_weights = 359, 64 * 12 + 12 * 10 + 10 * 10
    confusion = result.confusion.sum(["shown_class", "answer"])
    assert float(confusion.sel(model="deterministic").min()) == n_images
    assert float(result.p_count.sum("p_bin").sel(model="soft_bound").min()) == 2 * n_weights
    per_network = result.energy_count.sum(["energy_bin", "importance"]).sel(model="additive")
    assert per_network.values.tolist() == [2 * n_weights] * 2
    assert result.inputs_1.shape == (2, 2, 12) and result.outputs_1.shape == (2, 2, 64)


def test_lesions_begin_intact_and_end_at_chance(result):
    reliable = result.lesion_accuracy.sel(model="deterministic")
    intact = result.accuracy.sel(model="deterministic").isel(epoch=-1)
    assert bool((reliable.sel(fraction=0.0, order="strength") == intact).all())
    at = result.lesion_accuracy.sel(model="soft_bound", l2=0.0)
    assert bool(at.notnull().all())
    # Without synapses only the biases answer, the same class for every image.
    assert float(at.sel(fraction=1.0).max()) < 0.2
    assert bool(reliable.sel(order="release_probability").isnull().all())


def watch_training(monkeypatch):
    """Return a list that receives the networks of every batch that trains."""
    import rate_models.experiments.network_measures as measures

    trained = []

    def watched(specs, *args, **kwargs):
        trained.append(list(specs))
        return train(specs, *args, **kwargs)

    monkeypatch.setattr(measures, "train", watched)
    return trained


def test_a_run_that_broke_off_goes_on_where_it_was(result, monkeypatch, tmp_path):
    part = dataclasses.replace(TINY, seeds=(1,), networks_per_batch=3)
    first = run(part, keep_in=tmp_path)
    trained = watch_training(monkeypatch)
    again = run(part, keep_in=tmp_path)
    assert trained == []
    xr.testing.assert_equal(first, again)
    whole = run(dataclasses.replace(part, seeds=(1, 2)), keep_in=tmp_path)
    assert all(spec.seed == 2 and spec.table == "models" for batch in trained for spec in batch)
    np.testing.assert_allclose(whole.synaptic_energy, result.synaptic_energy, rtol=2e-3)
    assert max(map(len, trained)) <= 3


def test_matched_release_has_the_mean_p_that_was_learned(monkeypatch):
    trained = watch_training(monkeypatch)
    small = dataclasses.replace(
        TINY, models=("soft_bound", "matched_release"), step_factors=(), scanned_learning_rates=(0.05,)
    )
    mean_p = run(small).mean_p.sel(model="soft_bound")
    matched = {spec.place: spec.release_probability for spec in trained[-1]}
    for (_, l2, seed), p in matched.items():
        assert p == pytest.approx(float(mean_p.sel(l2=l2, seed=seed)), abs=1e-6)
    assert len(matched) == 4 and all(0.25 < p < 0.6 for p in matched.values())


def test_a_network_trains_the_same_alone_and_beside_variants():
    data = load_images("digits")
    settings = {
        "hidden_units": (12, 10),
        "n_epochs": 2,
        "batch_size": 50,
        "execution": Execution(),
        "evaluate_every": 2,
    }
    rule = ReleasePlasticity(form="soft_bound")
    alone = NetworkSpec("soft_bound", "models", ("a",), 0.01, 7, 0.05, 0.25, rule)
    other = dataclasses.replace(alone, seed=8, l2=0.0, release_probability="uniform")
    single = train([alone], data, **settings).synapses
    batched = train([other, alone], data, **settings).synapses
    torch.testing.assert_close(batched.learned[1], single.learned[0], rtol=1e-5, atol=1e-6)


def test_networks_of_different_programs_share_no_batch():
    fixed = NetworkSpec("fixed", "models", ("a",), 0.0, 1, 0.05, 0.4)
    reliable = NetworkSpec("reliable", "models", ("b",), 0.0, 1, 0.05)
    with pytest.raises(ValueError, match=r"one program, got \['fixed', 'reliable'\]"):
        synapses_and_rule([fixed, reliable], Layout((4, 3)), Execution())
    with pytest.raises(ValueError, match="l2 must be a number from 0 on"):
        dataclasses.replace(fixed, l2=-1.0)
    with pytest.raises(ValueError, match="needs a p rule of that form"):
        dataclasses.replace(fixed, program="additive")


@pytest.mark.parametrize("panel", FIGURES)
def test_every_panel_is_drawn_from_the_saved_result(result, panel, tmp_path):
    result.to_netcdf(tmp_path / "result.nc", engine="scipy")
    with xr.open_dataset(tmp_path / "result.nc", engine="scipy") as saved:
        figure = Figure(figsize=(7, 4.5), layout="constrained")
        FIGURES[panel](saved.load(), figure)
        figure.savefig(tmp_path / "panel.svg")
    assert all(axes.get_xlabel() or axes.get_title() for axes in figure.axes) and figure.axes


def ratios_of_three_penalties():
    """Return two seeds at three penalties: the third network has collapsed, with hardly any energy left."""
    dims = ("model", "l2", "seed", "epoch")
    values = {
        "information": [[2.0, 2.0], [1.8, 1.6], [1e-4, 1e-4]],
        "synaptic_energy": [[1000.0, 1000.0], [400.0, 400.0], [1e-5, 1e-5]],
        "accuracy": [[0.9, 0.9], [0.8, 0.8], [0.1, 0.1]],
    }
    arrays = {name: (dims, np.array(v)[None, :, :, None]) for name, v in values.items()}
    return xr.Dataset(
        arrays, {"model": ["deterministic"], "l2": [0.0, 0.01, 0.1], "seed": [1, 2], "epoch": [5]}
    )


def test_collapsed_networks_do_not_win_the_ratio():
    result = ratios_of_three_penalties()
    assert math.isnan(float(ratio_of(result).sel(l2=0.1).max()))
    best = best_ratio(result).sel(model="deterministic")
    assert best.best_l2 == 0.01
    np.testing.assert_allclose(best.values, [1.8 / 400, 1.6 / 400])


def test_a_setting_without_any_network_is_left_out():
    ratio = xr.DataArray(
        [[[1.0, 2.0], [3.0, 4.0]], [[np.nan] * 2] * 2],
        dims=("model", "l2", "seed"),
        coords={"model": ["a", "b"], "l2": [0.0, 0.1], "seed": [1, 2]},
    )
    found = best_over(ratio, "l2", "best_l2")
    assert found.model.values.tolist() == ["a"] and found.values.tolist() == [[3.0, 4.0]]


def test_superiority_is_that_of_the_rank_sum():
    from scipy.stats import mannwhitneyu

    rng = np.random.default_rng(0)
    values, is_high = rng.integers(20, size=500).astype(float), rng.random(500) < 0.2
    u = mannwhitneyu(values[is_high], values[~is_high]).statistic
    pairs = is_high.sum() * (~is_high).sum()
    assert probability_of_superiority(values, is_high) == pytest.approx(u / pairs)
    assert math.isnan(probability_of_superiority(values, np.zeros(500, dtype=bool)))


def test_groups_are_compared_within_each_layer():
    layout = Layout((2, 2, 1))
    values = np.array([[1.0, 2.0, 3.0, 4.0, 9.0, 8.0]])
    is_high = np.array([[False, False, True, True, False, True]])
    found = group_distributions(values, is_high, np.array([0.0, 5.0, 10.0]), layout)
    assert found["superiority_in_layer"].tolist() == [[1.0, 0.0]]
    assert found["mean"].tolist() == [[4.0, 5.0]]
    assert found["count"].tolist() == [[[2.0, 1.0], [2.0, 1.0]]]


def test_correlations_of_values_and_of_ranks():
    x = np.array([[1.0, 2.0, 3.0, 4.0]])
    pearson, spearman = correlations(x, x**5)
    assert spearman[0] == pytest.approx(1.0)
    assert pearson[0] == pytest.approx(np.corrcoef(x[0], x[0] ** 5)[0, 1])


def test_threshold_crossings_of_a_logistic_unit():
    # Slope at the output is ±1/2 at weight 0, so the gradient of image x is ±x/2.
    network, layout = FeedForward(Layout((1, 2))), Layout((1, 2))
    synapses = BernoulliSynapses(layout, [0], biases="none", execution=Execution(dtype="float64"))
    synapses.strength[:] = 0.0
    images = torch.tensor([[0.1], [0.4], [1.0], [3.0]], dtype=torch.float64)
    labels = torch.tensor([0, 0, 0, 0])
    found = threshold_crossings(
        network,
        synapses,
        images,
        labels,
        g_lim=0.3,
        rng=np.random.default_rng(0),
        n_per_layer=4,
        batch_sizes=(1, 2),
    )
    assert found["share_above"][0, 0, 0].tolist() == [0.5] * 4
    assert found["share_above"][0, 1, 0].tolist() == [0.5] * 4
    np.testing.assert_allclose(
        found["mean_squared_gradient"][0, 0, 0], np.mean(np.square([0.05, 0.2, 0.5, 1.5]))
    )
    np.testing.assert_allclose(np.abs(found["mean_gradient"][0, 0, 0]), np.mean([0.05, 0.2, 0.5, 1.5]))
