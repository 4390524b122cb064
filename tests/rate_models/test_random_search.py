"""The random search: stratified candidates, the best of them, and going on where a study stopped."""

import math

import numpy as np
import pytest

from rate_models.random_search import Interval, best, drawn_settings, searched_in_study

SPACE = {"rate": Interval(1e-3, 1e1, is_logarithmic=True), "p_up": Interval(0.01, 0.1)}


def test_every_stratum_of_every_interval_holds_one_candidate():
    found = drawn_settings(SPACE, 20, rng=np.random.default_rng(3))
    rate = np.array([setting["rate"] for setting in found])
    p_up = np.array([setting["p_up"] for setting in found])
    assert sorted(np.floor(20 * np.log(rate / 1e-3) / np.log(1e4)).astype(int)) == list(range(20))
    assert sorted(np.floor(20 * (p_up - 0.01) / 0.09).astype(int)) == list(range(20))
    # The strata are paired at random: rank correlation of independent orders has sd 1/sqrt(19).
    assert abs(np.corrcoef(np.argsort(np.argsort(rate)), np.argsort(np.argsort(p_up)))[0, 1]) < 5 / 19**0.5


def test_a_seed_fixes_the_candidates():
    first, again, other = (drawn_settings(SPACE, 5, rng=np.random.default_rng(s)) for s in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_diverged_trial_never_wins():
    settings = [{"rate": 1.0}, {"rate": 2.0}, {"rate": 3.0}]
    assert best(settings, [0.2, math.nan, 0.1]) == {"rate": 1.0}
    with pytest.raises(ValueError, match="every candidate diverged"):
        best(settings, [math.nan] * 3)


def test_a_study_takes_over_what_it_has(tmp_path):
    pytest.importorskip("optuna")
    asked = []

    def measure(batch):
        asked.append(len(batch))
        return [math.nan if setting["rate"] > 1 else setting["p_up"] for setting in batch]

    def search(n_trials):
        storage = f"sqlite:///{tmp_path}/search.db"
        return searched_in_study(SPACE, measure, n_trials, storage=storage, name="test", seed=7)

    settings, scores = search(6)
    assert asked == [6]
    again = search(6)
    assert asked == [6]
    assert again[0] == settings
    np.testing.assert_array_equal(again[1], scores)
    assert sum(math.isnan(score) for score in scores) == sum(setting["rate"] > 1 for setting in settings) > 0
    assert best(settings, scores)["rate"] <= 1


def test_wrong_intervals_are_named():
    with pytest.raises(ValueError, match="low < high"):
        Interval(1.0, 1.0)
    with pytest.raises(ValueError, match="0 < low on a logarithmic scale"):
        Interval(0.0, 1.0, is_logarithmic=True)
    with pytest.raises(ValueError, match="n_trials must be at least 1, got 0"):
        drawn_settings(SPACE, 0, rng=np.random.default_rng(0))
