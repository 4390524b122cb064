"""The same quanta in other simulators at every event, where they are installed; more by ``make parity``."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from brian2 import Hz, Network, NeuronGroup, ms

from brianpresyn import (
    bernoulli_release,
    binomial_release,
    release_key,
    spontaneous_release,
    stochastic_tsodyks_markram,
    synapses,
)
from brianpresyn.targets import code_generation
from tests.brianpresyn.hosts.parity import (
    CUDA_MODELS,
    MODELS,
    SEEDS,
    WAYS,
    compare,
    compile_mechanisms,
    interpreter,
    lacking,
    output_of,
)

# Compiling takes most of the time: here what uses the most of each host, and all by ``make parity``.
CASES = [
    (title, "depressed")
    for title in (
        "NEST, 1 thread",
        "NEST, 2 threads",
        "NESTML, 2 threads",
        "NEURON, 2 threads",
        "JAX, 64 bits",
        "PyNN, Brian2",
    )
]
CASES += [("JAX, 32 bits", "binomial"), ("JAX, 32 bits", "shared")]
CASES += [("CUDA, on the host", name) for name in CUDA_MODELS]
CASES += [pytest.param("CUDA, on a GPU", name, marks=pytest.mark.gpu) for name in CUDA_MODELS]


def test_one_of_the_keys_is_negative():
    assert {release_key(seed, "tested/release") < 0 for seed in SEEDS} == {False, True}


@pytest.mark.slow
@pytest.mark.parametrize("title, name", CASES)
def test_the_same_quanta_are_released_at_every_event(title, name):
    way = WAYS[title]
    if interpreter(way) is None:
        pytest.skip(lacking(way))
    (outcome,) = compare([way], name, n_copies=2, n_steps=200, seed=SEEDS[MODELS.index(name) % 2])
    assert outcome.n_events > 3000
    assert outcome.n_mismatches == 0


@pytest.mark.slow
def test_jax_has_gradients_and_minis(tmp_path):
    way = WAYS["JAX, 32 bits"]
    python = interpreter(way)
    if python is None:
        pytest.skip(lacking(way))
    binomial_release(5, 0.3, q=1).export("jax", name="tested").write(tmp_path)
    code = bernoulli_release(0.3, q=1) + spontaneous_release(90 * Hz, every=1 * ms)
    code.export("jax", name="minis").write(tmp_path)
    with code_generation("numpy"):
        cells = NeuronGroup(4, "v : 1", threshold="False", dt=1 * ms)
        built = synapses(cells, cells, code, connect=True, seed=2, name="minis")
        Network(cells, built).run(200 * ms)
    program = Path(__file__).parent / "hosts" / "in_jax_checks.py"
    command = [python, str(program), str(tmp_path), str(built.mini_key[:]), str(built.n_mini_draws[:])]
    assert output_of(command, tmp_path)[-1] == str(np.array(built.n_minis[:]).tolist())
    depressed = stochastic_tsodyks_markram(0.3, tau_rec=30 * ms, q=1).export("jax", name="depressed")
    depressed.write(tmp_path)
    done = subprocess.run([python, "depressed.py"], cwd=tmp_path, capture_output=True, text=True)
    assert "jax_enable_x64" in done.stderr


PAGES = Path(__file__).parents[2] / "docs" / "how_to"


@pytest.mark.slow
@pytest.mark.parametrize("title", ["NEST, 1 thread", "NEURON, 1 thread", "JAX, 32 bits", "PyNN, Brian2"])
def test_the_page_of_a_host_prints_what_brian_prints(title, tmp_path):
    way = WAYS[title]
    python = interpreter(way)
    if python is None:
        pytest.skip(lacking(way))
    page = (PAGES / f"release_in_{way.program}.md").read_text(encoding="utf-8")
    (tmp_path / "brian_preferences").write_text("codegen.target = 'numpy'\n")
    (tmp_path / "in_brian.py").write_text(re.search(r"```python\n(.*?)```", page, re.DOTALL).group(1))
    for name, text in re.findall(r"```{code-block} python\n:caption: (\S+)\n\n(.*?)```", page, re.DOTALL):
        (tmp_path / name).write_text(text)
    expected = output_of([sys.executable, "in_brian.py"], tmp_path)[-1]
    if way.program == "nest":
        output_of([python, "for_nest/build_unreliablemodule.py"], tmp_path)
    if way.program == "neuron":
        compile_mechanisms(python, tmp_path, "for_neuron")
    # NEST goes on to say that it is done.
    assert expected in output_of([python, f"in_{way.program}.py"], tmp_path)
    assert len(set(expected.strip("[]").split(", "))) > 3
    if way.program == "jax":
        assert 0.05 < float(output_of([python, "train.py"], tmp_path)[-1]) < 0.9


KERNEL = """#include "one.cuh"
#include "two.cuh"
__global__ void step(OneSynapse* a, OneSynapseShared b, TwoSynapse* c, TwoSynapseShared d, double* out) {
    const int k = blockIdx.x * blockDim.x + threadIdx.x;
    out[k] = one_on_pre(a[k], b, 0.1) + two_on_pre(c[k], d, 0.1);
}
"""


@pytest.mark.slow
def test_two_exports_for_cuda_compile_in_one_program(tmp_path):
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("no nvcc: install the CUDA toolkit")
    binomial_release(5, 0.3, q=1).export("cuda", name="one").write(tmp_path)
    code = stochastic_tsodyks_markram(0.3, tau_rec=30 * ms, tau_facil=9 * ms, q=1)
    code.export("cuda", name="two").write(tmp_path)
    (tmp_path / "kernel.cu").write_text(KERNEL)
    done = subprocess.run([nvcc, "-dc", "kernel.cu"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
