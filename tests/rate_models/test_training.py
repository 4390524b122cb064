"""The training loop: trajectories against plain loops, replicas against single runs, diverged replicas."""

import weakref

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from biophys.release_plasticity import ReleasePlasticity, updated_release_probability
from rate_models.consolidation import BayesianGradientDescent, MeanFieldSynapses
from rate_models.devices import Execution
from rate_models.evaluation import accuracy, mean_softmax
from rate_models.layout import Layout
from rate_models.networks import FeedForward
from rate_models.optimisers import Adam, GradientDescent, Sgd
from rate_models.posterior import GaussianPrior
from rate_models.presynaptic_sgd import PresynapticSgd
from rate_models.reliability_cost import EntropyCost, MagnitudeCost, ReliabilityCost
from rate_models.stochastic_layers import BernoulliSynapses, DeterministicSynapses, GaussianSynapses
from rate_models.task_sequences import DataOrder, Plan
from rate_models.training import DivergenceWarning, Trainer

LAYOUT = Layout((8, 6, 5, 3))
DOUBLE = Execution(dtype="float64")
RNG = np.random.default_rng(0)
IMAGES = torch.from_numpy(RNG.normal(size=(60, 8)))
LABELS = torch.from_numpy(RNG.integers(3, size=60))


def trainer_of(seeds, build):
    synapses, rule = build(seeds)
    return Trainer(FeedForward(LAYOUT), synapses, rule, IMAGES, LABELS)


def train(trainer, seeds, n_epochs=3):
    order = DataOrder(seeds)
    for _ in range(n_epochs):
        trainer.run(order.epoch(np.arange(60), batch_size=10))


def plastic(rates, l2, rules):
    def build(seeds):
        synapses = BernoulliSynapses(LAYOUT, seeds, execution=DOUBLE)
        return synapses, PresynapticSgd(synapses, rules, learning_rate=rates, l2=l2)

    return build


def descending(kind, optimiser, rates, l2):
    def build(seeds):
        synapses = kind(LAYOUT, seeds, execution=DOUBLE)
        return synapses, GradientDescent(optimiser(synapses, learning_rate=rates, l2=l2))

    return build


