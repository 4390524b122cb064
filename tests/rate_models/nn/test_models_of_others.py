"""Release in models that were written without it, and beside what torch does with models."""

import copy
import os

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from packaging.version import Version
from torch import nn
from torch.func import functional_call
from torch.nn.utils import parametrizations, parametrize, prune
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.checkpoint import checkpoint

from biophys.release_plasticity import ReleasePlasticity
from rate_models.nn import (
    BernoulliLinear,
    EnergyCounter,
    GaussianLinear,
    PresynapticSGD,
    add_noise,
    named_synapses,
    other_parameters,
    release,
    same_draws,
    seed_streams,
)


class TransformerBlock(nn.Module):
    def __init__(self, n_features=8):
        super().__init__()
        self.attention = nn.MultiheadAttention(n_features, 2, batch_first=True)
        self.norms = nn.ModuleList([nn.LayerNorm(n_features) for _ in range(2)])
        self.mlp = nn.Sequential(nn.Linear(n_features, 16), nn.GELU(), nn.Linear(16, n_features))

    def forward(self, x):
        normal = self.norms[0](x)
        x = x + self.attention(normal, normal, normal, need_weights=False)[0]
        return x + self.mlp(self.norms[1](x))


class TiedLanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.readout = nn.Embedding(12, 8), nn.Linear(8, 12, bias=False)
        self.readout.weight = self.embedding.weight

    def forward(self, words):
        return self.readout(self.embedding(words))


class LowRank(nn.Module):
    def __init__(self, weight, rank=2):
        super().__init__()
        self.down = nn.Parameter(torch.randn(rank, weight.shape[1]))
        self.up = nn.Parameter(torch.randn(weight.shape[0], rank))

    def forward(self, weight):
        return weight + self.up @ self.down


class Unrolled(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(8, 8)

    def forward(self, x):
        state = torch.zeros(len(x), 8)
        for moment in x.unbind(1):
            state = self.cell(moment, state)
        return state


def releasing(module, *names):
    for name in names:
        release(module, name, p=0.5)
    return module


def low_rank_before_or_after(releases_first):
    layer = nn.Linear(8, 8)
    steps = [
        lambda: release(layer, p=0.5),
        lambda: parametrize.register_parametrization(layer, "weight", LowRank(layer.weight)),
    ]
    for step in steps if releases_first else steps[::-1]:
        step()
    return layer


def twice():
    shared = release(nn.Linear(8, 8), p=0.5)
    return nn.Sequential(shared, nn.Tanh(), shared)


WORDS = torch.arange(12).view(3, 4)
VECTORS = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
SEQUENCES = torch.randn(3, 4, 8, generator=torch.Generator().manual_seed(0))
MODELS = {
    "attention": (
        lambda: releasing(
            TransformerBlock(), "attention.in_proj_weight", "attention.out_proj.weight", "mlp.0.weight"
        ),
        SEQUENCES,
    ),
    "encoder": (
        lambda: releasing(
            nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True), "linear1.weight"
        ),
        SEQUENCES,
    ),
    "gru cell": (lambda: releasing(Unrolled(), "cell.weight_hh"), SEQUENCES),
    "embedding": (lambda: releasing(nn.Embedding(12, 8), "weight"), WORDS),
    "embedding bag": (lambda: releasing(nn.EmbeddingBag(12, 8), "weight"), WORDS),
    "tied": (lambda: releasing(TiedLanguageModel(), "readout.weight"), WORDS),
    "called twice": (twice, VECTORS),
    "frozen": (lambda: releasing(nn.Linear(8, 8), "weight").requires_grad_(False), VECTORS),
    "dictionary": (
        lambda: nn.Sequential(*nn.ModuleDict({"a": BernoulliLinear(8, 8), "b": nn.ReLU()}).values()),
        VECTORS,
    ),
    "low rank, then release": (lambda: low_rank_before_or_after(False), VECTORS),
    "release, then low rank": (lambda: low_rank_before_or_after(True), VECTORS),
    "weight norm": (lambda: release(parametrizations.weight_norm(nn.Linear(8, 8)), p=0.5), VECTORS),
    "spectral norm": (lambda: release(parametrizations.spectral_norm(nn.Linear(8, 8)), p=0.5), VECTORS),
    "noisy": (lambda: add_noise(nn.Linear(8, 8), sigma=0.1), VECTORS),
}


