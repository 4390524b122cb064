"""The random search: stratified candidates, the best of them, and going on where a study stopped."""

import math
import sys
from typing import ClassVar

import numpy as np
import pytest

from rate_models.random_search import Interval, Search, drawn_settings, search

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
    assert Search(settings, [0.2, math.nan, 0.1]).best == {"rate": 1.0}
    with pytest.raises(ValueError, match="every candidate diverged"):
        _ = Search(settings, [math.nan] * 3).best


def test_known_settings_count_as_trials_and_come_first():
    known = {"rate": 1e-4, "p_up": 0.02}
    found = search(SPACE, lambda batch: [-setting["rate"] for setting in batch], 5, seed=1, known=[known])
    assert found.settings[0] == found.best == known
    assert len(found.settings) == len(found.scores) == 5
    assert found.settings[1:] == drawn_settings(SPACE, 4, rng=np.random.default_rng(1))
    with pytest.raises(ValueError, match="n_trials must be at least 2, the known settings, got 1"):
        search(SPACE, lambda batch: [0.0 for _ in batch], 1, seed=1, known=[known, known])


def searched(folder, asked, *, n_trials=6, at_once=2, breaks_at=None):
    """Search with a study in `folder`, noting the sizes of the batches that are measured."""

    def measure(batch):
        if breaks_at == len(asked):
            raise KeyboardInterrupt
        asked.append(len(batch))
        return [math.nan if setting["rate"] > 1 else setting["p_up"] for setting in batch]

    storage = f"sqlite:///{folder}/search.db"
    known = [{"rate": 20.0, "p_up": 0.02}]
    return search(
        SPACE, measure, n_trials, seed=7, known=known, storage=storage, name="test", at_once=at_once
    )


def test_an_interrupted_study_goes_on_with_what_is_missing(tmp_path):
    pytest.importorskip("optuna")
    asked = []
    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path, asked, breaks_at=1)
    first = searched(tmp_path, asked)
    assert asked == [2, 2, 2]
    again = searched(tmp_path, asked)
    assert asked == [2, 2, 2]
    assert again.settings == first.settings
    np.testing.assert_array_equal(again.scores, first.scores)
    n_diverged = sum(setting["rate"] > 1 for setting in first.settings)
    assert sum(math.isnan(score) for score in first.scores) == n_diverged > 0
    assert first.best["rate"] <= 1


def test_the_study_can_be_read_with_optuna(tmp_path):
    optuna = pytest.importorskip("optuna")
    found = searched(tmp_path, [])
    study = optuna.load_study(study_name="test", storage=f"sqlite:///{tmp_path}/search.db")
    assert study.best_params == found.best
    assert len(study.trials) == 6


def test_the_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ModuleNotFoundError, match=r"needs Optuna: pip install 'brianpresyn\[search\]'"):
        searched(tmp_path, [])


def test_wrong_intervals_are_named():
    with pytest.raises(ValueError, match="low < high"):
        Interval(1.0, 1.0)
    with pytest.raises(ValueError, match="0 < low on a logarithmic scale"):
        Interval(0.0, 1.0, is_logarithmic=True)
    with pytest.raises(ValueError, match="n_trials must be a whole number from 1 on, got 0"):
        drawn_settings(SPACE, 0, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("scores", "error", "message"),
    [
        ([1.0], ValueError, "measure must return 3 scores, one per setting, got"),
        ([1.0] * 4, ValueError, "measure must return 3 scores"),
        (None, ValueError, "measure must return 3 scores, one per setting, got None"),
        (1.0, ValueError, "measure must return 3 scores"),
        (["good", 1.0, 1.0], TypeError, "measure must return numbers, nan for what diverged, got 'good'"),
        ([None, 1.0, 1.0], TypeError, "measure must return numbers"),
    ],
)
def test_a_measure_returns_a_number_for_every_setting(scores, error, message):
    with pytest.raises(error, match=message):
        search({"x": Interval(0, 1)}, lambda batch: scores, 3, seed=1)


class TestStudiesOfOthers:
    SPACE: ClassVar = {"x": Interval(0, 1)}

    @pytest.fixture
    def storage(self, tmp_path):
        optuna = pytest.importorskip("optuna")
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        return f"sqlite:///{tmp_path / 'search.db'}"

    def searched(self, storage, name="mine"):
        return search(
            self.SPACE, lambda batch: [s["x"] for s in batch], 4, seed=1, storage=storage, name=name
        )

    def test_trials_that_others_entered_are_left_alone(self, storage):
        import optuna

        study = optuna.create_study(storage=storage, study_name="mine", direction="maximize")
        study.optimize(lambda trial: trial.suggest_float("y", 0, 1), n_trials=2)
        trial = optuna.trial.create_trial(value=1.0, user_attrs={"setting": "text"})
        study.add_trial(trial)
        found = self.searched(storage)
        assert len(found.scores) == 4
        assert self.searched(storage) == found
        assert len(study.trials) == 7

    def test_a_study_that_minimises_is_named(self, storage):
        import optuna

        optuna.create_study(storage=storage, study_name="mine", direction="minimize")
        with pytest.raises(ValueError, match=r"the study .mine. in .* does not maximise one score"):
            self.searched(storage)

    def test_what_is_no_database_is_named(self, storage, tmp_path):
        (tmp_path / "search.db").write_bytes(b"no database" * 100)
        with pytest.raises(ValueError, match="storage must be a database that Optuna can read"):
            self.searched(storage)
        with pytest.raises(ValueError, match=r"storage must be a database .* got .nosuch"):
            self.searched("nosuch://x")
