"""What lifelong learning compares: methods, where the settings of each come from, and how they are tried.

References
----------
Schug S, Benzing F, Steger A (2021). eLife 10:e69884, appendix 1 table 1, and the authors' program,
github.com/smonsays/presynaptic-stochasticity, for what the text does not say. doi:10.7554/eLife.69884
Zeno C, Golan I, Hoffer E, Soudry D (2018). arXiv:1803.10123, and the program github.com/igolan/bgd
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any

from pydantic import Field

from biophys.argument_types import check_choice
from biophys.palette import BLACK, BLUE, BROWN, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, YELLOW
from biophys.plugins import load_plugins
from biophys.published_accuracies import CONTINUOUS_MNIST, TASK_SEQUENCES
from biophys.settings import Count, Counts, NotNegative, Positive, Seeds, Share, WholeNumber, settings
from rate_models.continual_learning import OWN_SEQUENCES
from rate_models.continual_methods import SEARCH_SPACES, Training
from rate_models.datasets import data_set_names
from rate_models.random_search import Interval, Setting


@dataclass(frozen=True)
class Method:
    """A way to learn tasks in sequence, and where its settings come from.

    Parameters
    ----------
    name, label, colour : name in the result; label and colour in every figure
    program : of `rate_models.continual_methods`
    source : ``"published"``, ``"searched"`` on each benchmark, or on Permuted MNIST only: ``"tuned arm"``
    freezes : False where p never freezes
    searched_as : name of the method whose search gives the settings; its own by default
    starts_from : name of the method whose published settings are the first trial, if the program is the same
    fisher, penalty, schedule : variants, see `Replica` and `plans_of`
    """

    name: str
    label: str
    program: str
    source: str
    colour: str = GREY
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
        space = SEARCH_SPACES.get(self.program, SEARCH_SPACES["consolidating"])
        return {name: interval for name, interval in space.items() if self.freezes or name != "p_freeze"}


_MAIN = (
    Method("presynaptic", "presynaptic consolidation", "consolidating", "published", BLUE),
    Method(
        "presynaptic_tuned", "presynaptic, tuned", "consolidating", "searched", SKY, starts_from="presynaptic"
    ),
    Method("none", "no consolidation, published", "published baseline", "published", ORANGE),
    Method("sgd_tuned", "no consolidation, SGD tuned", "sgd", "searched", VERMILION, starts_from="none"),
    Method("adam_tuned", "no consolidation, Adam tuned", "adam", "searched", PURPLE, starts_from="none"),
    Method("ewc", "elastic weights", "ewc", "searched", GREEN),
    Method("si", "synaptic intelligence", "si", "searched", YELLOW),
    Method("bgd", "Bayesian gradient descent", "bgd", "searched", BROWN),
    Method("joint", "joint training", "adam", "published", BLACK, schedule="joint"),
)
_EWC = Method("ewc", "elastic weights", "ewc", "searched", GREEN, searched_as="ewc")
_EWC_VARIANTS = tuple(
    replace(
        _EWC, name=f"ewc_{fisher}_{penalty}", label=f"{fisher}, {penalty}", fisher=fisher, penalty=penalty
    )
    for fisher, penalty in itertools.product(("expected", "sampled", "observed"), ("separate", "online"))
    if (fisher, penalty) != ("expected", "separate")
)
_EWC_IMPLICIT = Method("ewc_implicit", "elastic weights, implicit step", "ewc_implicit", "searched", GREEN)
_ARM_PROGRAMS = {
    "full": ("full", "consolidating", True),
    "no_freezing": ("no freezing", "consolidating", False),
    "no_modulation": ("no modulation of the rate", "plastic", True),
    "neither": ("neither of both", "plastic", False),
    "ghost": ("ghost p", "ghost", True),
}
_ARMS = (
    *(
        Method(
            f"{name}_{source}",
            label,
            program,
            "published" if source == "arm" else "tuned arm",
            BLUE if source == "arm" else SKY,
            freezes,
            # On Permuted MNIST the full model is searched already as a method of its own.
            searched_as="presynaptic_tuned" if (name, source) == ("full", "tuned") else "",
            starts_from=f"{name}_arm" if source == "tuned" else "",
        )
        for source in ("arm", "tuned")
        for name, (label, program, freezes) in _ARM_PROGRAMS.items()
    ),
    Method("misnormalised_ghost_arm", "ghost p, as programmed", "ghost_misnormalised", "published", BLUE),
)

SCENARIOS = {"split": "domain", "class_split": "class", "task_split": "task"}
"""What the network is asked, by kind of split benchmark."""

KINDS = (*SCENARIOS, "permuted", "continuous")
_DATA_SETS = {"mnist": "mnist", "fashion": "fashion_mnist", "digits": "digits"}

_ALL = (*_MAIN, _EWC_IMPLICIT, *_EWC_VARIANTS, *_ARMS)
METHODS: dict[str, Method] = {method.name: method for method in _ALL}
"""Every method by its name in the result."""

MAIN_METHODS = tuple(method.name for method in (*_MAIN, _EWC_IMPLICIT))
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

PUBLISHED_ACCURACY = {**TASK_SEQUENCES, "continuous_mnist": {"presynaptic": CONTINUOUS_MNIST}}
"""Mean final accuracy and standard error of three seeds, percent, by benchmark and method."""


def kind_of(benchmark: str) -> str:
    """Return the kind of a benchmark, for example ``"permuted"``."""
    kinds = (*KINDS, *OWN_SEQUENCES)
    known = [kind for kind in kinds if benchmark.startswith(f"{kind}_")]
    return max(known, key=len, default=benchmark.rpartition("_")[0])


def data_of(benchmark: str) -> str:
    """Return the data of a benchmark, for example ``"fashion"``."""
    return benchmark.removeprefix(f"{kind_of(benchmark)}_")


def data_set_of(benchmark: str) -> str:
    """Return the name of the images that a benchmark shows, for example ``"fashion_mnist"``."""
    return _DATA_SETS.get(data_of(benchmark), data_of(benchmark))


def is_split(benchmark: str) -> bool:
    """Return whether the tasks of a benchmark are pairs of classes."""
    return kind_of(benchmark) in SCENARIOS


def check_benchmark(benchmark: str) -> None:
    """Raise ValueError if there is no such benchmark, of plugins either."""
    kinds, data = [*KINDS, *OWN_SEQUENCES], [*_DATA_SETS, *data_set_names()]
    if kind_of(benchmark) not in kinds or data_of(benchmark) not in data:
        images = "_mnist, _fashion, _digits or the name of a data set of your own"
        wanted = f"{', '.join(kinds[:-1])} or {kinds[-1]}, then {images}"
        raise ValueError(f"benchmark must be {wanted}, got {benchmark!r}")


def check_method(name: str) -> None:
    """Raise ValueError if there is no such method; a program of a plugin becomes one, tuned by search."""
    check_choice(name, {**METHODS, **SEARCH_SPACES}, "methods")
    METHODS.setdefault(name, Method(name, name, name, "searched"))


def on(where: str, methods: Iterable[str]) -> tuple[str, ...]:
    """Return the names of methods as they are written to run on these benchmarks only.

    >>> on("permuted", ["none", "ewc"])
    ('none@permuted', 'ewc@permuted')
    """
    return tuple(f"{name}@{where}" for name in methods)


MAY_DIFFER = (
    *("benchmarks", "methods", "seeds", "n_seeds_permuted", "n_seeds_continuous", "searches_every_split"),
    *("n_trials_split", "n_trials_permuted", "search_seeds_split", "search_seeds_permuted"),
    *("draws_per_step", "every_test_image_split", "every_test_image_permuted"),
    *("networks_per_batch", "search_storage"),
)
"""Settings that say what is compared, on which seeds and after how long a search: results may differ in them.

