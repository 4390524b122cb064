"""Compiled steps have no graph break and do what eager ones do."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from biophys.release_plasticity import ReleasePlasticity
from rate_models.nn import (
    BernoulliLinear,
    BinomialLinear,
    GaussianLinear,
    PresynapticSGD,
    presynaptic_update,
    release,
    seed_streams,
)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
RULE = ReleasePlasticity(g_lim=0.01, form="soft_bound", consolidation=True, p_freeze=0.9)


def make_model(seed):
    torch.manual_seed(0)
    model = nn.Sequential(
        BernoulliLinear(8, 6),
        nn.ReLU(),
        BinomialLinear(6, 5, n_sites=2),
        release(nn.Linear(5, 5), p=0.5),
        GaussianLinear(5, 3, sigma=0.1),
    )
    return seed_streams(model, seed)


def data():
    return torch.randn(7, 8, generator=torch.Generator().manual_seed(1)), torch.arange(7) % 3


@pytest.mark.slow
def test_forward_and_optimizer_compile_whole():
    x, y = data()
    states = []
    for compiles in (False, True):
        model = make_model(1)
        optimizer = PresynapticSGD(model, RULE, lr=0.2, l2=0.01)

        def loss_of(x, y, model=model):
            return F.cross_entropy(model(x), y)

        step = optimizer.step
        if compiles:
            loss_of, step = torch.compile(loss_of, fullgraph=True), torch.compile(step, fullgraph=True)
        for _ in range(3):
            loss_of(x, y).backward()
            step()
            optimizer.zero_grad()
        states.append(model.state_dict())
    for name, eager in states[0].items():
        torch.testing.assert_close(states[1][name], eager, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_a_whole_step_of_an_ensemble_compiles_to_one_graph():
    x, y = data()
    models = [
        seed_streams(nn.Sequential(BernoulliLinear(8, 6), nn.ReLU(), BernoulliLinear(6, 3)), n)
        for n in (1, 2)
    ]
    parameters, buffers = torch.func.stack_module_state(models)
    parameters = {name: value.detach() for name, value in parameters.items()}

    def step(parameters, buffers, x, y):
        def loss(parameters, buffers):
            return F.cross_entropy(torch.func.functional_call(models[0], (parameters, buffers), (x,)), y)

        gradients = torch.func.grad(loss)(parameters, buffers)
        moved = [
            presynaptic_update(
                parameters[f"{n}.weight"],
                buffers[f"{n}.release.probability"],
                gradients[f"{n}.weight"],
                RULE,
                lr=0.2,
            )
            for n in (0, 2)
        ]
        return moved

    batched = torch.vmap(step, in_dims=(0, 0, None, None), randomness="error")
    copies = [{name: value.clone() for name, value in buffers.items()} for _ in range(2)]
    eager = batched(parameters, copies[0], x, y)
    compiled = torch.compile(batched, fullgraph=True)(parameters, copies[1], x, y)
    for left, right in zip(eager, compiled, strict=True):
        for a, b in zip(left, right, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)
    assert torch.equal(copies[0]["0.release.step"], copies[1]["0.release.step"])
    assert copies[0]["0.release.step"].tolist() == [1, 1]
