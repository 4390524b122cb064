"""What does not fit a setting is refused when it is given, by field, value and range."""

import dataclasses
from typing import Annotated, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biophys.settings import (
    Count,
    OneOf,
    Positive,
    Probability,
    Seed,
    Seeds,
    as_plain,
    changed,
    settings,
    with_plain,
    with_shifted_seeds,
)

NAMES = ["a", "b"]


@settings
class Inner:
    duration: Positive = 0.4
    seed: Seed = 7


@settings
class Outer:
    data: Annotated[str, OneOf(lambda: NAMES)] = "a"
    kind: Literal["x", "y"] = "x"
    p: tuple[Probability, ...] = (0.5,)
    span: tuple[float, float] = (0.0, 1.0)
    spans: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    n: Count = 3
    learning_rate: Positive | None = None
    shuffles: bool = False
    seeds: Seeds = (1, 2)
    inner: Inner = Inner()


def test_arrays_lists_and_numpy_numbers_do():
    made = Outer(n=np.int64(4), p=np.array([0.2, 0.3]), spans=[[1, 2]], seeds=range(2), learning_rate=1)
    assert made == Outer(n=4, p=(0.2, 0.3), spans=((1.0, 2.0),), seeds=(0, 1), learning_rate=1.0)
    assert type(made.n) is int and type(made.p[0]) is float


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"data": "c"}, ValueError, "data must be one of a, b, such as 'a', got 'c'"),
        ({"kind": "z"}, ValueError, "kind must be 'x' or 'y', such as 'x', got 'z'"),
        ({"data": 3}, TypeError, "data must be one of a, b, such as 'a', got 3"),
        ({"p": (7.0,)}, ValueError, "p must be a tuple of numbers above 0 and at most 1, .*got 7.0 in"),
        ({"p": 0.5}, TypeError, "p must be a tuple of numbers"),
        ({"p": "0.5"}, TypeError, "p must be a tuple of numbers"),
        ({"span": (1.0,)}, TypeError, "span must be a tuple of 2 numbers"),
        ({"n": 0}, ValueError, "n must be a whole number from 1 on, such as 3, got 0"),
        ({"n": 1.5}, TypeError, "n must be a whole number from 1 on, such as 3, got 1.5"),
        ({"n": True}, TypeError, "n must be a whole number"),
        ({"n": "3"}, TypeError, "n must be a whole number"),
        ({"n": None}, TypeError, "n must be a whole number"),
        ({"learning_rate": -1.0}, ValueError, "learning_rate must be a number above 0 or None"),
        ({"learning_rate": float("nan")}, ValueError, "learning_rate must be a number above 0 or None"),
        ({"learning_rate": float("inf")}, ValueError, "learning_rate must be a number above 0 or None"),
        ({"shuffles": 1}, TypeError, "shuffles must be true or false"),
        ({"seeds": ()}, ValueError, r"seeds must be a tuple of whole numbers from 0 on, at least one"),
        ({"seeds": (-1,)}, ValueError, r"seeds must be .* got -1 in \(-1,\)"),
        ({"inner": {"duration": 1.0}}, TypeError, "inner must be of type Inner"),
        ({"shuffle": True}, TypeError, "no setting 'shuffle': did you mean 'shuffles'"),
    ],
)
def test_what_does_not_fit_is_refused_by_field_value_and_range(wrong, error, message):
    with pytest.raises(error, match=message):
        Outer(**wrong)
    with pytest.raises(error, match=message):
        dataclasses.replace(Outer(), **wrong)


def test_settings_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Outer().n = 4


def test_names_may_be_added_later():
    with pytest.raises(ValueError, match="one of a, b"):
        Outer(data="c")
    NAMES.append("c")
    assert Outer(data="c").data == "c"
    NAMES.remove("c")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ({"learning_rate": "0.001"}, {"learning_rate": 0.001}),
        ({"learning_rate": "None"}, {"learning_rate": None}),
        ({"spans": "[[1, 2], [3, 4]]"}, {"spans": ((1.0, 2.0), (3.0, 4.0))}),
        ({"p": "0.1, 0.2,"}, {"p": (0.1, 0.2)}),
        ({"shuffles": "TRUE"}, {"shuffles": True}),
        ({"inner.duration": "2", "inner.seed": "3"}, {"inner": Inner(2.0, 3)}),
    ],
)
def test_text_is_read_by_annotation(text, value):
    assert changed(Outer(), text) == dataclasses.replace(Outer(), **value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ({"n": "2.5"}, "n must be a whole number from 1 on, got '2.5'"),
        ({"p": "0.1,7"}, r"got 7.0 in \(0.1, 7.0\)"),
        ({"spans": "[[1"}, "spans must be a tuple of tuples of 2 numbers"),
        ({"learning_rate": "fast"}, "learning_rate must be a number above 0 or None, got 'fast'"),
        ({"inner": "x"}, "inner must be of type Inner"),
        ({"inner.length": "1"}, "no setting 'length'"),
        ({"n.m": "1"}, r"no setting 'n\.m'"),
    ],
)
def test_text_that_does_not_fit_is_named(text, message):
    with pytest.raises(ValueError, match=message):
        changed(Outer(), text)


@given(
    st.builds(
        Outer,
        p=st.lists(st.floats(0.001, 1.0), max_size=3),
        n=st.integers(1, 99),
        learning_rate=st.none() | st.floats(1e-9, 1e9),
        seeds=st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=3),
        inner=st.builds(Inner, duration=st.floats(0.1, 9.0)),
    )
)
def test_settings_come_back_from_json(config):
    import json

    assert with_plain(Outer(), json.loads(json.dumps(as_plain(config)))) == config


def test_every_seed_is_shifted_and_stays_a_seed():
    assert with_shifted_seeds(Outer(), 0) == Outer()
    assert with_shifted_seeds(Outer(), 10) == Outer(seeds=(11, 12), inner=Inner(seed=17))
    low = with_shifted_seeds(Outer(), -2021)
    assert min(*low.seeds, low.inner.seed) >= 0 and len({*low.seeds, low.inner.seed}) == 3
