"""Many kinds of release, learning and ledger in one Synapses: the same results in C++ as on numpy."""

import contextlib
import functools
import operator

import numpy as np
import pytest
from brian2 import Hz, Network, NeuronGroup, SpikeGeneratorGroup, ms, prefs
from brian2.devices.device import get_device

from biophys.release_plasticity import OddsPlasticity, ReleasePlasticity
from brianpresyn import (
    Stage,
    SynapseCode,
    bernoulli_release,
    binomial_release,
    energy_ledger,
    energy_report,
    given_signal,
    pair_stdp,
    release_counters,
    release_plasticity,
    run_args_for_seed,
    spontaneous_release,
    stochastic_tsodyks_markram,
    synapses,
    tsodyks_markram,
)
from brianpresyn.targets import code_generation, numpy_while_building

SEEDS = (1, 2)
LAST_INT = 2**31
ALL = ("strong_", "silent_", "docked_", "mean_", "counted_", "moved_", "rule_", "odds_")
# Every kind of draw, a ledger and regular updates: what cython needs to be compared in.
FEW = ("docked_", "moved_", "odds_")


def paid(code, **options):
    return code + energy_ledger(code, quantum=0.2, **options)


def pieces():
    """Return codes by the prefix of their variables."""
    growth = SynapseCode("growth", on_pre={Stage.LEARN: "strength *= 1.05"}, requires={"strength"})
    calcium = SynapseCode("calcium", "c : 1", on_pre={"calcium": {Stage.LEARN: "c += 1"}})
    rule = release_plasticity(ReleasePlasticity(p_up=0.02, p_down=0.01), pair_stdp())
    odds = OddsPlasticity(g_lim=2.0, memory=20, clamp=0.5, p_min=0.4)
    learns = {"strength": "strength", "learning_rate": 0.01}
    return {
        "odds_": paid(
            bernoulli_release(0.4, mean=0.1, target="w")
            + release_plasticity(odds, given_signal("(v_post - 1)*released/p"), **learns)
        ),
        "strong_": paid(bernoulli_release(0.5, mean=0.1) + growth),
        "silent_": bernoulli_release(0.5, mean=1.0, target="silent"),
        "docked_": paid(
            stochastic_tsodyks_markram(
                0.5, tau_rec=1 * ms, tau_facil=0.2 * ms, n=1 + np.arange(8) % 5, q=0.2, target="w"
            )
        ),
        "mean_": paid(tsodyks_markram(1.0, tau_rec=10 * ms, q=0.2, target="w")),
        "counted_": paid(bernoulli_release(0.5, q=0.2, target="w") + release_counters()),
        "moved_": paid(
            binomial_release(5, 0.5, q=0.2) + spontaneous_release(500 * Hz, every=0.1 * ms), every=0.1 * ms
        ),
        "rule_": paid(bernoulli_release(0.5, q=0.2, target="w") + rule + calcium),
    }


def network(seed, prefixes):
    source = SpikeGeneratorGroup(1, np.zeros(100, int), np.arange(1, 101) * 0.1 * ms)
    cells = NeuronGroup(
        8, "v : 1\nw : 1\nsilent : 1", threshold="int(t/(0.1*ms) + 0.5) % 7 == i % 7", reset=""
    )
    codes = [code.renamed(prefix=prefix) for prefix, code in pieces().items() if prefix in prefixes]
    code = functools.reduce(operator.add, codes)
    is_whole = prefixes == ALL
    delay = {"calcium": 3 * ms} if is_whole else None
    built = synapses(source, cells, code, connect=True, seed=seed, name="many", delay=delay)
    if is_whole:
        built.silent_p = 0
        built.counted_n_vesicles = LAST_INT - 10
        built.counted_draw_number = LAST_INT - 30
    built.run_regularly("moved_n = 5 + 3*int(t > 5*ms)\nmoved_q = 0.2 + 0.1*int(t > 3*ms)", dt=1 * ms)
    return source, cells, built


def results(cells, built, prefixes):
    values = {name: np.array(getattr(cells, name)[:]) for name in ("v", "w", "silent")}
    numbers = built.equations.parameter_names | built.equations.diff_eq_names
    for name in sorted(numbers - built.code.streams.keys()):
        values[name] = np.array(built.state(name, use_units=False)[:])
    for prefix in set(prefixes) - {"silent_"}:
        report = energy_report(built, prefix=prefix)
        values |= {f"{prefix}{mechanism}": energy for mechanism, energy in report.joules.items()}
    return values


@functools.cache
def run_of(target, prefixes=ALL):
    """Return the results for each seed of two runs, between which values are changed from Python."""
    observed = []
    options = prefs.codegen.cpp.extra_compile_args_gcc
    # Half of the time goes into optimising what runs for a few steps.
    prefs.codegen.cpp.extra_compile_args_gcc = ["-w", "-O0", "-std=c++11"]
    with code_generation(target), contextlib.ExitStack() as afterwards:
        afterwards.callback(setattr, prefs.codegen.cpp, "extra_compile_args_gcc", options)
        for seed in SEEDS[:1] if target == "cpp_standalone" else SEEDS:
            if target == "cpp_standalone":
                get_device().build_on_run = False
            with numpy_while_building():
                source, cells, built = network(seed, prefixes)
            both = Network(source, cells, built)
            both.run(6 * ms)
            built.docked_n = 7
            if prefixes == ALL:
                built.strong_p, built.mean_p, built.mean_q, built.counted_n_spikes = 0.9, 0.8, 1.0, 0
            both.run(5 * ms)
            if target == "cpp_standalone":
                get_device().build(compile=True, run=True, directory=get_device().project_dir)
            observed.append(results(cells, built, prefixes))
        if target == "cpp_standalone":
            get_device().run(run_args=run_args_for_seed(built, SEEDS[1]))
            observed.append(results(cells, built, prefixes))
    return observed


@pytest.mark.standalone
@pytest.mark.parametrize("target, prefixes", [("cpp_standalone", ALL), ("cython", FEW)])
def test_compiled_results_are_those_of_numpy(target, prefixes):
    for expected, observed in zip(run_of("numpy", prefixes), run_of(target, prefixes), strict=True):
        assert expected.keys() == observed.keys()
        for name, values in expected.items():
            np.testing.assert_allclose(observed[name], values, rtol=1e-10, atol=0, err_msg=name)


def test_results_are_the_right_ones():
    for values in run_of("numpy"):
        assert np.all(values["silent"] == 0)
        assert np.all(values["docked_n_empty"] <= values["docked_n"]) and np.all(values["docked_n"] == 7)
        assert np.all(values["counted_n_spikes"] == 41)
        released = values["counted_n_vesicles"] - (LAST_INT - 10)
        assert np.all(released == 100 - values["counted_n_failures"])
        assert np.all((values["counted_n_vesicles"] > LAST_INT) & (abs(released - 50) < 25))
        assert np.all(values["rule_c"] == 79) and np.all(values["strong_strength"] > 10)
        assert np.sum(values["moved_n_minis"]) > 10 and np.all(values["rule_p"] > 0.9)
        np.testing.assert_allclose(values["rule_p"] * values["rule_q"], 0.1)
    first, second = run_of("numpy")
    assert np.any(first["counted_n_failures"] != second["counted_n_failures"])
    assert np.any(first["docked_n_empty"] != second["docked_n_empty"])
    assert np.any(first["moved_n_minis"] != second["moved_n_minis"])
