"""The energy of a model is what its presynaptic spikes and vesicles cost."""

import copy
import math

import pytest
import quantities as pq
import torch
from torch import nn
from torch.nn.utils import parametrizations

from biophys import QuantalSynapse
from biophys.absolute_costs import spike_costs
from biophys.constants import (
    CALCIUM_PER_VESICLE,
    CYCLING_PER_VESICLE,
    ION_FLUX_PER_VESICLE,
    SPIKE_PER_BOUTON,
    TRANSMITTER_PER_VESICLE,
    joules_of,
)
from rate_models.nn import (
    BernoulliConv2d,
    BernoulliLinear,
    BinomialLinear,
    EnergyCounter,
    GaussianLinear,
    release,
    sampling,
    seed_streams,
)

PER_VESICLE = float(CALCIUM_PER_VESICLE.value + CYCLING_PER_VESICLE.value)
PER_SIZE = float(TRANSMITTER_PER_VESICLE.value + ION_FLUX_PER_VESICLE.value)
PER_SPIKE = float(SPIKE_PER_BOUTON.value)


def test_a_reliable_layer_spends_a_vesicle_per_spike():
    layer = nn.Linear(3, 2)
    nn.init.constant_(layer.weight, -0.5)
    with EnergyCounter(layer) as energy:
        layer(torch.tensor([[1.0, 0.0, 2.0], [0.0, 0.0, 1.0]]))
    n = 4 * 2
    assert energy.layers[""].n_events == energy.layers[""].n_vesicles == n
    assert float(energy.atp) == pytest.approx(n * (PER_SPIKE + PER_VESICLE + 0.5 * PER_SIZE))
    assert float(energy.joules) == pytest.approx(float(joules_of(energy.atp)))
    assert float(energy.atp_per_input) == pytest.approx(float(energy.atp) / 2)
    assert sum(energy.by_mechanism().values()) == pytest.approx(float(energy.atp))
    assert "all" in str(energy)


@pytest.mark.parametrize(
    "make",
    [
        lambda: BernoulliLinear(6, 4, p=0.4),
        lambda: release(nn.Linear(6, 4), p=0.4),
        lambda: BernoulliLinear(6, 4, p=0.4, generator=torch.Generator()),
        lambda: release(nn.Linear(6, 4), p=0.4, generator=torch.Generator()),
    ],
)
def test_a_releasing_layer_spends_the_vesicles_of_the_pass(make):
    layer = seed_streams(make(), 1)
    x = torch.rand(5, 6, generator=torch.Generator().manual_seed(0))
    with EnergyCounter(layer) as energy:
        layer(x)
    stochastic = layer.release if hasattr(layer, "release") else layer.parametrizations.weight[0]
    expected = layer.weight if not hasattr(layer, "release") else layer.weight * stochastic.count() / 0.4
    n_vesicles = float((x.sum(0) @ stochastic.count().T).sum())
    size = float((x.sum(0) @ expected.abs().T).sum())
    counted = energy.layers[""]
    assert counted.n_vesicles == pytest.approx(n_vesicles, rel=1e-5)
    assert counted.n_events == pytest.approx(4 * float(x.sum()), rel=1e-5)
    assert counted.total == pytest.approx(
        PER_SPIKE * counted.n_events + PER_VESICLE * n_vesicles + PER_SIZE * size, rel=1e-5
    )


def test_costs_of_a_synapse_are_those_of_the_analytic_package():
    layer = BinomialLinear(1, 1, n_sites=5, p=0.4, bias=False, sample=False)
    nn.init.constant_(layer.weight, 3.0)
    with EnergyCounter(layer, calcium="hill") as energy:
        layer(torch.ones(1, 1))
    synapse = QuantalSynapse(n=5, p=0.4, q=3.0 / (5 * 0.4) * 0.2 * pq.mV)
    assert energy.layers[""].total - PER_SPIKE == pytest.approx(float(spike_costs()(synapse)), rel=1e-6)


