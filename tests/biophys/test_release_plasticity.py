"""The plastic release probability: known trajectories, both forms, freezing, and any kind of array."""

import math

import numpy as np
import pytest

from biophys.release_plasticity import (
    OddsPlasticity,
    ReleasePlasticity,
    learning_rate_factor,
    updated_release_probability,
)


def test_additive_form_steps_by_constants_and_is_clipped():
    rule = ReleasePlasticity(p_up=0.06, p_down=0.03, g_lim=0.5)
    p = np.array([0.26, 0.5, 0.5, 0.98])
    g = np.array([0.0, 0.6, -0.6, 2.0])
    np.testing.assert_allclose(updated_release_probability(p, g, rule), [0.25, 0.56, 0.56, 1.0])


def test_threshold_belongs_to_the_steps_up():
    rule = ReleasePlasticity(p_up=0.1, p_down=0.1, g_lim=0.5)
    assert updated_release_probability(0.5, 0.5, rule) == pytest.approx(0.6)
    assert updated_release_probability(0.5, np.nextafter(0.5, 0), rule) == pytest.approx(0.4)


def test_soft_bound_multiplies_the_probability_of_silence():
    rule = ReleasePlasticity(p_up=0.07, p_down=0.05, form="soft_bound")
    assert 1 - updated_release_probability(0.6, 1.0, rule) == pytest.approx(0.4 * 0.93)
    assert 1 - updated_release_probability(0.6, 0.0, rule) == pytest.approx(0.4 * 1.05)


@pytest.mark.parametrize(("p_up", "target", "n_updates"), [(0.07, 0.9, 27.8), (0.052, 0.9353, 45.9)])
def test_number_of_ups_to_a_target_is_that_of_the_geometric_approach(p_up, target, n_updates):
    rule = ReleasePlasticity(p_up=p_up, form="soft_bound")
    p, count = 0.25, 0
    while p < target:
        p, count = updated_release_probability(p, 1.0, rule), count + 1
    assert count == math.ceil(n_updates)


def test_frozen_probability_never_moves_again():
    rule = ReleasePlasticity(p_up=0.1, p_down=0.1, g_lim=1.0, p_freeze=0.9)
    p = updated_release_probability(np.array([0.85, 0.89]), np.array([5.0, 5.0]), rule)
    for g in (0.0, 5.0, 0.0):
        p = updated_release_probability(p, np.full(2, g), rule)
    np.testing.assert_allclose(p, [0.95, 0.99])


def test_the_soft_bound_does_not_freeze_at_one():
    assert not ReleasePlasticity(p_freeze=1.0, form="soft_bound").freezes
    assert ReleasePlasticity(p_freeze=1.0, form="additive").freezes


@pytest.mark.parametrize("form", ["additive", "soft_bound"])
@pytest.mark.parametrize("p_freeze", [0.8, math.inf])
def test_numpy_torch_and_plain_numbers_agree_over_a_trajectory(form, p_freeze):
    torch = pytest.importorskip("torch")
    rule = ReleasePlasticity(p_up=0.052, p_down=0.0516, p_freeze=p_freeze, form=form)
    rng = np.random.default_rng(3)
    p_numpy = rng.uniform(0.25, 1, size=7)
    p_torch, p_plain = torch.from_numpy(p_numpy.copy()), p_numpy.tolist()
    for g in rng.normal(scale=1.5e-3, size=(200, 7)):
        p_numpy = updated_release_probability(p_numpy, g, rule)
        p_torch = updated_release_probability(p_torch, torch.from_numpy(g), rule)
        p_plain = [updated_release_probability(p, float(gi), rule) for p, gi in zip(p_plain, g, strict=True)]
    np.testing.assert_allclose(p_torch.numpy(), p_numpy, rtol=0, atol=1e-14)
    np.testing.assert_allclose(p_plain, p_numpy, rtol=0, atol=1e-14)


def test_learning_rate_factor_is_the_probability_of_silence_with_consolidation_only():
    assert learning_rate_factor(0.9, ReleasePlasticity(consolidation=True)) == pytest.approx(0.1)
    assert learning_rate_factor(0.9, ReleasePlasticity()) == 1.0


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"p_min": 0.0}, "p_min=0.0"),
        ({"p_max": 1.2}, "p_max=1.2"),
        ({"p_min": math.nan}, "p_min must be a number, .* got nan"),
        ({"p_up": -0.1}, "p_up .* got -0.1"),
        ({"p_down": 2}, "p_down .* got 2"),
        ({"g_lim": -1e-3}, "g_lim .* got -0.001"),
        ({"p_freeze": 0.2}, "p_freeze must lie above p_min=0.25"),
        ({"form": "linear"}, "additive, soft_bound, got 'linear'"),
    ],
)
def test_wrong_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        ReleasePlasticity(**parameters)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"p_min": 0.9, "p_max": 0.5}, "expected 0 < p_min < p_max < 1"),
        ({"p_max": 1.0}, "expected 0 < p_min < p_max < 1"),
        ({"g_lim": math.inf}, "g_lim must be .*got inf"),
        ({"memory": 0.5}, "memory must be at least 1 update"),
        ({"clamp": 0.0}, "clamp must be positive"),
    ],
)
def test_wrong_parameters_of_evidence_in_the_odds_are_named(numbers, message):
    with pytest.raises(ValueError, match=message):
        OddsPlasticity(**numbers)


@pytest.mark.parametrize("p", [-0.1, 1.1, [0.5, 1.1]])
def test_what_is_no_probability_has_no_update(p):
    with pytest.raises(ValueError, match=r"p must be finite and in \[0, 1\], got"):
        updated_release_probability(p, 0.01, ReleasePlasticity())
