"""The published rule as an optimiser of torch: what one expects of any optimiser, and named errors."""

import copy
import pickle
import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from biophys.release_plasticity import ReleasePlasticity
from rate_models.nn import (
    BernoulliLinear,
    GaussianLinear,
    PresynapticSGD,
    SharedStreamWarning,
    add_noise,
    diverged_replicas,
    other_parameters,
    presynaptic_update,
    release,
    seed_streams,
)

RULE = ReleasePlasticity(form="soft_bound", g_lim=0.005)


def model_and_optimizers(seed=1):
    torch.manual_seed(0)
    model = nn.Sequential(
        BernoulliLinear(6, 8), nn.ReLU(), nn.BatchNorm1d(8), release(nn.Linear(8, 3), p=0.25)
    )
    seed_streams(model, seed)
    rest = torch.optim.Adam(other_parameters(model), lr=0.01)
    return model, [PresynapticSGD(model, RULE, lr=0.1, l2=0.01), rest]


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(60, 6, generator=generator)
    return TensorDataset(x, (x[:, 0] > 0).long() + (x[:, 1] > 0).long())


def train(model, optimizers, batches, schedulers=()):
    losses = []
    for x, y in batches:
        losses.append(F.cross_entropy(model(x), y))
        losses[-1].backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        for scheduler in schedulers:
            scheduler.step()
    return torch.stack(losses).detach()


def tensors(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def assert_equal(left, right):
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)


def test_a_network_learns_from_a_loader_with_schedulers(data):
    model, optimizers = model_and_optimizers()
    schedulers = [torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.99) for optimizer in optimizers]
    loader = DataLoader(data, 10, shuffle=True, generator=torch.Generator().manual_seed(0))
    losses = [train(model, optimizers, loader, schedulers).mean() for _ in range(40)]
    assert losses[-1] < 0.8 * losses[0]
    assert optimizers[0].param_groups[0]["lr"] == pytest.approx(0.1 * 0.99**240)
    assert model[0].p.max() > 0.5


def test_a_half_trained_run_goes_on_bit_for_bit(data, tmp_path):
    def batches(n, generator):
        return [batch for _ in range(n) for batch in DataLoader(data, 10, shuffle=True, generator=generator)]

    model, optimizers = model_and_optimizers()
    order = torch.Generator().manual_seed(3)
    train(model, optimizers, batches(2, order))
    torch.save(
        {
            "model": model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in optimizers],
            "order": order.get_state(),
        },
        tmp_path / "run.pt",
    )
    expected_losses = train(model, optimizers, batches(2, order))
    again, again_optimizers = model_and_optimizers(seed=77)
    kept = torch.load(tmp_path / "run.pt", weights_only=True)
    again.load_state_dict(kept["model"])
    for optimizer, state in zip(again_optimizers, kept["optimizers"], strict=True):
        optimizer.load_state_dict(state)
    restored_order = torch.Generator()
    restored_order.set_state(kept["order"])
    assert torch.equal(train(again, again_optimizers, batches(2, restored_order)), expected_losses)
    assert_equal(tensors(again), tensors(model))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda both: pickle.loads(pickle.dumps(both))])
def test_model_and_optimizer_are_copied_together(copied, data):
    model = seed_streams(nn.Sequential(BernoulliLinear(6, 3)), 1)
    optimizer = PresynapticSGD(model, RULE)
    other, other_optimizer = copied((model, optimizer))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SharedStreamWarning)
        for one, rule in ((model, optimizer), (other, other_optimizer)):
            train(one, [rule], [data[:20]] * 3)
    assert_equal(tensors(other), tensors(model))
    assert not torch.equal(model[0].p, torch.full((3, 6), 0.25))


