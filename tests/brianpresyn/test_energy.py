"""The energy ledger against the cost laws of biophys, and its effect on nothing else."""

import numpy as np
import pytest
import quantities as pq
from brian2 import DimensionMismatchError, Network, NeuronGroup, StateMonitor, joule, ms, mV, nS

from biophys.absolute_costs import ReferenceSynapse, resting_costs, spike_costs
from biophys.constants import joules_of
from biophys.quantal import QuantalSynapse
from biophys.release_plasticity import ReleasePlasticity
from brianpresyn import (
    bernoulli_release,
    binomial_release,
    given_signal,
    release_counters,
    release_plasticity,
    synapses,
    tsodyks_markram,
)
from brianpresyn.energy import ENERGY_OF_ATP, energy_ledger, energy_report

pytestmark = pytest.mark.usefixtures("on_numpy")


def simulated(code, n_synapses=1, duration=100 * ms, record=None):
    source = NeuronGroup(1, "drive : 1", threshold="drive > 0.5")
    source.drive = 1
    target = NeuronGroup(n_synapses, "v : volt")
    connection = synapses(source, target, code + energy_ledger(code), connect=True, seed=8)
    objects = [source, target, connection]
    if record:
        objects.append(StateMonitor(connection, record, record=True, when="end"))
    Network(objects).run(duration)
    return connection, objects[-1]


def spent(connection, mechanism):
    return np.asarray(getattr(connection, f"E_{mechanism}")[:] / joule)


@pytest.mark.parametrize("p", [0.0, 0.3, 0.8])
def test_ledger_equals_the_cost_laws(p):
    n, q = 7, 0.35
    connection, _ = simulated(binomial_release(n=n, p=p, q=q * mV))
    synapse = QuantalSynapse(n=n, p=p, q=q * pq.mV)
    _, trafficking, transmitter, flux = (float(law.scale) for law in spike_costs().laws)
    per_atp = float(ENERGY_OF_ATP / joule)
    assert spent(connection, "calcium_pump")[0] == pytest.approx(
        1000 * float(joules_of(spike_costs().laws[0](synapse))), rel=1e-9
    )
    n_vesicles = connection.n_vesicles[0]
    assert spent(connection, "trafficking")[0] == pytest.approx(n_vesicles * trafficking * per_atp)
    assert spent(connection, "transmitter")[0] == pytest.approx(n_vesicles * transmitter * q / 0.2 * per_atp)
    assert spent(connection, "postsynaptic_ion_flux")[0] == pytest.approx(
        n_vesicles * flux * q / 0.2 * per_atp
    )
    for mechanism, law in zip(("vesicle_membrane", "actin"), resting_costs().laws, strict=True):
        assert spent(connection, mechanism)[0] == pytest.approx(
            0.1 * float(joules_of(law(synapse)).rescale(pq.W)), rel=1e-9
        )


def test_expected_energy_is_that_of_biophys():
    connection, _ = simulated(binomial_release(n=5, p=0.3, q=0.2 * mV), n_synapses=200)
    expected = 1000 * float(joules_of(spike_costs()(QuantalSynapse(n=5, p=0.3, q=0.2 * pq.mV))))
    names = ("calcium_pump", "trafficking", "transmitter", "postsynaptic_ion_flux")
    mean = sum(spent(connection, name).mean() for name in names)
    assert mean == pytest.approx(expected, rel=5 * np.sqrt(0.7 / (0.3 * 5 * 1000 * 200)))


def test_total_is_the_sum_and_counts_atp():
    connection, _ = simulated(bernoulli_release(p=0.4, q=0.2 * mV), n_synapses=3)
    parts = sum(
        spent(connection, name)
        for name in (
            "calcium_pump",
            "trafficking",
            "transmitter",
            "postsynaptic_ion_flux",
            "vesicle_membrane",
            "actin",
        )
    )
    np.testing.assert_allclose(spent(connection, "total"), parts)
    np.testing.assert_allclose(connection.ATP_total[:], parts / float(ENERGY_OF_ATP / joule))


