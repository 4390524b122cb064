"""Release in the networks that people bring: names, targets, pathways, values, and what must not go wrong."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import quantities as pq
from brian2 import (
    DimensionMismatchError,
    Hz,
    Network,
    NeuronGroup,
    SpikeGeneratorGroup,
    StateMonitor,
    TimedArray,
    ms,
    mV,
    network_operation,
)
from brian2.devices.device import get_device, reset_device, set_device

from biophys.release_plasticity import ReleasePlasticity
from brianpresyn import (
    Stage,
    SynapseCode,
    bernoulli_release,
    binomial_release,
    energy_ledger,
    energy_report,
    given_signal,
    pair_stdp,
    quantal_variance,
    release_counters,
    release_plasticity,
    reward_modulated,
    spontaneous_release,
    stochastic_tsodyks_markram,
    synapses,
    teacher_error,
    tsodyks_markram,
)
from brianpresyn.targets import code_generation

pytestmark = pytest.mark.usefixtures("on_numpy")
N_SPIKES = 100
STANDALONE = pytest.param("cpp_standalone", marks=pytest.mark.standalone)


def train(n_spikes=N_SPIKES, n=1):
    """Return neurons that spike in steps 1 to n_spikes."""
    index, step = np.divmod(np.arange(n * n_spikes), n_spikes)
    return SpikeGeneratorGroup(n, index, (step + 1) * 0.1 * ms)


def run(code, *, n=4, equations="v : 1", duration=None, source=None, network=(), **options):
    """Return synapses that have run onto n neurons, and the neurons."""
    source = train() if source is None else source
    target = NeuronGroup(n, equations, threshold="False")
    built = synapses(source, target, code, connect=options.pop("connect", True), seed=1, **options)
    Network(source, target, built, *network).run((N_SPIKES + 2) * 0.1 * ms if duration is None else duration)
    return built, target


def spent(connection, **options):
    return energy_report(connection, **options).joules


# ---- The ledger -------------------------------------------------------------------------------------------


def grows(name):
    return SynapseCode("growth", on_pre={Stage.LEARN: f"{name} *= 1.05"}, requires={name})


def test_ledger_follows_a_strength_that_learns_as_it_follows_q():
    by_strength = bernoulli_release(0.5, mean=0.1) + grows("strength")
    by_q = bernoulli_release(0.5, q=0.2) + grows("q")
    energies = [spent(run(code + energy_ledger(code, quantum=0.2))[0]) for code in (by_strength, by_q)]
    assert energies[0] == pytest.approx(energies[1])


def two_runs(target, *values, tmp_path=None):
    """Return the energies after each of two runs of 5 ms, with p and q before each."""
    code = bernoulli_release(0.1, q=0.1)
    code += energy_ledger(code, quantum=0.2)
    source, cells = train(), NeuronGroup(4, "v : 1", threshold="False")
    built = synapses(source, cells, code, connect=True, seed=1, name="one")
    network = Network(source, cells, built)
    reports = []
    for p, q in values:
        built.p, built.q = p, q
        if reports and target == "numpy":
            assert spent(built) == pytest.approx(reports[-1].joules)
        network.run(5 * ms)
        if target == "numpy":
            reports.append(energy_report(built))
    if target != "numpy":
        get_device().build(directory=str(tmp_path), compile=True, run=True)
        reports = [None, energy_report(built)]
    return reports


def test_energy_of_the_past_stays_when_values_are_changed():
    before, both = two_runs("numpy", (0.5, 0.2), (1.0, 1.0))
    window = both - before
    # 49 spikes come in the first run and 50 in the second, where everything is released, five times as large.
    assert before.n_spikes == 4 * 49 and window.n_spikes == 4 * 50 and window.n_vesicles == 4 * 50
    _, reference = two_runs("numpy", (1.0, 1.0), (1.0, 1.0))
    per_vesicle = reference.joules["postsynaptic ion flux"] / reference.n_vesicles
    assert window.joules["postsynaptic ion flux"] == pytest.approx(per_vesicle * 200)
    assert window.joules["actin"] == pytest.approx(reference.joules["actin"] / 2)
    assert before.joules["actin"] < 0.9 * window.joules["actin"]


@pytest.mark.standalone
def test_energy_of_two_runs_in_one_standalone_program(tmp_path):
    expected = two_runs("numpy", (0.5, 0.2), (1.0, 1.0))[1]
    set_device("cpp_standalone", directory=str(tmp_path), build_on_run=False)
    try:
        found = two_runs("cpp_standalone", (0.5, 0.2), (1.0, 1.0), tmp_path=tmp_path)[1]
    finally:
        get_device().reinit()
        reset_device()
    assert found.joules == pytest.approx(expected.joules) and found.n_vesicles == expected.n_vesicles


def test_ledger_follows_an_operation_in_the_middle_of_a_run():
    code = bernoulli_release(1.0, q=0.2)
    code += energy_ledger(code, quantum=0.2, every=0.1 * ms)

    @network_operation(dt=5 * ms)
    def change(t):
        if t > 4 * ms:
            holder[0].q = 0.4

    holder = []
    source, cells = train(), NeuronGroup(1, "v : 1", threshold="False")
    holder.append(synapses(source, cells, code, connect=True, seed=1))
    Network(source, cells, holder[0], change).run(10 * ms)
    energies = spent(holder[0])
    plain, _ = run(code, n=1, duration=10 * ms)
    # 49 spikes at 0.2 and 50 at 0.4.
    ratio = (49 + 2 * 50) / 99
    assert energies["postsynaptic ion flux"] == pytest.approx(ratio * spent(plain)["postsynaptic ion flux"])
    assert 1.2 < energies["vesicle membrane"] / spent(plain)["vesicle membrane"] < 1.5


@pytest.mark.parametrize("target", ["numpy", STANDALONE])
def test_spontaneous_vesicles_are_paid(target):
    release = bernoulli_release(0.0, q=0.2)
    minis = spontaneous_release(500 * Hz, every=0.1 * ms)
    code = release + minis + energy_ledger(release + minis, quantum=0.2)
    with code_generation(target):
        built, cells = run(code, n=50)
        report, n_minis = energy_report(built), int(np.sum(built.n_minis[:]))
        arrived = float(np.sum(cells.v[:])) / 0.2
    assert n_minis > 100 and report.n_vesicles == n_minis == round(arrived)
    assert report.joules["trafficking"] > 0 and report.joules["postsynaptic ion flux"] > 0


def test_ledger_is_finite_and_silent_where_p_reaches_1():
    code = tsodyks_markram(1.0, tau_rec=10 * ms, q=0.2)
    code += energy_ledger(code, quantum=0.2)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        built, _ = run(code)
        assert 0 < energy_report(built).total < np.inf


def test_deterministic_depression_pays_the_mean_of_the_stochastic():
    options = {"tau_rec": 20 * ms, "q": 0.2, "n": 50}
    reports = []
    for make in (tsodyks_markram, stochastic_tsodyks_markram):
        code = make(0.3, **options)
        reports.append(energy_report(run(code + energy_ledger(code, quantum=0.2), n=40)[0]))
    deterministic, stochastic = reports
    assert stochastic.n_vesicles == pytest.approx(deterministic.n_vesicles, rel=0.02)
    for mechanism, energy in deterministic.joules.items():
        assert stochastic.joules[mechanism] == pytest.approx(energy, rel=0.02)


def test_counts_beyond_32_bits_stay_counts():
    code = bernoulli_release(1.0, q=0.2) + release_counters()
    code += energy_ledger(code, quantum=0.2)
    source, cells = train(), NeuronGroup(1, "v : 1", threshold="False")
    built = synapses(source, cells, code, connect=True, seed=1)
    built.n_vesicles = 2**31 - 10
    Network(source, cells, built).run(5 * ms)
    assert built.n_vesicles[0] == 2**31 + 39 and energy_report(built).total > 0


def test_dimensionless_synapses_say_how_large_a_quantum_is():
    code = bernoulli_release(0.5, q=0.2)
    with pytest.raises(DimensionMismatchError, match=r"no unit: pass quantum=\.\.\. with the size"):
        energy_ledger(code)
    with pytest.raises(DimensionMismatchError, match="pass quantum"):
        energy_ledger(code, quantum=0.2 * mV)
    with pytest.raises(ValueError, match="quantum must be one value above 0"):
        energy_ledger(code, quantum=-1.0)


# ---- Probabilities ----------------------------------------------------------------------------------------

OUTSIDE = {-1e-9: 0, -0.2: 0, 1 + 1e-9: 1, 1e10: 1, np.inf: 1, np.nan: 0, -np.inf: 0}
KINDS = {
    "bernoulli": lambda: bernoulli_release(0.5, q=1),
    "binomial": lambda: binomial_release(5, 0.5, q=1),
    "shared": lambda: binomial_release(5, 0.5, q=1, shared=True),
    "depletion": lambda: stochastic_tsodyks_markram(0.5, tau_rec=1e-6 * ms, n=5, q=1),
    "brian2": lambda: binomial_release(5, 0.5, q=1, draws="brian2"),
    "brian2 bernoulli": lambda: bernoulli_release(0.5, q=1, draws="brian2"),
}


def released_outside(target):
    """Return by kind of draw and by p, set by a rule while running, the share of sites that released."""
    values = TimedArray(list(OUTSIDE), dt=2 * ms)
    shares = {}
    with code_generation(target):
        source = train(140)
        network, built = Network(source), {}
        for name, make in KINDS.items():
            code = make() + release_counters()
            code = code.recordable(released="integer")
            cells = NeuronGroup(3, "v : 1", threshold="False")
            own = synapses(source, cells, code, connect=True, seed=1, name=name.replace(" ", "_"))
            own.namespace["values"] = values
            own.run_regularly("p = values(t)", dt=0.1 * ms, when="start")
            built[name] = StateMonitor(own, "released", record=[0, 1, 2], dt=0.1 * ms, when="end")
            network.add(cells, own, built[name])
        if target == "cpp_standalone":
            network.run(14 * ms)
        else:
            with pytest.raises(ValueError, match="after the run"):
                network.run(14 * ms)
        for name, monitor in built.items():
            released = np.array(monitor.released)
            n = 1 if "bernoulli" in name else 5
            blocks = [released[:, 20 * k + 2 : 20 * k + 20] / n for k in range(len(OUTSIDE))]
            shares[name] = [sorted(set(block.ravel())) for block in blocks]
    return shares


@pytest.mark.parametrize("target", ["numpy", STANDALONE, pytest.param("cython", marks=pytest.mark.slow)])
def test_probabilities_outside_0_to_1_are_clipped_alike(target):
    for name, blocks in released_outside(target).items():
        assert blocks == [[float(share)] for share in OUTSIDE.values()], name


def test_values_are_checked_after_the_run():
    drift = SynapseCode("drift", on_pre={Stage.LEARN: "p -= 0.01"}, requires={"p"})
    with pytest.raises(ValueError, match=r"p of .* after the run must lie in \[0, 1\], got -0.49"):
        run(bernoulli_release(0.5, q=1) + drift, duration=9.95 * ms)


@pytest.mark.standalone
def test_standalone_reports_values_after_its_run(capfd):
    drift = SynapseCode("drift", on_pre={Stage.LEARN: "p -= 0.01\nq = q*1e300"}, requires={"p", "q"})
    with code_generation("cpp_standalone"):
        run(bernoulli_release(0.5, q=-1) + drift, name="drifting", duration=9.95 * ms)
    reported = capfd.readouterr().err
    assert "p of drifting must lie in [0, 1], got -0.49" in reported
    assert "q of drifting must be finite, got -inf at index 0 after the run" in reported


@pytest.mark.parametrize(
    "text, variable", [("1.7", "p"), ("2*0.8", "p"), ("-3", "n"), ("2.5", "n"), ("[", "p"), ("", "p")]
)
def test_text_of_a_number_is_judged_before_the_build(text, variable):
    with pytest.raises(ValueError, match=f"{variable} must"):
        binomial_release(**{"n": 5, "p": 0.5, variable: text}, q=1)


@pytest.mark.parametrize("target", ["numpy", STANDALONE])
def test_a_mean_with_p_0_releases_nothing(target):
    code = bernoulli_release(0.5, mean=1.0) + tsodyks_markram(0.5, tau_rec=9 * ms, mean=1.0).renamed(
        prefix="d_"
    )
    with code_generation(target):
        source, cells = train(), NeuronGroup(3, "v : 1", threshold="False")
        built = synapses(source, cells, code, connect=True, seed=1)
        built.p = built.d_p = 0
        Network(source, cells, built).run(10 * ms)
        assert np.all(cells.v[:] == 0)


def test_a_mean_means_the_same_in_every_release():
    for make in (
        lambda **amplitude: bernoulli_release(0.5, **amplitude),
        lambda **amplitude: binomial_release(3, 0.5, **amplitude),
        lambda **amplitude: tsodyks_markram(0.5, tau_rec=9 * ms, n=3, **amplitude),
        lambda **amplitude: stochastic_tsodyks_markram(0.5, tau_rec=9 * ms, n=3, **amplitude),
    ):
        source, cells = train(), NeuronGroup(1, "v : 1", threshold="False")
        built = synapses(source, cells, make(mean=1.0), connect=True, seed=1)
        built.p = 0.25
        n = built.n[0] if "n" in built.code.defined else 1
        assert built.q[0] * n * 0.25 == pytest.approx(1.0)


# ---- Joining ----------------------------------------------------------------------------------------------


def test_pieces_join_in_any_order():
    modulation = SynapseCode(
        "modulation", on_pre={Stage.PROBABILITY: "p = 0.2 + 0.6*int(t > 2*ms)"}, namespace={}
    )
    depressing = tsodyks_markram(0.5, tau_rec=100 * ms, tau_facil=200 * ms, q=1)
    assert (modulation + depressing).pre_code == (depressing + modulation).pre_code
    first, second = (run(code)[1].v[0] for code in (modulation + depressing, depressing + modulation))
    assert first == second


def test_pieces_that_would_both_have_to_run_first_are_refused():
    one = SynapseCode("one", "a : 1", on_pre={Stage.LEARN: "a = b"})
    two = SynapseCode("two", "b : 1", on_pre={Stage.LEARN: "b = a"})
    with pytest.raises(ValueError, match=r"'one' and 'two' each set what the other reads at Stage\.LEARN"):
        one + two
    reset = SynapseCode("reset", on_pre={Stage.TRANSMIT: "v_post = 0"})
    with pytest.raises(ValueError, match=r"both set v_post at Stage\.TRANSMIT, where the order would matter"):
        reset + bernoulli_release(0.5, q=1)


def test_docked_vesicles_follow_the_number_of_sites():
    code = stochastic_tsodyks_markram(0.5, tau_rec=100 * ms, n="1 + int(5*rand())", q=1)
    source, cells = train(), NeuronGroup(50, "v : 1", threshold="False")
    built = synapses(source, cells, code, connect=True, seed=1)
    assert np.all(built.docked[:] == built.n[:]) and np.ptp(built.n[:]) > 0
    built.n = 10
    assert np.all(built.docked[:] == 10)


@pytest.mark.parametrize(
    "make",
    [lambda: binomial_release(5, 0.5, q=1 * mV), lambda: energy_ledger(bernoulli_release(0.5, q=1 * mV))],
)
def test_code_is_pickled_and_copied(make):
    code = make()
    for other in (pickle.loads(pickle.dumps(code)), copy.deepcopy(code), copy.copy(code)):
        assert str(other) == str(code)
        assert other.namespace.keys() == code.namespace.keys()
        # The functions are the same ones, so that pieces go on joining.
        assert all(other.namespace[name] is code.namespace[name] for name in code.namespace if "draw" in name)


def test_intervals_may_differ():
    signal = teacher_error("error_post", every=2 * ms)
    code = bernoulli_release(0.5, mean=1.0) + spontaneous_release(50 * Hz, every=1 * ms)
    code += release_plasticity(ReleasePlasticity(), signal, strength="strength")
    built, _ = run(code, equations="v : 1\nerror : 1")
    assert sorted(built.code.regularly) == pytest.approx([0.001, 0.002])
    assert built.n_mini_draws == 11 and np.all(built.n_released[:] < 30)


# ---- Names ------------------------------------------------------------------------------------------------


def test_names_of_presynaptic_variables_are_refused_with_the_remedy():
    cells = NeuronGroup(2, "v : 1\ndn/dt = (1 - n)/(10*ms) : 1", threshold="v > 1", method="euler")
    code = binomial_release(5, 0.5, q=1)
    with pytest.raises(ValueError, match=r"n of binomial_release is also .* names=\{'n': 'n_syn'\}"):
        synapses(cells, cells, code, connect=True, seed=1)
    with pytest.raises(ValueError, match="rename it"):
        synapses(train(), cells, code, connect=True, seed=1)
    plain = synapses(train(), NeuronGroup(1, "v : 1"), code, connect=True, seed=1)
    renamed = synapses(cells, cells, code, connect=True, seed=1, names={"n": "n_sites"})
    assert np.all(renamed.n_sites[:] == 5) and renamed.release_key == plain.release_key


def test_renamed_release_releases_the_same():
    code = stochastic_tsodyks_markram(0.5, tau_rec=20 * ms, tau_facil=50 * ms, n=5, q=0.2)
    code += energy_ledger(code, quantum=0.2)
    new = {name: f"{name}_new" for name in code.defined | {"released"}}
    plain, cells = run(code)
    other, same = run(code.renamed(new))
    np.testing.assert_array_equal(cells.v[:], same.v[:])
    np.testing.assert_array_equal(plain.n_vesicles[:], other.n_vesicles_new[:])


@pytest.mark.parametrize("target", ["numpy", STANDALONE])
def test_two_releases_live_in_one_synapses_object(target):
    ampa, nmda = (binomial_release(n, 0.4, q=1.0, target=name) for n, name in ((3, "a"), (8, "b")))
    codes = [code + release_counters() + energy_ledger(code, quantum=1.0) for code in (ampa, nmda)]
    code = codes[0].renamed(prefix="ampa_") + codes[1].renamed(prefix="nmda_")
    with code_generation(target):
        built, cells = run(code, equations="a : 1\nb : 1", n=200)
        a, b = np.array(cells.a[:]), np.array(cells.b[:])
        np.testing.assert_array_equal(a, built.ampa_n_vesicles[:])
        np.testing.assert_array_equal(b, built.nmda_n_vesicles[:])
        reports = [energy_report(built, prefix=prefix) for prefix in ("ampa_", "nmda_")]
    assert [report.n_vesicles for report in reports] == [a.sum(), b.sum()]
    assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(200)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"names": {"nn": "m"}}, "names: binomial_release has no 'nn': did you mean 'n'"),
        ({"names": {"n": "p"}}, "p would mean two things"),
        ({"names": {"n": "n m"}}, "the new name of n must be the name of a variable"),
        ({"prefix": "1"}, "must be the name of a variable"),
    ],
)
def test_names_that_cannot_be_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        binomial_release(5, 0.5, q=1).renamed(**change)


def test_two_releases_must_draw_different_numbers():
    first = bernoulli_release(0.5, q=1)
    second = bernoulli_release(0.5, q=1).renamed(
        {name: f"{name}_2" for name in ("p", "q", "draw_number", "release_key", "released")}
    )
    with pytest.raises(ValueError, match=r"both draw from the stream release: .* renamed\(prefix="):
        first + second


# ---- Targets, pathways and values -------------------------------------------------------------------------


def test_release_acts_on_a_variable_of_the_synapse():
    gate = SynapseCode("gate", "ds/dt = -s/(5*ms) : 1 (clock-driven)\ng_post = s : 1 (summed)")
    code = bernoulli_release(1.0, q=0.5, target="s") + gate
    assert "s += released*q" in code.pre_code
    built, cells = run(code, equations="g : 1", duration=1.05 * ms, method="exact")
    assert 4 < built.s[0] < 5 and cells.g[0] == pytest.approx(built.s[0], rel=0.2)
    with pytest.raises(DimensionMismatchError, match="q must have the unit of s in the synapse"):
        run(bernoulli_release(1.0, q=1 * mV, target="s") + gate, equations="g : 1")


def test_release_acts_on_nothing_by_itself():
    own = SynapseCode("own", on_pre={Stage.TRANSMIT: "v_post += 3*released*q"}, requires={"released", "q"})
    assert run(bernoulli_release(1.0, q=1, target=None) + own)[1].v[0] == 3 * N_SPIKES


@pytest.mark.parametrize("target", ["numpy", STANDALONE])
def test_synapses_have_several_presynaptic_pathways(target):
    calcium = SynapseCode(
        "calcium",
        "c : 1",
        on_pre={"calcium": {Stage.LEARN: "c += 1"}},
        on_post={"late": {Stage.LEARN: "c -= 1"}},
    )
    with code_generation(target):
        built, cells = run(
            bernoulli_release(1.0, q=1) + calcium, delay={"calcium": 5 * ms}, duration=10.05 * ms
        )
        assert cells.v[0] == 100 and built.c[0] == 50


def test_time_constants_belong_to_each_synapse():
    taus = np.array([5.0, 50.0, 500.0]) * ms
    each, _ = run(tsodyks_markram(0.5, tau_rec=taus, tau_facil="tau_rec/2", q=1), n=3)
    for k, tau in enumerate(taus):
        one, _ = run(tsodyks_markram(0.5, tau_rec=tau, tau_facil=tau / 2, q=1), n=1)
        assert each.x[k] == pytest.approx(one.x[0]) and each.u[k] == pytest.approx(one.u[0])
    drawn, _ = run(stochastic_tsodyks_markram(0.5, tau_rec="5*ms + 10*ms*rand()", q=1), n=9)
    assert np.ptp(drawn.tau_rec[:] / ms) > 1
    for wrong, error in (([5, 6], TypeError), (np.array([5, -1]) * ms, ValueError), ("5*ms; x", ValueError)):
        with pytest.raises(error, match="tau_rec"):
            tsodyks_markram(0.5, tau_rec=wrong, q=1)


def test_amplitudes_are_given_as_text():
    for amplitude in (
        {"q": "0.1 + 0.2*rand()"},
        {"mean": "0.1 + 0.2*rand()"},
        {"all_sites": "0.1 + 0.2*rand()"},
    ):
        built, _ = run(binomial_release(5, 0.5, **amplitude), n=20)
        assert np.ptp(built.q[:]) > 0
    assert "q : volt" in bernoulli_release(0.5, q="0.1*mV*(1 + rand())").model
    with pytest.raises(ValueError, match="cannot be told, since w_post is known to a synapse only"):
        bernoulli_release(0.5, q="w_post")


def test_a_matrix_of_counts_may_hold_zeros():
    counts = np.array([[0, 1, 2], [3, 0, 5]])
    for connect in (True, "i < 2", {"i": [0, 1, 1], "j": [2, 0, 2]}):
        built, _ = run(
            binomial_release(counts, 1.0, all_sites=1.0) + release_counters(),
            n=3,
            source=train(n=2),
            connect=connect,
        )
        expected = counts[built.i[:], built.j[:]]
        np.testing.assert_array_equal(built.n_vesicles[:], expected * N_SPIKES)
    with pytest.raises(ValueError, match=r"n is a matrix of shape \(2, 3\), but .* have \(2, 4\)"):
        run(binomial_release(counts, 1.0, q=1.0), n=4, source=train(n=2))


def test_later_connections_get_the_initial_values():
    source, cells = train(), NeuronGroup(6, "v : 1", threshold="False")
    built = synapses(source, cells, bernoulli_release("0.5 + 0.1*j", q=2.0), connect="j < 2", seed=1)
    built.connect(j=[3, 4], i=[0, 0])
    assert built.p[:] == pytest.approx([0.5, 0.6, 0.8, 0.9]) and np.all(built.q[:] == 2)
    several = synapses(
        source,
        cells,
        bernoulli_release([0.1, 0.2, 0.3], q=2.0),
        connect=[{"i": 0, "j": [0, 1]}, {"i": 0, "j": 5}],
        seed=1,
    )
    assert several.p[:].tolist() == [0.1, 0.2, 0.3]
    with pytest.raises(ValueError, match="p was given one value for each synapse, which later synapses lack"):
        several.connect(i=0, j=2)


def test_inactive_fraction_recovers_what_was_transmitted():
    code = tsodyks_markram(0.5, tau_rec=800 * ms, tau_active=3 * ms, q=1.0, target=None)
    source = SpikeGeneratorGroup(1, [0, 0], [0.1, 10.1] * ms)
    built, _ = run(code, source=source, n=1, duration=10.2 * ms)
    # Just before the second spike, from x = y = 1/2 after the first.
    decay = np.exp(-10 / 3)
    inactive = 0.5 * (np.exp(-10 / 800) - decay) * 800 / (800 - 3)
    x = 1 - 0.5 * decay - inactive
    assert built.x[0] == pytest.approx(x / 2) and built.y[0] == pytest.approx(0.5 * decay + x / 2)
    assert built.z[0] == pytest.approx(inactive)


def test_quanta_of_depleting_synapses_vary():
    code = stochastic_tsodyks_markram(0.5, tau_rec=20 * ms, n=5, q=1.0)
    counted = quantal_variance(code, cv_within=0.3) + release_counters()
    built, cells = run(counted, n=300)
    vesicles = np.array(built.n_vesicles[:])
    assert abs(np.mean(cells.v[:] - vesicles)) < 5 * 0.3 * np.sqrt(vesicles.mean() / 300)
    spread = np.var(cells.v[:] - vesicles) / (0.09 * vesicles.mean())
    assert abs(spread - 1) < 5 * np.sqrt(2 / 300)
    with pytest.raises(ValueError, match="leave shared=True, the depletion, or cv_between out"):
        quantal_variance(code, cv_between=0.3)


def test_what_is_released_can_be_recorded():
    code = bernoulli_release(0.5, q=1.0).recordable(released="integer") + release_counters()
    source, cells = train(), NeuronGroup(3, "v : 1", threshold="False")
    built = synapses(source, cells, code, connect=True, seed=1)
    monitor = StateMonitor(built, "released", record=True, when="end")
    Network(source, cells, built, monitor).run(10.1 * ms)
    np.testing.assert_array_equal(monitor.released.sum(axis=1), built.n_vesicles[:])
    with pytest.raises(ValueError, match="sets nothing that is called 'releases': did you mean 'released'"):
        code.recordable(releases="integer")


def test_p_follows_another_variable():
    source = NeuronGroup(1, "p0 = 0.0 + 1.0*int(t > 5*ms) : 1", threshold="True", reset="")
    code = bernoulli_release(0, q=1).following(p="p0_pre")
    built, cells = run(code, source=source, n=1, duration=10 * ms)
    assert cells.v[0] == pytest.approx(49, abs=1) and "p" not in built.code.domains
    with pytest.raises(ValueError, match="has no parameter 'pp': did you mean 'p'"):
        bernoulli_release(0, q=1).following(pp="p0_pre")


@pytest.mark.parametrize("target", ["v = 1\nw", "v_post += 1", "", 3, "if"])
def test_only_a_name_is_a_target(target):
    for make in (
        lambda: bernoulli_release(0.5, q=1, target=target),
        lambda: stochastic_tsodyks_markram(0.5, tau_rec=1 * ms, q=1, target=target),
        lambda: spontaneous_release(1 * Hz, every=1 * ms, target=target),
    ):
        with pytest.raises((ValueError, TypeError), match="target must be"):
            make()


# ---- Spontaneous and graded release -----------------------------------------------------------------------


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("target", ["g", "g_post", "s"])
def test_minis_go_where_the_release_goes(target, is_first):
    release = bernoulli_release(0.0, q=0.5, target=target)
    minis = spontaneous_release(500 * Hz, every=0.1 * ms)
    code = minis + release if is_first else release + minis
    if target == "s":
        code += SynapseCode("gate", "s : 1")
    built, cells = run(code, n=50, equations="v : 1\ng : 1")
    moved = built.s[:] if target == "s" else cells.g[:]
    assert 0.5 * np.sum(built.n_minis[:]) == np.sum(moved) > 0 and not np.any(cells.v[:])


def test_minis_that_go_nowhere_are_refused():
    minis = spontaneous_release(1 * Hz, every=1 * ms)
    with pytest.raises(ValueError, match=r"no release model says where: join one .* or give the piece"):
        run(bernoulli_release(0.5, q=1, target=None) + minis)
    second = SynapseCode("second", on_pre={Stage.TRANSMIT: "g_post += released*q"}, acts_on={"g": "q"})
    with pytest.raises(ValueError, match=r"spontaneous_release may go to v or g, .* say which by target"):
        bernoulli_release(0.5, q=1) + second + minis


@pytest.mark.parametrize(
    "rate",
    [np.array([0, 40, 80, 160]) * Hz, [0 * Hz, 40 * Hz, 80 * Hz, 160 * Hz], "20*Hz*int(j > 0)*2**j"],
)
def test_synapses_have_minis_at_rates_of_their_own(rate):
    built, _ = run(
        bernoulli_release(0.0, q=1) + spontaneous_release(rate, every=0.5 * ms), duration=2000 * ms
    )
    expected = np.array([0, 80, 160, 320])
    assert np.all(np.abs(built.n_minis[:] - expected) <= 5 * np.sqrt(expected))


def test_graded_release_follows_the_presynaptic_voltage():
    source = NeuronGroup(1, "v = -60 + 60*int(t >= 50*ms) : 1", threshold="False")
    code = bernoulli_release(0.0, q=1, target="g") + spontaneous_release(0 * Hz, every=0.1 * ms)
    graded = code.following(mini_rate="500*Hz/(1 + exp(-(v_pre + 30)/2))")
    built, cells = run(graded, source=source, n=20, equations="g : 1", duration=100 * ms)
    assert abs(np.sum(cells.g[:]) - 500) < 5 * np.sqrt(500) and np.sum(built.n_minis[:]) == np.sum(cells.g[:])


@pytest.mark.parametrize("rate", [-1 * Hz, 200 * Hz, np.array([1.0, -1.0]) * Hz])
def test_rates_of_minis_have_bounds(rate):
    with pytest.raises(ValueError, match=r"mini_rate must lie in \[0, 100\], got (-1|200).*or shorten every"):
        spontaneous_release(rate, every=1 * ms)


# ---- Values set later -------------------------------------------------------------------------------------


@pytest.mark.parametrize("release", ["q", "mean", "depressing"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_amplitudes_stay_finite(release, value):
    make = {
        "q": lambda: bernoulli_release(0.5, q=1.0),
        "mean": lambda: binomial_release(3, 0.5, mean=1.0),
        "depressing": lambda: stochastic_tsodyks_markram(0.5, tau_rec=1 * ms, q=1.0),
    }[release]
    built, _ = run(make())
    variable = "strength" if release == "mean" else "q"
    with pytest.raises(ValueError, match=f"{variable} must be finite, got {value}.*give a value such as"):
        setattr(built, variable, value)
    getattr(built, variable)[1] = value
    with pytest.raises(ValueError, match=f"{variable} of .* must be finite, got {value} at index 1"):
        built._check_values("")
    setattr(built, variable, -2.0)
    built._check_values("")


def test_values_of_another_number_are_named():
    built, _ = run(bernoulli_release(0.5, q=1.0))
    with pytest.raises(ValueError, match="q has 3 values, but 4 synapses were connected: give one"):
        built.q = [1.0, 2.0, 3.0]
    built.q = [1.0, 2.0, 3.0, 4.0]
    assert list(built.q[:]) == [1.0, 2.0, 3.0, 4.0]


def test_more_sites_than_an_integer_holds_are_refused():
    with pytest.raises(ValueError, match=r"n must be a whole number in \[0, 2147483647\], got 1.09951e\+12"):
        binomial_release(2**40, 0.5, q=1)


def test_a_report_names_the_prefixes_of_the_ledgers():
    release = bernoulli_release(0.5, q=0.2)
    paying = release + energy_ledger(release, quantum=0.2)
    built, _ = run(paying.renamed(prefix="a_") + paying.renamed(prefix="b_"))
    for prefix in ("", "c_"):
        with pytest.raises(ValueError, match=f"with the prefix '{prefix}': pass prefix='a_' or prefix='b_'"):
            energy_report(built, prefix=prefix)
    with pytest.raises(ValueError, match="with the prefix 'a_': pass prefix=''"):
        energy_report(run(paying)[0], prefix="a_")


@pytest.mark.parametrize("text", ["0\np = 1", "a = 1", "1; p = 0", "", "1 # p", 3, "(1"])
def test_only_an_expression_is_a_signal(text):
    for make in (
        lambda: given_signal(text),
        lambda: teacher_error(text, every=1 * ms),
        lambda: reward_modulated(text, every=1 * ms),
        lambda: release_plasticity(ReleasePlasticity(), pair_stdp(), enabled=text),
    ):
        with pytest.raises((ValueError, TypeError), match="must be"):
            make()


def test_a_misspelt_target_is_told_from_the_right_one():
    with pytest.raises(ValueError, match=r"has no variable 'ge_pos' .*: did you mean 'ge'"):
        run(bernoulli_release(0.5, q=1, target="ge_pos"), equations="ge : 1\ngi : 1")


@pytest.mark.standalone
def test_minis_all_arrive_with_threads():
    from brian2 import prefs

    with code_generation("cpp_standalone"):
        prefs["devices.cpp_standalone.openmp_threads"] = 2
        try:
            code = bernoulli_release(0.0, q=1.0) + spontaneous_release(100 * Hz, every=1 * ms)
            cells = NeuronGroup(2, "v : 1", threshold="False")
            source = NeuronGroup(500, "v : 1", threshold="False")
            built = synapses(source, cells, code, connect=True, seed=1)
            Network(source, cells, built).run(200 * ms)
            assert int(np.sum(built.n_minis[:])) == int(np.sum(cells.v[:])) > 15_000
        finally:
            prefs["devices.cpp_standalone.openmp_threads"] = 0


# ---- What is refused before anything is built -----------------------------------------------------------


@pytest.mark.parametrize("first, second", [("mV", "1"), ("1", "mV")])
@pytest.mark.parametrize("amplitude", ["q", "mean"])
def test_every_release_onto_a_variable_has_its_unit(first, second, amplitude):
    units = {"mV": 1 * mV, "1": 1.0}
    code = bernoulli_release(0.5, **{amplitude: units[first]}).renamed(prefix="a_") + binomial_release(
        3, 0.5, **{amplitude: units[second]}
    ).renamed(prefix="b_")
    wrong = "a" if first == "1" else "b"
    with pytest.raises(DimensionMismatchError, match=rf"{wrong}_q must have the unit of v .*volt.*got 1\.0"):
        synapses(train(), NeuronGroup(2, "v : volt"), code, connect=True, seed=1)


@pytest.mark.parametrize(
    "event, stage, statement, message",
    [
        ("on_pre", Stage.PROBABILITY, "k = 2*released", r"reads released, which is set at Stage\.RELEASE"),
        ("on_pre", Stage.COUNT, "k = h\nh = 3", r"reads h, which is set at Stage\.COUNT"),
        ("on_pre", Stage.LEARN, "h += 1", "reads h"),
        ("on_post", Stage.LEARN, "k = released", "reads released, which is not set in on_post"),
        ("on_pre", Stage.TRANSMIT, "vv_post += released", "has no variable 'vv': did you mean 'v'"),
    ],
)
def test_statements_with_names_that_are_not_there_are_refused(event, stage, statement, message):
    code = bernoulli_release(0.5, q=1) + SynapseCode("reader", "k : 1", **{event: {stage: statement}})
    with pytest.raises(ValueError, match=message):
        synapses(train(), NeuronGroup(2, "v : 1"), code, connect=True, seed=1)


@pytest.mark.parametrize("name", ["p", "released", "bernoulli_draw"])
def test_constants_do_not_take_names_of_the_code(name):
    with pytest.raises(ValueError, match=f"namespace: {name} is already"):
        run(bernoulli_release(0.5, q=1), namespace={name: 3})


@pytest.mark.parametrize(
    "make, name",
    [
        (lambda: spontaneous_release("5", every=1 * ms), "rate"),
        (lambda: spontaneous_release(5 * Hz, every="1*ms"), "every"),
        (lambda: energy_ledger(bernoulli_release(0.5, q=1), quantum="0.2"), "quantum"),
        (lambda: release_plasticity(ReleasePlasticity(), pair_stdp(), g_lim="1"), "g_lim"),
        (lambda: release_plasticity(ReleasePlasticity(), pair_stdp(), learning_rate="1"), "learning_rate"),
        (lambda: quantal_variance(binomial_release(3, 0.5, q=1), cv_within="0.3"), "cv_within"),
    ],
)
def test_text_is_no_number(make, name):
    with pytest.raises(TypeError, match=f"{name} must be"):
        make()


def test_text_names_nothing_that_is_not_there_and_may_name_what_the_caller_has():
    cells, half = NeuronGroup(2, "v : 1", threshold="False"), 0.5
    with pytest.raises(ValueError, match=r"p='half_' has the name half_, .* did you mean 'half'"):
        synapses(cells, cells, bernoulli_release("half_", q=1.0), connect=True, seed=1)
    built = synapses(cells, cells, bernoulli_release("half*(1 + v_pre*0)", q=1.0), connect=True, seed=1)
    assert np.all(built.p[:] == half)
    given = synapses(
        cells, cells, bernoulli_release("quarter", q=1.0), connect=True, seed=2, namespace={"quarter": 0.25}
    )
    assert np.all(given.p[:] == 0.25)


@pytest.mark.parametrize("name", ["i", "j", "N", "t", "dt", "lastupdate", "xi", "exp", "mV", "N_pre", "_n"])
def test_reserved_names_are_refused(name):
    with pytest.raises(ValueError, match=f"the new name of p must be the name of a variable.*{name}"):
        bernoulli_release(0.5, q=1.0).renamed({"p": name})
    with pytest.raises(ValueError, match=name):
        SynapseCode("piece", f"{name} : 1")


@pytest.mark.parametrize("wrong", [[1, 2 * mV], [1 * mV, 2 * pq.mV], [True, 1.0 * pq.kg]])
def test_no_unit_in_a_list_is_stripped(wrong):
    with pytest.raises(TypeError, match="q must"):
        bernoulli_release(0.5, q=wrong)
    assert bernoulli_release(0.5, q=[1 * mV, 2 * mV]).equations["q"].dim is mV.dim


def test_a_matrix_that_is_set_later_is_one_of_source_and_target():
    source, target = train(n=2), NeuronGroup(3, "v : 1")
    built = synapses(source, target, bernoulli_release(0.5, q=1), connect="i <= j", seed=1)
    built.q = np.arange(6).reshape(2, 3)
    assert built.q[:].tolist() == [0, 1, 2, 4, 5]
    with pytest.raises(ValueError, match=r"p is a matrix of shape \(3, 2\), but"):
        built.p = np.full((3, 2), 0.5)