def test_presynaptic_steps_are_those_of_a_plain_loop():
    rule = ReleasePlasticity(
        p_up=0.05, p_down=0.03, g_lim=0.01, p_freeze=0.5, form="soft_bound", consolidation=True
    )
    synapses, learning = plastic(0.3, 0.01, rule)([7])
    trainer = Trainer(FeedForward(LAYOUT), synapses, learning, IMAGES, LABELS)
    twin = BernoulliSynapses(LAYOUT, [7], execution=DOUBLE)
    strength, bias, p = twin.strength[0].clone(), twin.bias[0].clone(), twin.p[0].clone()
    plan = DataOrder([7]).epoch(np.arange(60), batch_size=10)
    for batch in plan.images[0].long():
        twin.p[0] = p
        twin.draw()
        released = (twin.scale[0] > 0).double()
        leaf = strength.clone().requires_grad_()
        flat = torch.cat([released * leaf / p, bias])[None]
        logits = FeedForward(LAYOUT).logits(IMAGES[batch][None], flat)[0]
        (g,) = torch.autograd.grad(F.cross_entropy(logits, LABELS[batch]), leaf)
        strength = strength - 0.3 * ((1 - p) * g + 0.01 * strength)
        p = updated_release_probability(p, g, rule)
    trainer.run(plan)
    torch.testing.assert_close(synapses.strength[0], strength, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(synapses.p[0], p, rtol=1e-10, atol=1e-12)
    assert torch.equal(synapses.bias[0], bias)


@pytest.mark.parametrize("algorithm", [Sgd, Adam])
def test_deterministic_training_is_that_of_torch_optimisers(algorithm):
    synapses, rule = descending(DeterministicSynapses, algorithm, 0.05, 0.02)([3])
    initial = synapses.learned[0].clone()
    trainer = Trainer(FeedForward(LAYOUT), synapses, rule, IMAGES, LABELS)
    plan = DataOrder([3]).epoch(np.arange(60), batch_size=10)
    trainer.run(plan)
    leaf = initial.requires_grad_()
    published = {Sgd: torch.optim.SGD, Adam: torch.optim.Adam}[algorithm]
    optimiser = published([leaf], lr=0.05, weight_decay=0.02)
    for batch in plan.images[0].long():
        optimiser.zero_grad()
        F.cross_entropy(
            FeedForward(LAYOUT).logits(IMAGES[batch][None], leaf[None])[0], LABELS[batch]
        ).backward()
        optimiser.step()
    torch.testing.assert_close(synapses.learned[0], leaf.detach(), rtol=1e-8, atol=1e-10)


def test_both_paths_of_adam_agree():
    trained = []
    for runs_fused in (True, False):
        synapses, rule = descending(GaussianSynapses, Adam, [0.01, 0.02], 0.0)([3, 4])
        rule.optimiser._runs_fused = runs_fused
        train(Trainer(FeedForward(LAYOUT), synapses, rule, IMAGES, LABELS), [3, 4])
        trained.append(synapses.learned)
    torch.testing.assert_close(*trained, rtol=1e-6, atol=1e-8)


RULES = [ReleasePlasticity(p_up=0.05 * k, p_down=0.04, g_lim=0.01 * k) for k in (1, 2, 3)]


@pytest.mark.parametrize(
    ("batch", "alone"),
    [
        (plastic([0.1, 0.2, 0.3], [0.0, 0.01, 0.1], RULES), plastic(0.2, 0.01, RULES[1])),
        (
            descending(DeterministicSynapses, Sgd, [0.1, 0.2, 0.3], [0.0, 0.01, 0.1]),
            descending(DeterministicSynapses, Sgd, 0.2, 0.01),
        ),
        (
            descending(BernoulliSynapses, Adam, [0.1, 0.02, 0.3], 0.001),
            descending(BernoulliSynapses, Adam, 0.02, 0.001),
        ),
        (
            descending(GaussianSynapses, Adam, [0.1, 0.02, 0.3], 0.0),
            descending(GaussianSynapses, Adam, 0.02, 0.0),
        ),
    ],
    ids=["plastic", "deterministic", "fixed release", "gaussian"],
)
def test_a_replica_of_a_batch_learns_as_it_does_alone(batch, alone):
    together, single = trainer_of([5, 6, 7], batch), trainer_of([6], alone)
    train(together, [5, 6, 7]), train(single, [6])
    for name, rows in together.synapses.state().items():
        torch.testing.assert_close(rows[1], single.synapses.state()[name][0], rtol=1e-9, atol=1e-12)


def test_a_diverged_replica_is_found_and_dropped_without_harm():
    build = plastic([0.1, 1e200, 0.1], 0.0, ReleasePlasticity())
    trainer = trainer_of([5, 6, 7], build)
    order = DataOrder([5, 6, 7])
    trainer.run(order.epoch(np.arange(60), batch_size=10))
    assert trainer.diverged() == [1]
    assert trainer.drop([1]) == [1]
    order.keep([0, 2])
    trainer.run(order.epoch(np.arange(60), batch_size=10))
    undisturbed = trainer_of([5, 7], plastic(0.1, 0.0, ReleasePlasticity()))
    train(undisturbed, [5, 7], n_epochs=2)
    assert trainer.members == [0, 2]
    torch.testing.assert_close(trainer.synapses.learned, undisturbed.synapses.learned, rtol=1e-9, atol=1e-12)


def test_permuted_pixels_are_the_images_with_permuted_pixels():
    order = torch.from_numpy(np.stack([np.random.default_rng(i).permutation(8) for i in range(2)]))
    build = descending(DeterministicSynapses, Sgd, 0.1, 0.0)
    plan = DataOrder([1, 2]).epoch(np.arange(60), batch_size=10)
    permuted = trainer_of([1, 2], build)
    permuted.run(Plan(plan.images, order[:, None]))
    for replica in range(2):
        synapses, rule = build([replica + 1])
        single = Trainer(FeedForward(LAYOUT), synapses, rule, IMAGES[:, order[replica]], LABELS)
        single.run(plan.rows([replica]))
        torch.testing.assert_close(permuted.synapses.learned[replica], synapses.learned[0])


def test_variants_choose_the_pixel_order_of_every_image():
    order = torch.stack([torch.arange(8), torch.arange(7, -1, -1)])[None]
    plan = DataOrder([1]).epoch(np.arange(60), batch_size=10)
    variant = torch.zeros_like(plan.images)
    variant[..., ::2] = 1
    trainer = trainer_of([1], descending(DeterministicSynapses, Sgd, 0.1, 0.0))
    trainer._load(Plan(plan.images, order, variant))
    x, labels = trainer._batch()
    shown = IMAGES[plan.images[0, 0].long()]
    torch.testing.assert_close(x[0, 1::2], shown[1::2])
    torch.testing.assert_close(x[0, ::2], shown[::2].flip(1))
    assert torch.equal(labels[0], LABELS[plan.images[0, 0].long()])


def test_wrong_data_and_plans_are_named():
    synapses, rule = plastic(0.1, 0.0, ReleasePlasticity())([1])
    network = FeedForward(LAYOUT)
    with pytest.raises(ValueError, match=r"shape \(image, 8\) of the input, got \(60, 5\)"):
        Trainer(network, synapses, rule, IMAGES[:, :5], LABELS)
    with pytest.raises(ValueError, match=r"labels must be classes 0\.\.2"):
        Trainer(network, synapses, rule, IMAGES, LABELS + 1)
    trainer = Trainer(network, synapses, rule, IMAGES, LABELS)
    with pytest.raises(ValueError, match="plan is for 2 replicas, not 1"):
        trainer.run(DataOrder([1, 2]).epoch(np.arange(60), batch_size=10))
    with pytest.raises(TypeError, match="plan must be of type Plan"):
        trainer.run(torch.utils.data.DataLoader([1, 2]))
    with pytest.raises(ValueError, match="cannot drop every replica"):
        trainer.drop([0])


@pytest.mark.parametrize(
    ("images", "labels", "error", "message"),
    [
        (IMAGES.numpy(), LABELS, TypeError, "images must be of type Tensor"),
        (IMAGES, LABELS.tolist(), TypeError, "labels must be of type Tensor"),
        (IMAGES, LABELS[:-1], ValueError, "expected a label for each of 60 images, got 59"),
        (IMAGES, LABELS.float(), TypeError, r"labels must be whole numbers, got torch.float32: convert"),
        (IMAGES.reshape(60, 2, 4), LABELS, ValueError, r"got \(60, 2, 4\): flatten them"),
    ],
)
def test_data_that_cannot_be_learned_are_refused(images, labels, error, message):
    synapses, rule = plastic(0.1, 0.0, ReleasePlasticity())([1])
    with pytest.raises(error, match=message):
        Trainer(FeedForward(LAYOUT), synapses, rule, images, labels)


def test_a_rule_for_other_synapses_and_negative_rates_are_refused():
    with pytest.raises(TypeError, match="synapses must be of type BernoulliSynapses"):
        PresynapticSgd(DeterministicSynapses(LAYOUT, [1]), ReleasePlasticity(), learning_rate=0.1)
    with pytest.raises(ValueError, match=r"learning_rate, .* must be a number from 0 on, got -0\.1"):
        plastic([0.1, -0.1], 0.0, ReleasePlasticity())([1, 2])
    with pytest.raises(ValueError, match=r"l2, .* must be a number from 0 on, got -1"):
        plastic(0.1, -1, ReleasePlasticity())([1])


def test_an_answer_needs_a_draw():
    synapses, _ = plastic(0.1, 0.0, ReleasePlasticity())([1])
    with pytest.raises(ValueError, match=r"n_samples must be a whole number from 1 on, .*got 0"):
        mean_softmax(
            FeedForward(LAYOUT), synapses, IMAGES, streams=synapses.evaluation_streams(), n_samples=0
        )


def test_a_layout_from_a_list_is_the_same():
    assert Layout([8, 6, 3]) == Layout((8, 6, 3))
    assert hash(Layout([8, 6, 3])) == hash(Layout((8, 6, 3)))


def test_newly_drawn_weights_are_not_kept_alive():
    network = FeedForward(Layout((3, 2)))
    x, alive = torch.zeros(1, 1, 3), []
    for _ in range(50):
        drawn = torch.randn(1, 8)
        network.activities(x, drawn)
        alive.append(weakref.ref(drawn))
        del drawn
    assert sum(each() is not None for each in alive) <= 8


def test_a_rule_brings_the_loss_that_it_is_derived_for():
    def trained(**options):
        synapses = MeanFieldSynapses(LAYOUT, [3], initial_sigma=0.1, execution=DOUBLE)
        rule = BayesianGradientDescent(synapses)
        trainer = Trainer(FeedForward(LAYOUT), synapses, rule, IMAGES, LABELS, **options)
        train(trainer, [3], n_epochs=1)
        return synapses.learned

    assert torch.equal(trained(), trained(loss="sum"))
    with pytest.raises(ValueError, match="loss must be 'sum', or left out: Bayesian"):
        trained(loss="mean")


@pytest.mark.parametrize(
    "penalty",
    [
        lambda synapses: ReliabilityCost(synapses, EntropyCost(), share=1 / 6),
        lambda synapses: MagnitudeCost(synapses, 0.1, share=1 / 6),
        lambda synapses: GaussianPrior(synapses, 1.0, share=1 / 6),
    ],
)
def test_a_cost_paid_once_per_epoch_sums_the_loss(penalty):
    synapses = GaussianSynapses(LAYOUT, [3], execution=DOUBLE)
    rule = GradientDescent(Sgd(synapses, learning_rate=0.01), [penalty(synapses)])
    assert rule.loss == "sum"
    with pytest.raises(ValueError, match="loss must be 'sum'"):
        Trainer(FeedForward(LAYOUT), synapses, rule, IMAGES, LABELS, loss="mean")


def test_a_rule_of_other_synapses_is_refused():
    plain, plastic_ones = (
        kind(LAYOUT, [1, 2], execution=DOUBLE) for kind in (DeterministicSynapses, BernoulliSynapses)
    )
    rule = PresynapticSgd(plastic_ones, ReleasePlasticity(), learning_rate=0.1)
    with pytest.raises(TypeError, match="PresynapticSgd changes BernoulliSynapses, got"):
        Trainer(FeedForward(LAYOUT), plain, rule, IMAGES, LABELS)
    for kind in (Sgd, Adam):
        one = DeterministicSynapses(LAYOUT, [1], execution=DOUBLE)
        rule = GradientDescent(kind(one, learning_rate=0.1))
        with pytest.raises(ValueError, match="the rule is of 1 replicas, the synapses of 2"):
            Trainer(FeedForward(LAYOUT), plain, rule, IMAGES, LABELS)


@pytest.mark.parametrize("kind", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64])
def test_labels_may_be_whole_numbers_of_any_width(kind):
    found = []
    for labels in (LABELS, LABELS.to(kind)):
        synapses, rule = descending(DeterministicSynapses, Sgd, 0.1, 0.0)([3])
        trainer = Trainer(FeedForward(LAYOUT), synapses, rule, IMAGES, labels)
        train(trainer, [3], n_epochs=1)
        found.append(synapses.learned)
    assert torch.equal(*found)


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (LABELS > 1, TypeError, "labels must be whole numbers, got torch.bool"),
        (LABELS.to(torch.complex64), TypeError, "labels must be whole numbers, got torch.complex64"),
        (LABELS + 1, ValueError, r"labels must be classes 0\.\.2"),
    ],
)
def test_labels_that_are_no_classes_are_named(labels, error, message):
    synapses, rule = descending(DeterministicSynapses, Sgd, 0.1, 0.0)([3])
    with pytest.raises(error, match=message):
        Trainer(FeedForward(LAYOUT), synapses, rule, IMAGES, labels)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_pixels_that_are_not_finite_are_refused(wrong):
    synapses, rule = descending(DeterministicSynapses, Sgd, 0.1, 0.0)([3])
    images = IMAGES.clone()
    images[7, 2] = wrong
    with pytest.raises(ValueError, match="images must be finite"):
        Trainer(FeedForward(LAYOUT), synapses, rule, images, LABELS)


