"""Bayesian continual learning in its authors' own settings: a line of their programs, every column of it.

What a line says of the network, the pixels, the start, the order of the images, the steps and the test is one
`PublishedRun`; `learned_as_published` follows all of it. Three things differ from the programs: the random
numbers; test images that fill no batch of 128 are not left out; answers are averaged as probabilities, where
MESU averages log-probabilities.

FOO-VB diagonal is Bayesian gradient descent: its authors' program of 2021 (github.com/chenzeno/FOO-VB at
5aa9aaa) has the full covariance and refers to that of 2018 for the diagonal. MESU's program has it as a
baseline, with two differences. Gradients are cut, a column of the line; and the root in the step of sigma
has the other sign (optimizers/foovbdiagonal.py, lines 62-63: sigma (2 - sqrt(1 + x^2) - x) with
x = sigma E[g xi] / 2, where Zeno et al. derive sigma (sqrt(1 + x^2) - x)): alike to first order, and negative
from x = 3/4 on, which only the clamp prevents. Here the root is as derived.

References
----------
Bonnet D, Cottart K, Hirtzlin T et al. (2025). Nat Commun 16. doi:10.1038/s41467-025-64601-w;
github.com/kellian-cottart/mesu-pmnist at cb38851
Zeno C, Golan I, Hoffer E, Soudry D (2021). Task-agnostic continual learning using online variational Bayes
with fixed-point updates. Neural Comput 33:3139-3177. doi:10.1162/neco_a_01430; github.com/igolan/bgd at
275cab5
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch.nn.functional as F
import xarray as xr

from biophys.argument_types import check_choice, checked_types
from rate_models.continual_learning import permuted_tasks, split_tasks
from rate_models.continual_methods import Replica, Training, learned
from rate_models.datasets import ImageData
from rate_models.devices import Execution, execution_or_default
from rate_models.random_search import Setting


@dataclass(frozen=True)
class PublishedRun:
    """One line of the settings of a program.

    Parameters
    ----------
    line, program : where it stands; program of `rate_models.continual_methods`
    settings, training : of the method, and what is the same for all methods
    pixels : mean and standard deviation that pixels on 0..1 are normalised by
    side : images are padded with black pixels to this many a side
    normalises_test_alone : whether test images are normalised by their own mean and standard deviation
    n_tasks : permuted tasks; 0 for five split ones
    starts_unpermuted, shuffles : as for `TaskSequence`
    seeds : of the program's runs
    published
        Mean final accuracy over all tasks and its standard deviation over seeds (divisor n), percent; None
        where no number is published for this line.
    """

    line: str
    program: str
    settings: Setting
    training: Training
    pixels: tuple[float, float] = (0.0, 1.0)
    side: int = 28
    normalises_test_alone: bool = False
    n_tasks: int = 10
    starts_unpermuted: bool = False
    shuffles: bool = True
    seeds: tuple[int, ...] = (2019,)
    published: tuple[float, float] | None = None


_MESU, _RATES = {"sigma": 2.0, "mean_range": 4.0}, ("learning_rate", "sigma_rate", "prior_sigma")
_MESU_TEN = PublishedRun(
    "mesu-pmnist, configurations/supp-presynaptic (Supplementary Note 9)",
    "mesu",
    {**_MESU, "learning_rate": 0.46, "sigma_rate": 1.58, "prior_sigma": 0.02, "memory": 5.8e6, "clamp": 1.0},
    Training(hidden_units=(200, 200), n_epochs=10, batch_size=100, draws_per_step=10),
    (0.1307, 0.3081),
    normalises_test_alone=True,
    shuffles=False,
    seeds=(1000, 1001, 1002),
    published=(92.457, 0.577),
)
_MESU_200 = replace(
    _MESU_TEN,
    line="mesu-pmnist, configurations/pmnist (figure 3)",
    settings={**_MESU, **dict.fromkeys(_RATES, 1.0), "memory": 3e5, "clamp": math.inf},
    training=Training(hidden_units=(50,), n_epochs=1, batch_size=1, draws_per_step=10),
    n_tasks=200,
    seeds=(1000, 1001, 1002, 1003, 1004),
    published=None,
)
_PADDED = (0.1, 0.2752)
_BGD = Training(hidden_units=(1000, 1000), n_epochs=10, batch_size=128, draws_per_step=10)


def _bgd(
    line: str,
    sigma: float,
    hidden_units: tuple[int, ...],
    n_epochs: int,
    *,
    batch_size: int = 128,
    is_padded: bool = False,
    seeds: tuple[int, ...] = (2019,),
    n_tasks: int = 10,
    published: tuple[float, float] | None = None,
) -> PublishedRun:
    """Return a line of Bayesian gradient descent: ten draws a step, eta 1, the first task unpermuted."""
    return PublishedRun(
        line,
        "bgd_xavier",
        {"learning_rate": 1.0, "sigma": sigma},
        replace(_BGD, hidden_units=hidden_units, n_epochs=n_epochs, batch_size=batch_size),
        _PADDED if is_padded else (0.0, 1.0),
        32 if is_padded else 28,
        starts_unpermuted=n_tasks > 0,
        seeds=seeds,
        n_tasks=n_tasks,
        published=published,
    )


PUBLISHED_RUNS: dict[str, PublishedRun] = {
    "mesu 10 tasks": _MESU_TEN,
    "mesu 200 tasks": _MESU_200,
    "foo-vb 10 tasks": replace(
        _MESU_TEN,
        line="mesu-pmnist, configurations/supp-presynaptic, mlp-bayesian-foovbdiagonal",
        program="foo_vb",
        settings={**_MESU, "learning_rate": 1.0, "clamp": 1.0},
        published=None,
    ),
    "foo-vb 200 tasks": replace(
        _MESU_200,
        line="mesu-pmnist, configurations/pmnist, mlp-bayesian-foovbdiagonal (figure 3)",
        program="foo_vb",
        settings={**_MESU, "learning_rate": 1.0, "clamp": math.inf},
    ),
    "bgd 1000 units": _bgd(
        "bgd, run_exps.sh, discrete permuted, 1024-1000-1000-10; that it gave the number of table 6 is "
        "likely, not confirmed",
        0.045,
        (1000, 1000),
        10,
        is_padded=True,
        seeds=tuple(range(2019, 2029)),
        published=(84.40, 1.51),
    ),
    "bgd 200 units padded": _bgd(
        "bgd, run_exps.sh, discrete permuted, 1024-200-200-10", 0.02, (200, 200), 10, is_padded=True
    ),
    "bgd 200 units": _bgd(
        "bgd, run_exps.sh, discrete permuted, 784-200-200-10, 300 epochs", 0.06, (200, 200), 300
    ),
    "bgd 2000 units": _bgd(
        "bgd, README and issue 2 (figure 10), 784-2000-2000-10", 0.015, (2000, 2000), 20, batch_size=256
    ),
    "bgd split": _bgd(
        "bgd, run_exps.sh, split, 1024-400-400-2", 0.02, (400, 400), 4, is_padded=True, n_tasks=0
    ),
}
"""Lines of the programs of MESU and of Bayesian gradient descent, by name."""


@checked_types
def images_as_published(run: PublishedRun, data: ImageData) -> ImageData:
    """Return square images padded and normalised as a line says.

    Black is taken to be their least pixel and white the largest, however they are normalised.
    """
    n_before = math.isqrt(data.n_pixels)
    if n_before**2 != data.n_pixels or n_before > run.side:
        raise ValueError(f"images must be squares of at most {run.side} pixels a side, got {data.n_pixels}")
    low, high = data.train_images.min(), data.train_images.max()
    before = (run.side - n_before) // 2
    after = run.side - n_before - before
    train, test = (
        F.pad(((images - low) / (high - low)).unflatten(1, (n_before, n_before)), (before, after) * 2)
        for images in (data.train_images, data.test_images)
    )
    train, test, (mean, sd) = train.flatten(1), test.flatten(1), run.pixels
    of_test = (test.mean(), test.std()) if run.normalises_test_alone else (mean, sd)
    return replace(data, train_images=(train - mean) / sd, test_images=(test - of_test[0]) / of_test[1])


@checked_types
def learned_as_published(
    name: str,
    data: ImageData,
    *,
    seeds: Sequence[int] | None = None,
    n_epochs: int | None = None,
    draws_per_step: int | None = None,
    execution: Execution | None = None,
) -> xr.Dataset:
    """Train networks as a line of its authors' program says, and measure them.

    Parameters
    ----------
    name : of the line, in `PUBLISHED_RUNS`
    data : MNIST, or other square images to try it on
    seeds : one network each; by default those of the program, whose generators are other ones
    n_epochs, draws_per_step : to shorten it; by default as published
    execution : where and how to compute

    Returns
    -------
    result : as of `rate_models.continual_methods.learned`

    Examples
    --------
    >>> from brianpresyn.rate_models.datasets import load_images
    >>> short = {"seeds": [1], "n_epochs": 1, "draws_per_step": 1}
    >>> learned_as_published("mesu 10 tasks", load_images("digits"), **short).accuracy.shape
    (1, 11, 10)
    """
    check_choice(name, PUBLISHED_RUNS, "name")
    run = PUBLISHED_RUNS[name]
    changes = {"n_epochs": n_epochs, "draws_per_step": draws_per_step}
    given: dict[str, Any] = {key: value for key, value in changes.items() if value is not None}
    images = images_as_published(run, data)
    sequence = permuted_tasks(images, run.n_tasks) if run.n_tasks else split_tasks(images)
    sequence = replace(sequence, starts_unpermuted=run.starts_unpermuted, shuffles=run.shuffles)
    return learned(
        run.program,
        [Replica(seed, run.settings) for seed in seeds or run.seeds],
        sequence,
        replace(run.training, **given),
        execution=execution_or_default(execution),
    )
