"""Devices that others have written for Brian2, by stand-ins with the same interface."""

import ctypes
import subprocess

import numpy as np
import pytest
from brian2 import Hz, Network, NeuronGroup, SpikeGeneratorGroup, ms
from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice
from brian2.devices.device import RuntimeDevice, all_devices, reset_device, set_device

from brianpresyn import (
    binomial_release,
    energy_ledger,
    quantal_noise,
    release_counters,
    spontaneous_release,
    synapses,
)
from brianpresyn import counter_random as draws
from brianpresyn import plasticity as rules


@pytest.fixture
def on_device():
    """Return a function that makes a device Brian2's for the test."""

    def activate(device, **options):
        all_devices["tested"] = device
        set_device("tested", build_on_run=False, **options)

    yield activate
    reset_device()
    del all_devices["tested"]


def network():
    """Return a network with draws at spikes and at regular times, and a ledger that runs on after a run."""
    source = SpikeGeneratorGroup(2, [0, 1, 0], [1, 2, 3] * ms)
    cells = NeuronGroup(3, "v : 1")
    code = binomial_release(5, 0.3, q=1) + spontaneous_release(50 * Hz, every=1 * ms) + release_counters()
    code += energy_ledger(code, quantum=1)
    built = synapses(source, cells, code, connect=True, seed=1, name="tested")
    return Network(source, cells, built), built


class DerivedCodeObject(CPPStandaloneCodeObject):
    """The code of a device that is derived from C++ standalone, as those of Brian2CUDA and brian2wasm are."""


class DerivedDevice(CPPStandaloneDevice):
    """Such a device, with templates that are only its own."""

    def code_object_class(self, codeobj_class=None, fallback_pref=None):
        return codeobj_class or DerivedCodeObject


def test_a_device_derived_from_standalone_gets_code_of_its_own_kind_only(on_device, tmp_path):
    device = DerivedDevice()
    on_device(device)
    with pytest.warns(UserWarning, match="nobody has compared the draws on DerivedDevice"):
        net, built = network()
    net.run(5 * ms)
    device.build(directory=str(tmp_path), compile=False, run=False)
    assert {type(each) for each in device.code_objects.values()} == {DerivedCodeObject}
    # Arrays are set by what the device can translate, and not by C++ of the host.
    time = device.get_array_name(built.variables["t_paid"])
    assert any(task == "set_by_single_value" and each[0] == time for task, each in device.main_queue)


class Exporter(RuntimeDevice):
    """A device that writes down what a network is and runs nothing, as those of brian2tools."""

    def network_run(self, net, *arguments, **options):
        self.components = {type(each).__name__.lower(): each for each in net.objects}


def test_an_exporter_finds_the_synapses_and_is_not_warned_of(on_device, recwarn):
    device = Exporter()
    on_device(device)
    net, built = network()
    net.run(5 * ms)
    assert device.components["synapses"] is built
    assert "binomial_draw" in built._pathways[0].code
    assert not [each for each in recwarn if "compared the draws" in str(each.message)]


# Of each function: arguments before the synapse, as C++ and as what numpy is given.
CALLS = {
    "uniform_draw": ("-7, 3", (-7, 3)),
    "normal_draw": ("-7, 3", (-7, 3)),
    "bernoulli_draw": ("-7, 3, 0.3", (-7, 3, 0.3)),
    "binomial_draw": ("-7, 3, 40, 0.95", (-7, 3, 40, 0.95)),
    "gamma_draw": ("-7, 3, 2.5", (-7, 3, 2.5)),
    "site_sum_draw": ("-7, 5, 3, 12, 0.7, 0.3, 2", (-7, 5, 3, 12, 0.7, 0.3, 2)),
    "reaches": ("0.001*_idx, 0.5", lambda k: (0.001 * k, 0.5)),
    "bounded": ("0.001*_idx, 0.2, 0.7", lambda k: (0.001 * k, 0.2, 0.7)),
    "contact_number": ("_idx, 3, 1", lambda k: (k, 3, 1)),
    "joined_number": ("-1.0*_idx, 3.0*_idx", lambda k: (-1.0 * k, 3.0 * k)),
}
FUNCTIONS = {
    name: next(getattr(module, name) for module in (draws, quantal_noise, rules) if hasattr(module, name))
    for name in CALLS
}


@pytest.mark.parametrize("name", CALLS)
def test_functions_for_cuda_take_the_synapse_and_not_its_place(name, tmp_path):
    function, (text, arguments) = FUNCTIONS[name], CALLS[name]
    implementation = function.implementations["cuda"]
    synapse = np.arange(1000)
    if callable(arguments):
        arguments = arguments(synapse)
    if name.endswith("_draw"):
        # The place, which Brian2CUDA has for Brian2's _vectorisation_idx.
        text, arguments = f"{text}, 0", (*arguments, synapse)
    kind = "int64_t" if getattr(function, "_return_type", "") == "integer" else "double"
    (tmp_path / "draws.cpp").write_text(
        "#include <math.h>\n#include <stdint.h>\n#include <string.h>\n"
        f"{implementation.get_code(None)}\n"
        f'extern "C" void run(int64_t size, {kind}* out) {{\n'
        f"    for (int64_t _idx = 0; _idx < size; _idx++) out[_idx] = {implementation.name}({text});\n}}\n"
    )
    command = ["g++", "-O2", "-shared", "-fPIC", "draws.cpp", "-o", "draws.so"]
    subprocess.run(command, cwd=tmp_path, check=True)
    values = np.zeros(synapse.size, np.int64 if kind == "int64_t" else float)
    run = ctypes.CDLL(str(tmp_path / "draws.so")).run
    run.argtypes = [ctypes.c_int64, ctypes.c_void_p]
    run(synapse.size, values.ctypes.data)
    expected = function.implementations["numpy"].get_code(None)(*arguments)
    assert values.std() > 0
    # Logarithms and cosines are those of another library.
    np.testing.assert_allclose(values, expected, rtol=1e-12 if kind == "double" else 0)
