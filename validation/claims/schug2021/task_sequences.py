"""Networks that learn tasks one after the other: published settings, and how two of them are compared."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from biophys.estimates import Estimate, difference_of
from validation.published_settings import published_settings
from validation.registry import Run
from validation.statement import Setting, setting_of

SEARCHED = "settings searched here (published: not stated)"
TUNED = "settings searched here (published: those of the program)"


def lifelong_setting(run: Run, benchmark: str, departure: str = "") -> Setting:
    """Return what the networks of a benchmark do otherwise than published.

    Parameters
    ----------
    run
        Of the experiment on lifelong learning.
    benchmark
        One of its sequences of tasks; the digits stand for MNIST.
    departure
        What one of the methods compared does otherwise, as text.
    """
    published = {**published_settings("lifelong"), "tasks": benchmark.replace("digits", "mnist")}
    here = setting_of({**run.config, "tasks": benchmark}, published)
    return Setting((*here.departures, *([departure] if departure else [])))


def benchmarks_of(result: xr.Dataset, *kinds: str) -> list[str]:
    """Return the sequences of tasks of these kinds, for example ``"split"``."""
    return [str(name) for name in result.benchmark.values if str(name).rpartition("_")[0] in kinds]


def is_run(result: xr.Dataset, benchmark: str, *methods: str) -> bool:
    """Return whether all these methods learned the tasks of a benchmark."""
    from rate_models.experiments.lifelong_figures import accuracy_table

    here = {str(name) for name in result["algorithm"].values}
    return benchmark in result.benchmark.values and all(
        name in here and len(accuracy_table(result, benchmark, name)) for name in methods
    )


def consolidating(result: xr.Dataset, benchmark: str) -> str:
    """Return the method that stands for presynaptic consolidation.

    On the digits, for which nothing was published, its settings are searched as those of all others are.
    """
    is_searched = benchmark.endswith("digits") and is_run(result, benchmark, "presynaptic_tuned")
    return "presynaptic_tuned" if is_searched else "presynaptic"


def final_accuracies(result: xr.Dataset, benchmark: str, method: str) -> NDArray[np.float64]:
    """Return the mean accuracy over all tasks after the last, percent, of every network."""
    from rate_models.experiments.lifelong_figures import summary

    return 100 * summary(result, benchmark, method)["final accuracy"]


def advantage(result: xr.Dataset, benchmark: str, first: str, second: str) -> Estimate:
    """Return how much higher the final accuracy of a first method is, points, by the paper's t-test."""
    accuracies = [final_accuracies(result, benchmark, method) for method in (first, second)]
    how = f"{accuracies[0].mean():.1f} against {accuracies[1].mean():.1f} %"
    return difference_of(*accuracies, unit="networks", is_pooled=True, how=how)


def departure_of(method: str) -> str:
    """Return in what the settings of a method are not those published; empty if they are."""
    from rate_models.experiments.lifelong_methods import METHODS

    if METHODS[method].source == "published":
        return ""
    return SEARCHED if METHODS[method].program in ("ewc", "bgd", "si") else TUNED
