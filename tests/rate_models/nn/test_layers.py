"""Layers do what a torch user does with modules, and their gradients are the published ones."""

import copy
import itertools
import math
import pickle
import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, parametrize
from torch.utils.checkpoint import checkpoint

from rate_models.nn import (
    BernoulliConv1d,
    BernoulliConv2d,
    BernoulliLinear,
    BinomialLinear,
    Draw,
    GaussianConv2d,
    GaussianLinear,
    SharedStreamWarning,
    add_noise,
    bernoulli_weight,
    binomial_weight,
    gaussian_drive,
    gaussian_weight,
    log_probability,
    named_synapses,
    release,
    same_draws,
    sampling,
    seed_streams,
    weight_moments,
)
from rate_models.nn.streams import check_streams

MAKERS = {
    "bernoulli": (lambda **kinds: BernoulliLinear(6, 4, p=0.4, **kinds), (5, 6)),
    "binomial": (lambda **kinds: BinomialLinear(6, 4, n_sites=3, p=0.4, **kinds), (5, 6)),
    "sites of each": (
        lambda **kinds: BinomialLinear(6, 4, n_sites=torch.arange(1, 25).view(4, 6) % 3 + 1, **kinds),
        (5, 6),
    ),
    "learned p": (lambda **kinds: BernoulliLinear(6, 4, p=0.4, learn_p="straight_through", **kinds), (5, 6)),
    "conv1d": (lambda **kinds: BernoulliConv1d(2, 3, 3, padding=1, p=0.4, **kinds), (5, 2, 7)),
    "conv2d": (
        lambda **kinds: BernoulliConv2d(2, 4, 3, groups=2, padding_mode="circular", padding=1, **kinds),
        (3, 2, 5, 5),
    ),
    "gaussian": (lambda **kinds: GaussianLinear(6, 4, sigma=0.3, **kinds), (5, 6)),
    "local": (lambda **kinds: GaussianLinear(6, 4, sigma=0.3, local=True, **kinds), (5, 6)),
    "homogeneous": (lambda **kinds: GaussianLinear(6, 4, sigma=0.3, homogeneous=True, **kinds), (5, 6)),
    "gaussian conv2d": (lambda **kinds: GaussianConv2d(2, 3, 3, sigma=0.3, **kinds), (3, 2, 5, 5)),
    "local conv2d": (lambda **kinds: GaussianConv2d(2, 3, 3, sigma=0.3, local=True, **kinds), (3, 2, 5, 5)),
    "parametrised": (lambda **kinds: release(nn.Linear(6, 4, **kinds), p=0.4), (5, 6)),
    "noisy": (lambda **kinds: add_noise(nn.Linear(6, 4, **kinds), sigma=0.3), (5, 6)),
}
BUILT_IN = [name for name in MAKERS if name not in ("parametrised", "noisy")]


@pytest.fixture(params=MAKERS)
def layer_and_x(request):
    make, shape = MAKERS[request.param]
    torch.manual_seed(0)
    return seed_streams(make(), 1), torch.randn(shape)


def streams(model):
    return [each.stochastic for each in named_synapses(model)]


# ---- gradients ----


@pytest.mark.parametrize("name", MAKERS)
def test_gradients_with_given_draws(name):
    make, shape = MAKERS[name]
    torch.manual_seed(0)
    layer = seed_streams(make(dtype=torch.float64), 1)
    names, parameters = zip(*layer.named_parameters(), strict=True)
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    buffers = {key: value.clone() for key, value in layer.named_buffers()}

    def output(x, *values):
        state = dict(zip(names, values, strict=True)) | {key: value.clone() for key, value in buffers.items()}
        return torch.func.functional_call(layer, state, (x,))

    checked = [
        each.detach().requires_grad_("logit" not in key) for key, each in zip(names, parameters, strict=True)
    ]
    assert torch.autograd.gradcheck(output, (x, *checked), fast_mode=True)


