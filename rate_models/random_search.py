"""Random search of hyperparameters, with the candidates as replicas of one batch.

The candidates are stratified (a Latin hypercube): each interval is cut into as many pieces as there are
candidates, and every piece is tried once. All of them are drawn before any is measured, so that they can
train together; a seed fixes them. Settings that are known beforehand, such as published ones, can be the
first trials. With Optuna installed, a study in a database keeps the trials, so that a search goes on where it
was interrupted and can be looked at with Optuna's own tools.

References
----------
Bergstra J, Bengio Y (2012). Random search for hyper-parameter optimization. JMLR 13:281-305.
McKay MD, Beckman RJ, Conover WJ (1979). A comparison of three methods for selecting values of input
variables. Technometrics 21:239-245.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from biophys.argument_types import Count, checked_types
from biophys.units import shown

Setting: TypeAlias = dict[str, float]
Measure: TypeAlias = Callable[[list[Setting]], Sequence[float]]
_Key: TypeAlias = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Interval:
    """The values that one hyperparameter may take, low < high.

    Where `is_logarithmic`, the logarithm is uniformly distributed rather than the value; then low > 0.
    """

    low: float
    high: float
    is_logarithmic: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.is_logarithmic and self.low <= 0):
            raise ValueError(f"expected low < high, and 0 < low on a logarithmic scale, got {self}")

    def at(self, quantile: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the values at these quantiles, 0..1.

        >>> Interval(0.01, 1.0, is_logarithmic=True).at(np.array([0.0, 0.5])).round(3).tolist()
        [0.01, 0.1]
        """
        if self.is_logarithmic:
            return self.low * (self.high / self.low) ** quantile
        return self.low + (self.high - self.low) * quantile


@checked_types
def drawn_settings(
    space: Mapping[str, Interval], n_trials: Count, *, rng: np.random.Generator
) -> list[Setting]:
    """Return candidates, at least one, of which every n_trials-th part of every interval holds exactly one.

    >>> result = drawn_settings({"rate": Interval(0, 4)}, 4, rng=np.random.default_rng(0))
    >>> sorted(int(setting["rate"]) for setting in result)
    [0, 1, 2, 3]
    """
    columns = {}
    for name, interval in space.items():
        quantile = (rng.permutation(n_trials) + rng.random(n_trials)) / n_trials
        columns[name] = interval.at(quantile)
    return [{name: float(column[i]) for name, column in columns.items()} for i in range(n_trials)]


@dataclass(frozen=True)
class Search:
    """Finished trials: what was tried, and how good it was, higher is better; NaN where it diverged."""

    settings: Sequence[Setting]
    scores: Sequence[float]

    @property
    def best(self) -> Setting:
        """The setting with the highest score; a score that is not a number never wins, and one must be."""
        ranked = [-math.inf if math.isnan(score) else score for score in self.scores]
        if not ranked or max(ranked) == -math.inf:
            raise ValueError("no trial has a score: every candidate diverged, so narrow the intervals")
        return dict(self.settings[ranked.index(max(ranked))])


