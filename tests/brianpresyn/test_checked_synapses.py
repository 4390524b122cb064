"""Synapses built from pieces: ordinary Brian2 objects, checked before anything runs."""

import gc
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from brian2 import (
    DimensionMismatchError,
    Network,
    NeuronGroup,
    StateMonitor,
    ms,
    mV,
    nS,
    prefs,
)
from brian2 import Synapses as BrianSynapses
from brian2.core.base import BrianObjectException
from brian2.utils.logger import catch_logs

from biophys.release_plasticity import ReleasePlasticity
from brianpresyn import (
    SynapseCode,
    bernoulli_release,
    binomial_release,
    pair_stdp,
    pre_post_stdp,
    release_counters,
    release_plasticity,
    synapses,
)
from brianpresyn.checked_synapses import _check_functions

pytestmark = pytest.mark.usefixtures("on_numpy")


def every_step(n=1):
    group = NeuronGroup(n, "drive : 1", threshold="drive > 0.5")
    group.drive = 1
    return group


def receivers(n=3, unit="volt"):
    return NeuronGroup(n, f"v : {unit}")


def test_result_is_an_ordinary_synapses_object():
    built = synapses(every_step(), receivers(), bernoulli_release(p=0.5, q=1 * mV), connect=True, seed=1)
    assert isinstance(built, BrianSynapses)
    assert len(built) == 3 and np.all(built.p[:] == 0.5) and np.all(built.q[:] == 1 * mV)


def test_an_error_of_brian2_names_the_line_that_made_the_synapses():
    source, target = every_step(), receivers()
    built = synapses(source, target, bernoulli_release(p=0.5, q=1 * mV), connect=True, seed=1)
    for part in (built, *built.contained_objects):
        with pytest.raises(BrianObjectException) as raised:
            raise BrianObjectException("a message", part)
        assert f"File '{__file__}'" in str(raised.value)


def test_counters_add_up():
    source, target = every_step(), receivers(2)
    code = binomial_release(n=[3, 8], p=[0.2, 0.6], q=0.5 * mV) + release_counters()
    built = synapses(source, target, code, connect=True, seed=5)
    Network(source, target, built).run(50 * ms)
    assert np.all(built.n_spikes[:] == 500)
    np.testing.assert_allclose(target.v / mV, 0.5 * built.n_vesicles[:], rtol=1e-9)
    expected = np.array([3, 8]) * [0.2, 0.6]
    error = np.sqrt(expected * (1 - np.array([0.2, 0.6])) / 500)
    assert np.all(abs(built.n_vesicles[:] / 500 - expected) < 5 * error)
    assert abs(built.n_failures[0] / 500 - 0.8**3) < 5 * np.sqrt(0.8**3 * (1 - 0.8**3) / 500)


def released_by(seed, name=None, connect=True):
    source, target = every_step(), receivers(20)
    code = bernoulli_release(p=0.4, q=1 * mV) + release_counters()
    built = synapses(source, target, code, connect=connect, seed=seed, name=name)
    monitor = StateMonitor(built, "n_vesicles", record=True)
    Network(source, target, built, monitor).run(5 * ms)
    return np.diff(monitor.n_vesicles, axis=1)


def test_releases_follow_the_seed_and_the_name():
    np.testing.assert_array_equal(released_by(3), released_by(3))
    assert np.any(released_by(3) != released_by(4))
    assert np.any(released_by(3, "left") != released_by(3, "right"))


def test_releases_go_on_where_a_restored_state_left_them():
    source, target = every_step(), receivers(20)
    built = synapses(source, target, bernoulli_release(p=0.4, q=1 * mV), connect=True, seed=9)
    network = Network(source, target, built)
    network.run(3 * ms)
    network.store()
    network.run(3 * ms)
    first = np.array(target.v)
    network.restore()
    network.run(3 * ms)
    np.testing.assert_array_equal(first, np.array(target.v))


def test_options_reach_brian2():
    code = bernoulli_release(p=1.0, q=1 * mV)
    built = synapses(every_step(), receivers(), code, connect={"j": "0"}, seed=1, delay=2 * ms, order=3)
    assert len(built) == 1 and built.delay == 2 * ms and built.order == 3


def test_text_values_and_names_of_the_caller_are_understood():
    strongest = 0.8
    code = bernoulli_release(p="strongest*(j + 1)/3.0", q=1 * mV)
    built = synapses(every_step(), receivers(), code, connect="j < 2 and strongest > 0", seed=1)
    np.testing.assert_allclose(built.p[:], np.array([1, 2]) * strongest / 3)