def test_gradient_by_the_expected_weight_is_release_over_p():
    layer, x = seed_streams(BernoulliLinear(6, 4, p=0.4), 1), torch.randn(5, 6)
    layer(x).square().sum().backward()
    acting = (layer.weight * layer.release.count() / 0.4).detach().requires_grad_()
    F.linear(x, acting, layer.bias.detach()).square().sum().backward()
    torch.testing.assert_close(layer.weight.grad, acting.grad * layer.release.count() / 0.4)
    assert (layer.weight.grad == 0).any() and (layer.weight.grad != 0).any()


@pytest.mark.parametrize("n_sites", [1, 4])
def test_straight_through_gradient_by_p(n_sites):
    p = torch.full((5, 5), 0.3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    randomness = Draw(torch.tensor(2), torch.tensor(0))
    acting = binomial_weight(weight, p, n_sites, randomness)
    (gradient,) = torch.autograd.grad(acting.sum(), p)
    count = acting.detach() / weight * (n_sites * 0.3)
    torch.testing.assert_close(gradient, weight / 0.3 * (1 - count / (n_sites * 0.3)))


def expected_gradients(learn_p):
    """Return the mean gradient by p over all releases of three synapses, and that of the exact mean loss."""
    weight = torch.tensor([0.5, -1.2, 0.8], dtype=torch.float64)
    target, p_value = (
        torch.tensor(0.7, dtype=torch.float64),
        torch.tensor([0.3, 0.5, 0.8], dtype=torch.float64),
    )
    exact_p = p_value.clone().requires_grad_()
    exact = estimate = 0.0
    for bits in itertools.product((0.0, 1.0), repeat=3):
        count = torch.tensor(bits, dtype=torch.float64)
        chance = (p_value**count * (1 - p_value) ** (1 - count)).prod()
        exact_chance = (exact_p**count * (1 - exact_p) ** (1 - count)).prod()
        exact = exact + exact_chance * ((weight * count / exact_p).sum() - target) ** 2
        from rate_models.nn.functional import log_probability as of_count
        from rate_models.nn.functional import transmitted_weight

        p = p_value.clone().requires_grad_()
        acting = transmitted_weight(weight, p, count, straight_through=learn_p == "straight_through")
        loss = (acting.sum() - target) ** 2
        if learn_p == "score":
            loss = loss + (loss - 0.3).detach() * of_count(p, count).sum()
        estimate = estimate + chance * torch.autograd.grad(loss, p)[0]
    return estimate, torch.autograd.grad(exact, exact_p)[0]


def test_score_is_unbiased():
    torch.testing.assert_close(*expected_gradients("score"))


@pytest.mark.parametrize(("p_certain", "count", "slope"), [(1.0, 5, 5.0), (0.0, 0, -5.0), (0.5, 2, -2.0)])
def test_score_of_what_always_or_never_releases_is_finite(p_certain, count, slope):
    from rate_models.nn.functional import log_probability as of_count

    p = torch.tensor(p_certain, requires_grad=True)
    of_count(p, torch.tensor(float(count)), 5).backward()
    assert p.grad.item() == slope


def test_straight_through_gradient_is_two_times_one_minus_p_of_the_true_one():
    estimate, exact = expected_gradients("straight_through")
    torch.testing.assert_close(estimate, exact * 2 * (1 - torch.tensor([0.3, 0.5, 0.8], dtype=torch.float64)))


def test_score_of_a_model_reaches_p():
    model = seed_streams(nn.Sequential(BernoulliLinear(4, 3, learn_p="score"), BernoulliLinear(3, 2)), 1)
    loss = model(torch.ones(2, 4)).square().sum()
    (loss + loss.detach() * log_probability(model)).backward()
    assert model[0].release.logit.grad.abs().min() > 0
    with pytest.raises(ValueError, match="learn_p='score'"):
        log_probability(model[1])


# ---- means and variances ----


@pytest.mark.parametrize("name", [name for name in MAKERS if "conv" not in name])
def test_mean_and_variance_of_the_output(name):
    make, shape = MAKERS[name]
    torch.manual_seed(0)
    layer, x, n = seed_streams(make(), 2), torch.randn(shape)[:1], 600
    with torch.no_grad():
        outputs = torch.stack([layer(x) for _ in range(n)]).double()
        with sampling(layer, False):
            mean = layer(x)
    sd = outputs.std(dim=0)
    assert ((outputs.mean(dim=0) - mean).abs() < 5 * sd / math.sqrt(n) + 1e-6).all()
    moments = weight_moments(layer)
    variance = F.linear(x.square(), moments["weight"].sd.square())
    if "bias" in moments:
        variance = variance + moments["bias"].sd.square()
    # Kurtosis is at most that of few, rare releases.
    torch.testing.assert_close(sd.square().float(), variance.detach(), rtol=0.4, atol=0)


@pytest.mark.parametrize("name", ["conv1d", "conv2d"])
def test_convolutions_release_from_every_entry_of_the_kernel(name):
    make, shape = MAKERS[name]
    layer, x = seed_streams(make(), 1), torch.randn(shape)
    out = layer(x)
    acting = layer.weight * layer.release.count() / layer.p
    torch.testing.assert_close(out, layer._conv_forward(x, acting, layer.bias))
    assert 0 < layer.release.count().mean() < 1


def test_drive_of_a_convolution_has_the_variance_of_drawn_weights():
    x, n = torch.randn(1, 2, 5, 5, generator=torch.Generator().manual_seed(0)), 400
    layer = seed_streams(GaussianConv2d(2, 3, 3, sigma=0.3, local=True), 1)
    variance = layer(x.expand(n, -1, -1, -1)).var(dim=0).detach()
    expected = F.conv2d(x.square(), torch.full((3, 2, 3, 3), 0.09))[0] + 0.09
    torch.testing.assert_close(variance, expected, rtol=5 * math.sqrt(2 / n), atol=0)


def test_p_of_one_is_the_layer_of_torch():
    torch.manual_seed(3)
    layer = BernoulliConv2d(2, 3, 3, p=1.0)
    torch.manual_seed(3)
    plain, x = nn.Conv2d(2, 3, 3), torch.randn(2, 2, 5, 5)
    assert torch.equal(layer(x), plain(x))
    assert list(layer.state_dict())[:2] == list(plain.state_dict())


def test_functional_forms_act_as_the_layers():
    layer, x = seed_streams(BernoulliLinear(6, 4, p=0.4), 1), torch.randn(5, 6)
    out = layer(x)
    acting = bernoulli_weight(layer.weight, layer.p, layer.release.randomness)
    assert torch.equal(out, F.linear(x, acting, layer.bias))
    noisy = seed_streams(GaussianLinear(6, 4, sigma=0.2, noisy_bias=False), 1)
    out = noisy(x)
    assert torch.equal(
        out, F.linear(x, gaussian_weight(noisy.weight, noisy.sigma, noisy.noise.randomness), noisy.bias)
    )


def test_drive_without_active_input_has_finite_gradients():
    variance = torch.zeros(3, requires_grad=True)
    gaussian_drive(torch.zeros(3), variance, Draw(torch.tensor(1), torch.tensor(1))).sum().backward()
    assert torch.isfinite(variance.grad).all()


# ---- streams ----


def test_every_pass_draws_anew_and_looking_draws_nothing(layer_and_x):
    layer, x = layer_and_x
    first = layer(x)
    assert not torch.equal(first, layer(x))
    if parametrize.is_parametrized(layer):
        assert torch.equal(layer.weight, layer.weight)


def test_a_restored_run_goes_on_bit_for_bit(layer_and_x, tmp_path):
    layer, x = layer_and_x
    layer(x)
    torch.save(layer.state_dict(), tmp_path / "state.pt")
    expected = [layer(x) for _ in range(3)] + [layer.eval()(x)]
    restored = copy.deepcopy(layer).train()
    restored.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    outputs = [restored(x) for _ in range(3)] + [restored.eval()(x)]
    assert all(torch.equal(a, b) for a, b in zip(outputs, expected, strict=True))


def test_copies_go_on_alike(layer_and_x):
    layer, x = layer_and_x
    layer(x)
    copied = copy.deepcopy(layer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SharedStreamWarning)
        assert torch.equal(copied(x), layer(x))


@pytest.mark.parametrize("name", BUILT_IN)
def test_pickled_layers_go_on_alike(name):
    make, shape = MAKERS[name]
    layer, x = seed_streams(make(), 1), torch.randn(shape)
    layer(x)
    copied = pickle.loads(pickle.dumps(layer))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SharedStreamWarning)
        assert torch.equal(copied(x), layer(x))


