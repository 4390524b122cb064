"""Values of another type are refused where a user gives them, with their name and an example."""

import dataclasses

import numpy as np
import pytest
import torch

from biophys.argument_types import checked_seeds, checked_types
from biophys.release_plasticity import ReleasePlasticity
from biophys.sweeps.executors import DaskCluster, LocalProcesses
from rate_models import (
    Adam,
    BernoulliSynapses,
    DataOrder,
    DeterministicSynapses,
    Execution,
    FeedForward,
    GaussianSynapses,
    GradientDescent,
    Layout,
    PresynapticSgd,
    Sgd,
    Trainer,
    accuracy,
    mean_softmax,
)
from rate_models.consolidation import MeanFieldSynapses
from rate_models.experiments import (
    bayesian_signatures,
    energy_efficiency,
    lifelong,
    linear_regression,
    perceptron,
    posterior,
    predictive_distributions,
    reliability_tradeoff,
)
from rate_models.experiments.network_sweep import grid, sweep_networks, train_group
from rate_models.sweep import run_sweep

LAYOUT = Layout((4, 3, 2))
SYNAPSES = (BernoulliSynapses, DeterministicSynapses, GaussianSynapses, MeanFieldSynapses)


@checked_types
@dataclasses.dataclass
class Settings:
    n: int = 3
    rate: float = 0.1
    name: str = "a"
    does: bool = True
    sizes: tuple[int, ...] = (1, 2)
    span: tuple[float, float] = (0.0, 1.0)
    spans: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    limit: float | None = None


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"n": np.int64(4), "rate": np.float32(2), "does": np.True_},
        {"rate": 1, "sizes": [3], "span": (0, 2)},
        {"sizes": (), "spans": ((0, 1), (2, 3)), "limit": 3},
    ],
)
def test_values_of_the_annotated_type_pass(changes):
    Settings(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n": 2.0}, r"n must be a whole number, such as 3, got 2\.0"),
        ({"n": True}, "n must be a whole number, such as 3, got True"),
        ({"rate": "fast"}, r"rate must be a number, such as 0\.1, got 'fast'"),
        ({"name": 3}, "name must be text, such as 'a', got 3"),
        ({"does": 1}, "does must be true or false, such as True, got 1"),
        ({"sizes": 5}, r"sizes must be a tuple of whole numbers, such as \(1, 2\), got 5"),
        ({"sizes": "12"}, "sizes must be a tuple of whole numbers, .* got '12'"),
        ({"sizes": (1, 2.5)}, r"sizes must be a tuple of whole numbers, .* got \(1, 2\.5\)"),
        ({"span": (1.0,)}, r"span must be a tuple of 2 numbers, .* got \(1\.0,\)"),
        ({"spans": (1.0, 2.0)}, r"spans must be a tuple of tuples of 2 numbers, .* got \(1\.0, 2\.0\)"),
        ({"limit": "none"}, "limit must be a number or None, got 'none'"),
    ],
)
def test_values_of_another_type_are_named_with_an_example(changes, message):
    with pytest.raises(TypeError, match=f"^{message}$"):
        Settings(**changes)


@pytest.mark.parametrize("seeds", [range(1, 3), (1, 2), np.array([1, 2]), [np.int64(1), 2]])
def test_seeds_may_come_in_any_sequence(seeds):
    assert checked_seeds(seeds) == [1, 2]
    assert BernoulliSynapses(LAYOUT, seeds).seeds == [1, 2]


@pytest.mark.parametrize("seeds", [3, 1.5, [1.5], "12", [True], None, [[1, 2]], [-1]])
@pytest.mark.parametrize("made", [*SYNAPSES, "DataOrder"])
def test_what_is_no_list_of_seeds_is_refused(made, seeds):
    error = ValueError if seeds == [-1] else TypeError
    with pytest.raises(error, match=r"seeds must be (whole numbers from 0 on|a sequence of whole numbers)"):
        DataOrder(seeds) if made == "DataOrder" else made(LAYOUT, seeds)


