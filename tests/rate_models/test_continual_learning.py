"""Sequences of tasks: which images each task shows, what the network is told, and how it is measured."""

import numpy as np
import pytest
import torch

from rate_models.continual_learning import (
    TaskNetwork,
    accuracy_by_task,
    held_out,
    learn_tasks,
    permuted_tasks,
    plans_of,
    split_tasks,
)
from rate_models.continual_methods import (
    Replica,
    Training,
    fisher_of_task,
    learned,
    learner_of,
    program_names,
    settings_of_program,
)
from rate_models.datasets import images_from, load_images
from rate_models.devices import Execution
from rate_models.evaluation import accuracy
from rate_models.fisher import diagonal_fisher
from rate_models.layout import Layout
from rate_models.networks import cross_entropy
from rate_models.task_sequences import DataOrder

DIGITS = load_images("digits")
SMALL = Training(hidden_units=(12,), n_epochs=1, batch_size=50, n_samples=2, n_fisher_images=50)
RULE = {"learning_rate": 0.05, "p_up": 0.05, "p_down": 0.05, "p_freeze": 0.94}
SETTINGS = {
    "consolidating": RULE,
    "plastic": RULE,
    "ghost": RULE,
    "ghost_misnormalised": RULE,
    "sgd": {"learning_rate": 0.1},
    "adam": {"learning_rate": 0.01},
    "ewc": {"learning_rate": 0.05, "strength": 10.0},
    "si": {"learning_rate": 0.01, "strength": 0.1},
    "bgd": {"learning_rate": 1.0, "sigma": 0.05},
}


@pytest.mark.parametrize(("scenario", "n_classes"), [("domain", 2), ("class", 10), ("task", 10)])
def test_split_tasks_hold_every_image_once(scenario, n_classes):
    tasks = split_tasks(DIGITS, scenario)
    assert tasks.images.n_classes == n_classes
    assert sorted(np.concatenate(tasks.train_members)) == list(range(len(DIGITS.train_labels)))
    for pair, members in zip(((0, 1), (2, 3), (4, 5), (6, 7), (8, 9)), tasks.test_members, strict=True):
        assert set(DIGITS.test_labels[torch.from_numpy(members)].tolist()) == set(pair)
    shown = DIGITS.train_labels % 2 if scenario == "domain" else DIGITS.train_labels
    assert torch.equal(tasks.images.train_labels, shown)


def test_epochs_of_a_task_show_its_images_in_new_orders():
    tasks = split_tasks(DIGITS)
    plans = list(plans_of(tasks, [1, 2], None, n_epochs=2, batch_size=20))
    assert [n for n, _ in plans] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    for n, plan in plans:
        assert set(plan.images.flatten().tolist()) <= set(tasks.train_members[n - 1].tolist())
        assert all(len(set(row.flatten().tolist())) == row.numel() for row in plan.images)
    assert not torch.equal(plans[0][1].images, plans[1][1].images)
    assert not torch.equal(plans[0][1].images[0], plans[0][1].images[1])


def test_joint_epochs_show_all_images_of_all_tasks():
    tasks = permuted_tasks(DIGITS, 3)
    orders = tasks.pixel_orders([1])
    plans = [plan for _, plan in plans_of(tasks, [1], orders, schedule="joint", n_epochs=1, batch_size=6)]
    images = torch.cat([plan.images.flatten() for plan in plans])
    variants = torch.cat([plan.variant.flatten() for plan in plans])
    assert len(images) == 3 * len(DIGITS.train_labels)
    assert len(set(zip(images.tolist(), variants.tolist(), strict=True))) == len(images)


def test_gradual_tasks_mix_only_neighbours():
    tasks = permuted_tasks(DIGITS, 3)
    plans = list(
        plans_of(tasks, [1], tasks.pixel_orders([1]), schedule="continuous", n_epochs=2, batch_size=50)
    )
    assert [n for n, _ in plans] == [1, 1, 2, 2, 3, 3]
    shown = [set(plan.variant.flatten().tolist()) for _, plan in plans]
    assert shown == [{0}, {0, 1}, {0, 1}, {1, 2}, {1, 2}, {2}]


