"""Layers and engine train the same network from the same draws, for every kind of synapse and rule."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from biophys.release_plasticity import ReleasePlasticity
from rate_models.devices import Execution
from rate_models.draws import standard_normal
from rate_models.layout import Layout
from rate_models.networks import FeedForward
from rate_models.nn import (
    BernoulliLinear,
    EntropyCost,
    GaussianLinear,
    PowerCost,
    PresynapticSGD,
    gaussian_kl,
    magnitude_cost,
    named_synapses,
    reliability_cost,
    seed_streams,
)
from rate_models.optimisers import Adam, GradientDescent, Sgd
from rate_models.posterior import GaussianPrior
from rate_models.presynaptic_sgd import PresynapticSgd
from rate_models.reliability_cost import MagnitudeCost, ReliabilityCost
from rate_models.stochastic_layers import BernoulliSynapses, DeterministicSynapses, GaussianSynapses
from rate_models.task_sequences import DataOrder
from rate_models.training import Trainer

LAYOUT = Layout((6, 5, 4, 3))
DOUBLE = Execution(dtype="float64")
N_DATA, BATCH_SIZE, N_EPOCHS = 40, 10, 3


@pytest.fixture(scope="module")
def data():
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(N_DATA, 6, generator=generator, dtype=torch.float64)
    return images, torch.randint(0, 3, (N_DATA,), generator=generator)


@pytest.fixture(scope="module")
def plan():
    order = DataOrder([0])
    return [order.epoch(np.arange(N_DATA), batch_size=BATCH_SIZE) for _ in range(N_EPOCHS)]


class GivenNoise:
    """Streams that hand out what the layers drew."""

    def __init__(self, drawn):
        self.drawn = iter(drawn)

    def bits(self, n):
        released = next(self.drawn)[None]
        assert released.shape == (1, n)
        return torch.where(released > 0, -32768, 32767).to(torch.int16)

    def normals(self, n):
        numbers = next(self.drawn)[None]
        assert numbers.shape == (1, n)
        return numbers


def network_like(synapses, layer):
    """Return the network of the layers, with the initial values of the engine."""
    linear = [layer(n_in, n_out, dtype=torch.float64) for n_in, n_out in pairwise(LAYOUT.sizes)]
    learned = synapses.learned.clone()
    with torch.no_grad():
        for each, weight, bias in zip(linear, LAYOUT.weights(learned), LAYOUT.biases(learned), strict=True):
            each.weight.copy_(weight[0])
            each.bias.copy_(bias[0])
    model = nn.Sequential(linear[0], nn.ReLU(), linear[1], nn.ReLU(), linear[2])
    return model, linear


def trained(model, data, plan, optimizers, *, penalty=lambda: 0.0, reduction="mean", drawn_by=None):
    """Train the layers; return what they drew in every step."""
    images, labels = data
    drawn = []
    for epoch in plan:
        for batch in epoch.images[0]:
            loss = F.cross_entropy(model(images[batch]), labels[batch], reduction=reduction) + penalty()
            if drawn_by is not None:
                drawn.append(drawn_by())
            for optimizer in optimizers:
                optimizer.zero_grad()
            loss.backward()
            for optimizer in optimizers:
                optimizer.step()
    return drawn


def run_engine(synapses, rule, data, plan, drawn, *, loss="mean"):
    synapses.streams = GivenNoise(drawn)
    trainer = Trainer(FeedForward(LAYOUT), synapses, rule, *data, loss=loss)
    for epoch in plan:
        trainer.run(epoch)


def flat(linear, of):
    """Return a tensor of every layer as the engine lays them out."""
    return torch.cat([of(each).detach().flatten() for each in linear])


def released(linear):
    return lambda: flat(linear, lambda each: each.release.count())


def assert_same(synapses, linear):
    weights = flat(linear, lambda each: each.weight)
    biases = flat(linear, lambda each: each.bias)
    learned = synapses.learned[0, : LAYOUT.n_parameters]
    torch.testing.assert_close(torch.cat([weights, biases]), learned.clone(), rtol=1e-10, atol=1e-12)


RULES = [
    ReleasePlasticity(g_lim=0.01),
    ReleasePlasticity(g_lim=0.01, form="soft_bound"),
    ReleasePlasticity(g_lim=0.01, form="soft_bound", consolidation=True),
    ReleasePlasticity(g_lim=0.01, p_up=0.3, p_freeze=0.6, consolidation=True),
    ReleasePlasticity(g_lim=0.01, p_up=0.3, p_down=0.01, p_max=0.9, form="soft_bound", p_freeze=0.5),
]


@pytest.mark.parametrize("rule", RULES, ids=range(len(RULES)))
@pytest.mark.parametrize("biases", ["fixed", "trained"])
def test_plastic_release(rule, biases, data, plan):
    synapses = BernoulliSynapses(LAYOUT, [1], biases=biases, execution=DOUBLE)
    model, linear = network_like(synapses, BernoulliLinear)
    seed_streams(model, 3)
    optimizers = [PresynapticSGD(model, rule, lr=0.2, l2=0.05)]
    if biases == "trained":
        optimizers.append(torch.optim.SGD([each.bias for each in linear], lr=0.2))
    drawn = trained(model, data, plan, optimizers, drawn_by=released(linear))
    run_engine(synapses, PresynapticSgd(synapses, rule, learning_rate=0.2, l2=0.05), data, plan, drawn)
    assert_same(synapses, linear)
    p = flat(linear, lambda each: each.p)
    torch.testing.assert_close(p, synapses.p[0].clone(), rtol=1e-12, atol=1e-12)
    assert (p > rule.p_min).any()


@pytest.mark.parametrize(
    "options", [{}, {"release_fixed_at": 0.5}, {"release_fixed_at": 0.5, "normalised_by": "ghost"}]
)
@pytest.mark.parametrize("adam", [False, True])
def test_fixed_release_and_ghosts(options, adam, data, plan):
    synapses = BernoulliSynapses(
        LAYOUT, [1], release_probability=0.4, biases="trained", execution=DOUBLE, **options
    )
    model, linear = network_like(
        synapses, lambda *sizes, **kinds: BernoulliLinear(*sizes, p=0.4, **options, **kinds)
    )
    seed_streams(model, 4)
    if adam:
        optimizer, engine = torch.optim.Adam(model.parameters(), lr=0.01), Adam(synapses, learning_rate=0.01)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.01)
        engine = Sgd(synapses, learning_rate=0.1, l2=0.01)
    drawn = trained(model, data, plan, [optimizer], drawn_by=released(linear))
    run_engine(synapses, GradientDescent(engine), data, plan, drawn)
    assert_same(synapses, linear)


def test_plastic_ghost(data, plan):
    rule = ReleasePlasticity(g_lim=0.01, form="soft_bound", consolidation=True)
    synapses = BernoulliSynapses(LAYOUT, [1], release_fixed_at=0.5, execution=DOUBLE)
    model, linear = network_like(
        synapses, lambda *sizes, **kinds: BernoulliLinear(*sizes, release_fixed_at=0.5, **kinds)
    )
    seed_streams(model, 5)
    drawn = trained(model, data, plan, [PresynapticSGD(model, rule, lr=0.2)], drawn_by=released(linear))
    run_engine(synapses, PresynapticSgd(synapses, rule, learning_rate=0.2), data, plan, drawn)
    assert_same(synapses, linear)
    torch.testing.assert_close(flat(linear, lambda each: each.p), synapses.p[0].clone())


def test_deterministic_synapses_are_those_of_torch(data, plan):
    synapses = DeterministicSynapses(LAYOUT, [1], execution=DOUBLE)
    model, linear = network_like(synapses, nn.Linear)
    trained(model, data, plan, [torch.optim.SGD(model.parameters(), lr=0.1)])
    run_engine(synapses, GradientDescent(Sgd(synapses, learning_rate=0.1)), data, plan, [])
    assert_same(synapses, linear)


PENALTIES = {
    "none": (lambda model: 0.0, lambda synapses: []),
    "power": (
        lambda model: reliability_cost(
            model, PowerCost(1e-3, 0.5), n_data=N_DATA, loss="sum", batch_size=BATCH_SIZE
        ),
        lambda synapses: [ReliabilityCost(synapses, PowerCost(1e-3, 0.5), share=BATCH_SIZE / N_DATA)],
    ),
    "mixture and magnitude": (
        lambda model: (
            reliability_cost(
                model,
                (PowerCost(1e-3, 0.5), PowerCost(1e-4, 1.0)),
                n_data=N_DATA,
                loss="sum",
                batch_size=BATCH_SIZE,
            )
            + magnitude_cost(model, 0.3, n_data=N_DATA, loss="sum", batch_size=BATCH_SIZE)
        ),
        lambda synapses: [
            ReliabilityCost(
                synapses, (PowerCost(1e-3, 0.5), PowerCost(1e-4, 1.0)), share=BATCH_SIZE / N_DATA
            ),
            MagnitudeCost(synapses, 0.3, share=BATCH_SIZE / N_DATA),
        ],
    ),
    "posterior": (
        lambda model: gaussian_kl(model, 0.7, n_data=N_DATA, loss="sum", batch_size=BATCH_SIZE),
        lambda synapses: [
            ReliabilityCost(synapses, EntropyCost(), share=BATCH_SIZE / N_DATA),
            GaussianPrior(synapses, 0.7, share=BATCH_SIZE / N_DATA),
        ],
    ),
}


def normals_of(linear):
    """Return how to read the numbers that Gaussian layers drew, weights of all layers first."""

    def numbers():
        drawn = [
            standard_normal(stochastic.randomness, tensor)
            for name in ("noise", "bias_noise")
            for each in linear
            for stochastic, tensor in [(getattr(each, name), each.weight if name == "noise" else each.bias)]
        ]
        return torch.cat([each.detach().flatten() for each in drawn])

    return numbers


@pytest.mark.parametrize("name", PENALTIES)
def test_gaussian_weights(name, data, plan):
    penalty, penalties = PENALTIES[name]
    synapses = GaussianSynapses(LAYOUT, [1], initial_sigma=0.05, execution=DOUBLE)
    model, linear = network_like(
        synapses, lambda *sizes, **kinds: GaussianLinear(*sizes, sigma=0.05, **kinds)
    )
    seed_streams(model, 6)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    drawn = trained(
        model,
        data,
        plan,
        [optimizer],
        penalty=lambda: penalty(model),
        reduction="sum",
        drawn_by=normals_of(linear),
    )
    rule = GradientDescent(Adam(synapses, learning_rate=0.02), penalties(synapses))
    run_engine(synapses, rule, data, plan, drawn, loss="sum")
    assert_same(synapses, linear)
    phi = torch.cat(
        [flat(linear, lambda each: each.noise.phi), flat(linear, lambda each: each.bias_noise.phi)]
    )
    torch.testing.assert_close(phi, synapses.phi[0].clone(), rtol=1e-9, atol=1e-10)
    assert (phi - math.log(math.expm1(0.05))).abs().min() > 0


def test_homogeneous_noise(data, plan):
    synapses = GaussianSynapses(LAYOUT, [1], initial_sigma=0.05, homogeneous=True, execution=DOUBLE)
    model, linear = network_like(
        synapses, lambda *sizes, **kinds: GaussianLinear(*sizes, sigma=0.05, homogeneous=True, **kinds)
    )
    seed_streams(model, 6)
    shared = linear[0].noise.phi
    for each in linear:
        each.noise.phi = each.bias_noise.phi = shared
    # The engine gives every synapse the mean gradient, autograd the one parameter their sum.
    groups = [
        {"params": [parameter for parameter in model.parameters() if parameter is not shared], "lr": 0.02},
        {"params": [shared], "lr": 0.02 / LAYOUT.n_parameters},
    ]
    drawn = trained(model, data, plan, [torch.optim.SGD(groups)], drawn_by=normals_of(linear))
    run_engine(synapses, GradientDescent(Sgd(synapses, learning_rate=0.02)), data, plan, drawn)
    assert_same(synapses, linear)
    torch.testing.assert_close(shared.detach().expand(LAYOUT.n_parameters), synapses.phi[0].clone())


def test_a_group_under_vmap_trains_as_its_networks_do_alone(data):
    images, labels = data
    models = [
        seed_streams(nn.Sequential(BernoulliLinear(6, 4), nn.ReLU(), BernoulliLinear(4, 3)).double(), seed)
        for seed in (1, 2)
    ]
    parameters, buffers = torch.func.stack_module_state(models)
    parameters = {name: value.detach() for name, value in parameters.items()}
    rule = ReleasePlasticity(g_lim=0.01, form="soft_bound", consolidation=True)

    def step(parameters, buffers, x, y):
        from rate_models.nn import presynaptic_update

        def loss(parameters, buffers):
            return F.cross_entropy(torch.func.functional_call(models[0], (parameters, buffers), (x,)), y)

        gradients = torch.func.grad(loss)(parameters, buffers)
        for name in ("0", "2"):
            weight, p = f"{name}.weight", f"{name}.release.probability"
            moved = presynaptic_update(
                parameters[weight], buffers[p], gradients[weight], rule, lr=0.2, l2=0.05
            )
            parameters, buffers = parameters | {weight: moved[0]}, buffers | {p: moved[1]}
        return parameters, buffers

    for _ in range(4):
        parameters, buffers = torch.vmap(step, in_dims=(0, 0, None, None), randomness="error")(
            parameters, buffers, images, labels
        )
    for replica, model in enumerate(models):
        optimizer = PresynapticSGD(model, rule, lr=0.2, l2=0.05)
        for _ in range(4):
            F.cross_entropy(model(images), labels).backward()
            optimizer.step()
            optimizer.zero_grad()
        for synapses in named_synapses(model):
            torch.testing.assert_close(parameters[synapses.name][replica], synapses.expected.detach())
            probability = buffers[synapses.name.replace("weight", "release.probability")][replica]
            torch.testing.assert_close(probability, synapses.stochastic.p)
    assert not torch.equal(parameters["0.weight"][0], parameters["0.weight"][1])
