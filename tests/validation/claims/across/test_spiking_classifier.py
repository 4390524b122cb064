"""What results in spikes say of X03 and X04: verdicts follow the answers, in either direction."""

from types import SimpleNamespace

import numpy as np
import pytest

from validation.claims.across.networks_in_spikes import (
    AS_RIGHT,
    ENERGY,
    LESIONS,
    lesions_in_spikes,
    release_in_spikes,
)
from validation.context import Context
from validation.registry import evidence_of
from validation.statement import Rendering, Verdict

xr = pytest.importorskip("xarray")
pytest.importorskip("torch")

N_IMAGES, N_TIMES = 400, 4


def answers(n_wrong, labels):
    """Return answers of which the first ones are wrong."""
    return np.where(np.arange(labels.size) < n_wrong, (labels + 1) % 10, labels).astype(np.int8)


def classified(*, n_wrong=20, n_wrong_of_rates=20, high_energy=3.0, gain=0.3):
    """Return a made-up result of the experiment behind X03 and X04."""
    from validation.experiments.converted_network import LESION_ORDERS
    from validation.experiments.release_in_spikes import PLASTIC, RELIABLE

    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, N_IMAGES)
    spiking = np.stack([answers(200, labels), *[answers(n_wrong, labels)] * (N_TIMES - 1)], axis=1)
    rates = answers(n_wrong_of_rates, labels)
    right = np.zeros((2, 3, 2, N_IMAGES), dtype=np.int8)
    for place, share in enumerate((0.5 + gain, 0.9, 0.5)):
        right[:, place] = np.arange(N_IMAGES) < share * N_IMAGES
    energy = rng.uniform(0.8, 1.2, (30, 2)) * np.array([high_energy, 1.0]) * 10
    return xr.Dataset(
        {
            "answer": (("model", "image", "time"), np.stack([spiking, spiking])),
            "rate_answer": ("image", rates),
            "averaged_answer": (("image", "time"), np.stack([rates] * N_TIMES, axis=1)),
            "drawn_answer": ("image", rates),
            "lesion_right": (("rendering", "order", "fraction", "image"), right),
            "rate_slope": ("hidden_layer", [1.0]),
            "rate_error": ("hidden_layer", [0.02]),
            "energy": (("model", "mechanism"), [[1e9, 2e9], [2e9, 4e9]]),
            "spikes": ("model", [1e4, 1e4]),
            "vesicles": ("model", [5e3, 1e4]),
            "unit_energy": (("unit", "importance"), energy),
            "unit_strength": (("unit", "importance"), energy),
            "unit_count": (("unit", "importance"), np.full((30, 2), 10.0)),
        },
        coords={
            "label": ("image", labels.astype(np.int8)),
            "order": list(LESION_ORDERS),
            "model": [PLASTIC, RELIABLE],
            "time": [0.1, 0.2, 0.3, 0.4],
            "fraction": [0.3, 0.6],
            "rendering": ["rate", "spiking"],
            "mechanism": ["calcium pump", "actin"],
            "importance": ["high p", "low p"],
        },
        attrs={"data_set": "digits", "peak_rate": 250.0, "encoding": "regular"},
    )


def rows_of(measure, result):
    return evidence_of(measure(SimpleNamespace(experiment="spikes", result=result), Context())).measurements


def verdict_on(measure, result, clause, rendering=Rendering.SPIKING):
    (judged,) = [m for m in rows_of(measure, result) if (m.clause, m.rendering) == (clause.id, rendering)]
    return judged


@pytest.mark.parametrize(
    ("n_wrong", "verdict"),
    [
        (20, Verdict.HOLDS_HERE),
        (15, Verdict.HOLDS_HERE),
        (24, Verdict.OPEN_HERE),
        (60, Verdict.DOES_NOT_HOLD_HERE),
    ],
)
def test_accuracy_in_spikes_is_judged_against_the_rates(n_wrong, verdict):
    judged = verdict_on(release_in_spikes, classified(n_wrong=n_wrong), AS_RIGHT)
    assert judged.verdict is verdict
    assert judged.measured == pytest.approx((20 - n_wrong) / N_IMAGES)
    assert (judged.n, judged.estimate.unit, judged.estimate.how) == (N_IMAGES, "images", "one network")


def test_rates_say_whether_they_agree():
    judged = verdict_on(release_in_spikes, classified(), AS_RIGHT, Rendering.RATE)
    assert judged.verdict is Verdict.AGREES


def test_time_is_when_accuracy_is_reached_for_good():
    rows = rows_of(release_in_spikes, classified())
    (time,) = [m for m in rows if m.quantity.startswith("presentation time")]
    assert time.measured == pytest.approx(200.0) and time.is_observation


def test_accuracy_that_is_never_reached_has_no_time():
    rows = rows_of(release_in_spikes, classified(n_wrong=200))
    assert [m.measured for m in rows if m.quantity.startswith("presentation time")] == [None]


def test_information_per_atp_takes_the_best_time():
    rows = [m for m in rows_of(release_in_spikes, classified(n_wrong=0)) if m.quantity.startswith("bits")]
    # At the first of four readings half of the answers are one too high, which costs one bit of log2(10).
    assert rows[0].measured == pytest.approx((np.log2(10) - 1) / 0.75, rel=0.02)
    assert "best at 100 ms" in rows[0].reason
    assert rows[0].measured / rows[1].measured == pytest.approx(2.0)
    low, high = rows[0].interval
    wider = rows[0].estimate.interval_at(0.01)
    assert wider[0] < low < rows[0].measured < high < wider[1]


@pytest.mark.parametrize(
    ("gain", "verdict"),
    [(0.3, Verdict.HOLDS_HERE), (0.0, Verdict.OPEN_HERE), (-0.2, Verdict.DOES_NOT_HOLD_HERE)],
)
def test_lesions_are_judged_by_the_order(gain, verdict):
    judged = verdict_on(lesions_in_spikes, classified(gain=gain), LESIONS)
    assert judged.verdict is verdict
    assert judged.measured == pytest.approx(gain, abs=1e-9)


@pytest.mark.parametrize(("high", "verdict"), [(3.0, Verdict.HOLDS_HERE), (0.5, Verdict.DOES_NOT_HOLD_HERE)])
def test_energy_of_high_p_synapses(high, verdict):
    judged = verdict_on(lesions_in_spikes, classified(high_energy=high), ENERGY)
    assert judged.verdict is verdict
    assert judged.measured == pytest.approx(high, rel=0.1)
