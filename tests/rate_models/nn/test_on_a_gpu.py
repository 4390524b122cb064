"""What runs on a CUDA device must do what it does on a CPU: these tests need one."""

import copy

import pytest
import torch
from torch import nn

from biophys.release_plasticity import ReleasePlasticity
from rate_models.nn import (
    BernoulliConv2d,
    BernoulliLinear,
    BinomialLinear,
    EnergyCounter,
    GaussianConv2d,
    GaussianLinear,
    PresynapticSGD,
    seed_streams,
)

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

LAYERS = {
    "bernoulli": lambda: BernoulliLinear(30, 7, p=0.4),
    "binomial": lambda: BinomialLinear(30, 7, n_sites=5, p=0.4),
    "gaussian": lambda: GaussianLinear(30, 7, sigma=0.1),
    "bernoulli convolution": lambda: BernoulliConv2d(2, 3, 3, p=0.6),
    "gaussian convolution": lambda: GaussianConv2d(2, 3, 3, sigma=0.1),
}


def model_of(*layers):
    torch.manual_seed(1)
    return seed_streams(nn.Sequential(*(make() for make in layers)), 7)


def classifier():
    return model_of(lambda: BernoulliLinear(30, 40), nn.ReLU, lambda: BernoulliLinear(40, 7))


def images():
    x = torch.randn(64, 30, generator=torch.Generator().manual_seed(3))
    return x, x[:, :7].argmax(dim=1)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_draws_and_answers_as_on_the_cpu(name):
    model = model_of(LAYERS[name])
    on_gpu = copy.deepcopy(model).cuda()
    shape = (5, 2, 8, 8) if "convolution" in name else (5, 30)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(2))
    for _ in range(3):
        torch.testing.assert_close(on_gpu(x.cuda()).cpu(), model(x), rtol=1e-4, atol=1e-4)


def trained(model, device, *, compiles=False, n_steps=20):
    model = copy.deepcopy(model).to(device)
    rule = PresynapticSGD(model, ReleasePlasticity(form="soft_bound"), lr=0.05, l2=0.01)
    x, y = images()
    x, y = x.to(device, model[0].weight.dtype), y.to(device)

    def loss():
        return nn.functional.cross_entropy(model(x), y)

    if compiles:
        loss, step = torch.compile(loss, fullgraph=True), torch.compile(rule.step, fullgraph=True)
    else:
        step = rule.step
    for _ in range(n_steps):
        rule.zero_grad()
        loss().backward()
        step()
    return model


@pytest.mark.parametrize("compiles", [False, True])
def test_the_published_rule_learns_as_on_the_cpu(compiles):
    model = classifier().double()
    on_cpu, on_gpu = trained(model, "cpu"), trained(model, "cuda", compiles=compiles)
    for name, value in on_cpu.state_dict().items():
        torch.testing.assert_close(on_gpu.state_dict()[name].cpu(), value, rtol=1e-6, atol=1e-9)


def test_a_state_moves_between_devices_and_goes_on_with_the_same_draws():
    model = classifier()
    half = trained(model, "cuda", n_steps=5)
    restored = classifier()
    restored.load_state_dict({name: value.cpu() for name, value in half.state_dict().items()})
    x, _ = images()
    torch.testing.assert_close(restored(x), half(x.cuda()).cpu(), rtol=1e-4, atol=1e-4)


def test_energy_is_that_of_the_cpu():
    model = classifier()
    x, _ = images()
    spent = []
    for device in ("cpu", "cuda"):
        moved = copy.deepcopy(model).to(device)
        with torch.no_grad(), EnergyCounter(moved) as energy:
            moved(x.to(device))
        spent.append(float(energy.atp_per_input.magnitude))
    assert spent[1] == pytest.approx(spent[0], rel=1e-4)
