"""The same quanta in other simulators at every event, where they are installed; more by ``make parity``."""

import pytest

from brianpresyn import release_key
from tests.brianpresyn.hosts.parity import MODELS, SEEDS, WAYS, compare, interpreter

# NEST's headers take a minute to compile: here the model that uses the most of them.
HERE = {"nest": MODELS[3:], "neuron": MODELS, "jax": MODELS}
CASES = [(title, name) for title, way in WAYS.items() for name in way.models if name in HERE[way.program]]


def test_one_of_the_keys_is_negative():
    assert {release_key(seed, "tested/release") < 0 for seed in SEEDS} == {False, True}


@pytest.mark.slow
@pytest.mark.parametrize("title, name", CASES)
def test_the_same_quanta_are_released_at_every_event(title, name):
    way = WAYS[title]
    if interpreter(way) is None:
        pytest.skip(f"no Python with {way.module}: name one in {way.variable}")
    (outcome,) = compare([way], name, n_copies=2, n_steps=200, seed=SEEDS[MODELS.index(name) % 2])
    assert outcome.n_events > 3000
    assert outcome.n_mismatches == 0
