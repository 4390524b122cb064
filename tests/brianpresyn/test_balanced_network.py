"""The balanced network: it runs, its strengths stay, and its energy adds up."""

from dataclasses import replace

import numpy as np
import pytest

from brianpresyn.experiments import balanced_network as experiment

pytest.importorskip("xarray")


@pytest.fixture(scope="module")
def result():
    return experiment.run(replace(experiment.QUICK, n_neurons=200, duration=0.3))


def test_release_probabilities_move_within_their_bounds(result):
    assert result.p.min() >= 0.25 and result.p.max() <= 1 and result.p.max() > 0.3


def test_expected_strength_of_every_synapse_stays(result):
    np.testing.assert_allclose(result.strength, experiment.QUICK.strength_e, rtol=1e-9)


def test_network_is_active_and_pays_for_it(result):
    assert result.sizes["spike"] > 50
    assert np.all(result.energy > 0) and result.attrs["n_vesicles"] > 0


@pytest.mark.parametrize(
    "options, message",
    [
        ({"n_neurons": 3}, "n_neurons must be a whole number from 10 on, such as 4000, got 3"),
        ({"duration": 0.0}, "duration must be a number above 0, such as 5.0, got 0.0"),
        ({"n_inputs": 10_000}, "n_inputs must lie in"),
    ],
)
def test_bad_sizes_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        replace(experiment.QUICK, **options)
