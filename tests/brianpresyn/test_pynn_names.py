"""PyNN's stochastic synapses: what their parameters become, and the weight that they mean."""

import numpy as np
from brian2 import Network, NeuronGroup, ms, mV

from brianpresyn import (
    MultiQuantalSynapse,
    SimpleStochasticSynapse,
    StochasticTsodyksMarkramSynapse,
    synapses,
)
from brianpresyn.targets import code_generation


def first_response(code):
    with code_generation("numpy"):
        source = NeuronGroup(1, "drive : 1", threshold="drive > 0.5")
        source.drive = 1
        target = NeuronGroup(500, "v : volt")
        connection = synapses(source, target, code, connect=True, seed=2)
        Network(source, target, connection).run(0.1 * ms)
        return np.asarray(target.v / mV)


def test_simple_stochastic_synapse_transmits_its_weight_or_nothing():
    responses = first_response(SimpleStochasticSynapse(weight=2 * mV, p=0.3))
    assert set(np.round(responses, 9)) == {0.0, 2.0}
    assert abs((responses > 0).mean() - 0.3) < 5 * np.sqrt(0.21 / 500)


def test_stochastic_tsodyks_markram_synapse_releases_its_first_vesicle_with_probability_u():
    code = StochasticTsodyksMarkramSynapse(weight=1 * mV, U=0.4, tau_rec=800.0, tau_facil=20.0)
    assert abs(first_response(code).mean() - 0.4) < 5 * np.sqrt(0.24 / 500)


def test_weight_of_the_multi_quantal_synapse_is_that_of_one_quantum():
    responses = first_response(MultiQuantalSynapse(weight=1 * mV, U=0.5, n=4))
    assert abs(responses.mean() - 2.0) < 5 * np.sqrt(1 / 500)
    assert responses.max() == 4.0