def test_evaluation_changes_no_training(layer_and_x):
    layer, x = layer_and_x
    other = seed_streams(copy.deepcopy(layer), 1)
    for _ in range(3):
        other.eval()(x)
    other.train()
    assert torch.equal(layer(x), other(x))
    assert not torch.equal(seed_streams(layer, 1)(x), seed_streams(other, 1).eval()(x))


@pytest.mark.parametrize(
    ("sample", "in_train", "in_eval"), [(True, True, True), ("mean", True, False), (False, False, False)]
)
def test_sampling_can_be_chosen(sample, in_train, in_eval, layer_and_x):
    layer, x = layer_and_x
    with sampling(layer, sample):
        assert torch.equal(layer(x), layer(x)) != in_train
        layer.eval()
        assert torch.equal(layer(x), layer(x)) != in_eval
    assert all(stream.sample is True for stream in streams(layer))


def test_seeds_and_names_make_streams_and_nothing_else_does():
    def outputs(seed, disturb):
        torch.manual_seed(0)
        weights = torch.randn(4, 4)
        if disturb:
            torch.rand(7)
            BernoulliLinear(3, 3)
        model = nn.Sequential(
            BernoulliLinear(4, 4, bias=False, p=0.5), BernoulliLinear(4, 4, bias=False, p=0.5)
        )
        for layer in model:
            layer.weight.data.copy_(weights)
        seed_streams(model, seed)
        return model(torch.ones(1, 4)), [layer.release.count() for layer in model]

    out, counts = outputs(1, False)
    again, _ = outputs(1, True)
    other, _ = outputs(2, False)
    assert torch.equal(out, again) and not torch.equal(out, other) and not torch.equal(*counts)