def test_gradients_accumulate(data):
    model, _ = model_and_optimizers()
    optimizer = PresynapticSGD(model, RULE, lr=0.1, l2=0.03)
    before, x, y = tensors(model), *data[:20]
    gradient = 0
    for part in (slice(10), slice(10, 20)):
        (F.cross_entropy(model(x[part]), y[part]) / 2).backward()
        assert not torch.equal(model[0].weight.grad, torch.as_tensor(gradient))
        gradient = model[0].weight.grad.clone()
    optimizer.step()
    weight, p = presynaptic_update(
        before["0.weight"], before["0.release.probability"], gradient, RULE, lr=0.1, l2=0.03
    )
    factor = 1 - before["0.release.probability"] if RULE.consolidation else 1.0
    by_hand = before["0.weight"] - 0.1 * (factor * gradient + 0.03 * before["0.weight"])
    torch.testing.assert_close(weight, by_hand)
    torch.testing.assert_close(model[0].weight.detach(), weight)
    torch.testing.assert_close(model[0].p, p)
    assert torch.equal(model[0].weight.grad, gradient)


def test_closure_groups_and_unused_synapses():
    model = nn.Sequential(BernoulliLinear(4, 4), BernoulliLinear(4, 4), BernoulliLinear(4, 4))
    rule = PresynapticSGD([{"params": model[0], "lr": 0.0}, {"params": model[1:], "p_up": 0.5}], RULE, lr=0.1)
    before = tensors(model)

    def closure():
        loss = model[1](model[0](torch.ones(2, 4))).square().mean()
        loss.backward()
        return loss

    assert rule.step(closure) > 0
    assert torch.equal(model[0].weight, before["0.weight"])
    assert not torch.equal(model[1].weight, before["1.weight"])
    assert torch.equal(model[2].p, before["2.release.probability"])
    assert model[1].p.max() == pytest.approx(0.25 + 0.75 * 0.5)


def test_a_sum_is_brought_to_the_scale_of_a_mean(data):
    states = []
    for loss in ("mean", "sum"):
        model = seed_streams(nn.Sequential(BernoulliLinear(6, 3).double()), 1)
        torch.nn.init.constant_(model[0].weight, 0.1)
        torch.nn.init.zeros_(model[0].bias)
        options = {} if loss == "mean" else {"loss": "sum", "batch_size": 20}
        optimizer = PresynapticSGD(model, RULE, lr=0.1, **options)
        x, y = data[:20]
        F.cross_entropy(model(x.double()), y, reduction=loss).backward()
        optimizer.step()
        states.append((model[0].weight.detach(), model[0].p))
    for mean, total in zip(*states, strict=True):
        torch.testing.assert_close(mean, total)


def test_a_loss_of_another_scale_is_noticed():
    model = seed_streams(nn.Sequential(BernoulliLinear(60, 100)), 1)
    x, y = torch.randn(20, 60, generator=torch.Generator().manual_seed(0)), torch.arange(20)

    def first_step(reduction, **options):
        optimizer = PresynapticSGD(model, ReleasePlasticity(g_lim=1e-4), lr=0.0, **options)
        model.zero_grad()
        F.cross_entropy(model(x), y, reduction=reduction).backward()
        optimizer.step()

    with pytest.warns(RuntimeWarning, match="loss='sum', batch_size="):
        first_step("sum")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first_step("mean")


def test_a_diverged_step_is_not_taken():
    model = nn.Sequential(BernoulliLinear(4, 4))
    optimizer = PresynapticSGD(model, RULE)
    model(torch.full((1, 4), float("nan"))).sum().backward()
    before = tensors(model)
    with pytest.raises(FloatingPointError, match=r"gradient of 0.weight is not finite.*not taken"):
        optimizer.step()
    assert_equal(tensors(model), before)


def test_a_step_on_the_meta_device_has_no_numbers():
    model, optimizers = model_and_optimizers()
    model.to("meta")(torch.ones(4, 6, device="meta")).sum().backward()
    for optimizer in (PresynapticSGD(model, RULE), *optimizers[1:]):
        optimizer.step()
    assert model[0].p.is_meta