def test_counting_changes_no_draw():
    model = seed_streams(nn.Sequential(BernoulliLinear(6, 4), GaussianLinear(4, 2, sigma=0.1)), 1)
    x = torch.randn(3, 6)
    expected = [model(x), model(x)]
    seed_streams(model, 1)
    with EnergyCounter(model):
        outputs = [model(x), model(x)]
    assert all(torch.equal(a, b) for a, b in zip(outputs, expected, strict=True))
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv1d(2, 3, 3, padding=1), (2, 2, 7)),
        (nn.Conv2d(2, 4, 3, stride=2, groups=2), (2, 2, 7, 7)),
        (nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1), (2, 2, 4, 4)),
        (BernoulliConv2d(2, 3, 3, p=1.0), (2, 2, 5, 5)),
    ],
)
def test_convolutions_are_counted_use_by_use(layer, shape):
    x = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    with EnergyCounter(layer) as energy:
        layer(x)
    # Every use of a synapse, by the derivative of the summed output by the weight.
    weight = layer.weight.detach().clone().requires_grad_()
    out = torch.func.functional_call(layer, {"weight": weight, "bias": torch.zeros_like(layer.bias)}, (x,))
    (uses,) = torch.autograd.grad(out.sum(), weight)
    assert energy.layers[""].n_events == pytest.approx(float(uses.sum()), rel=1e-5)
    size = float((uses * weight.abs()).sum())
    assert energy.layers[""].atp["transmitter"] == pytest.approx(
        size * float(TRANSMITTER_PER_VESICLE.value), rel=1e-5
    )


def test_scales_and_estimates():
    layer, x = nn.Linear(3, 2), torch.ones(1, 3)

    def atp(**options):
        with EnergyCounter(layer, **options) as energy:
            layer(x)
        return float(energy.atp)

    assert atp(spikes_per_unit=7.0) == pytest.approx(7 * atp())
    assert atp(estimate="low") < atp() < atp(estimate="high")
    by_size = atp(unit_weight=0.4 * pq.mV) - atp()
    assert by_size == pytest.approx(float(layer.weight.abs().sum()) * PER_SIZE, rel=1e-5)


def test_counts_add_up_and_are_forgotten():
    layer = nn.Linear(3, 2)
    with EnergyCounter(layer) as energy:
        layer(torch.ones(4, 3))
        first = float(energy.atp)
        layer(torch.ones(4, 3))
    assert float(energy.atp) == pytest.approx(2 * first)
    layer(torch.ones(4, 3))
    assert energy.n_inputs == 8
    energy.reset()
    assert float(energy.atp) == energy.n_inputs == 0


class LeakyNeurons(nn.Module):
    """Spiking neurons with the interface of the libraries: input and state in, spikes and state out."""

    def forward(self, drive, v):
        v = 0.9 * v + drive
        spikes = (v > 1).to(v.dtype)
        return spikes, v - spikes