def test_default_streams_follow_the_seed_of_torch_and_differ():
    def counts():
        torch.manual_seed(5)
        model = nn.Sequential(*[BernoulliLinear(10, 10) for _ in range(3)])
        model(torch.ones(1, 10))
        return [layer.release.count() for layer in model]

    first, again = counts(), counts()
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], first[1])


def test_copies_of_a_layer_never_share_draws_silently():
    layer, x = BernoulliLinear(4, 4), torch.randn(2, 4)
    model = nn.Sequential(*[copy.deepcopy(layer) for _ in range(2)])
    with pytest.warns(SharedStreamWarning, match="seed_streams"):
        model(x)
    with pytest.raises(ValueError, match=r"0.weight and 1.weight share a stream"):
        check_streams(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_streams(seed_streams(model, 1))
        model(x)
        # Two models of one seed share draws on purpose.
        seed_streams(nn.Sequential(BernoulliLinear(4, 4), BernoulliLinear(4, 4)), 1)(x)


def test_a_shared_module_is_one_stream():
    layer = BernoulliLinear(4, 4)
    assert len(list(named_synapses(nn.Sequential(layer, nn.ReLU(), layer)))) == 1


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_generator_of_torch_gives_the_keys_of_passes(name):
    make, shape = MAKERS[name]
    x, passes = torch.randn(shape), []
    for recomputes in (False, True):
        torch.manual_seed(0)
        layer = make(generator=torch.Generator().manual_seed(7))
        layer(x)
        kinds = {"use_reentrant": False, "context_fn": same_draws(layer)}
        output = checkpoint(layer, x, **kinds) if recomputes else layer(x)
        acted = [each.stochastic(each.expected) for each in named_synapses(layer)]
        output.square().sum().backward()
        # Neither looking nor the pass that was computed again has drawn anything.
        seen = [each.stochastic(each.expected) for each in named_synapses(layer)]
        assert all(map(torch.equal, acted, seen))
        passes.append([output, layer(x), *(parameter.grad for parameter in layer.parameters())])
    assert all(map(torch.equal, *passes))
    assert not torch.equal(*passes[0][:2])


def test_the_score_is_of_what_a_generator_drew():
    layer = BernoulliLinear(6, 4, p=0.4, learn_p="score", bias=False, generator=torch.Generator())
    released = (layer(torch.eye(6)).detach().T != 0).float()
    expected = torch.distributions.Bernoulli(layer.p).log_prob(released).sum()
    torch.testing.assert_close(log_probability(layer), expected)
    tied = nn.Sequential(layer, nn.Module())
    tied[1].release = layer.release
    torch.testing.assert_close(log_probability(tied), expected)


@pytest.mark.parametrize("assign", [False, True])
def test_a_state_whose_keys_are_fractions_leaves_the_streams_as_they_are(layer_and_x, assign):
    layer, x = layer_and_x
    before = [stream.key.clone() for stream in streams(layer)]
    state = {name: value.half().float() for name, value in layer.state_dict().items()}
    with pytest.warns(RuntimeWarning, match=r"key is no whole number"):
        layer.load_state_dict(
            state | {n: v for n, v in layer.state_dict().items() if "sites" in n}, assign=assign
        )
    assert [stream.key for stream in streams(layer)] == before
    assert not torch.equal(layer(x), layer(x))


# ---- what torch does with modules ----


def test_types_and_devices(layer_and_x):
    layer, x = layer_and_x
    before = copy.deepcopy(layer)
    out = seed_streams(layer, 1).double()(x.double())
    assert out.dtype == torch.float64
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SharedStreamWarning)
        torch.testing.assert_close(out.float(), seed_streams(before, 1)(x), rtol=1e-4, atol=1e-5)
    assert seed_streams(layer, 1).bfloat16()(x.bfloat16()).dtype == torch.bfloat16
    assert layer.to("meta")(x.bfloat16().to("meta")).device.type == "meta"
    assert all(stream.key.dtype == torch.int64 for stream in streams(layer))


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_layer_made_on_meta_can_be_filled(name):
    make, shape = MAKERS[name]
    if name == "sites of each":
        pytest.skip("numbers of sites given as a tensor cannot be made anew")
    with torch.device("meta"):
        layer = make()
    with pytest.raises(ValueError, match="meta device"):
        seed_streams(layer, 1)
    layer = layer.to_empty(device="cpu")
    layer.reset_parameters()
    out = seed_streams(layer, 1)(torch.randn(shape))
    assert torch.isfinite(out).all()
    assert all(int(stream.step) == 1 for stream in streams(layer))


