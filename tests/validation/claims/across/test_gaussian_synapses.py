"""Gaussian synapses in spikes are judged by the answers and by the ledger, in either direction."""

from types import SimpleNamespace

import numpy as np
import pytest

from validation.claims.across.networks_in_spikes import gaussian_synapses_in_spikes
from validation.context import Context
from validation.registry import evidence_of
from validation.statement import Rendering, Verdict

xr = pytest.importorskip("xarray")
pytest.importorskip("torch")

N_IMAGES = 400


def answers(n_wrong, labels):
    """Return answers of which the first ones are wrong."""
    return np.where(np.arange(labels.size) < n_wrong, (labels + 1) % 10, labels).astype(np.int8)


def gaussian(*, n_wrong=20, excess=0.0):
    """Return a made-up result of the experiment behind X06."""
    labels = np.random.default_rng(0).integers(0, 10, N_IMAGES)
    spiking = np.stack([answers(n_wrong, labels)] * 2)
    rates = answers(20, labels)
    mechanisms = ["calcium pump", "trafficking", "transmitter", "vesicle membrane", "actin"]
    network = ("rho", "s")
    return xr.Dataset(
        {
            "answer": ((*network, "way", "image"), spiking[None, None]),
            "averaged_answer": ((*network, "way", "image"), np.tile(rates, (1, 1, 2, 1))),
            "right": ((*network, "way", "time"), np.full((1, 1, 2, 2), 1 - n_wrong / N_IMAGES)),
            "averaged_right": ((*network, "way", "time"), np.full((1, 1, 2, 2), 0.95)),
            "drawn_answer": ((*network, "image"), rates[None, None]),
            "mean_answer": ((*network, "image"), rates[None, None]),
            "energy": ((*network, "way", "mechanism"), np.full((1, 1, 2, 5), 20.0 * (1 + excess))),
            "expected_energy": ((*network, "way"), np.full((1, 1, 2), 100.0)),
            "energy_sd": ((*network, "way"), np.full((1, 1, 2), 0.1)),
        },
        coords={
            "rho": [2.0],
            "s": [0.01],
            "way": ["release probability", "number of sites"],
            "time": [0.1, 0.2],
            "mechanism": mechanisms,
            "label": ("image", labels.astype(np.int8)),
        },
        attrs={"data_set": "digits", "peak_rate": 250.0},
    )


def verdicts(clause, rendering=Rendering.SPIKING, **changes):
    run = SimpleNamespace(experiment="gaussian_spikes", result=gaussian(**changes))
    rows = evidence_of(gaussian_synapses_in_spikes(run, Context())).measurements
    return {row.verdict for row in rows if row.clause == clause and row.rendering is rendering}


@pytest.mark.parametrize(
    ("changes", "clause", "verdict"),
    [
        ({}, "X06a", Verdict.HOLDS_HERE),
        ({"n_wrong": 80}, "X06a", Verdict.DOES_NOT_HOLD_HERE),
        # Better than rates with as much noise is not the same either; but it is no worse than trained.
        ({"n_wrong": 0}, "X06a", Verdict.DOES_NOT_HOLD_HERE),
        ({"n_wrong": 0}, "X06b", Verdict.HOLDS_HERE),
        ({"n_wrong": 80}, "X06b", Verdict.DOES_NOT_HOLD_HERE),
        ({}, "X06c", Verdict.HOLDS_HERE),
        ({"excess": 0.05}, "X06c", Verdict.DOES_NOT_HOLD_HERE),
    ],
)
def test_verdicts_follow_answers_and_ledger(changes, clause, verdict):
    assert verdicts(clause, **changes) == {verdict}


def test_rates_give_agreement_alone():
    assert verdicts("X06b", Rendering.RATE) == {Verdict.AGREES}