def test_plastic_p_and_q_are_followed_spike_by_spike():
    rule = ReleasePlasticity(p_up=0.1, p_down=0.05, g_lim=0.5, p_min=0.1, form="soft_bound")
    code = bernoulli_release(p=0.1, q=0.2 * mV)
    code += release_plasticity(rule, given_signal("rand()"))
    connection, monitor = simulated(code, duration=20 * ms, record=["p", "q", "n_vesicles"])
    # The ledger is the last statement of a spike, so it reads p and q after the update.
    p, q = monitor.p[0], np.asarray(monitor.q[0] / mV)
    laws = spike_costs().laws
    calcium = sum(float(joules_of(laws[0](QuantalSynapse(1, x, 0.2 * pq.mV)))) for x in p)
    assert spent(connection, "calcium_pump")[0] == pytest.approx(calcium, rel=1e-9)
    released = np.diff(monitor.n_vesicles[0], prepend=0)
    flux = float(laws[3].scale) * float(ENERGY_OF_ATP / joule) * np.sum(released * q / 0.2)
    assert spent(connection, "postsynaptic_ion_flux")[0] == pytest.approx(flux, rel=1e-9)


def test_ledger_can_be_recorded_while_running():
    _, monitor = simulated(bernoulli_release(p=0.5, q=0.2 * mV), record=["E_total"])
    energy = np.asarray(monitor.E_total[0] / joule)
    assert np.all(np.diff(energy) > 0)


def test_report_adds_up_the_synapses():
    connection, _ = simulated(bernoulli_release(p=0.5, q=0.2 * mV), n_synapses=4)
    report = energy_report(connection)
    assert report.n_synapses == 4 and report.n_spikes == 4000
    assert report.total == pytest.approx(spent(connection, "total").sum())
    assert sum(report.atp.values()) == pytest.approx(connection.ATP_total[:].sum())
    assert "calcium pump" in str(report) and "100.0 %" in str(report)


def test_costs_of_another_unit_need_their_reference():
    code = bernoulli_release(p=0.5, q=1 * nS, target="g")
    with pytest.raises(DimensionMismatchError, match="q of this synapse is in siemens: pass reference="):
        energy_ledger(code)
    assert "E_actin" in energy_ledger(code, reference=ReferenceSynapse(q=0.5 * pq.nS)).model


def test_a_ledger_without_release_is_refused():
    from brianpresyn import SynapseCode

    with pytest.raises(ValueError, match="needs a release model with p, q"):
        energy_ledger(SynapseCode("nothing"))


def test_a_report_without_ledger_is_refused():
    target = NeuronGroup(1, "v : volt", threshold="False")
    connection = synapses(target, target, bernoulli_release(p=0.5, q=1 * mV), connect=True, seed=1)
    with pytest.raises(ValueError, match="keeps no energy ledger: join energy_ledger"):
        energy_report(connection)


Q = 0.2 * mV


def paid(code):
    return code + energy_ledger(code)


@pytest.mark.parametrize(
    "code, n_bytes",
    [
        (bernoulli_release(0.5, q=Q), 12),
        (bernoulli_release(0.5, q=Q, shared=True), 4),
        (binomial_release(5, 0.5, q=Q), 16),
        (binomial_release(5, 0.5, q=Q, shared=True), 4),
        (bernoulli_release(0.5, q=Q) + release_counters(), 36),
        (paid(bernoulli_release(0.5, q=Q)), 60),
        (paid(binomial_release(5, 0.5, q=Q)), 64),
        (paid(tsodyks_markram(0.5, tau_rec=800 * ms, q=Q)), 68),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_memory_of_a_synapse(code, n_bytes):
    """Beyond the amplitude, which a deterministic synapse has too, and what Brian2 keeps of every synapse."""
    cells = NeuronGroup(2, "v : volt", threshold="True", reset="")
    connection = synapses(cells, cells, code, connect=True, seed=1)
    kept = [
        connection.variables[name] for name in code.equations.parameter_names | code.equations.diff_eq_names
    ]
    arrays = [variable for variable in kept if not variable.scalar and variable.name != "q"]
    assert sum(np.dtype(variable.dtype).itemsize for variable in arrays) == n_bytes