def test_autocast_and_inference_mode(layer_and_x):
    layer, x = layer_and_x
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(x)
    assert out.dtype == torch.bfloat16
    out.float().sum().backward()
    with torch.inference_mode():
        assert not torch.equal(layer(x), layer(x))
    layer(x).sum().backward()


def test_per_sample_gradients(layer_and_x):
    layer, x = layer_and_x
    parameters = {name: value.detach() for name, value in layer.named_parameters()}
    buffers = {name: value.clone() for name, value in layer.named_buffers()}

    def loss(parameters, buffers, x):
        return torch.func.functional_call(layer, (parameters, buffers), (x[None],)).square().sum()

    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, None, 0), randomness="error")
    gradients = each(parameters, buffers, x)
    if getattr(layer, "local", False):
        return  # every input has noise of its own
    seed_streams(layer, 1)
    layer(x).square().sum().backward()
    for name, parameter in layer.named_parameters():
        torch.testing.assert_close(gradients[name].sum(0), parameter.grad, rtol=1e-3, atol=1e-4)


def test_an_ensemble_draws_what_its_members_draw(layer_and_x):
    layer, x = layer_and_x
    members = [seed_streams(copy.deepcopy(layer), seed) for seed in range(3)]
    parameters, buffers = torch.func.stack_module_state(members)
    base = copy.deepcopy(layer).to("meta")

    def output(parameters, buffers, x):
        return torch.func.functional_call(base, (parameters, buffers), (x,))

    with warnings.catch_warnings():
        # Of operations that torch can only loop over.
        warnings.simplefilter("error")
        outputs = torch.vmap(output, in_dims=(0, 0, None), randomness="error")(parameters, buffers, x)
    for member, out in zip(members, outputs, strict=True):
        torch.testing.assert_close(member(x), out)
    assert not torch.equal(outputs[0], outputs[1])


