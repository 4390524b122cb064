"""Random search of hyperparameters, with the candidates as replicas of one batch.

The candidates are stratified (a Latin hypercube): each interval is cut into as many pieces as there are
trials, and every piece is tried once. All of them are drawn before any is measured, so that they can train
together; a seed fixes them. With Optuna installed, a study in a database keeps the trials, so that a search
goes on where it was interrupted.

References
----------
Bergstra J, Bengio Y (2012). Random search for hyper-parameter optimization. JMLR 13:281-305.
McKay MD, Beckman RJ, Conover WJ (1979). A comparison of three methods for selecting values of input
variables. Technometrics 21:239-245.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Setting = dict[str, float]


@dataclass(frozen=True)
class Interval:
    """The values that one hyperparameter may take.

    Parameters
    ----------
    low, high
        Ends, low < high.
    is_logarithmic
        Whether the logarithm is uniformly distributed, rather than the value. Then low > 0.

    Raises
    ------
    ValueError
        If the ends are not in order or not positive where they must be.
    """

    low: float
    high: float
    is_logarithmic: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.is_logarithmic and self.low <= 0):
            raise ValueError(f"expected low < high, and 0 < low on a logarithmic scale, got {self}")

    def at(self, quantile: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the values at these quantiles, 0..1.

        Examples
        --------
        >>> Interval(0.01, 1.0, is_logarithmic=True).at(np.array([0.0, 0.5])).round(3).tolist()
        [0.01, 0.1]
        """
        if self.is_logarithmic:
            return self.low * (self.high / self.low) ** quantile
        return self.low + (self.high - self.low) * quantile


def drawn_settings(
    space: Mapping[str, Interval], n_trials: int, *, rng: np.random.Generator
) -> list[Setting]:
    """Return candidates of which every n_trials-th part of every interval holds exactly one.

    Parameters
    ----------
    space
        Interval of every hyperparameter.
    n_trials
        Number of candidates, at least one.

    Examples
    --------
    >>> found = drawn_settings({"rate": Interval(0, 4)}, 4, rng=np.random.default_rng(0))
    >>> sorted(int(setting["rate"]) for setting in found)
    [0, 1, 2, 3]
    """
    if n_trials < 1:
        raise ValueError(f"n_trials must be at least 1, got {n_trials}")
    columns = {}
    for name, interval in space.items():
        quantile = (rng.permutation(n_trials) + rng.random(n_trials)) / n_trials
        columns[name] = interval.at(quantile)
    return [{name: float(column[i]) for name, column in columns.items()} for i in range(n_trials)]


def best(settings: Sequence[Setting], scores: Sequence[float]) -> Setting:
    """Return the setting with the highest score; a score that is not a number never wins.

    Raises
    ------
    ValueError
        If no score is a number.
    """
    ranked = [-math.inf if math.isnan(score) else score for score in scores]
    if not ranked or max(ranked) == -math.inf:
        raise ValueError("no trial has a score: every candidate diverged, so narrow the intervals")
    return dict(settings[ranked.index(max(ranked))])


def searched_in_study(
    space: Mapping[str, Interval],
    measure: Callable[[list[Setting]], Sequence[float]],
    n_trials: int,
    *,
    storage: str,
    name: str,
    seed: int,
) -> tuple[list[Setting], list[float]]:
    """Run the search as an Optuna study in a database, taking over the trials that are finished there.

    Parameters
    ----------
    space
        Interval of every hyperparameter.
    measure
        Returns the scores of a batch of settings, higher is better; NaN for one that diverged.
    n_trials
        Number of finished trials at the end.
    storage
        Database that Optuna can open, for example ``"sqlite:///search.db"``.
    name
        Name of the study.
    seed
        Seed of the candidates: the same seed goes on with the same candidates.

    Returns
    -------
    settings, scores
        Of every finished trial.

    Raises
    ------
    ModuleNotFoundError
        If Optuna is not installed.
    """
    import optuna

    study = optuna.create_study(storage=storage, study_name=name, direction="maximize", load_if_exists=True)
    candidates = drawn_settings(space, n_trials, rng=np.random.default_rng(seed))
    done = {_key(trial.user_attrs["setting"]) for trial in study.trials if trial.state.is_finished()}
    missing = [setting for setting in candidates if _key(setting) not in done]
    if missing:
        distributions: dict[str, optuna.distributions.BaseDistribution] = {
            key: optuna.distributions.FloatDistribution(i.low, i.high, log=i.is_logarithmic)
            for key, i in space.items()
        }
        for setting, score in zip(missing, measure(missing), strict=True):
            is_number = math.isfinite(score)
            study.add_trial(
                optuna.trial.create_trial(
                    params=setting,
                    distributions=distributions,
                    value=float(score) if is_number else None,
                    state=optuna.trial.TrialState.COMPLETE if is_number else optuna.trial.TrialState.FAIL,
                    user_attrs={"setting": setting},
                )
            )
    finished = [trial for trial in study.trials if trial.state.is_finished()]
    scores = [math.nan if trial.value is None else trial.value for trial in finished]
    return [dict(trial.user_attrs["setting"]) for trial in finished], scores


def _key(setting: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(setting.items()))