def test_two_synapses_that_would_release_in_step_warn():
    def network(n_synapses):
        source, target = every_step(), receivers()
        code = bernoulli_release(p=0.5, q=1 * mV)
        own = [synapses(source, target, code, connect=True, seed=77) for _ in range(n_synapses)]
        return Network(source, target, *own)

    # Each in a network of its own, as in a loop over parameters, they do no harm.
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*already draws from")
        kept = [network(1), network(1)]
        for each in kept:
            each.run(0.1 * ms)
    with pytest.warns(
        UserWarning, match="will release in step with it: give one of them another seed or a name"
    ):
        network(2).run(0.1 * ms)


def test_a_target_variable_that_does_not_exist_is_refused():
    code = bernoulli_release(p=0.5, q=1 * nS, target="g_ampa")
    with pytest.raises(ValueError, match=r"has no variable 'g_ampa' .* it has v; pass target="):
        synapses(every_step(), receivers(), code, connect=True, seed=1)


@pytest.mark.parametrize("q", [0.5, 1 * nS])
def test_an_amplitude_without_or_with_the_wrong_unit_is_refused(q):
    with pytest.raises(DimensionMismatchError, match=r"q must have the unit of v in .* \(volt\), got .*"):
        synapses(every_step(), receivers(), bernoulli_release(p=0.5, q=q), connect=True, seed=1)


def test_a_plain_number_suits_a_variable_without_unit():
    built = synapses(every_step(), receivers(unit="1"), bernoulli_release(p=0.5, q=0.5), connect=True, seed=1)
    assert np.all(built.q[:] == 0.5)


def test_the_quantum_of_a_mean_follows_p():
    code = binomial_release(n=4, p=0.25, mean=2 * mV)
    built = synapses(every_step(), receivers(), code, connect=True, seed=1)
    np.testing.assert_allclose(np.asarray(built.q[:] / mV), 2.0)
    built.p = 0.5
    np.testing.assert_allclose(np.asarray(built.q[:] / mV), 1.0)


def test_setting_what_follows_from_others_is_refused():
    code = bernoulli_release(p=0.25, mean=2 * mV) + pre_post_stdp(q_0=1 * mV)
    with pytest.raises(ValueError, match=r"sets q, which follows from other variables \(q = strength/"):
        synapses(every_step(), receivers(), code, connect=True, seed=1)


def test_a_missing_piece_is_named():
    with pytest.raises(ValueError, match="release_counters needs released, which no piece brings"):
        synapses(every_step(), receivers(), release_counters(), connect=True)


def test_a_missing_seed_is_named():
    with pytest.raises(ValueError, match="give a seed, for example seed=2021"):
        synapses(every_step(), receivers(), bernoulli_release(p=0.5, q=1 * mV), connect=True)


@pytest.mark.parametrize("variable, value", [("p", 1.7), ("p", [0.1, -0.2, 0.5]), ("n", 2.7), ("n", -1)])
def test_assigning_a_value_outside_the_domain_is_refused(variable, value):
    code = binomial_release(n=3, p=0.5, q=1 * mV)
    built = synapses(every_step(), receivers(), code, connect=True, seed=1)
    with pytest.raises(ValueError, match=f"{variable} must .* got"):
        setattr(built, variable, value)


def test_a_value_set_behind_our_back_is_refused_when_the_run_begins():
    source, target = every_step(), receivers()
    built = synapses(source, target, bernoulli_release(p=0.5, q=1 * mV), connect=True, seed=1)
    built.p[1] = 1.7
    with pytest.raises(Exception, match="preparing an object") as caught:
        Network(source, target, built).run(1 * ms)
    assert "must lie in [0, 1], got 1.7 at index 1" in str(caught.value.__cause__)


def test_a_value_expression_outside_the_domain_is_refused_when_the_run_begins():
    source, target = every_step(), receivers()
    built = synapses(source, target, bernoulli_release(p="0.5*(j + 1)", q=1 * mV), connect=True, seed=1)
    with pytest.raises(Exception, match="preparing an object") as caught:
        Network(source, target, built).run(1 * ms)
    assert "got 1.5 at index 2" in str(caught.value.__cause__)


