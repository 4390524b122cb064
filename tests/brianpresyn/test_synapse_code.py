"""Pieces of synapse code: joining, printing, and the clashes that are refused."""

import numpy as np
import pytest
from brian2 import ms, mV

from brianpresyn import Domain, Stage, SynapseCode, bernoulli_release, binomial_release, release_counters


def test_stages_order_the_statements_however_the_pieces_are_joined():
    release, counters = bernoulli_release(p=0.5, q=1 * mV), release_counters()
    assert (release + counters).pre_code == (counters + release).pre_code
    assert (release + counters).pre_code.splitlines()[0] == "draw_number += 1"
    assert (release + counters).pre_code.splitlines()[-1] == "n_failures += int(released == 0)"


def test_text_shows_model_and_statements():
    text = str(bernoulli_release(p=0.5, q=1 * mV) + SynapseCode("rule", on_post={Stage.LEARN: "p = 0.9"}))
    assert "p : 1" in text and "on_pre:" in text and "on_post:\n    p = 0.9" in text


def test_two_release_models_do_not_join():
    with pytest.raises(ValueError, match="both define p, q, release_key"):
        bernoulli_release(p=0.5, q=1 * mV) + binomial_release(n=2, p=0.5, q=1 * mV)


def test_two_pieces_that_set_the_same_variable_do_not_join():
    up = SynapseCode("up", on_pre={Stage.LEARN: "p += 0.1"})
    down = SynapseCode("down", on_post={Stage.LEARN: "p = 0.1"})
    with pytest.raises(ValueError, match="'up' and 'down' both set p"):
        up + down


def test_two_pieces_may_move_the_same_neuron():
    code = SynapseCode("a", on_pre={Stage.TRANSMIT: "v_post += 1"})
    code += SynapseCode("b", on_pre={Stage.TRANSMIT: "v_post += 2"})
    assert code.pre_code == "v_post += 1\nv_post += 2"


@pytest.mark.parametrize("first, second", [(10 * ms, 20 * ms), (10 * ms, 0.01), (np.sin, np.cos)])
def test_one_name_for_two_things_is_refused(first, second):
    with pytest.raises(ValueError, match="use the name tau for different things"):
        SynapseCode("a", namespace={"tau": first}) + SynapseCode("b", namespace={"tau": second})


def test_one_name_for_the_same_thing_joins():
    code = SynapseCode("a", namespace={"tau": 10 * ms}) + SynapseCode("b", namespace={"tau": 10 * ms})
    assert code.namespace["tau"] == 10 * ms


def test_pieces_are_frozen():
    code = bernoulli_release(p=0.5, q=1 * mV)
    with pytest.raises(TypeError):
        code.initial["p"] = 2
    with pytest.raises(AttributeError):
        code.name = "other"


def test_a_comparison_is_not_an_assignment():
    assert SynapseCode("c", on_pre={Stage.ACCOUNT: "x = int(y == 0)"}).assigned == {"x"}


@pytest.mark.parametrize(
    "values, message",
    [
        (0.5, r"k must be a whole number in \[1, 4\], got 0.5: try 2"),
        (7, "got 7"),
        ([1, 2, 9], "got 9 at index 2"),
        (np.nan, "got nan"),
    ],
)
def test_a_domain_names_the_value_and_the_remedy(values, message):
    with pytest.raises(ValueError, match=message):
        Domain(1, 4, "try 2", is_integer=True).check("k", values)