def test_held_out_images_are_not_trained_on():
    tuning = held_out(DIGITS, 0.25, rng=np.random.default_rng(0))
    assert len(tuning.test_labels) == round(0.25 * len(DIGITS.train_labels))
    together = torch.cat([tuning.train_images, tuning.test_images])
    assert len(torch.unique(together, dim=0)) == len(torch.unique(DIGITS.train_images, dim=0))
    with pytest.raises(ValueError, match="share must be a number above 0 and below 1"):
        held_out(DIGITS, 1.0, rng=np.random.default_rng(0))


def test_only_chosen_units_compete():
    network = TaskNetwork(Layout((4, 5)), device=torch.device("cpu"), dtype=torch.float32)
    network.choose((1, 3))
    x, parameters = torch.randn(1, 6, 4), torch.randn(1, 25)
    found = network.activities(x, parameters)
    _, slope = cross_entropy(found[-1], torch.tensor([[1, 3, 1, 3, 1, 3]]))
    assert not slope[..., [0, 2, 4]].any()
    assert slope[..., [1, 3]].all()
    network.choose(None)
    assert network.logits(x, parameters).min() > -1e6


def test_tasks_are_finished_and_measured_in_order():
    tasks = split_tasks(DIGITS)
    learner = learner_of("sgd", [Replica(1, SETTINGS["sgd"])], Layout((64, 12, 2)), SMALL, Execution())
    from rate_models.training import Trainer

    images = tasks.images
    trainer = Trainer(
        learner.network, learner.synapses, learner.rule, images.train_images, images.train_labels
    )
    seen = []
    learn_tasks(
        trainer,
        tasks,
        n_epochs=1,
        batch_size=50,
        finish_task=lambda task: seen.append(f"finish {task}"),
        measure=lambda n: seen.append(f"measure {n}"),
    )
    expected = ["measure 0"]
    for task in range(5):
        expected += [f"finish {task}", f"measure {task + 1}"]
    assert seen == expected


@pytest.mark.parametrize("program", SETTINGS)
def test_every_program_learns_and_a_replica_is_the_same_alone(program):
    tasks = split_tasks(DIGITS)
    training = Training(hidden_units=(12,), n_epochs=2, batch_size=50, n_samples=2, n_fisher_images=50)
    replicas = [Replica(seed, SETTINGS[program]) for seed in (1, 2)]
    together = learned(program, replicas, tasks, training, execution=Execution())
    alone = learned(program, replicas[1:], tasks, training, execution=Execution())
    assert together.accuracy.shape == (2, 6, 5)
    assert np.isfinite(together.accuracy).all()
    np.testing.assert_allclose(together.accuracy[1], alone.accuracy[0], atol=0.03)
    assert together.accuracy.dims == ("replica", "n_learned", "task")
    is_plastic = program in ("consolidating", "plastic", "ghost", "ghost_misnormalised")
    assert np.isfinite(together.mean_p).all() == is_plastic
    # What was learned last is known better than by chance: 0.79 with a sd of 0.03 over seeds, or more.
    if program in ("sgd", "adam", "ewc", "si", "bgd"):
        assert together.accuracy[:, -1, -1].min() > 0.63


ANY = {"p_start": 0.75, "gain": 4.0, "memory": 1e3, "clamp": 1.7, "strength": 1.0, "rate_strength": 0.1}
ANY |= {**RULE, "sigma": 0.5, "sigma_rate": 1.0, "prior_sigma": 1.0, "mean_range": 2.0}
"""A value for every setting that a program of this package has."""


@pytest.mark.parametrize("program", [name for name in program_names() if " " not in name])
def test_every_program_tells_its_shapes_on_the_meta_device(program):
    meta, setting = Execution("meta"), {name: ANY[name] for name in settings_of_program(program)}
    learner = learner_of(program, [Replica(1, setting)], Layout((64, 12, 10)), SMALL, meta)
    trainer = learner.trainer(DIGITS.to(meta.torch_device, meta.torch_dtype))
    trainer.run(DataOrder([1]).epoch(np.arange(100), batch_size=50))
    assert learner.synapses.learned.is_meta