def test_checkpointing_activations_draws_the_same_again(layer_and_x):
    layer, x = layer_and_x
    layer(x).square().sum().backward()
    expected = [parameter.grad.clone() for parameter in layer.parameters()]
    seed_streams(layer, 1).zero_grad()
    x = x.requires_grad_()
    checkpoint(layer, x, use_reentrant=False, context_fn=same_draws(layer)).square().sum().backward()
    for parameter, gradient in zip(layer.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)
    assert all(int(stream.step) == 1 for stream in streams(layer))


# ---- any module ----


def test_release_works_beside_other_parametrisations():
    layer = release(parametrizations.weight_norm(nn.Linear(6, 4)), p=0.5)
    out = layer(torch.randn(3, 6))
    out.sum().backward()
    assert all(parameter.grad is not None for parameter in layer.parameters())
    with pytest.raises(ValueError, match="another parametrisation"):
        _ = next(named_synapses(layer)).parameter
    released = parametrizations.spectral_norm(release(nn.Linear(6, 4), p=0.5))
    assert not torch.equal(released(torch.ones(1, 6)), released(torch.ones(1, 6)))


@pytest.mark.parametrize("recurrent", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrent_networks_release(recurrent):
    module, x = recurrent(4, 5, num_layers=2), torch.randn(3, 2, 4)
    plain = module(x)[0]
    for name in ("weight_ih_l0", "weight_hh_l0", "weight_hh_l1"):
        release(module, name, p=1.0)
    assert torch.equal(module(x)[0], plain)
    for each in named_synapses(module):
        each.stochastic.p = 0.5
    out = module(x)[0]
    assert not torch.equal(out, module(x)[0])
    out.sum().backward()
    assert all(parameter.grad is not None for parameter in module.parameters())
    copy.deepcopy(module)


def test_attention_releases_in_training_and_evaluation():
    module, x = nn.MultiheadAttention(8, 2, batch_first=True), torch.randn(2, 3, 8)
    release(release(module, "in_proj_weight", p=0.5), "out_proj.weight", p=0.5)
    assert not torch.equal(module(x, x, x)[0], module(x, x, x)[0])
    encoder = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True).eval()
    release(encoder.linear1, p=0.5)
    with torch.no_grad():
        assert not torch.equal(encoder(x), encoder(x))
    with pytest.raises(ValueError, match=r"release\(attention, 'out_proj.weight'\)"):
        release(nn.MultiheadAttention(8, 2).out_proj)


def test_assigning_to_a_releasing_tensor_sets_its_expected_value():
    layer = release(nn.Linear(3, 2), p=0.5)
    layer.weight = torch.ones(2, 3)
    assert torch.equal(layer.parametrizations.weight.original, torch.ones(2, 3))


