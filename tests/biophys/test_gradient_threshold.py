"""The probability of a large gradient is that of the distribution."""

import numpy as np
import pytest

from biophys.gradient_threshold import approximation_error, probability_above


@pytest.mark.parametrize(("law", "draw"), [("normal", "normal"), ("Laplace", "laplace")])
def test_probability_is_the_share_of_drawn_gradients(law, draw):
    rng = np.random.default_rng(7)
    scale = 0.5 if law == "normal" else 0.5 / np.sqrt(2)
    for mean, threshold in [(0.0, 0.3), (0.2, 0.3), (-0.4, 0.1)]:
        g = getattr(rng, draw)(mean, scale, 200_000)
        p = float(probability_above(threshold, 0.5, mean=mean, law=law))
        assert np.mean(np.abs(g) > threshold) == pytest.approx(p, abs=5 * np.sqrt(p * (1 - p) / 200_000))


def test_probability_without_mean_is_the_papers_formula():
    from scipy.special import erfc

    sd = np.geomspace(1e-4, 1, 9)
    np.testing.assert_allclose(probability_above(1e-3, sd), erfc(1e-3 / (sd * np.sqrt(2))), rtol=1e-14)
    np.testing.assert_allclose(probability_above(1e-3, sd, law="Laplace"), np.exp(-1e-3 * np.sqrt(2) / sd))


@pytest.mark.parametrize("law", ["normal", "Laplace"])
def test_probability_rises_with_fisher_information(law):
    sd = np.geomspace(1e-4, 1e-1, 50)
    assert np.all(np.diff(probability_above(1e-3, sd, mean=0.05 * sd, law=law)) > 0)


def test_neglecting_a_small_mean_costs_little_and_a_large_one_much():
    assert abs(float(approximation_error(1e-3, 1e-3, 1e-4))) < 0.01
    assert abs(float(approximation_error(1e-3, 1e-3, 2e-3))) > 0.5


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"sd must be .*above 0, got 0"):
        probability_above(1.0, 0.0)
    with pytest.raises(ValueError, match="law must be"):
        probability_above(1.0, 1.0, law="uniform")
    with pytest.raises(ValueError, match="threshold must be"):
        probability_above(-1.0, 1.0)