@pytest.mark.parametrize("made", SYNAPSES)
def test_synapses_need_a_layout_and_an_execution(made):
    with pytest.raises(TypeError, match=r"layout must be of type Layout, .* got \(4, 3\)"):
        made((4, 3), [1])
    with pytest.raises(TypeError, match="execution must be of type Execution or None, got 'cuda'"):
        made(LAYOUT, [1], execution="cuda")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Layout(784), r"sizes must be a tuple of whole numbers from 1 on, at least 2, got 784"),
        (lambda: Layout((2.5, 3)), r"sizes must be a tuple of whole numbers .*, got \(2\.5, 3\)"),
        (lambda: FeedForward((4, 3)), r"layout must be of type Layout, .* got \(4, 3\)"),
        (lambda: Execution(0), "device must be text, such as 'cpu', got 0"),
        (lambda: Execution(torch.device("cpu")), "device must be text, .* got device"),
    ],
)
def test_other_entrances(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def optimisers(learning_rate):
    synapses = BernoulliSynapses(LAYOUT, [1, 2])
    yield lambda: Sgd(synapses, learning_rate=learning_rate)
    yield lambda: Adam(synapses, learning_rate=learning_rate)
    yield lambda: PresynapticSgd(synapses, ReleasePlasticity(), learning_rate=learning_rate)


@pytest.mark.parametrize(
    ("learning_rate", "error", "message"),
    [
        ("fast", TypeError, "learning_rate must be a number or a sequence of numbers, got 'fast'"),
        (None, TypeError, "learning_rate must be a number or a sequence of numbers, got None"),
        (-0.1, ValueError, r"learning_rate, .* must be a number from 0 on, got -0\.1"),
        ([0.1, float("nan")], TypeError, "learning_rate must be a number or a .* nan"),
        ([0.1], ValueError, "one value or one per replica, that is 2, got 1"),
    ],
)
def test_learning_rates_are_numbers(learning_rate, error, message):
    for made in optimisers(learning_rate):
        with pytest.raises(error, match=message):
            made()


@pytest.mark.parametrize("as_array", [np.array, torch.tensor])
def test_arrays_have_one_value_per_replica(as_array):
    rates = as_array([0.5, 0.25])
    for learning_rate in (rates, [0.5, 0.25]):
        synapses = DeterministicSynapses(LAYOUT, [1, 1])
        start = synapses.learned.clone()
        Sgd(synapses, learning_rate=learning_rate).step(synapses.learned, torch.ones_like(start))
        assert (start - synapses.learned).mean(dim=1).tolist() == pytest.approx([0.5, 0.25])
    p = BernoulliSynapses(LAYOUT, [1, 2], release_probability=rates).p
    assert p[:, 0].tolist() == [0.5, 0.25]


def test_plasticity_by_its_name_is_refused():
    with pytest.raises(TypeError, match="a sequence of ReleasePlasticity, got 'additive'"):
        PresynapticSgd(BernoulliSynapses(LAYOUT, [1]), "additive", learning_rate=0.1)


@pytest.mark.parametrize("batch_size", [0, -5, 2.5])
def test_batches_without_images_are_refused(batch_size):
    error = TypeError if batch_size == 2.5 else ValueError
    with pytest.raises(error, match=f"batch_size must be a whole number.*, got {batch_size}"):
        DataOrder([1]).epoch(np.arange(20), batch_size=batch_size)


def test_what_is_no_synapse_learns_nothing():
    with pytest.raises(TypeError, match="synapses must be of type Synapses, got Layout"):
        Sgd(LAYOUT, learning_rate=0.1)
    with pytest.raises(TypeError, match="synapses must be of type Synapses, got Layout"):
        Adam(LAYOUT, learning_rate=0.1)
    with pytest.raises(TypeError, match="optimiser must be of type Optimiser, got one of type Gaussian"):
        GradientDescent(GaussianSynapses(LAYOUT, [1]))
    network, synapses = FeedForward(LAYOUT), DeterministicSynapses(LAYOUT, [1])
    rule = GradientDescent(Sgd(synapses, learning_rate=0.1))
    with pytest.raises(TypeError, match=r"network must be of type FeedForward, .* got one of type Deter"):
        Trainer(synapses, network, rule, torch.zeros(3, 4), torch.zeros(3, dtype=torch.long))


def test_a_release_probability_is_a_number():
    with pytest.raises(TypeError, match="release_probability must be a number or text"):
        BernoulliSynapses(LAYOUT, [1], release_probability=None)


def test_images_and_labels_of_answers_must_fit():
    network, synapses = FeedForward(LAYOUT), DeterministicSynapses(LAYOUT, [1])
    streams = synapses.evaluation_streams()
    with pytest.raises(TypeError, match=r"images must be of type Tensor, such as torch\.as_tensor"):
        mean_softmax(network, synapses, np.zeros((3, 4)), streams=streams)
    with pytest.raises(ValueError, match=r"shape \(image, 4\) of the input, got \(3, 5\)"):
        mean_softmax(network, synapses, torch.zeros(3, 5), streams=streams)
    with pytest.raises(TypeError, match=r"streams must be of type HostStreams or .* got 3"):
        mean_softmax(network, synapses, torch.zeros(3, 4), streams=3)
    answers = mean_softmax(network, synapses, torch.zeros(3, 4), streams=streams)
    with pytest.raises(ValueError, match=r"a label for each image, got \(1, 3, 2\) and \(2,\)"):
        accuracy(answers, torch.zeros(2))
    with pytest.raises(ValueError, match=r"got \(3,\) and \(1, 3, 2\)"):
        accuracy(torch.zeros(3), answers)


EXPERIMENTS = (
    bayesian_signatures,
    energy_efficiency,
    lifelong,
    linear_regression,
    perceptron,
    posterior,
    predictive_distributions,
    reliability_tradeoff,
)


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda module: module.__name__.split(".")[-1])
class TestExperiments:
    @pytest.mark.parametrize(
        ("seeds", "error", "message"),
        [
            ((1.5,), TypeError, r"seeds must be a tuple of whole numbers from 0 on, .*got \(1\.5,\)"),
            (3, TypeError, "seeds must be a tuple of whole numbers from 0 on, .*got 3"),
            ((), ValueError, r"seeds must be a tuple of whole .* at least one, .* got \(\)"),
            ((-1,), ValueError, r"seeds must be a tuple of whole numbers from 0 on, .* got -1 in \(-1,\)"),
        ],
    )
    def test_seeds_are_whole_numbers(self, experiment, seeds, error, message):
        with pytest.raises(error, match=message):
            experiment.Config(seeds=seeds)

    @pytest.mark.parametrize("config", ["quick", None, Execution()])
    def test_other_configurations_are_refused(self, experiment, config):
        with pytest.raises(TypeError, match=r"config must be of type Config, such as QUICK or Config\(\) of"):
            experiment.run(config)

    def test_a_device_by_its_name_is_refused(self, experiment):
        config = getattr(experiment, "QUICK", experiment.Config())
        with pytest.raises(TypeError, match=r"such as Execution\(device='cuda'\), got 'cuda'"):
            experiment.run(config, execution="cuda")


