"""Exports: what they refuse and why, the table of synapses, and numbers that follow from the neurons."""

import json
import subprocess
import sys

import numpy as np
import pytest
from brian2 import Hz, Network, NeuronGroup, SpikeGeneratorGroup, ms, mV

from biophys.release_plasticity import ReleasePlasticity
from brianpresyn import (
    Stage,
    SynapseCode,
    bernoulli_release,
    binomial_release,
    energy_ledger,
    pair_stdp,
    quantal_variance,
    release_counters,
    release_plasticity,
    spontaneous_release,
    stochastic_tsodyks_markram,
    synapses,
    tsodyks_markram,
)
from brianpresyn.counter_random import contact_numbers
from brianpresyn.export import HOSTS, check_table, read_table, write_table
from brianpresyn.targets import TARGETS, code_generation

BERNOULLI = bernoulli_release(0.3, q=0.5 * mV)


def network(code=None, connect=True, numbering="creation", **options):
    code = code or bernoulli_release(0.3, q=1) + release_counters()
    source = SpikeGeneratorGroup(4, np.repeat(np.arange(4), 30), np.tile(np.arange(1, 31), 4) * ms)
    cells = NeuronGroup(5, "v : 1")
    built = synapses(
        source, cells, code, connect=connect, seed=3, name="counted", numbering=numbering, **options
    )
    return Network(source, cells, built), built


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(
    "code, message",
    [
        (BERNOULLI + release_plasticity(ReleasePlasticity(), pair_stdp()), "pathway 'post'"),
        (BERNOULLI + energy_ledger(BERNOULLI, quantum=0.5 * mV), "after a run"),
        (bernoulli_release(0.3, q=0.5 * mV, draws="brian2"), r"draws='counter'"),
        (binomial_release(3, 0.3, q=0.5 * mV, draws="brian2"), r"draws='counter'"),
        (bernoulli_release(0.3, q=0.5 * mV, target=None), "nothing of the neuron"),
        (bernoulli_release("0.3 + p0_pre*0", q=0.5 * mV).following(p="p0_pre"), "neurons' p0_pre"),
        (BERNOULLI + SynapseCode("more", on_pre={Stage.TRANSMIT: "w_post += 1"}), "moves v, w"),
        (
            BERNOULLI + SynapseCode("clock", "dc/dt = -c/tau : 1 (clock-driven)", namespace={"tau": 1.0}),
            "every time step",
        ),
        (
            BERNOULLI + SynapseCode("calcium", on_pre={"calcium": {Stage.LEARN: "c += 1"}}, model="c : 1"),
            "'calcium'",
        ),
        (BERNOULLI + SynapseCode("table", on_pre={Stage.LEARN: "c = foo(released)"}, model="c : 1"), "foo"),
    ],
)
def test_what_a_host_cannot_express_is_named_with_the_remedy(host, code, message):
    with pytest.raises(NotImplementedError, match=message):
        code.export(host)


@pytest.mark.parametrize("host", [host for host, facts in HOSTS.items() if not facts.is_regular])
def test_minis_are_refused_where_synapses_act_on_spikes_only(host):
    with pytest.raises(NotImplementedError, match="regular source"):
        (BERNOULLI + spontaneous_release(1 * Hz, every=10 * ms)).export(host)


def test_jax_compares_what_does_not_change_as_integers():
    code = BERNOULLI + spontaneous_release(1 * Hz, every=10 * ms)
    text = str(code.export("jax"))
    assert "chance(1 - np.exp(" in text and "raise RuntimeError" not in text


def test_draws_that_a_host_lacks_are_named():
    with pytest.raises(NotImplementedError, match=r"shared_binomial_draw.*: build it with shared=False"):
        binomial_release(5, 0.3, q=1, shared=True).export("cuda")
    with pytest.raises(NotImplementedError, match=r"normal_draw.*lacks"):
        quantal_variance(BERNOULLI, cv_within=0.3, distribution="gaussian").export("nestml")
    root = SynapseCode("root", "w : 1", on_pre={Stage.LEARN: "w += sqrt(released)"})
    with pytest.raises(NotImplementedError, match=r"NESTML has no sqrt.*export 'nest'"):
        (BERNOULLI + root).export("nestml")
    with pytest.raises(NotImplementedError, match=r"gamma_draw.*lacks.*bernoulli_draw"):
        quantal_variance(BERNOULLI, cv_within=0.3).export("jax")