@pytest.fixture(params=list(MODELS))
def model_and_x(request):
    torch.manual_seed(0)
    build, x = MODELS[request.param]
    return seed_streams(build(), 1), x


def test_models_draw_anew_train_and_go_on_from_their_state(model_and_x):
    model, x = model_and_x
    outputs = [model(x) for _ in range(3)]
    assert not torch.equal(outputs[0], outputs[1])
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if trained:
        before = [parameter.detach().clone() for parameter in trained]
        optimizer = torch.optim.SGD(trained, lr=0.1)
        outputs[2].square().sum().backward()
        optimizer.step()
        assert any(
            not torch.equal(after, parameter) for after, parameter in zip(trained, before, strict=True)
        )
    torch.manual_seed(5)
    restored = copy.deepcopy(model)
    seed_streams(restored, 9)
    restored.load_state_dict(model.state_dict())
    for _ in range(2):
        assert torch.equal(restored(x), model(x))
    model.eval()
    with torch.no_grad():
        assert not torch.equal(model(x), model(x))


@pytest.mark.parametrize("name", ["attention", "gru cell", "tied", "called twice", "release, then low rank"])
def test_whole_models_are_captured_without_a_break_and_draw_the_same(name):
    torch.compiler.reset()
    torch.manual_seed(0)
    build, x = MODELS[name]
    model = seed_streams(build(), 1)
    captured = torch.compile(copy.deepcopy(model), backend="eager", fullgraph=True)
    for _ in range(2):
        torch.testing.assert_close(captured(x), model(x))


@pytest.mark.parametrize("name", ["attention", "tied", "called twice", "embedding"])
def test_the_rule_moves_the_release_of_any_model(name):
    torch.manual_seed(0)
    build, x = MODELS[name]
    model = seed_streams(build(), 1)
    rule = PresynapticSGD(model, ReleasePlasticity(g_lim=1e-4), lr=0.01)
    before = {each.name: each.stochastic.p.clone() for each in named_synapses(model)}
    model(x).square().mean().backward()
    rule.step()
    assert all(bool((each.stochastic.p > before[each.name]).any()) for each in named_synapses(model))
    others = {id(parameter) for parameter in other_parameters(model)}
    assert not others & {id(each.expected) for each in named_synapses(model)}


def test_pruned_weights_release_and_stay_pruned():
    layer = nn.Linear(8, 8)
    prune.l1_unstructured(layer, "weight", 0.5)
    release(layer, "weight_orig", p=0.5)
    rule = PresynapticSGD(layer, ReleasePlasticity(g_lim=1e-4))
    drawn = []
    for _ in range(2):
        layer(VECTORS).square().sum().backward()
        drawn.append(layer.weight.clone())
        assert torch.equal(layer.weight == 0, (layer.weight_mask * layer.weight_orig) == 0)
    rule.step()
    assert not torch.equal(*drawn)


@pytest.mark.parametrize("make", [BernoulliLinear, GaussianLinear])
def test_the_fused_path_of_an_encoder_draws_too(make):
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    layer.linear1 = make(8, 16)
    nn.init.constant_(layer.linear1.bias, 1.0)
    encoder = seed_streams(nn.TransformerEncoder(layer, 2), 1).eval()
    with torch.inference_mode():
        assert not torch.equal(encoder(SEQUENCES), encoder(SEQUENCES))


def test_passes_that_share_a_cache_share_a_draw():
    layer, x = seed_streams(release(nn.Linear(8, 8, bias=False), p=0.5), 1), torch.eye(8)
    with parametrize.cached(), EnergyCounter(layer) as energy:
        first, second = layer(x), layer(x)
    assert torch.equal(first, second)
    assert energy.layers[""].n_vesicles == 2 * int(torch.count_nonzero(first))
    assert torch.equal(layer.weight.T, first)
    assert not torch.equal(layer(x), first)