def test_precision_is_not_left_to_autocast():
    trainer = trainer_of([3], descending(DeterministicSynapses, Sgd, 0.1, 0.0))
    with (
        torch.autocast("cpu", dtype=torch.bfloat16),
        pytest.raises(ValueError, match="precision is set by Execution"),
    ):
        train(trainer, [3])
    train(trainer, [3])


def test_a_diverged_network_is_named_and_learns_no_more():
    seeds = [5, 6, 7]
    alone = trainer_of([5], descending(DeterministicSynapses, Sgd, 0.1, 0.0))
    train(alone, [5])
    trainer = trainer_of(seeds, descending(DeterministicSynapses, Sgd, [0.1, 1e300, 1e300], 0.0))
    with pytest.warns(DivergenceWarning, match="networks of seeds 6, 7 have diverged") as warned:
        train(trainer, seeds)
    assert len([one for one in warned if one.category is DivergenceWarning]) == 1
    assert trainer.diverged() == [1, 2]
    assert trainer.synapses.learned[1:].isnan().all()
    torch.testing.assert_close(trainer.synapses.learned[:1], alone.synapses.learned)
    streams = trainer.synapses.evaluation_streams()
    answers = mean_softmax(trainer.network, trainer.synapses, IMAGES, streams=streams)
    assert accuracy(answers, LABELS).isnan().tolist() == [False, True, True]
    assert trainer.drop(trainer.diverged()) == [1, 2]
    train(trainer, [5], n_epochs=1)
    assert trainer.diverged() == []


def test_a_batch_that_has_diverged_altogether_trains_no_longer():
    trainer = trainer_of([5], descending(DeterministicSynapses, Sgd, 1e300, 0.0))
    with pytest.warns(DivergenceWarning):
        train(trainer, [5], n_epochs=1)
    steps = []
    trainer._step = lambda: steps.append(1)
    train(trainer, [5], n_epochs=1)
    assert steps == []
