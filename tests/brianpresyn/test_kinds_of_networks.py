"""Networks that people have: compartments, gap junctions, events, timed p, summed bills, subgroups."""

import numpy as np
import pytest
from brian2 import (
    Cylinder,
    Equations,
    Network,
    NeuronGroup,
    SpatialNeuron,
    SpikeGeneratorGroup,
    SpikeMonitor,
    Synapses,
    TimedArray,
    cm,
    get_dimensions,
    mmolar,
    ms,
    mV,
    nS,
    ohm,
    siemens,
    uF,
    um,
)
from brian2.devices.device import get_device

from brianpresyn import (
    SynapseCode,
    bernoulli_release,
    energy_ledger,
    energy_report,
    release_counters,
    stochastic_tsodyks_markram,
    synapses,
)
from brianpresyn.domains import unit_text
from brianpresyn.spikes import same_spikes
from brianpresyn.targets import code_generation, numpy_while_building

EQUATIONS = "dv/dt = (1.1 - v + gap)/(5*ms) : 1\ngap : 1\nn : 1"
GAP = SynapseCode("gap", "w : 1\ngap_post = w*(v_pre - v_post) : 1 (summed)", initial={"w": 0.05})


def firing(n=6):
    cells = NeuronGroup(n, EQUATIONS, threshold="v > 1", reset="v = 0", method="euler")
    cells.v = "i/6.0"
    return cells


@pytest.mark.usefixtures("on_numpy")
def test_compartments_hear_custom_events_and_a_restored_run_repeats_itself():
    dendrite = SpatialNeuron(
        Cylinder(length=100 * um, diameter=1 * um, n=5),
        """Im = gL*(-65*mV - v) : amp/meter**2
           dgs/dt = -gs/(5*ms) : siemens
           Is = gs*(0*mV - v) : amp (point current)""",
        Cm=1 * uF / cm**2, Ri=100 * ohm * cm, method="exponential_euler",
        namespace={"gL": 1e-4 * siemens / cm**2},
    )  # fmt: skip
    dendrite.v = -65 * mV
    source = NeuronGroup(2, "x : 1", threshold="False", events={"burst": "True"})
    code = bernoulli_release(0.5, q=0.3 * nS, target="gs") + release_counters()
    code += energy_ledger(code, quantum=0.3 * nS)
    built = synapses(source, dendrite, code, connect=True, seed=1, on_event="burst")
    network = Network(dendrite, source, built)
    network.store()
    first = []
    for _ in range(2):
        network.restore()
        network.run(2 * ms)
        first.append((built.n_vesicles[:].sum(), energy_report(built).total, dendrite.v[0]))
    assert first[0] == first[1] and built.n_spikes[:].sum() == 200 and 60 < first[0][0] < 140
    assert dendrite.v[0] > -60 * mV


@pytest.mark.parametrize(
    "unit",
    [siemens / cm**2, mV / ms, mmolar, uF / cm**2, 1 / ms, mV**2, mV**0.5, ohm * cm, mV / mmolar, nS**3, 1],
)
def test_a_quantum_may_have_any_unit(unit):
    code = bernoulli_release(1.0, q=2 * unit, target="x")
    dimension = get_dimensions(unit)
    assert code.equations["q"].dim is dimension
    with code_generation("numpy"):
        source = SpikeGeneratorGroup(1, [0], [1] * ms)
        target = NeuronGroup(1, Equations(f"x : {unit_text(dimension)}"))
        built = synapses(source, target, code, connect=True, seed=1)
        Network(source, target, built).run(2 * ms)
        assert target.x[0] == 2 * unit


@pytest.mark.usefixtures("on_numpy")
def test_p_that_follows_a_timed_array_beside_gap_junctions():
    def run(code, **options):
        cells = firing()
        spikes = SpikeMonitor(cells)
        if isinstance(code, str):
            built = Synapses(cells, cells, f"{GAP.model}\nq : 1", on_pre=code)
            built.connect("i != j")
            built.w, built.q = 0.05, 0.01
        else:
            built = synapses(cells, cells, code + GAP, connect="i != j", seed=1, **options)
        network = Network(cells, built, spikes)
        network.run(40 * ms)
        return spikes, built, network

    code = bernoulli_release(0, q=0.01).following(p="clip(drive(t), 0, 1)") + release_counters()
    always, half = (TimedArray(np.repeat([first, 1.0], 20), dt=1 * ms) for first in (1.0, 0.0))
    assert same_spikes(run("v_post += q")[0], run(code, namespace={"drive": always})[0])
    spikes, built, _ = run(code, namespace={"drive": half})
    late = 5 * np.sum(spikes.t[:] >= 20 * ms)
    assert built.n_vesicles[:].sum() == late < built.n_spikes[:].sum()


@pytest.mark.usefixtures("on_numpy")
def test_a_neuron_sums_the_bill_of_its_synapses():
    cells = NeuronGroup(4, "spent : joule", threshold="True", reset="")
    code = stochastic_tsodyks_markram(0.5, tau_rec=100 * ms, n=3, q=0.01, target=None)
    code += energy_ledger(code, quantum=0.01)
    code += SynapseCode("bill", "spent_post = E_total : joule (summed)", requires={"E_total"})
    built = synapses(cells, cells, code, connect="i != j", seed=1)
    Network(cells, built).run(5 * ms)
    # A sum is taken at the start of a step, before what is spent in it.
    assert 0.9 < float(np.sum(cells.spent[:])) / energy_report(built).total < 1


@pytest.mark.usefixtures("on_numpy")
def test_text_of_values_may_name_the_number_among_several_synapses_of_a_pair():
    cells, several = firing(3), {"condition": "True", "n": 3}
    code = bernoulli_release("0.1*(k + 1) + n_pre", q=0.1).renamed({"p": "chance"})
    built = synapses(cells[:2], cells[1:], code, connect=several, seed=1, multisynaptic_index="k")
    np.testing.assert_allclose(built.chance[:], np.tile([0.1, 0.2, 0.3], 4))


@pytest.mark.standalone
def test_a_program_of_subgroups_runs_again_with_other_values_and_reports_nan(capfd):
    def network():
        cells = firing()
        code = bernoulli_release(0.5, q="0.01*(1 + i)") + GAP + release_counters()
        with numpy_while_building():
            built = synapses(cells[:4], cells[2:], code, connect="i != j", seed=1, name="part")
        return cells, built

    ramp = np.linspace(0, 1, 12)
    with code_generation("numpy"):
        cells, built = network()
        built.p = ramp
        Network(cells, built).run(20 * ms)
        expected = np.array(built.n_vesicles[:])
    with code_generation("cpp_standalone"):
        get_device().build_on_run = False
        cells, built = network()
        assert len(expected) == len(ramp)
        Network(cells, built).run(20 * ms)
        get_device().build(compile=True, run=False, directory=get_device().project_dir)
        get_device().run(run_args={built.p: ramp})
        np.testing.assert_array_equal(built.n_vesicles[:], expected)
        capfd.readouterr()
        get_device().run(run_args={built.p: np.where(ramp > 0.9, np.nan, ramp)}, with_output=True)
        assert "p of part must lie in [0, 1], got nan" in "".join(capfd.readouterr())
        assert np.all(built.n_vesicles[:][ramp > 0.9] == 0)
