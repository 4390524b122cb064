"""The pairing protocol as an experiment: what the rule does at low and high frequency."""

import pytest

from brianpresyn.experiments import stdp_protocol
from brianpresyn.experiments.stdp_protocol import Config

pytest.importorskip("xarray")


@pytest.fixture(scope="module")
def result():
    return stdp_protocol.run(stdp_protocol.QUICK)


def change(result, frequency, timing, quantity="p"):
    chosen = result.isel(connection=(result.frequency == frequency) & (result.timing == timing))
    return float((chosen[f"{quantity}_after"] - chosen[f"{quantity}_before"]).item())


def test_low_frequency_depresses_only_after_a_postsynaptic_spike(result):
    # One pair at -10 ms: d_minus exp(-10 / 32.7) exp(-10 / 230.2).
    assert change(result, 0.1, -10) == pytest.approx(-0.1771 * 0.73653 * 0.95749, rel=1e-4)
    assert change(result, 0.1, 10) == 0.0


def test_high_frequency_potentiates_both_sides(result):
    assert change(result, 50, 10) > 0 and change(result, 50, 10, "q") > 0
    assert change(result, 50, 10, "q") > change(result, 20, 10, "q") > change(result, 10, 10, "q") > 0


@pytest.mark.parametrize(
    "options, message",
    [
        ({"p": (0.5,)}, "every connection needs a frequency, timing, p and q"),
        ({"timing": (0.0,) * 10}, "timing must be before or after the presynaptic spike, not 0 ms"),
        (
            {"frequency": (-1.0,) * 10},
            "frequency must be a tuple of numbers above 0, .* got -1.0 in",
        ),
        ({"target": "gpu"}, "target must be one of"),
    ],
)
def test_bad_protocols_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        Config(**options)