def test_code_is_joined_not_passed():
    code = bernoulli_release(p=0.5, q=1 * mV)
    with pytest.raises(TypeError, match="on_pre comes from the synapse code"):
        synapses(every_step(), receivers(), code, connect=True, seed=1, on_pre="")


def test_what_is_no_code_is_refused():
    with pytest.raises(TypeError, match=r"target must be of type Group.* got SynapseCode"):
        synapses(every_step(), bernoulli_release(p=0.5, q=1 * mV), receivers(), connect=True, seed=1)
    with pytest.raises(TypeError, match=r"joins with another, got str: wrap equations"):
        bernoulli_release(p=0.5, q=1 * mV) + "v_post += 1*mV"
    with pytest.raises(TypeError, match=r"on_post of weight must say at which stage .*, got 'v_pre \+= w'"):
        SynapseCode("weight", "w : volt", on_post="v_pre += w")


def test_a_number_of_values_that_is_not_that_of_the_synapses_is_refused():
    code = bernoulli_release(p=np.full(7, 0.3), q=1 * mV)
    with pytest.raises(ValueError, match="p has 7 values, but 3 synapses were connected: give one value"):
        synapses(every_step(), receivers(), code, connect=True, seed=1)


def test_synapses_that_no_network_uses_are_warned_of_if_they_could_be_built():
    source, target, code = every_step(), receivers(), bernoulli_release(p=0.5, q=1 * mV)
    with catch_logs() as logs:
        with pytest.raises(TypeError, match="connect must be True"):
            synapses(source, target, code, connect=3, seed=1, name="impossible")
        built = synapses(source, target, code, connect=True, seed=1, name="unused")
        del built
        gc.collect()
    said = " ".join(message for _, _, message in logs)
    assert "'unused' is getting deleted" in said
    assert "'impossible' is getting deleted" not in said


class Elsewhere:
    """A device that generates code in a language of its own."""

    def code_object_class(self):
        return SimpleNamespace(generator_class=SimpleNamespace(class_name="opencl"))


def test_a_device_is_refused_for_what_it_lacks(monkeypatch):
    source, target = every_step(), receivers()
    code = bernoulli_release(p=0.5, q=1 * mV)
    monkeypatch.setattr(sys.modules["brianpresyn.checked_synapses"], "get_device", Elsewhere)
    with pytest.raises(NotImplementedError, match="Elsewhere needs bernoulli_draw in the language 'opencl'"):
        synapses(source, target, code, connect=True, seed=1)
    container = code.namespace["bernoulli_draw"].implementations
    monkeypatch.setattr(
        type(container), "__contains__", lambda own, key: key == "opencl" or key in own._implementations
    )
    with pytest.warns(UserWarning, match="nobody has compared the draws on Elsewhere"):
        _check_functions(code)


def test_a_code_generation_target_that_is_not_supported_is_refused():
    before = prefs.codegen.target
    try:
        prefs.codegen.target = "cpp_standalone"
        with pytest.raises(ValueError, match="code generation target: cpp_standalone"):
            synapses(every_step(), receivers(), bernoulli_release(p=0.5, q=1 * mV), connect=True, seed=1)
    finally:
        prefs.codegen.target = before


@pytest.mark.parametrize("connect", [None, 3])
def test_how_to_connect_must_be_stated(connect):
    with pytest.raises(TypeError, match="connect must be True, a condition"):
        synapses(every_step(), receivers(), bernoulli_release(p=0.5, q=1 * mV), connect=connect, seed=1)


def test_plastic_release_needs_at_most_40_bytes_per_synapse_of_its_own():
    code = bernoulli_release(p=0.25, mean=1 * mV)
    code += release_plasticity(ReleasePlasticity(), pair_stdp(), strength="strength")
    cells = NeuronGroup(2, "v : volt", threshold="False")
    built = synapses(cells, cells, code, connect=True, seed=1)
    own = [built.variables[name] for name in code.equations.parameter_names | code.equations.diff_eq_names]
    assert sum(np.dtype(variable.dtype).itemsize for variable in own if not variable.scalar) <= 40


def test_a_run_logs_nothing(on_numpy):
    cells = NeuronGroup(2, "v : volt", threshold="True", reset="", name="firing")
    connection = synapses(cells, cells, bernoulli_release(p=0.5, q=1 * mV), connect=True, seed=83)
    gc.collect()  # What other tests left unused is warned of when it goes.
    with catch_logs() as logged:
        Network(cells, connection).run(0.2 * ms)
    assert not logged