Neither the trials of the search nor the draws of Bayesian gradient descent are published.
"""


@settings
class Config:
    """What is learned by which methods; the defaults are the published sizes.

    Parameters
    ----------
    benchmarks
        ``<kind>_<data>``, computed in this order: kind ``split`` (parity of the digit), ``class_split``,
        ``task_split``, ``permuted`` or ``continuous``; data ``mnist``, ``fashion`` or ``digits``.
    methods
        Names out of `lifelong_methods.METHODS`, each run on every benchmark, or as ``"ewc@permuted"`` only on
        benchmarks of a kind, or as ``"ewc@permuted_mnist"`` only on one.
    seeds : one network per seed and method on split benchmarks (program: 2019, 2020, 2021)
    n_seeds_permuted, n_seeds_continuous : how many of them on permuted, on continuous benchmarks
    hidden_units : sizes of the hidden layers (paper: 200, 200)
    n_epochs, batch_size : passes through each task and images per step (program: 10, 100)
    n_permuted_tasks : paper: 10
    learning_rate_split, learning_rate_permuted : of consolidation (paper: 0.01 or 0.001; program: 1e-3, 0.01)
    n_trials_split, n_trials_permuted : trials of the random search, for every method (not published)
    search_seeds_split, search_seeds_permuted : networks per trial; other seeds than `seeds`
    n_epochs_search_split, n_epochs_search_permuted : passes in the search; few of them prefer fast learners
    n_tasks_search_permuted
        Tasks that a trial on permuted images learns, at least two; 0 for all. With few of them little is
        forgotten, and what keeps synapses plastic costs nothing: it prefers fast learners as well.
    searches_every_split
        Whether every split benchmark is searched; otherwise all take over the settings found on the first
        one, as permuted benchmarks always do.
    held_out_share : share of the training images on which the search measures accuracy
    n_samples : draws of stochastic synapses per test image (program: 10)
    n_fisher_images : images per task for the Fisher information
    draws_per_step : networks drawn per step in Bayesian gradient descent
    g_lim, p_min : paper: 0.001, 0.25
    every_test_image_split, every_test_image_permuted : one in this many is shown between tasks, all at last
    networks_per_batch : networks that learn together at most, a few being as fast as many on a CPU; 0 for all
    search_storage : database of the trials, for example ``"sqlite:///search.db"``; needs Optuna
    """

    benchmarks: tuple[str, ...] = (
        *("permuted_mnist", "permuted_fashion", "split_mnist", "split_fashion", "continuous_mnist"),
    )
    methods: tuple[str, ...] = (
        *on("split", (*MAIN_METHODS, *EWC_VARIANTS)),
        *on("permuted", (*MAIN_METHODS, *EWC_VARIANTS)),
        *on("permuted_mnist", ABLATION_ARMS),
        *on("split_mnist", ABLATION_ARMS),
        "presynaptic@continuous",
    )
    seeds: Seeds = tuple(range(2019, 2029))
    n_seeds_permuted: Count = 3
    n_seeds_continuous: Count = 3
    hidden_units: Counts = (200, 200)
    n_epochs: Count = 10
    batch_size: Count = 100
    n_permuted_tasks: Count = 10
    learning_rate_split: Positive = 0.001
    learning_rate_permuted: Positive = 0.01
    n_trials_split: Count = 32
    n_trials_permuted: Count = 16
    search_seeds_split: Seeds = (101, 102)
    search_seeds_permuted: Seeds = (101,)
    n_epochs_search_split: Count = 10
    n_epochs_search_permuted: Count = 10
    n_tasks_search_permuted: WholeNumber = 0
    searches_every_split: bool = True
    held_out_share: Annotated[float, Field(gt=0, lt=1)] = 1 / 6
    n_samples: Count = 10
    n_fisher_images: Count = 1000
    draws_per_step: Count = 5
    g_lim: NotNegative = 0.001
    p_min: Share = 0.25
    every_test_image_split: Count = 2
    every_test_image_permuted: Count = 5
    networks_per_batch: WholeNumber = 0
    search_storage: str = ""

    def __post_init__(self) -> None:
        if not (self.benchmarks and self.methods):
            raise ValueError("benchmarks and methods must not be empty")
        load_plugins()
        for benchmark in self.benchmarks:
            check_benchmark(benchmark)
        for name in self.methods:
            check_method(name.partition("@")[0])
        if self.n_tasks_search_permuted and not 2 <= self.n_tasks_search_permuted <= self.n_permuted_tasks:
            problem = f"n_tasks_search_permuted must be 0 (all) or 2 to {self.n_permuted_tasks}"
            raise ValueError(f"{problem}, those of the result, got {self.n_tasks_search_permuted}")
        if set(self.seeds) & {*self.search_seeds_split, *self.search_seeds_permuted}:
            raise ValueError("the seeds of the search must be other seeds than those of the result")
        if idle := [member for member in self.benchmarks if not self.methods_on(member)]:
            raise ValueError(f"no method is asked for on {', '.join(idle)}: add 'presynaptic@{idle[0]}'")

    @property
    def data_sets(self) -> tuple[str, ...]:
        """Names of the sets of images that the benchmarks show."""
        return tuple(dict.fromkeys(data_set_of(benchmark) for benchmark in self.benchmarks))

    @property
    def arms_searched_on(self) -> str:
        """The benchmark on which the tuned ablations are searched: the first with permuted tasks, if any."""
        return next((member for member in self.benchmarks if kind_of(member) == "permuted"), "")

    def methods_on(self, benchmark: str) -> list[Method]:
        """Return what is run on a benchmark."""
        named = (name.partition("@") for name in self.methods)
        kind = kind_of(benchmark)
        places = ("", benchmark, kind, "split" if is_split(benchmark) else kind)
        return [METHODS[name] for name in dict.fromkeys(name for name, _, at in named if at in places)]

    def n_tasks(self, benchmark: str, *, in_search: bool = False) -> int:
        """Return the number of tasks of a benchmark, or of a trial of the search on it."""
        if is_split(benchmark):
            return 5
        return (in_search and self.n_tasks_search_permuted) or self.n_permuted_tasks

    def on_family(self, setting: str, benchmark: str) -> Any:
        """Return a setting that split and other benchmarks have one of each, such as ``"n_trials"``."""
        return getattr(self, f"{setting}_{'split' if is_split(benchmark) else 'permuted'}")

    def seeds_on(self, benchmark: str) -> tuple[int, ...]:
        """Return the seeds that are run on a benchmark."""
        if is_split(benchmark):
            return self.seeds
        is_continuous = kind_of(benchmark) == "continuous"
        return self.seeds[: self.n_seeds_continuous if is_continuous else self.n_seeds_permuted]

    def searched_on(self, benchmark: str) -> str:
        """Return the benchmark whose search a benchmark takes its settings from."""
        if is_split(benchmark) and self.searches_every_split:
            return benchmark
        kind = "permuted" if kind_of(benchmark) == "continuous" else kind_of(benchmark)
        return next((member for member in self.benchmarks if kind_of(member) == kind), benchmark)

    def training(self, benchmark: str, *, in_search: bool = False) -> Training:
        """Return what is the same for all methods on a benchmark."""
        shared = {
            each.name: getattr(self, each.name) for each in fields(Training) if hasattr(self, each.name)
        }
        if in_search:
            shared["n_epochs"] = self.on_family("n_epochs_search", benchmark)
        return Training(**shared, every_test_image=self.on_family("every_test_image", benchmark))


QUICK = Config(
    benchmarks=("permuted_digits", "continuous_digits", "split_digits"),
    methods=(
        "presynaptic@permuted",
        "presynaptic@continuous",
        *on("split", ("presynaptic_tuned", "sgd_tuned", "adam_tuned", "ewc", "si", "bgd", "joint")),
        *on("split", ("full_arm", "neither_arm", "ghost_arm")),
    ),
    seeds=(1, 2, 3, 4, 5),
    n_seeds_permuted=4,
    n_seeds_continuous=4,
    hidden_units=(100, 100),
    n_epochs=15,
    n_epochs_search_split=15,
    batch_size=50,
    n_permuted_tasks=3,
    learning_rate_split=0.05,
    learning_rate_permuted=0.1,
    n_trials_split=6,
    search_seeds_split=(101,),
    n_fisher_images=200,
    draws_per_step=2,
    every_test_image_split=5,
)