def test_a_number_of_processes_is_no_executor():
    with pytest.raises(TypeError, match=r"executor must be one of .*, such as LocalProcesses\(4\), got 4"):
        posterior.run(posterior.QUICK, executor=4)


@pytest.mark.parametrize(
    ("fixed", "swept", "message"),
    [
        ({}, {"seed": 3}, r"seed must be swept over a list, such as \[3\], got 3"),
        ({}, {"data_set": "mnist"}, r"data_set must be swept over a list, such as \['mnist'\]"),
        ({"seed": 1.5}, {}, r"seed must be a whole number from 0 on, such as 2019, got 1\.5"),
        ([], {}, r"fixed must be of type Mapping, such as \{'l2': 0\.01\}, got \[\]"),
        ({}, None, r"swept must be of type Mapping, .* got None"),
    ],
)
def test_a_grid_takes_mappings_to_lists(fixed, swept, message):
    with pytest.raises(TypeError, match=message):
        grid(fixed, swept)


@pytest.mark.parametrize(
    ("settings", "options", "error", "message"),
    [
        ([], {}, ValueError, "a sweep needs at least one configuration"),
        (grid({"seed": 1}, {})[0], {}, TypeError, "fixed must be of type Mapping"),
        ([{"seeds": 1}], {}, ValueError, "unknown setting seeds: there are"),
        ([{"seed": 1}], {"execution": "cuda"}, TypeError, r"such as Execution\(device='cuda'\)"),
        ([{"seed": 1}], {"executor": 4}, TypeError, r"such as LocalProcesses\(4\), got 4"),
    ],
)
def test_sweeps_of_something_else_are_refused(tmp_path, settings, options, error, message):
    with pytest.raises(error, match=message):
        sweep_networks(settings, tmp_path, **options)


@pytest.mark.parametrize("group_size", [0, -1, 0.5])
def test_groups_have_a_whole_number_of_members(tmp_path, group_size):
    error = TypeError if group_size == 0.5 else ValueError
    with pytest.raises(error, match=f"group_size must be a whole number from 1 on or None, got {group_size}"):
        run_sweep(train_group, [{"seed": 1}], tmp_path, group_size=group_size)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: LocalProcesses("4"), "n_workers must be a whole number from 0 on, such as 0, got '4'"),
        (lambda: DaskCluster(8786), "address must be text, got 8786"),
    ],
)
def test_executors_are_checked_when_they_are_made(made, message):
    with pytest.raises(TypeError, match=message):
        made()