def search(
    space: Mapping[str, Interval],
    measure: Measure,
    n_trials: int,
    *,
    seed: int,
    known: Sequence[Setting] = (),
    storage: str = "",
    name: str = "",
    at_once: int = 0,
) -> Search:
    """Measure known settings, then random ones, and return all trials.

    Parameters
    ----------
    space : interval of every hyperparameter
    measure : returns the scores of a batch of settings, higher is better; NaN for one that diverged
    n_trials : number of trials, the known ones included
    seed : seed of the random settings
    known : settings that are tried first; they may lie outside the intervals
    storage : database of an Optuna study that keeps the trials, as ``"sqlite:///search.db"``; empty for none
    name : name of the study
    at_once : settings per batch, 0 for all

    Raises
    ------
    ValueError
        If there are more known settings than trials, `measure` does not return a score per setting, or
        `storage` is no database or holds another kind of study under that name.
    ModuleNotFoundError : if `storage` is given and Optuna is not installed

    Examples
    --------
    >>> result = search({"x": Interval(0, 1)}, lambda batch: [-abs(s["x"] - 0.3) for s in batch], 50, seed=1)
    >>> round(result.best["x"], 1)
    0.3
    """
    if len(known) > n_trials:
        raise ValueError(f"n_trials must be at least {len(known)}, the known settings, got {n_trials}")
    settings = [dict(setting) for setting in known]
    if n_random := n_trials - len(known):
        settings += drawn_settings(space, n_random, rng=np.random.default_rng(seed))
    study = _Study(storage, name, space) if storage else None
    done = {} if study is None else study.scores()
    missing = [setting for setting in settings if _key(setting) not in done]
    for first in range(0, len(missing), at_once or max(len(missing), 1)):
        batch = missing[first : first + (at_once or len(missing))]
        scores = measure(batch)
        if not isinstance(scores, (Sequence, np.ndarray)) or len(scores) != len(batch):
            raise ValueError(f"measure must return {len(batch)} scores, one per setting, got {shown(scores)}")
        if wrong := [score for score in scores if not isinstance(score, (Real, np.number))]:
            raise TypeError(f"measure must return numbers, nan for what diverged, got {shown(wrong[0])}")
        scores = [float(score) for score in scores]
        if study is not None:
            study.add(batch, scores)
        done.update({_key(setting): score for setting, score in zip(batch, scores, strict=True)})
    return Search(settings, [done[_key(setting)] for setting in settings])


class _Study:
    """Trials in a database, as an Optuna study."""

    def __init__(self, storage: str, name: str, space: Mapping[str, Interval]) -> None:
        try:
            import optuna
        except ModuleNotFoundError as error:
            problem = "a search that is kept in a database needs Optuna"
            raise ModuleNotFoundError(f"{problem}: pip install 'brianpresyn[search]'") from error
        self._optuna = optuna
        try:
            self._study = optuna.create_study(
                storage=storage, study_name=name, direction="maximize", load_if_exists=True
            )
            directions = self._study.directions
        except Exception as error:  # of whatever library reads that kind of database
            problem = "storage must be a database that Optuna can read, such as 'sqlite:///search.db'"
            raise ValueError(f"{problem}, got {storage!r}: {str(error).splitlines()[0]}") from error
        if directions != [optuna.study.StudyDirection.MAXIMIZE]:
            raise ValueError(f"the study {name!r} in {storage!r} does not maximise one score: rename yours")
        self._space = space

    def scores(self) -> dict[_Key, float]:
        """Return the score of every finished trial of ours by its setting."""
        finished = (self._optuna.trial.TrialState.COMPLETE, self._optuna.trial.TrialState.FAIL)
        return {
            _key(trial.user_attrs["setting"]): math.nan if trial.value is None else trial.value
            for trial in self._study.trials
            if trial.state in finished and isinstance(trial.user_attrs.get("setting"), dict)
        }

    def add(self, settings: Sequence[Setting], scores: Sequence[float]) -> None:
        """Enter finished trials; one that diverged counts as failed."""
        optuna = self._optuna
        for setting, score in zip(settings, scores, strict=True):
            is_number = math.isfinite(score)
            trial = optuna.trial.create_trial(
                params=setting,
                distributions={key: self._distribution(key, value) for key, value in setting.items()},
                value=score if is_number else None,
                state=optuna.trial.TrialState.COMPLETE if is_number else optuna.trial.TrialState.FAIL,
                user_attrs={"setting": setting},
            )
            self._study.add_trial(trial)

    def _distribution(self, key: str, value: float) -> Any:
        """Return the interval of a hyperparameter, widened to hold a known value outside it."""
        interval = self._space.get(key, Interval(value, value + 1))
        low, high = min(interval.low, value), max(interval.high, value)
        is_logarithmic = interval.is_logarithmic and low > 0
        return self._optuna.distributions.FloatDistribution(low, high, log=is_logarithmic)


def _key(setting: Mapping[str, float]) -> _Key:
    return tuple(sorted(setting.items()))