# ---- bad input ----


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: BernoulliLinear(3, 2, p=0.0), ValueError, "p must be a number above 0"),
        (lambda: BernoulliLinear(3, 2, p=1.1), ValueError, "at most 1 .*, got 1.1"),
        (lambda: BernoulliLinear(3, 2, p=float("nan")), ValueError, "got nan"),
        (lambda: BernoulliLinear(3, 2, p="uniform"), TypeError, "p must be a number or of type Tensor"),
        (lambda: BernoulliLinear(3, 2, p=torch.ones(3, 2)), ValueError, r"shape \(2, 3\) of the weight"),
        (lambda: BernoulliLinear(3, 2, p=torch.full((2, 3), 2.0)), ValueError, "everywhere, got 2"),
        (lambda: BernoulliLinear(3, 2, p=torch.ones(2, 3, dtype=torch.int64)), TypeError, "floating point"),
        (
            lambda: BernoulliLinear(3, 2, 0.5),
            TypeError,
            "got 0.5: give p or sigma by name",
        ),
        (
            lambda: GaussianLinear(3, 2, 0.5),
            TypeError,
            "got 0.5: give p or sigma by name",
        ),
        (lambda: BernoulliLinear(3, 2, sample="never"), ValueError, "true or false or 'mean'"),
        (lambda: BernoulliLinear(3, 2, generator=7), TypeError, "generator must be of type Generator"),
        (
            lambda: BernoulliLinear(3, 2, learn_p="reinforce"),
            ValueError,
            "learn_p must be False or",
        ),
        (lambda: BernoulliLinear(3, 2, normalised_by="p"), ValueError, "'release' or 'ghost'"),
        (
            lambda: BernoulliLinear(3, 2, release_fixed_at=0.0),
            ValueError,
            "release_fixed_at must be",
        ),
        (lambda: BernoulliLinear(3, 2, dtype=torch.complex64), TypeError, "real floating point"),
        (lambda: BinomialLinear(3, 2, n_sites=0), ValueError, "n_sites must be a whole number"),
        (lambda: BinomialLinear(3, 2, n_sites=2.5), TypeError, "n_sites must be a whole number"),
        (lambda: BinomialLinear(3, 2, n_sites=torch.ones(2, 3)), ValueError, "whole numbers of the shape"),
        (lambda: GaussianLinear(3, 2, sigma=0.0), ValueError, "sigma must be a number above 0"),
        (lambda: GaussianLinear(3, 2, sigma=float("inf")), ValueError, "sigma must be a number above 0"),
        (
            lambda: GaussianLinear(3, 2, sigma=torch.ones(3)),
            ValueError,
            "sigma must be one number or",
        ),
        (lambda: GaussianLinear(3, 2, sigma=None), TypeError, "sigma must be a number above 0"),
        (lambda: GaussianLinear(3, 2, sigma=-torch.ones(2, 3)), ValueError, "positive everywhere"),
        (lambda: release(nn.Linear(3, 2), "weights"), ValueError, "no tensor 'weights': it has weight, bias"),
        (lambda: release(nn.Linear(3, 2), 0), TypeError, "name must be of type str"),
        (lambda: GaussianLinear(3, 2, sigma=torch.ones(2, 3).int()), TypeError, "floating point numbers"),
        (lambda: release(release(nn.Linear(3, 2))), ValueError, "stochastic already"),
        (lambda: release(BernoulliLinear(3, 2)), ValueError, "stochastic already"),
        (lambda: release("linear"), TypeError, "module must be of type Module"),
        (lambda: seed_streams(nn.Linear(3, 2), 1), ValueError, "nothing in this Linear is stochastic"),
        (lambda: seed_streams(BernoulliLinear(3, 2), 1.5), TypeError, "seed must be a whole number"),
    ],
)
def test_wrong_input_is_named(make, error, match):
    with pytest.raises(error, match=match):
        make()


def test_integer_weights_are_refused():
    module = nn.Module()
    module.register_buffer("weight", torch.ones(2, 2, dtype=torch.int64))
    with pytest.raises(TypeError, match=r"convert with weight.float\(\)"):
        release(module)


def test_loaded_numbers_of_sites_all_release():
    few, many = (BinomialLinear(3, 2, n_sites=torch.full((2, 3), n), p=1.0) for n in (1, 9))
    few.load_state_dict(many.state_dict())
    assert torch.equal(few.release.count(), torch.full((2, 3), 9.0))
    with pytest.raises(RuntimeError, match="n_sites must be at least 1, got 0"):
        few.load_state_dict(many.state_dict() | {"release.n_sites": torch.zeros(2, 3, dtype=torch.int32)})


def test_assigned_and_loaded_p_are_checked():
    layer = BernoulliLinear(3, 2)
    state = layer.state_dict() | {"release.probability": torch.full((2, 3), 2.0)}
    with pytest.raises(RuntimeError, match="p must lie above 0"):
        copy.deepcopy(layer).load_state_dict(state)
    with pytest.raises(ValueError, match="p must be one number or of the shape"):
        layer.p = torch.ones(3)
    layer.p = 0.75
    assert torch.equal(layer.p, torch.full((2, 3), 0.75))


@pytest.mark.parametrize("sigma", [1e-30, 1e-4, 1.0, 800.0])
def test_initial_sigma_is_exact_over_its_range(sigma):
    torch.testing.assert_close(
        GaussianLinear(3, 2, sigma=sigma).sigma, torch.full((2, 3), sigma), rtol=1e-4, atol=0
    )