def test_tied_weights_have_one_release_or_none():
    first, second = BernoulliLinear(8, 8), BernoulliLinear(8, 8)
    second.weight = first.weight
    model = seed_streams(nn.Sequential(first, second), 1)
    with pytest.raises(ValueError, match=r"0\.weight and 1\.weight are one parameter with two release"):
        PresynapticSGD(model)
    second.release = first.release
    PresynapticSGD(model)
    model(VECTORS)
    assert int(first.release.step) == 2


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: release(prune.identity(nn.Linear(2, 2), "weight")), ValueError, "such as 'weight_orig'"),
        (
            lambda: PresynapticSGD(prune.identity(BernoulliLinear(2, 2), "weight")),
            ValueError,
            "computed by a hook, as pruning does",
        ),
        (
            lambda: torch.func.jacrev(BernoulliLinear(2, 2))(torch.ones(2)),
            RuntimeError,
            "pass them to torch.func beside the parameters",
        ),
        (
            lambda: torch.jit.script(nn.Sequential(release(nn.Linear(2, 2)), BernoulliLinear(2, 2))),
            RuntimeError,
            "TorchScript cannot draw the weights of a pass: use torch.export",
        ),
        (
            lambda: torch.fx.symbolic_trace(nn.Sequential(GaussianLinear(2, 2))),
            RuntimeError,
            "would make a constant of what is drawn",
        ),
    ],
)
def test_what_would_be_wrong_silently_is_named(make, error, match):
    with pytest.raises(error, match=match):
        make()


def test_a_pass_is_differentiated_forwards_and_backwards_with_its_buffers():
    layer, x = seed_streams(BernoulliLinear(3, 2, p=0.5), 1), torch.ones(3)
    parameters, buffers = dict(layer.named_parameters()), dict(layer.named_buffers())

    def output(x, buffers):
        return functional_call(layer, (parameters, buffers), (x,))

    def with_clones(x):
        return output(x, {name: buffer.clone() for name, buffer in buffers.items()})

    tangent = torch.func.jvp(with_clones, (x,), (x,))[1]
    torch.testing.assert_close(torch.func.jacrev(with_clones)(x) @ x, tangent)
    torch.testing.assert_close(torch.func.jacrev(output)(x, buffers) @ x, tangent)


def test_sparse_gradients_are_refused():
    layer = release(nn.Embedding(12, 8, sparse=True))
    rule = PresynapticSGD(layer)
    layer(WORDS).sum().backward()
    with pytest.raises(ValueError, match="gradient of weight is sparse"):
        rule.step()


@pytest.mark.parametrize("use_reentrant", [False, True])
def test_a_pass_that_is_computed_again_needs_its_draws(use_reentrant):
    model = seed_streams(nn.Sequential(BernoulliLinear(8, 8), nn.ReLU(), BernoulliLinear(8, 2)), 1)
    x = VECTORS.clone().requires_grad_()
    with pytest.raises(RuntimeError, match=r"context_fn=same_draws\(module\)"):
        checkpoint(model, x, use_reentrant=use_reentrant).sum().backward()
    checkpoint(model, x, use_reentrant=False, context_fn=same_draws(model)).sum().backward()
    assert not any(each.stochastic.repeats_draws for each in named_synapses(model))


@pytest.mark.parametrize("p", [0.5, 1.0])
def test_per_sample_gradients_are_those_of_each_sample(p):
    model = seed_streams(
        nn.Sequential(BernoulliLinear(8, 4, p=p), nn.Tanh(), release(nn.Linear(4, 2), p=p)), 1
    )
    parameters = {name: value.detach() for name, value in model.named_parameters()}
    buffers, labels = dict(model.named_buffers()), torch.tensor([0, 1, 0])

    def loss(parameters, buffers, x, y):
        return F.cross_entropy(functional_call(model, (parameters, buffers), (x[None],)), y[None])

    def fresh():
        return {name: value.clone() for name, value in buffers.items()}

    together = torch.vmap(torch.func.grad(loss), in_dims=(None, None, 0, 0))(
        parameters, fresh(), VECTORS, labels
    )
    for sample in range(3):
        alone = torch.func.grad(loss)(parameters, fresh(), VECTORS[sample], labels[sample])
        for name, gradient in alone.items():
            torch.testing.assert_close(together[name][sample], gradient)


@pytest.mark.skipif(
    Version(torch.__version__) < Version("2.6"), reason="torch 2.5 cannot trace the hooks of modules"
)
def test_exported_programs_go_on_drawing():
    model = seed_streams(nn.Sequential(BernoulliLinear(8, 8), release(nn.Linear(8, 2), p=0.5)), 1).eval()
    twin = copy.deepcopy(model)
    program = torch.export.export(model, (VECTORS,)).module()
    for _ in range(2):
        torch.testing.assert_close(program(VECTORS), twin(VECTORS))


