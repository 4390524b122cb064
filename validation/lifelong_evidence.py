"""Measure what presynaptic consolidation keeps of earlier tasks, in networks and in the perceptron.

Published numbers enter a verdict only where data, tasks and settings are the published ones. Settings of
elastic weight consolidation and Bayesian gradient descent were not published, so their cells are shown beside
ours without counting.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import t as student_t

from rate_models.experiments import lifelong, perceptron
from rate_models.experiments.lifelong_methods import METHODS, PUBLISHED_ACCURACY, kind_of
from rate_models.experiments.lifelong_tables import accuracy_table, summary, tasks_learned
from validation.claims.claim import ClaimFigure, Evidence, Measurement, Rendering, Verdict
from validation.claims.over_seeds import SeedEstimate, seed_estimate

# Seeds of the published means.
_N_PUBLISHED = 3
# Largest difference, in points, that counts as "as good as".
_MARGIN = 2.0


@dataclass(frozen=True)
class Difference:
    """Mean of one group of networks minus that of another, by Welch's unequal variances.

    Parameters
    ----------
    mean
        The difference.
    standard_error, df
        Its standard error and degrees of freedom.
    n
        Networks in both groups together.
    """

    mean: float
    standard_error: float
    df: float
    n: int

    @property
    def t(self) -> float:
        """Student's statistic of no difference."""
        return self.mean / self.standard_error if self.standard_error > 0 else float("nan")

    @property
    def p_value(self) -> float:
        """Two-sided probability of a statistic as large without a difference."""
        return float(2 * student_t.sf(abs(self.t), self.df))

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval."""
        half = float(student_t.ppf(0.975, self.df) * self.standard_error)
        return self.mean - half, self.mean + half

    @property
    def is_larger(self) -> Verdict:
        """Whether the first group has the larger mean, judged by the interval."""
        low, high = self.interval
        if low > 0:
            return Verdict.REPRODUCED
        return Verdict.NOT_REPRODUCED if high < 0 else Verdict.INCONCLUSIVE

    def __str__(self) -> str:
        return f"Welch's t = {self.t:.2f}, {self.df:.1f} df, p = {self.p_value:.2g}"


def difference(first: NDArray[np.float64], second: NDArray[np.float64]) -> Difference:
    """Return how much larger the first group is than the second.

    Examples
    --------
    >>> found = difference(np.array([2.0, 3.0, 4.0]), np.array([1.0, 2.0, 3.0]))
    >>> round(found.mean, 3), round(found.t, 3), round(found.df, 1)
    (1.0, 1.225, 4.0)
    """
    own, other = seed_estimate(first), seed_estimate(second)
    return _welch(
        own.mean - other.mean, own.sd**2 / max(own.n, 1), other.sd**2 / max(other.n, 1), own.n, other.n
    )


def from_published(measured: SeedEstimate, mean: float, standard_error: float) -> Difference:
    """Return how much larger a measured mean is than a published one of three seeds."""
    squared = measured.sd**2 / max(measured.n, 1)
    return _welch(measured.mean - mean, squared, standard_error**2, measured.n, _N_PUBLISHED)


def _welch(mean: float, first: float, second: float, n_first: int, n_second: int) -> Difference:
    """Return the difference from squared standard errors and sizes of both groups."""
    total = first + second
    spread = first**2 / max(n_first - 1, 1) + second**2 / max(n_second - 1, 1)
    df = total**2 / spread if spread > 0 else float(max(n_first + n_second - 2, 1))
    return Difference(float(mean), float(np.sqrt(total)), float(df), n_first + n_second)


def evidence_of(result: xr.Dataset) -> Evidence:
    """Return what a result of the lifelong experiment says of S09-S11, S14 and S17."""
    measurements = [
        *_first_task(result),
        *_final_accuracies(result),
        *_ablation(result),
        *_continuous(result),
        *_by_task(result),
        *_frozen(result),
    ]
    return Evidence(tuple(measurements), _figures(result), tuple(_remarks(result)))


def _benchmarks(result: xr.Dataset, *kinds: str) -> list[str]:
    return [str(name) for name in result.benchmark.to_numpy() if kind_of(str(name)) in kinds]


def _has(result: xr.Dataset, benchmark: str, *methods: str) -> bool:
    there = {str(name) for name in result["method"].to_numpy()}
    return all(name in there and len(accuracy_table(result, benchmark, name)) > 1 for name in methods)


def _presynaptic(result: xr.Dataset, benchmark: str) -> str:
    """Return the method that stands for presynaptic consolidation.

    On the digits, for which nothing was published, its settings are searched as those of all others are.
    """
    is_searched = benchmark not in PUBLISHED_ACCURACY and _has(result, benchmark, "presynaptic_tuned")
    return "presynaptic_tuned" if is_searched else "presynaptic"


def _final(result: xr.Dataset, benchmark: str, method: str) -> NDArray[np.float64]:
    """Return the mean final accuracy of every seed, percent."""
    return 100 * summary(result, benchmark, method)["final accuracy"]


# ---- S09: the first task ----


def _first_task(result: xr.Dataset) -> list[Measurement]:
    """Return how much further the accuracy on task 1 falls without consolidation."""
    found = []
    for benchmark in _benchmarks(result, "split"):
        own = _presynaptic(result, benchmark)
        for baseline in ("none", "sgd_tuned", "adam_tuned"):
            if not _has(result, benchmark, own, baseline):
                continue
            gap = difference(_fall(result, benchmark, baseline), _fall(result, benchmark, own))
            kept = difference(_kept(result, benchmark, own), _kept(result, benchmark, baseline))
            condition = {"tasks": benchmark, "without": METHODS[baseline].label, "with": METHODS[own].label}
            found.append(
                Measurement(
                    "S09",
                    Rendering.RATE,
                    "mean later fall of task 1 accuracy, without minus with consolidation (points)",
                    gap.mean,
                    gap.is_larger,
                    condition=condition,
                    published="> 0",
                    interval=gap.interval,
                    n=gap.n,
                    reason=f"{gap}; task 1 accuracy itself, mean over the later tasks, with minus without: "
                    f"{kept.mean:.1f} points ({kept})",
                    is_supporting=baseline == "adam_tuned"
                    or benchmark not in ("split_mnist", "split_digits"),
                )
            )
    return found or [_not_run("S09", "Split MNIST")]


def _fall(result: xr.Dataset, benchmark: str, method: str) -> NDArray[np.float64]:
    """Return accuracy on task 1 after learning it minus its mean after the later tasks, points by seed."""
    first = 100 * accuracy_table(result, benchmark, method)[:, :, 0]
    return first[:, 1] - first[:, 2:].mean(axis=1)


def _kept(result: xr.Dataset, benchmark: str, method: str) -> NDArray[np.float64]:
    """Return the mean accuracy on task 1 after the later tasks, percent by seed."""
    return 100 * accuracy_table(result, benchmark, method)[:, 2:, 0].mean(axis=1)


def _not_run(claim: str, what: str) -> Measurement:
    return Measurement(
        claim, Rendering.RATE, "none", None, Verdict.SKIPPED, reason=f"this result holds no runs on {what}"
    )


# ---- S10: final accuracies ----


def _final_accuracies(result: xr.Dataset) -> list[Measurement]:
    """Return every cell of the table, and the advantage of consolidation over each baseline."""
    found = []
    for benchmark in _benchmarks(result, "split", "permuted"):
        for name in (str(method) for method in result["method"].to_numpy()):
            if name in lifelong.ABLATION_ARMS or not _has(result, benchmark, name):
                continue
            found.append(_cell(result, benchmark, name))
        found += _advantages(result, benchmark)
    return found


def _cell(result: xr.Dataset, benchmark: str, name: str) -> Measurement:
    """Return one cell: measured mean, and how it differs from the published one if there is one."""
    measured = seed_estimate(_final(result, benchmark, name))
    published = PUBLISHED_ACCURACY.get(benchmark, {}).get(name)
    knows_settings = METHODS[name].source == "published"
    verdict, reason = Verdict.INCONCLUSIVE, "no published value"
    if published:
        gap = from_published(measured, *published)
        verdict = Verdict.REPRODUCED if gap.p_value > 0.05 else Verdict.NOT_REPRODUCED
        reason = f"measured minus published {gap.mean:+.2f} points, {gap}"
        if not knows_settings:
            reason += "; the published settings are unknown, these are from our search"
    return Measurement(
        "S10",
        Rendering.RATE,
        "mean accuracy over all tasks after the last (%)",
        measured.mean,
        verdict,
        condition={"tasks": benchmark, "method": METHODS[name].label} | _variant(name),
        published=f"{published[0]:.2f} ± {published[1]:.2f}" if published else None,
        interval=measured.interval,
        n=measured.n,
        reason=reason,
        is_supporting=not (published and knows_settings),
    )


def _variant(name: str) -> dict[str, str]:
    method = METHODS[name]
    return {"fisher": method.fisher, "penalty": method.penalty} if method.program == "ewc" else {}


def _advantages(result: xr.Dataset, benchmark: str) -> list[Measurement]:
    """Return how much better consolidation is than each baseline and each other method."""
    is_digits = benchmark not in PUBLISHED_ACCURACY
    found = []
    for own in dict.fromkeys((_presynaptic(result, benchmark), "presynaptic_tuned")):
        for other in ("none", "sgd_tuned", "adam_tuned", "ewc", "si", "bgd"):
            if not _has(result, benchmark, own, other):
                continue
            gap = difference(_final(result, benchmark, own), _final(result, benchmark, other))
            is_baseline = other in ("none", "sgd_tuned", "adam_tuned")
            found.append(
                Measurement(
                    "S10",
                    Rendering.RATE,
                    "advantage of presynaptic consolidation in mean final accuracy (points)",
                    gap.mean,
                    gap.is_larger,
                    condition={
                        "tasks": benchmark,
                        "method": METHODS[own].label,
                        "over": METHODS[other].label,
                    },
                    published="> 0" if is_baseline else _published_advantage(benchmark, other),
                    interval=gap.interval,
                    n=gap.n,
                    reason=str(gap),
                    is_supporting=not (is_digits and other == "sgd_tuned"),
                )
            )
    return found


def _published_advantage(benchmark: str, other: str) -> str | None:
    """Return by how much the published mean of consolidation exceeds that of another method."""
    published = PUBLISHED_ACCURACY.get(benchmark, {})
    if other not in published:
        return None
    return f"{published['presynaptic'][0] - published[other][0]:+.2f}"


# ---- S11: ablation ----

_LOSSES = {
    "ghost": ("fixed release probability (ghost p)", {"split_mnist": 1.4, "permuted_mnist": 5.6}),
    "neither": ("neither freezing nor modulation of the rate", {}),
    "no_freezing": ("no freezing", {}),
    "no_modulation": ("no modulation of the rate", {}),
}


def _ablation(result: xr.Dataset) -> list[Measurement]:
    """Return what each ablation loses, with the published settings of every arm and with those found here."""
    found = []
    for benchmark in _benchmarks(result, "split", "permuted"):
        for source in ("arm", "tuned"):
            for arm in _LOSSES:
                if _has(result, benchmark, f"full_{source}", f"{arm}_{source}"):
                    found.append(_loss(result, benchmark, source, arm, f"{arm}_{source}"))
        if _has(result, benchmark, "full_arm", "misnormalised_ghost_arm"):
            found.append(_loss(result, benchmark, "arm", "ghost", "misnormalised_ghost_arm"))
    return found or [_not_run("S11", "ablations")]


def _loss(result: xr.Dataset, benchmark: str, source: str, arm: str, name: str) -> Measurement:
    """Return full model minus ablation, points."""
    gap = difference(_final(result, benchmark, f"full_{source}"), _final(result, benchmark, name))
    label, published = _LOSSES[arm]
    is_misnormalised = name.startswith("misnormalised")
    condition = {
        "tasks": benchmark,
        "without": label,
        "settings": "published for each arm" if source == "arm" else "searched for each arm",
    }
    if arm == "ghost":
        condition["divided by"] = "ghost p (as programmed)" if is_misnormalised else "release probability"
    return Measurement(
        "S11",
        Rendering.RATE,
        "loss of mean final accuracy by the ablation (points)",
        gap.mean,
        gap.is_larger,
        condition=condition,
        published=published.get(benchmark, "> 0"),
        interval=gap.interval,
        n=gap.n,
        reason=str(gap),
        is_supporting=arm in ("no_freezing", "no_modulation") or is_misnormalised or source == "tuned",
    )


# ---- S14: continuous tasks ----


def _continuous(result: xr.Dataset) -> list[Measurement]:
    """Return the accuracy without abrupt changes of task, and its difference from that with them."""
    found = []
    for benchmark in _benchmarks(result, "continuous"):
        name = _presynaptic(result, benchmark)
        if not _has(result, benchmark, name):
            continue
        if name in PUBLISHED_ACCURACY.get(benchmark, {}):
            found.append(replace(_cell(result, benchmark, name), claim="S14"))
        abrupt = benchmark.replace("continuous", "permuted")
        if abrupt in result.benchmark.to_numpy() and _has(result, abrupt, name):
            found.append(_as_good(result, benchmark, abrupt, name))
    return found or [_not_run("S14", "continuous permuted tasks")]


def _as_good(result: xr.Dataset, benchmark: str, abrupt: str, name: str) -> Measurement:
    gap = difference(_final(result, benchmark, name), _final(result, abrupt, name))
    low, high = gap.interval
    verdict = Verdict.INCONCLUSIVE
    if low > -_MARGIN:
        verdict = Verdict.REPRODUCED
    elif high < -_MARGIN:
        verdict = Verdict.NOT_REPRODUCED
    return Measurement(
        "S14",
        Rendering.RATE,
        "mean final accuracy with gradual minus with abrupt changes of task (points)",
        gap.mean,
        verdict,
        condition={"tasks": benchmark, "method": METHODS[name].label},
        published="about 0",
        interval=gap.interval,
        n=gap.n,
        reason=f"as good if the interval lies above -{_MARGIN:g} points; {gap}",
    )


# ---- S17: by task, and frozen synapses ----


def _by_task(result: xr.Dataset) -> list[Measurement]:
    """Return the final accuracy on every task of Split MNIST; the paper shows but does not number them."""
    found = []
    for benchmark in _benchmarks(result, "split"):
        for name in dict.fromkeys((_presynaptic(result, benchmark), "sgd_tuned")):
            if not _has(result, benchmark, name):
                continue
            for task, values in enumerate(accuracy_table(result, benchmark, name)[:, -1].T, 1):
                estimate = seed_estimate(100 * values)
                found.append(
                    Measurement(
                        "S17",
                        Rendering.RATE,
                        "accuracy on a task after all tasks (%)",
                        estimate.mean,
                        Verdict.INCONCLUSIVE,
                        condition={"tasks": benchmark, "method": METHODS[name].label, "task": task},
                        interval=estimate.interval,
                        n=estimate.n,
                        reason="shown in the paper without numbers",
                        is_supporting=True,
                    )
                )
    return found


def _frozen(result: xr.Dataset) -> list[Measurement]:
    """Return how mean release probability and the share of frozen synapses grow from task to task."""
    found = []
    for benchmark in _benchmarks(result, "permuted") or _benchmarks(result, "split"):
        name = _presynaptic(result, benchmark)
        if not _has(result, benchmark, name):
            continue
        for variable, scale, label in (
            ("mean_p", 1.0, "mean p"),
            ("frozen", 100.0, "share of frozen synapses (%)"),
        ):
            values = scale * tasks_learned(result, variable, benchmark, name)
            smallest = seed_estimate(np.diff(values, axis=1).min(axis=1))
            first, last = values[:, 1].mean(), values[:, -1].mean()
            found.append(
                Measurement(
                    "S17",
                    Rendering.RATE,
                    f"smallest growth of {label} from one task to the next",
                    smallest.mean,
                    smallest.verdict_above(0.0),
                    condition={"tasks": benchmark, "method": METHODS[name].label},
                    published="> 0",
                    interval=smallest.interval,
                    n=smallest.n,
                    reason=f"{label} {first:.3g} after the first task, {last:.3g} after the last",
                    is_supporting=kind_of(benchmark) != "permuted",
                )
            )
    return found or [_not_run("S17", "permuted tasks")]


def _figures(result: xr.Dataset) -> tuple[ClaimFigure, ...]:
    """Return the panels, each with the claim that it belongs to."""
    n_seeds = result.sizes["seed"]
    captions = {
        "first_task": (
            "S09",
            "Accuracy on the first task after each task; mean and 95 % interval over seeds.",
        ),
        "final_accuracy": (
            "S10",
            f"Mean final accuracy, up to {n_seeds} seeds a method; diamonds: published.",
        ),
        "search": (
            "S10",
            "Every trial of the search against its learning rate, on held-out training images.",
        ),
        "transfer": ("S10", "Forgetting, backward and forward transfer; one mark per seed."),
        "ablation": (
            "S11",
            "The model without one or both of its mechanisms; mean and 95 % interval over seeds.",
        ),
        "by_task": ("S17", "Final accuracy on every task; mean and 95 % interval over seeds."),
        "release_probability": (
            "S17",
            "Mean release probability and share of frozen synapses after each task.",
        ),
    }
    drawn = []
    for name, (claim, caption) in captions.items():
        figure = Figure(figsize=(9, 4), layout="constrained")
        lifelong.FIGURES[name](result, figure)
        drawn.append(ClaimFigure(figure, caption, claim))
    return tuple(drawn)


def _remarks(result: xr.Dataset) -> Iterable[str]:
    """Return what the numbers need to be read rightly."""
    yield (
        "Elastic weights, synaptic intelligence, Bayesian gradient descent and the tuned baselines take "
        "their settings from a random search on held-out training images, with as many trials as "
        f"presynaptic consolidation has ({_n_trials(result)})."
    )
    for benchmark in _benchmarks(result, "split", "permuted"):
        rows = []
        for name in (
            "presynaptic",
            "presynaptic_tuned",
            "none",
            "sgd_tuned",
            "adam_tuned",
            "ewc",
            "si",
            "bgd",
        ):
            if _has(result, benchmark, name):
                found = summary(result, benchmark, name)
                values = [
                    100 * found[key].mean() for key in ("forgetting", "backward transfer", "forward transfer")
                ]
                rows.append(f"{METHODS[name].label} {values[0]:.1f} / {values[1]:.1f} / {values[2]:.1f}")
        if rows:
            yield f"{benchmark}, forgetting / backward / forward transfer in points: {'; '.join(rows)}."


def _n_trials(result: xr.Dataset) -> str:
    """Return the numbers of trials of the searches, as text."""
    counts = np.isfinite(result.trial_score).sum("trial").to_numpy().ravel()
    counts = sorted({int(count) for count in counts if count})
    return " or ".join(map(str, counts)) + " finished trials" if counts else "none here"


# ---- S12, S13: perceptron ----


def perceptron_evidence(result: xr.Dataset) -> Evidence:
    """Return what a result of the perceptron experiment says of S12 and S13."""
    load = result.n_patterns.to_numpy() * result.sizes["task"] / (2 * int(result.attrs["n_inputs"]))
    at_paper = int(result.n_patterns.to_numpy()[np.abs(load - 0.25).argmin()])
    variants = [str(model) for model in result.model.to_numpy() if str(model) != "standard"]
    measurements = [m for model in variants for m in _recall(result, model, at_paper)]
    measurements += [m for model in variants for m in _shrinking(result, model, at_paper, load)]
    captions = {
        "recall": ("S12", f"Recall with {at_paper} patterns per task; mean and 95 % interval over seeds."),
        "load": ("S13", "Recall and advantage against the load; mean and 95 % interval over seeds."),
    }
    figures = []
    for name, (claim, caption) in captions.items():
        figure = Figure(figsize=(9, 4), layout="constrained")
        perceptron.FIGURES[name](result, figure)
        figures.append(ClaimFigure(figure, caption, claim))
    return Evidence(tuple(measurements), tuple(figures))


def _recall(result: xr.Dataset, model: str, n_patterns: int) -> list[Measurement]:
    """Return by how much more is recalled with consolidation."""
    at = 100 * result.accuracy.sel(n_patterns=n_patterns).isel(n_learned=-1)
    quantities = {
        "task 1 patterns recalled after all tasks, with minus without consolidation (points)": at.sel(task=1),
        "patterns of all tasks recalled, with minus without consolidation (points)": at.mean("task"),
    }
    found = []
    for quantity, values in quantities.items():
        own, other = (values.sel(model=name).to_numpy() for name in (model, "standard"))
        gap = difference(own, other)
        verdict = gap.is_larger
        if verdict is Verdict.REPRODUCED and gap.p_value >= 0.01:
            verdict = Verdict.INCONCLUSIVE
        found.append(
            Measurement(
                "S12",
                Rendering.RATE,
                quantity,
                gap.mean,
                verdict,
                condition=_perceptron_condition(result, model, n_patterns),
                published="> 0, p < 0.01",
                interval=gap.interval,
                n=gap.n,
                reason=f"{own.mean():.1f} % against {other.mean():.1f} %, {gap}",
                is_supporting=model != "presynaptic",
            )
        )
    return found


def _shrinking(result: xr.Dataset, model: str, n_paper: int, load: NDArray[np.float64]) -> list[Measurement]:
    """Return how the advantage at the paper's load compares with that at capacity, and the latter itself."""
    n_full = int(result.n_patterns.to_numpy()[np.abs(load - 1).argmin()])
    final = 100 * result.accuracy.isel(n_learned=-1).mean("task")
    gain = final.sel(model=model) - final.sel(model="standard")
    shrinks = seed_estimate(gain.sel(n_patterns=n_paper) - gain.sel(n_patterns=n_full))
    at_capacity = seed_estimate(gain.sel(n_patterns=n_full))
    gains = gain.transpose("n_patterns", "seed").to_numpy()
    by_load = ", ".join(f"{x:.2g}: {own.mean():+.1f}" for x, own in zip(load, gains, strict=True))
    common: dict[str, Any] = {"n": shrinks.n, "condition": _perceptron_condition(result, model, n_full)}
    low, high = at_capacity.interval
    return [
        Measurement(
            "S13",
            Rendering.RATE,
            f"advantage with {n_paper} patterns per task minus that at capacity (points)",
            shrinks.mean,
            shrinks.verdict_above(0.0),
            published="> 0",
            interval=shrinks.interval,
            reason=f"paired by seed, t interval; advantage by patterns of all tasks / 2N: {by_load}",
            is_supporting=model != "presynaptic",
            **common,
        ),
        Measurement(
            "S13",
            Rendering.RATE,
            "advantage at capacity (points)",
            at_capacity.mean,
            Verdict.REPRODUCED if low <= 0 <= high else Verdict.NOT_REPRODUCED,
            published="more similar: about 0",
            interval=at_capacity.interval,
            reason="paired by seed; alike if the interval holds 0, otherwise the sign says who is better",
            is_supporting=True,
            **common,
        ),
    ]


def _perceptron_condition(result: xr.Dataset, model: str, n_patterns: int) -> dict[str, str | int]:
    return {
        "N": int(result.attrs["n_inputs"]),
        "patterns per task": n_patterns,
        "p rule": "additive" if model == "additive" else "soft bound",
    }