def test_nan_in_p_is_named():
    model = nn.Sequential(BernoulliLinear(4, 4))
    optimizer = PresynapticSGD(model, RULE)
    model[0].p[1, 2] = float("nan")
    model(torch.ones(1, 4)).sum().backward()
    with pytest.raises(FloatingPointError, match=r"p of 0.weight is not a probability"):
        optimizer.step()


def test_weights_that_are_read_without_a_pass_are_noticed():
    attention, x = nn.MultiheadAttention(8, 2), torch.randn(3, 1, 8)
    attention.out_proj = BernoulliLinear(8, 8)
    rule = PresynapticSGD(attention)
    attention(x, x, x)[0].sum().backward()
    with pytest.warns(RuntimeWarning, match=r"out_proj.weight has a gradient, but was never drawn"):
        rule.step()


def test_diverged_replicas_are_known():
    state = {"weight": torch.zeros(3, 2, 2), "bias": torch.zeros(3, 2)}
    state["bias"][2, 0] = float("inf")
    assert diverged_replicas(state) == [2]


def test_other_parameters_are_all_that_the_rule_leaves_alone():
    model, (rule, _) = model_and_optimizers()
    rest = {id(parameter) for parameter in other_parameters(model)}
    moved = {id(parameter) for group in rule.param_groups for parameter in group["params"]}
    assert not rest & moved
    assert rest | moved == {id(parameter) for parameter in model.parameters()}


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: PresynapticSGD(nn.Linear(3, 2)), ValueError, "nothing in Linear releases"),
        (lambda: PresynapticSGD(GaussianLinear(3, 2)), ValueError, "nothing in GaussianLinear releases"),
        (lambda: PresynapticSGD(add_noise(nn.Linear(3, 2))), ValueError, "releases"),
        (lambda: PresynapticSGD(nn.Linear(3, 2).parameters()), TypeError, "synapses must be of type Module"),
        (lambda: PresynapticSGD(BernoulliLinear(3, 2), 0.05), TypeError, "plasticity must be of type"),
        (
            lambda: PresynapticSGD(BernoulliLinear(3, 2), lr=-1.0),
            ValueError,
            "lr must be a number from 0 on, got -1",
        ),
        (lambda: PresynapticSGD(BernoulliLinear(3, 2), lr=float("nan")), ValueError, "lr must be a number"),
        (lambda: PresynapticSGD(BernoulliLinear(3, 2), l2="1"), TypeError, "l2 must be a number"),
        (lambda: PresynapticSGD(BernoulliLinear(3, 2), loss="max"), ValueError, "'mean' or 'sum'"),
        (lambda: PresynapticSGD(BernoulliLinear(3, 2), loss="sum"), ValueError, "batch_size is the divisor"),
        (
            lambda: PresynapticSGD(BernoulliLinear(3, 2), batch_size=5),
            ValueError,
            "batch_size is the divisor",
        ),
        (
            lambda: PresynapticSGD([{"params": BernoulliLinear(3, 2), "p_up": 7.0}]),
            ValueError,
            "p_up must be a number from 0 to 1",
        ),
        (
            lambda: PresynapticSGD([{"params": BernoulliLinear(3, 2), "weight_decay": 0.1}]),
            ValueError,
            "unknown option 'weight_decay': it may have lr, l2, p_up",
        ),
        (lambda: PresynapticSGD(None), TypeError, "synapses must be of type Module"),
        (
            lambda: PresynapticSGD(BernoulliLinear(3, 2, learn_p="score")),
            ValueError,
            "p of weight is learned by gradient",
        ),
        (lambda: PresynapticSGD(BernoulliLinear(3, 2).half()), ValueError, "too coarse for steps of p"),
        (
            lambda: PresynapticSGD(release(nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)))),
            ValueError,
            "another parametrisation",
        ),
    ],
)
def test_wrong_input_is_named(make, error, match):
    with pytest.raises(error, match=match):
        make()


def test_a_copied_layer_is_refused():
    layer = BernoulliLinear(3, 3)
    with pytest.raises(ValueError, match="share a stream"):
        PresynapticSGD(nn.Sequential(layer, copy.deepcopy(layer)))