def test_a_module_for_nest_says_that_an_interpreter_has_no_nest(tmp_path):
    BERNOULLI.export("nest", name="unreliable").write(tmp_path)
    # Alone, an interpreter sees no packages.
    command = [sys.executable, "-S", "-I", str(tmp_path / "build_unreliablemodule.py")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "has no NEST" in done.stderr and "pip install nest-simulator" in done.stderr


@pytest.mark.parametrize("host, kind", [("genesis", ValueError), (None, TypeError), (3, TypeError)])
def test_unknown_hosts_are_refused(host, kind):
    with pytest.raises(kind, match="host must be"):
        BERNOULLI.export(host)


@pytest.mark.parametrize("name, kind", [("two words", ValueError), (3, TypeError)])
def test_names_are_names(name, kind):
    with pytest.raises(kind, match="name must"):
        BERNOULLI.export("nest", name=name)


def test_names_that_hosts_use_are_refused_with_another():
    code = BERNOULLI.renamed({"p": "number"})
    with pytest.raises(ValueError, match=r"renamed\(\{'number': 'number_syn'\}\)"):
        code.export("nest")


@pytest.mark.parametrize("host", HOSTS)
def test_all_release_models_are_exported(host):
    for code in (
        bernoulli_release(0.3, mean=0.5 * mV),
        binomial_release(5, 0.3, all_sites=1 * mV, shared=host not in ("cuda", "nestml"))
        + release_counters(),
        stochastic_tsodyks_markram([0.3, 0.4], tau_rec=[3, 4] * ms, tau_facil=5 * ms, n=3, q=1 * mV),
        tsodyks_markram(0.3, tau_rec=3 * ms, q=1 * mV).renamed(prefix="e_"),
    ):
        text = str(code.export(host))
        assert "{%" not in text and code.name in text


def test_exports_of_numbered_synapses_are_those_of_the_code():
    code = binomial_release(5, 0.3, q=1)
    _, built = network(code, numbering="contacts")
    for host in HOSTS:
        assert built.code.export(host).files == code.export(host).files


@pytest.mark.parametrize("numbering", ["creation", "contacts"])
def test_table_comes_back_as_it_was_written(tmp_path, numbering, on_numpy):
    code = stochastic_tsodyks_markram(
        np.linspace(0, 1, 6) / 3, tau_rec=np.arange(1, 7) * ms, tau_facil=7 * ms, n=np.arange(6), q=0.1
    )
    connect = {"i": [0, 1, 0, 3, 0, 0], "j": [1, 1, 1, 0, 4, 1]}
    _, built = network(code, connect, numbering)
    built.delay = np.arange(6) * ms
    export = code.export("nest")
    paths = export.write(tmp_path / "new", built)
    assert sorted(path.name for path in paths) == sorted(path.name for path in (tmp_path / "new").iterdir())
    table = read_table(tmp_path / "new" / "presyn_synapses.csv")
    assert table.dtype.names == ("pre", "post", "contact", "number", "n", "p", "q", "delay", "tau_rec")
    assert table["contact"].tolist() == [0, 0, 1, 0, 0, 2]
    assert np.array_equal(table["p"], built.p[:]) and np.array_equal(
        table["tau_rec"], built.tau_rec[:] / ms * 1e-3
    )
    expected = contact_numbers(built.i[:], built.j[:], table["contact"])
    assert np.array_equal(table["number"], expected if numbering == "contacts" else np.arange(6))
    shared = json.loads((tmp_path / "new" / "presyn_shared.json").read_text())
    assert shared["release_key"] == built.release_key[:] and shared["tau_facil"] == 0.007
    check_table(table[[3, 1, 5, 0, 2, 4]], built)


def test_table_that_does_not_match_is_refused(tmp_path, on_numpy):
    _, built = network()
    write_table(built, tmp_path / "table.csv")
    table = read_table(tmp_path / "table.csv")
    check_table(tmp_path / "table.csv", built)
    for field, message in (
        ("p", "p of the synapse from 1 to 2"),
        ("number", "number of the"),
        ("delay", "delay of"),
    ):
        wrong = table.copy()
        wrong[field][7] += 1
        with pytest.raises(ValueError, match=f"{message}.*write_table"):
            check_table(wrong, built)
    with pytest.raises(ValueError, match="has 19 synapses, counted has 20"):
        check_table(table[:-1], built)
    with pytest.raises(TypeError, match="read_table"):
        check_table([1, 2], built)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="no table of synapses"):
        read_table(tmp_path / "other.csv")
    (tmp_path / "cut.csv").write_text((tmp_path / "table.csv").read_text()[:-6])
    with pytest.raises(ValueError, match="no whole table"):
        read_table(tmp_path / "cut.csv")


