"""The experiment on forgetting: the same networks as by the general way, nothing lost, energy by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from rate_models.consolidation import MeanFieldSynapses
from rate_models.continual_learning import permuted_tasks
from rate_models.continual_methods import Replica, Training, learned
from rate_models.datasets import load_images
from rate_models.devices import Execution
from rate_models.experiments import graceful_forgetting
from rate_models.experiments.graceful_forgetting import (
    QUICK,
    Config,
    final_accuracies,
    newest_task,
    newest_tasks,
    run,
)
from rate_models.layout import Layout
from rate_models.networks import FeedForward
from rate_models.nn import BernoulliLinear, EnergyCounter, GaussianLinear
from rate_models.nn.layers import layers_of
from rate_models.stochastic_layers import BernoulliSynapses, DeterministicSynapses

LAYOUT = Layout((6, 5, 3))
TINY = replace(
    QUICK, methods=("evidence", "published", "mesu_one_draw"), seeds=(101, 102), n_tasks=2, n_epochs=2
)


@pytest.fixture(scope="module")
def result():
    return run(TINY)


@pytest.mark.parametrize(("method", "program"), [("evidence", "odds"), ("published", "consolidating")])
def test_networks_are_those_of_the_general_way(result, method, program):
    """Cut into pieces, a plan is the same plan."""
    training = Training(hidden_units=(40,), n_epochs=2, batch_size=50, n_samples=TINY.n_samples)
    tasks = permuted_tasks(load_images("digits"), 2)
    replica = Replica(101, TINY.setting_of(method))
    found = learned(program, [replica], tasks, training, execution=Execution())
    own = result.sel(algorithm=method, seed=101)
    np.testing.assert_allclose(own.accuracy[2], found.accuracy[0, 2])
    np.testing.assert_allclose(own.mean_p[-1], found.mean_p[0, 2], rtol=1e-6)
    assert own.step.values.tolist() == [28, 56, 84, 112]


def test_readings_of_a_result(result):
    accuracy = 100 * result.accuracy.sel(algorithm="evidence").values
    assert final_accuracies(result, "evidence") == pytest.approx(accuracy[:, 2].mean(axis=1))
    expected = np.stack([accuracy[:, 1, 0], accuracy[:, 2, 1]], axis=1)
    np.testing.assert_allclose(newest_task(result, "evidence"), expected)
    assert np.isnan(result.mean_p.sel(algorithm="mesu_one_draw")).all()
    assert (result.atp > 0).all()


def test_newest_tasks_are_followed_from_the_nth_on(result):
    accuracy = 100 * result.accuracy.sel(algorithm="published").values
    np.testing.assert_allclose(newest_tasks(result, "published"), accuracy[:, 2].mean(axis=1))
    both = (accuracy[:, 1, 0] + accuracy[:, 2, 1]) / 2
    np.testing.assert_allclose(newest_tasks(result, "published", n=1), both)


def test_only_evidence_that_fades_has_a_memory_and_one_control_starts_small():
    config = Config(memory=1800.0)
    memories = {name: config.setting_of(name).get("memory") for name in ("evidence", "fading", "latched")}
    assert memories == {"evidence": np.inf, "fading": 1800.0, "latched": np.inf}
    assert Config().setting_of("fading") == Config().setting_of("evidence")
    assert Config().setting_of("narrow") == {**Config().setting_of("evidence"), "mean_range": 1.0}
    # What no network can be built with is refused before the first one is trained.
    for name, value in (("memory", 0.5), ("p_start", 1.0)):
        with pytest.raises(ValueError, match=f"{name} must be"):
            replace(config, **{name: value})


def test_finished_networks_are_not_trained_again(tmp_path, monkeypatch):
    config = replace(TINY, methods=("evidence",), seeds=(101,), n_epochs=1)
    first = run(config, keep_in=tmp_path)
    monkeypatch.setattr(graceful_forgetting, "learner_of", None)
    assert run(config, keep_in=tmp_path).equals(first)


def test_wrong_methods_are_named():
    with pytest.raises(ValueError, match=r"methods must be .* out of evidence, fading, published"):
        replace(QUICK, methods=("ewc",))
    with pytest.raises(ValueError, match=r"methods must be .*, at least one"):
        replace(QUICK, methods=())


def test_reliable_layers_answer_as_the_engine_does():
    synapses = DeterministicSynapses(LAYOUT, [1, 2])
    x = torch.randn(1, 4, 6, generator=torch.Generator().manual_seed(1))
    expected = FeedForward(LAYOUT).logits(x, synapses.learned[1:])
    torch.testing.assert_close(layers_of(synapses, 1)(x[0]), expected[0])
    with pytest.raises(ValueError, match=r"replicas must be positions 0\.\.1"):
        layers_of(synapses, 2)


def test_layers_have_the_learned_p_and_sigma_and_release_as_often():
    synapses = BernoulliSynapses(Layout((400, 100)), [1], release_probability="uniform")
    model = layers_of(synapses, seed=3)
    assert isinstance(model[0], BernoulliLinear)
    torch.testing.assert_close(model[0].p.flatten(), synapses.p[0])
    with torch.no_grad(), EnergyCounter(model) as energy:
        model(torch.ones(1, 400))
    expected, variance = synapses.p.sum(), (synapses.p * (1 - synapses.p)).sum()
    assert abs(energy.layers["0"].n_vesicles - float(expected)) < 5 * float(variance) ** 0.5
    noisy = MeanFieldSynapses(LAYOUT, [1], initial_sigma=0.3, biases="none")
    layer = layers_of(noisy)[0]
    assert isinstance(layer, GaussianLinear)
    torch.testing.assert_close(layer.sigma, torch.full_like(layer.weight, 0.3))