class Spiking(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.neurons, self.second = nn.Linear(4, 6), LeakyNeurons(), BernoulliLinear(6, 2, p=0.5)

    def forward(self, x):
        v, out = torch.zeros(x.shape[1], 6), 0
        for frame in x:
            spikes, v = self.neurons(self.first(frame), v)
            out = out + self.second(spikes)
        return out


def test_a_spiking_network_pays_for_its_spikes():
    torch.manual_seed(0)
    model, n_spikes = Spiking(), 0.0
    model.neurons.register_forward_hook(lambda module, args, output: spikes.append(float(output[0].sum())))
    spikes = []
    x = (torch.rand(10, 3, 4) < 0.5).float()
    with EnergyCounter(model, is_spiking=lambda module: isinstance(module, LeakyNeurons)) as energy:
        model(x)
    n_spikes = sum(spikes)
    assert n_spikes > 0
    assert energy.n_spikes == {"neurons": n_spikes}
    assert energy.layers["second"].n_events == 2 * n_spikes
    assert energy.layers["first"].n_events == 6 * float(x.sum())
    assert energy.layers["second"].atp["action potentials"] == pytest.approx(2 * n_spikes * PER_SPIKE)


def test_neurons_of_snntorch_are_known():
    snntorch = pytest.importorskip("snntorch")
    model = nn.Sequential(nn.Linear(4, 6), snntorch.Leaky(beta=0.9, init_hidden=True))
    with EnergyCounter(model) as energy:
        out = model(torch.full((3, 4), 5.0))
    assert energy.n_spikes == {"1": float(out.sum())}


def test_expected_vesicles_are_counted_where_nothing_is_drawn():
    layer = BernoulliLinear(3, 2, p=0.3)
    with sampling(layer, False), EnergyCounter(layer) as energy:
        layer(torch.ones(1, 3))
    assert energy.layers[""].n_vesicles == pytest.approx(0.3 * 6, rel=1e-6)


def test_a_bill_of_nothing_is_zero_and_warned_of():
    layer = BernoulliLinear(3, 2)
    with pytest.warns(RuntimeWarning, match="no pass was counted"), EnergyCounter(layer) as energy:
        pass
    assert str(energy).splitlines()[-1].split() == ["all", "0", "=", "0", "J"]
    with EnergyCounter(layer) as energy:
        layer(torch.ones(0, 3))
    assert energy.n_inputs == 0


def test_inputs_by_name_are_counted():
    x = torch.rand(4, 3)
    for layer in (nn.Linear(3, 2), BernoulliLinear(3, 2), GaussianLinear(3, 2)):
        with EnergyCounter(layer) as energy:
            layer(input=x)
        assert energy.layers[""].n_events == pytest.approx(2 * float(x.sum()), rel=1e-6)


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_half_precision_and_autocast_count_as_exactly_as_single_precision(half):
    x, layer = torch.ones(40, 3001), nn.Linear(3001, 7, bias=False)
    with torch.autocast("cpu", half), EnergyCounter(layer) as energy:
        layer(x)
    layer = layer.to(half)
    with EnergyCounter(layer) as in_half:
        layer(x.to(half))
    for each in (energy, in_half):
        assert each.layers[""].n_events == 40 * 3001 * 7


def test_a_counter_counts_once_and_a_diverged_model_has_no_bill():
    layer = nn.Linear(3, 2)
    with EnergyCounter(layer) as energy:
        with pytest.raises(RuntimeError, match="counts already: nest another one"), energy:
            pass
        with EnergyCounter(layer) as inner:
            layer(torch.full((2, 3), math.nan))
    assert not layer._forward_hooks
    assert energy.n_inputs == inner.n_inputs == 2
    assert math.isnan(float(energy.joules))
    assert "nan J" in str(energy)


def test_what_is_not_counted_is_listed():
    model = nn.ModuleDict(
        {"lstm": nn.LSTM(3, 4), "out": nn.Linear(4, 2), "attention": nn.MultiheadAttention(4, 2)}
    )
    assert EnergyCounter(model).uncounted == ["lstm", "attention", "attention.out_proj"]
    for name, parameter in list(model.named_parameters()):
        if parameter.ndim > 1 and "out." not in name:
            release(model, name)
    assert EnergyCounter(model).uncounted == ["lstm", "attention", "attention.out_proj"]
    assert "not counted: lstm, attention, attention.out_proj" in str(EnergyCounter(model))
    normed = parametrizations.weight_norm(release(nn.Embedding(3, 4)))
    assert EnergyCounter(nn.Sequential(normed, nn.Linear(4, 2))).uncounted == ["0"]
    assert "not counted" not in str(EnergyCounter(parametrizations.weight_norm(nn.Linear(2, 2))))
    copy.deepcopy(EnergyCounter(nn.Linear(2, 2)).layers)


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: EnergyCounter("model"), TypeError, "model must be of type Module"),
        (lambda: EnergyCounter(nn.ReLU()), ValueError, "nothing in this ReLU can be counted"),
        (lambda: EnergyCounter(nn.Linear(2, 2), unit_weight=0.2), TypeError, "unit_weight"),
        (lambda: EnergyCounter(nn.Linear(2, 2), unit_weight=0.2 * pq.nA), ValueError, "unit_weight"),
        (lambda: EnergyCounter(nn.Linear(2, 2), spikes_per_unit=0.0), ValueError, "spikes_per_unit"),
        (lambda: EnergyCounter(nn.Linear(2, 2), estimate="best"), ValueError, "'low' or 'value' or 'high'"),
        (lambda: EnergyCounter(nn.Linear(2, 2), calcium="linear"), ValueError, "'per_vesicle' or 'hill'"),
    ],
)
def test_wrong_input_is_named(make, error, match):
    with pytest.raises(error, match=match):
        make()


def test_calcium_law_at_p_of_one_is_refused():
    layer = BernoulliLinear(2, 2, p=1.0)
    with pytest.raises(ValueError, match="diverges at p = 1"), EnergyCounter(layer, calcium="hill"):
        layer(torch.ones(1, 2))
    assert math.isfinite(float(EnergyCounter(layer).atp))


def test_what_holds_no_numbers_is_refused():
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    parameters, buffers = torch.func.stack_module_state([model, copy.deepcopy(model)])

    def output(state, x):
        return torch.func.functional_call(model, state, (x,))

    with pytest.raises(RuntimeError, match="one replica after the other"), EnergyCounter(model):
        torch.vmap(output, in_dims=((0, 0), None))((parameters, buffers), torch.rand(5, 4))
    with pytest.raises(RuntimeError, match="meta device"), EnergyCounter(model.to("meta")):
        model(torch.rand(5, 4, device="meta"))