def test_single_precision_is_refused(tmp_path, on_numpy):
    _, built = network(dtype=np.float32)
    with pytest.raises(TypeError, match="float32"):
        write_table(built, tmp_path / "table.csv")
    assert not list(tmp_path.iterdir())


def test_only_checked_synapses_have_a_table(tmp_path):
    with pytest.raises(TypeError, match="connection must"):
        write_table(3, tmp_path / "table.csv")


def quanta(target, code, connect, numbering="contacts"):
    """Return pre, post, number and released quanta of each synapse, sorted by the three."""
    with code_generation(target):
        net, built = network(code + release_counters(), connect, numbering)
        net.run(35 * ms)
        rows = np.array([built.i[:], built.j[:], built.numbers, built.n_vesicles[:]]).T
    return rows[np.lexsort(rows.T[2::-1])]


CODES = {
    "bernoulli": bernoulli_release(0.4, q=1),
    "binomial": binomial_release(9, 0.3, q=1),
    "shared": binomial_release(9, 0.3, q=1, shared=True),
    "depressed": stochastic_tsodyks_markram(0.5, tau_rec=30 * ms, n=4, q=1),
}


@pytest.mark.parametrize("name", CODES)
def test_numbers_of_contacts_make_releases_independent_of_the_order(name):
    order = np.random.default_rng(0).permutation(20)
    expected = quanta("numpy", CODES[name], True)
    again = quanta(
        "numpy",
        CODES[name],
        [{"i": order[:5] // 5, "j": order[:5] % 5}, {"i": order[5:] // 5, "j": order[5:] % 5}],
    )
    assert np.array_equal(expected, again)
    assert expected[:, 3].std() > 0
    by_place = quanta("numpy", CODES[name], {"i": order // 5, "j": order % 5}, "creation")
    assert not np.array_equal(expected[:, 3], by_place[:, 3])


@pytest.mark.slow
@pytest.mark.standalone
@pytest.mark.parametrize("target", [target for target in TARGETS if target != "numpy"])
def test_numbers_of_contacts_are_the_same_on_every_target(target):
    order = np.random.default_rng(0).permutation(20)
    connect = {"i": np.append(order, order[:3]) // 5, "j": np.append(order, order[:3]) % 5}
    expected = quanta("numpy", CODES["depressed"], connect)
    assert len(np.unique(expected[:, 2])) == 23 and np.abs(expected[:, 2]).max() > 2**60
    assert np.array_equal(expected, quanta(target, CODES["depressed"], connect))


def test_pairs_of_neurons_have_numbers_of_their_own():
    pre, post = np.divmod(np.arange(250_000), 500)
    assert len(np.unique(contact_numbers(pre, post, 0))) == pre.size
    assert contact_numbers(3, 4, 0) != contact_numbers(4, 3, 0)


def test_numbering_is_one_of_two():
    with pytest.raises(ValueError, match="numbering must be 'creation' or 'contacts', got 'pairs'"):
        network(numbering="pairs")