@pytest.mark.parametrize("program", ["odds", "ewc", "mesu"])
def test_images_of_any_precision_are_learned(program, tmp_path):
    # Arrays of numpy are in double precision unless something else is asked for.
    shown = (DIGITS.train_images, DIGITS.train_labels), (DIGITS.test_images, DIGITS.test_labels)
    parts = [(images.double().numpy(), labels.numpy()) for images, labels in shown]
    replicas = [Replica(1, {name: ANY[name] for name in settings_of_program(program)})]
    single, double = (
        learned(program, replicas, permuted_tasks(data, 2), SMALL, execution=Execution(), checkpoint=kept)
        for data, kept in ((DIGITS, None), (images_from(*parts), f"{tmp_path}/half.pt"))
    )
    assert single.equals(double)


def test_being_told_the_task_helps():
    settings = {"learning_rate": 0.2}
    final = {}
    for scenario in ("class", "task"):
        tasks = split_tasks(DIGITS, scenario)
        training = Training(hidden_units=(30,), n_epochs=4, batch_size=20)
        found = learned("sgd", [Replica(1, settings)], tasks, training, execution=Execution())
        final[scenario] = found.accuracy[0, -1].mean()
    # Without the task a network knows the last two classes only: a fifth of all.
    assert final["class"] < 0.35
    assert final["task"] > 0.8


def test_accuracy_by_task_shows_every_task_its_own_pixels():
    tasks = permuted_tasks(DIGITS, 2)
    learner = learner_of("sgd", [Replica(5, SETTINGS["sgd"])], Layout((64, 8, 10)), SMALL, Execution())
    found = accuracy_by_task(
        learner.network, learner.synapses, tasks, streams=learner.synapses.evaluation_streams()
    )
    orders = tasks.pixel_orders([5])[0]
    for task in range(2):
        logits = learner.network.logits(DIGITS.test_images[None, :, orders[task]], learner.synapses.learned)
        assert found[0, task] == accuracy(logits, DIGITS.test_labels)[0]


def test_fisher_information_is_of_the_task_that_was_shown():
    tasks = permuted_tasks(DIGITS, 2)
    replicas = [Replica(5, SETTINGS["ewc"], fisher="observed"), Replica(6, SETTINGS["ewc"])]
    learner = learner_of("ewc", replicas, Layout((64, 8, 10)), SMALL, Execution())
    found = fisher_of_task(learner.network, learner.synapses, tasks, 1, replicas, n_images=10**6)
    for row, kind in enumerate(("observed", "expected")):
        shown = DIGITS.train_images[:, tasks.pixel_orders([5 + row])[0, 1]]
        parameters = learner.synapses.learned[row : row + 1]
        expected = diagonal_fisher(learner.network, parameters, shown, DIGITS.train_labels, expectation=kind)
        torch.testing.assert_close(found[row], expected[0], rtol=1e-4, atol=1e-7)


def test_wrong_names_and_settings_are_named():
    with pytest.raises(ValueError, match="scenario must be one of domain, class, task, got 'time'"):
        split_tasks(DIGITS, "time")
    with pytest.raises(ValueError, match="schedule must be one of"):
        list(plans_of(split_tasks(DIGITS), [1], None, schedule="later", n_epochs=1, batch_size=10))
    with pytest.raises(ValueError, match="only permuted tasks can blend"):
        list(plans_of(split_tasks(DIGITS), [1], None, schedule="continuous", n_epochs=1, batch_size=10))
    with pytest.raises(ValueError, match="program must be one of"):
        learner_of("magic", [], Layout((4, 2)), SMALL, Execution())
    with pytest.raises(TypeError, match="settings must be a mapping of texts to numbers"):
        Replica(1, {"learning_rate": "0.1"})
    with pytest.raises(ValueError, match="fisher must be one of observed, sampled, expected, got 'all'"):
        Replica(1, {}, fisher="all")
    with pytest.raises(ValueError, match="n_epochs must be a whole number from 1 on, such as 10, got 0"):
        Training(n_epochs=0)
    with pytest.raises(TypeError, match="execution must be of type Execution, got 'cpu'"):
        learned("sgd", [Replica(1, SETTINGS["sgd"])], split_tasks(DIGITS), SMALL, execution="cpu")
    with pytest.raises(ValueError, match=r"settings of si are learning_rate, strength, got .'learning_rate'"):
        learner_of("si", [Replica(1, {"learning_rate": 0.1})], Layout((4, 2)), SMALL, Execution())
