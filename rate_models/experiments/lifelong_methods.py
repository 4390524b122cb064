"""The methods compared in lifelong learning: how each is shown, where its settings come from.

References
----------
Schug S, Benzing F, Steger A (2021). eLife 10:e69884, appendix 1 table 1, and the authors' program,
github.com/smonsays/presynaptic-stochasticity, for what the text does not say. doi:10.7554/eLife.69884
Zeno C, Golan I, Hoffer E, Soudry D (2018). arXiv:1803.10123, and the program github.com/igolan/bgd
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from rate_models.continual_methods import SEARCH_SPACES
from rate_models.random_search import Interval, Setting


@dataclass(frozen=True)
class Method:
    """A way to learn tasks in sequence, and where its settings come from.

    Parameters
    ----------
    name, label
        Name in the result, and in figures.
    program
        Program of `rate_models.continual_methods`.
    source
        ``"published"`` (`published_setting`), ``"searched"`` on each benchmark, or ``"tuned arm"``: searched
        on Permuted MNIST only.
    colour
        In every figure.
    freezes
        False where p never freezes.
    searched_as
        Name of the method whose search gives the settings; its own by default.
    starts_from
        Name of the method whose published settings are the first trial of the search, if it is the same
        program.
    fisher, penalty, schedule
        Variants, see `Replica` and `plans_of`.
    """

    name: str
    label: str
    program: str
    source: str
    colour: str = "#999999"
    freezes: bool = True
    searched_as: str = ""
    starts_from: str = ""
    fisher: str = "expected"
    penalty: str = "separate"
    schedule: str = "abrupt"

    @property
    def search_name(self) -> str:
        """Name of the method whose search gives the settings."""
        return self.searched_as or self.name

    @property
    def space(self) -> dict[str, Interval]:
        """Return where the search for its settings looks."""
        name = self.program if self.program in SEARCH_SPACES else "consolidating"
        return {key: own for key, own in SEARCH_SPACES[name].items() if self.freezes or key != "p_freeze"}


_MAIN = (
    Method("presynaptic", "presynaptic consolidation", "consolidating", "published", "#0072B2"),
    Method(
        "presynaptic_tuned",
        "presynaptic, tuned",
        "consolidating",
        "searched",
        "#56B4E9",
        starts_from="presynaptic",
    ),
    Method("none", "no consolidation, published", "published baseline", "published", "#E69F00"),
    Method("sgd_tuned", "no consolidation, SGD tuned", "sgd", "searched", "#D55E00", starts_from="none"),
    Method("adam_tuned", "no consolidation, Adam tuned", "adam", "searched", "#CC79A7", starts_from="none"),
    Method("ewc", "elastic weights", "ewc", "searched", "#009E73"),
    Method("si", "synaptic intelligence", "si", "searched", "#F0E442"),
    Method("bgd", "Bayesian gradient descent", "bgd", "searched", "#8C510A"),
    Method("joint", "joint training", "adam", "published", "#000000", schedule="joint"),
)
_EWC_VARIANTS = tuple(
    Method(
        f"ewc_{fisher}_{penalty}",
        f"{fisher}, {penalty}",
        "ewc",
        "searched",
        "#009E73",
        searched_as="ewc",
        fisher=fisher,
        penalty=penalty,
    )
    for fisher, penalty in itertools.product(("expected", "sampled", "observed"), ("separate", "online"))
    if (fisher, penalty) != ("expected", "separate")
)
_ARM_PROGRAMS = {
    "full": ("full", "consolidating", True),
    "no_freezing": ("no freezing", "consolidating", False),
    "no_modulation": ("no modulation of the rate", "plastic", True),
    "neither": ("neither of both", "plastic", False),
    "ghost": ("ghost p", "ghost", True),
}
_MISNORMALISED = Method(
    "misnormalised_ghost_arm", "ghost p, as programmed", "ghost_misnormalised", "published", "#0072B2"
)
_ARMS = (
    *(
        Method(
            f"{name}_{source}",
            label,
            program,
            "published" if source == "arm" else "tuned arm",
            "#0072B2" if source == "arm" else "#56B4E9",
            freezes,
            # On Permuted MNIST the full model is searched already as a method of its own.
            searched_as="presynaptic_tuned" if (name, source) == ("full", "tuned") else "",
            starts_from=f"{name}_arm" if source == "tuned" else "",
        )
        for source in ("arm", "tuned")
        for name, (label, program, freezes) in _ARM_PROGRAMS.items()
    ),
    _MISNORMALISED,
)

SCENARIOS = {"split": "domain", "class_split": "class", "task_split": "task"}
"""What the network is asked, by kind of split benchmark."""

KINDS = (*SCENARIOS, "permuted", "continuous")
_DATA_SETS = {"mnist": "mnist", "fashion": "fashion_mnist", "digits": "digits"}

METHODS: dict[str, Method] = {method.name: method for method in (*_MAIN, *_EWC_VARIANTS, *_ARMS)}
"""Every method by its name in the result."""

MAIN_METHODS = tuple(method.name for method in _MAIN)
EWC_VARIANTS = tuple(method.name for method in _EWC_VARIANTS)
ABLATION_ARMS = tuple(method.name for method in _ARMS)

PUBLISHED_RULE: Setting = {"p_up": 0.0520, "p_down": 0.0516, "p_freeze": 0.9353}
"""The p rule of the published program; the text has p_up and p_down exchanged and no p_freeze."""

# Baseline without consolidation, from the published program's configuration files.
PUBLISHED_BASELINES = {
    ("split", "mnist"): ("adam", 1e-6),
    ("split", "fashion"): ("sgd", 1e-4),
    ("permuted", "mnist"): ("sgd", 1e-3),
    ("permuted", "fashion"): ("adam", 1e-6),
}
JOINT_RATE = 1e-3
# Settings of the ablation arms from the published program's scripts: p_down, p_up, p_freeze.
PUBLISHED_ARMS = {
    "split": {
        "full": (0.0624703, 0.05835393, 0.94452875),
        "no_freezing": (0.08590142, 0.06543912, 1.0),
        "no_modulation": (0.0506991, 0.04199989, 0.94187781),
        "neither": (0.09587958, 0.01798108, 1.0),
        "ghost": (0.09833934, 0.09764242, 0.9466155),
    },
    "permuted": {
        "full": (0.04021639, 0.04460148, 0.94791622),
        "no_freezing": (0.04378614, 0.04522727, 1.0),
        "no_modulation": (0.03559312, 0.08535058, 0.92272659),
        "neither": (0.02954858, 0.09202317, 1.0),
        "ghost": (0.05188978, 0.0571483, 0.92943784),
    },
}
BGD_SETTING: Setting = {"learning_rate": 1.0, "sigma": 0.02}
"""Bayesian gradient descent on Permuted MNIST, ten epochs a task, in the program of Zeno et al. (2018)."""

PUBLISHED_ACCURACY: dict[str, dict[str, tuple[float, float]]] = {
    "split_mnist": {
        "presynaptic": (82.90, 0.01),
        "none": (77.68, 0.31),
        "bgd": (80.44, 0.45),
        "ewc": (70.41, 4.20),
        "joint": (98.55, 0.10),
    },
    "split_fashion": {
        "presynaptic": (91.98, 0.12),
        "none": (88.76, 0.45),
        "bgd": (89.54, 0.88),
        "ewc": (76.89, 1.05),
        "joint": (97.67, 0.09),
    },
    "permuted_mnist": {
        "presynaptic": (86.14, 0.67),
        "none": (79.60, 0.43),
        "bgd": (89.73, 0.52),
        "ewc": (89.58, 0.53),
        "joint": (97.33, 0.08),
    },
    "permuted_fashion": {
        "presynaptic": (75.92, 0.37),
        "none": (72.13, 0.75),
        "bgd": (78.45, 0.15),
        "ewc": (77.44, 0.41),
        "joint": (87.33, 0.07),
    },
    "continuous_mnist": {"presynaptic": (85.39, 0.6)},
}
"""Appendix 1 table 1: mean final accuracy and standard error of three seeds, percent."""


def kind_of(benchmark: str) -> str:
    """Return the kind of a benchmark, for example ``"permuted"``."""
    return benchmark.rpartition("_")[0]


def data_of(benchmark: str) -> str:
    """Return the data of a benchmark, for example ``"fashion"``."""
    return benchmark.rpartition("_")[2]


def data_set_of(benchmark: str) -> str:
    """Return the name of the images that a benchmark shows, for example ``"fashion_mnist"``."""
    return _DATA_SETS[data_of(benchmark)]


def is_split(benchmark: str) -> bool:
    """Return whether the tasks of a benchmark are pairs of classes."""
    return kind_of(benchmark) in SCENARIOS


def check_benchmark(benchmark: str) -> None:
    """Raise ValueError if there is no such benchmark."""
    if kind_of(benchmark) not in KINDS or data_of(benchmark) not in _DATA_SETS:
        raise ValueError(
            f"benchmark must be {', '.join(KINDS[:-1])} or {KINDS[-1]}, then _mnist, _fashion or _digits, "
            f"got {benchmark!r}"
        )


def on(where: str, methods: Iterable[str]) -> tuple[str, ...]:
    """Return the names of methods as they are written to run on these benchmarks only.

    Examples
    --------
    >>> on("permuted", ["none", "ewc"])
    ('none@permuted', 'ewc@permuted')
    """
    return tuple(f"{name}@{where}" for name in methods)