def test_bfloat16_autocast_and_loss_scaling_train_in_single_precision():
    model = seed_streams(nn.Sequential(BernoulliLinear(8, 8), release(nn.Linear(8, 2), p=0.5)), 1)
    rule, scaler = PresynapticSGD(model, ReleasePlasticity(g_lim=1e-4)), torch.amp.GradScaler("cpu")
    before = model[0].p.clone()
    for scale in (1.0, float("inf")):
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(VECTORS).square().mean() * scale
        scaler.scale(loss).backward()
        scaler.step(rule)
        scaler.update()
        rule.zero_grad()
        if scale == 1.0:
            after = model[0].p.clone()
    assert after.dtype == torch.float32 and not torch.equal(after, before)
    # The step that is not finite is passed over.
    assert torch.equal(model[0].p, after)


def test_averages_of_a_model_have_its_release_probabilities():
    model = seed_streams(nn.Sequential(BernoulliLinear(8, 8), nn.Linear(8, 2)), 1)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.5))
    rule = PresynapticSGD(model, ReleasePlasticity(g_lim=1e-4), lr=0.1)
    for _ in range(3):
        model(VECTORS).square().mean().backward()
        rule.step()
        average.update_parameters(model)
    assert torch.equal(average.module[0].p, model[0].p)
    assert not torch.equal(average.module[0].weight, model[0].weight)
    assert average.eval()(VECTORS).isfinite().all()


def test_weights_come_from_models_without_release_and_go_there():
    plain, layers = nn.Sequential(nn.Linear(8, 2)), nn.Sequential(BernoulliLinear(8, 2))
    assert all("release" in key for key in layers.load_state_dict(plain.state_dict(), strict=False)[0])
    with pytest.raises(RuntimeError, match="Unexpected key"):
        plain.load_state_dict(layers.state_dict())
    plain.load_state_dict(layers.state_dict(), strict=False)
    assert torch.equal(plain[0].weight, layers[0].weight)
    expected = plain[0].weight.clone()
    release(plain[0], p=0.5)
    parametrize.remove_parametrizations(plain[0], "weight", leave_parametrized=False)
    nn.Sequential(nn.Linear(8, 2)).load_state_dict(plain.state_dict())
    assert torch.equal(plain[0].weight, expected)


def test_energy_of_a_module_that_is_called_twice_is_of_both_calls():
    layer = BernoulliLinear(8, 8, p=1.0)
    with EnergyCounter(nn.Sequential(layer, nn.Hardtanh(1.0, 2.0), layer)) as energy:
        energy.model(torch.ones(2, 8))
    assert energy.layers["0"].n_events >= 2 * 2 * 8 * 8


def distributed_step(rank, n_processes, port, x, path):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=n_processes)
    torch.manual_seed(rank)
    model = seed_streams(nn.Sequential(BernoulliLinear(8, 8), nn.ReLU(), BernoulliLinear(8, 1)), rank)
    parallel = nn.parallel.DistributedDataParallel(model)
    rule = PresynapticSGD(parallel, ReleasePlasticity(g_lim=1e-3), lr=0.1)
    begin = copy.deepcopy(model.state_dict())
    for _ in range(3):
        parallel(x[rank::n_processes]).square().mean().backward()
        rule.step()
        rule.zero_grad()
    torch.save((begin, model.state_dict()), path / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
@pytest.mark.skipif(not dist.is_gloo_available(), reason="torch is built without gloo")
def test_processes_of_a_distributed_model_step_as_one_process(tmp_path):
    port = 29500 + os.getpid() % 400
    torch.multiprocessing.spawn(distributed_step, (2, port, VECTORS.repeat(2, 1), tmp_path), nprocs=2)
    (begin, first), (_, second) = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    model = nn.Sequential(BernoulliLinear(8, 8), nn.ReLU(), BernoulliLinear(8, 1))
    model.load_state_dict(begin)
    rule = PresynapticSGD(model, ReleasePlasticity(g_lim=1e-3), lr=0.1)
    for _ in range(3):
        model(VECTORS.repeat(2, 1)).square().mean().backward()
        rule.step()
        rule.zero_grad()
    for name, value in model.state_dict().items():
        torch.testing.assert_close(first[name], value)
        torch.testing.assert_close(second[name], value)
