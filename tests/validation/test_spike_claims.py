"""What results in spikes say of X03, X04, X05 and X06: verdicts follow the answers, in either direction."""

import numpy as np
import pytest

from validation.claims.claim import Rendering, Verdict

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


def main_of(result, claim, rendering, part):
    from validation.claims.spiking_classifier import evidence_of

    found = evidence_of(result, rng=np.random.default_rng(0)).measurements
    (one,) = [
        m
        for m in found
        if (m.claim, m.rendering) == (claim, rendering) and part in m.quantity and not m.is_supporting
    ]
    return one


@pytest.mark.parametrize(
    ("n_wrong", "verdict"), [(20, Verdict.REPRODUCED), (15, Verdict.REPRODUCED), (60, Verdict.NOT_REPRODUCED)]
)
def test_accuracy_in_spikes_is_judged_against_the_rates(n_wrong, verdict):
    found = main_of(classified(n_wrong=n_wrong), "X03", Rendering.SPIKING, "accuracy less")
    assert found.verdict is verdict
    assert found.measured == pytest.approx((20 - n_wrong) / N_IMAGES)


def test_time_is_when_accuracy_is_reached_for_good():
    from validation.claims.spiking_classifier import evidence_of

    found = evidence_of(classified(), rng=np.random.default_rng(0)).measurements
    (time,) = [m for m in found if m.quantity.startswith("presentation time")]
    assert time.measured == pytest.approx(200.0)


def test_information_per_atp_takes_the_best_time():
    from validation.claims.spiking_classifier import evidence_of

    found = evidence_of(classified(n_wrong=0), rng=np.random.default_rng(0)).measurements
    rows = [m for m in found if m.quantity.startswith("bits")]
    # At the first of four readings half of the answers are one too high, which costs one bit of log2(10).
    assert rows[0].measured == pytest.approx((np.log2(10) - 1) / 0.75, rel=0.02)
    assert "best at 100 ms" in rows[0].reason
    assert rows[0].measured / rows[1].measured == pytest.approx(2.0)


@pytest.mark.parametrize(("gain", "verdict"), [(0.3, "reproduced"), (0.0, "open"), (-0.2, "not reproduced")])
def test_lesions_are_judged_by_the_order(gain, verdict):
    found = main_of(classified(gain=gain), "X04", Rendering.SPIKING, "random order")
    assert str(found.verdict) == verdict
    assert found.measured == pytest.approx(gain, abs=1e-9)


@pytest.mark.parametrize(("high", "verdict"), [(3.0, "reproduced"), (0.5, "not reproduced")])
def test_energy_of_high_p_synapses(high, verdict):
    found = main_of(classified(high_energy=high), "X04", Rendering.SPIKING, "mean energy")
    assert str(found.verdict) == verdict
    assert found.measured == pytest.approx(high, rel=0.1)
