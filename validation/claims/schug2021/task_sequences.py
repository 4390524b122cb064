"""Networks that learn tasks one after the other: published settings, and how two of them are compared."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from biophys.estimates import Estimate, difference_of
from validation.published_settings import published_settings
from validation.registry import Run
from validation.statement import Setting, setting_of

SEARCHED = "settings searched here (published: not stated)"
TUNED = "settings searched here (published: those of the program)"


class TaskSequence(NamedTuple):
    """One sequence of tasks, such as ``"split_mnist"``, in a run of the experiment on lifelong learning."""

    run: Run
    name: str

    @property
    def published_as(self) -> str:
        """The sequence of the paper: the digits stand for MNIST."""
        return self.name.replace("digits", "mnist")

    @property
    def consolidating(self) -> str:
        """The method that stands for presynaptic consolidation.

        On the digits, for which nothing was published, its settings are searched as those of all others are.
        """
        is_searched = self.name.endswith("digits") and self.has("presynaptic_tuned")
        return "presynaptic_tuned" if is_searched else "presynaptic"

    def has(self, *methods: str) -> bool:
        """Return whether all these methods learned the tasks."""
        from rate_models.experiments.lifelong_figures import accuracy_table

        result = self.run.result
        return self.name in result.benchmark.values and all(
            name in result["algorithm"].values and len(accuracy_table(result, self.name, name))
            for name in methods
        )

    def final_accuracies(self, method: str) -> NDArray[np.float64]:
        """Return the mean accuracy over all tasks after the last, percent, of every network."""
        from rate_models.experiments.lifelong_figures import summary

        return 100 * summary(self.run.result, self.name, method)["final accuracy"]

    def advantage(self, first: str, second: str) -> Estimate:
        """Return how much higher the final accuracy of a first method is, points, by the paper's t-test."""
        accuracies = [self.final_accuracies(method) for method in (first, second)]
        how = f"{accuracies[0].mean():.1f} against {accuracies[1].mean():.1f} %"
        return difference_of(*accuracies, unit="networks", is_pooled=True, how=how)

    def setting(self, departure: str = "") -> Setting:
        """Return what the networks, and in words one of the methods, do otherwise than published."""
        published = {**published_settings("lifelong"), "tasks": self.published_as}
        here = setting_of({**self.run.config, "tasks": self.name}, published)
        return Setting((*here.departures, *([departure] if departure else [])))


def sequences_of(run: Run, *kinds: str) -> Iterator[TaskSequence]:
    """Yield the sequences of tasks of these kinds, for example ``"split"``."""
    for name in map(str, run.result.benchmark.values):
        if name.rpartition("_")[0] in kinds:
            yield TaskSequence(run, name)


def departure_of(method: str) -> str:
    """Return in what the settings of a method are not those published; empty if they are."""
    from rate_models.experiments.lifelong_methods import METHODS

    if METHODS[method].source == "published":
        return ""
    return SEARCHED if METHODS[method].program in ("ewc", "bgd", "si") else TUNED
