"""What a result of the lifelong learning experiment says of S09-S11, S14 and S17.

Published numbers enter a verdict only where data, tasks and settings are the published ones. Settings of
elastic weight consolidation and Bayesian gradient descent were not published, so their cells are shown beside
ours without counting.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from rate_models.experiments import lifelong
from rate_models.experiments.lifelong_figures import accuracy_table, summary, tasks_learned
from rate_models.experiments.lifelong_methods import ABLATION_ARMS, METHODS, PUBLISHED_ACCURACY, kind_of
from validation.claims.claim import ClaimFigure, Evidence, Measurement, Rendering, Verdict
from validation.claims.over_seeds import seed_estimate
from validation.claims.panels import drawn_panels
from validation.mean_difference import difference, from_published

# Seeds of the published means.
_N_PUBLISHED = 3
# Largest difference, in points, that counts as "as good as".
_MARGIN = 2.0
# An interval that reaches further to either side, in points, cannot tell the published methods apart.
_WIDEST = 5.0
_WITHOUT_CONSOLIDATION = ("none", "sgd_tuned", "adam_tuned")
_COMPARED = ("presynaptic", "presynaptic_tuned", *_WITHOUT_CONSOLIDATION, "ewc", "si", "bgd")


def evidence_of(result: xr.Dataset) -> Evidence:
    """Return measurements, figures and remarks of a result."""
    measurements = [
        *_first_task(result),
        *_final_accuracies(result),
        *_ablation(result),
        *_continuous(result),
        *_frozen(result),
    ]
    return Evidence(tuple(measurements), _figures(result), tuple(_remarks(result)))


def _benchmarks(result: xr.Dataset, *kinds: str) -> list[str]:
    return [str(name) for name in result.benchmark.to_numpy() if kind_of(str(name)) in kinds]


def _has(result: xr.Dataset, benchmark: str, *methods: str) -> bool:
    there = {str(name) for name in result["algorithm"].to_numpy()}
    return all(name in there and len(accuracy_table(result, benchmark, name)) for name in methods)


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
        for baseline in _WITHOUT_CONSOLIDATION:
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
                    gap.verdict_above(),
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
        for name in (str(method) for method in result["algorithm"].to_numpy()):
            if name in ABLATION_ARMS or not _has(result, benchmark, name):
                continue
            found.append(_cell(result, benchmark, name))
        found += _advantages(result, benchmark)
    return found


def _cell(result: xr.Dataset, benchmark: str, name: str, claim: str = "S10") -> Measurement:
    """Return one cell: measured mean, and how it differs from the published one if there is one."""
    measured = seed_estimate(_final(result, benchmark, name))
    published = PUBLISHED_ACCURACY.get(benchmark, {}).get(name)
    knows_settings = METHODS[name].source == "published"
    verdict, reason = Verdict.INCONCLUSIVE, "no published value"
    if published:
        gap = from_published(measured, *published, _N_PUBLISHED)
        reason = f"measured minus published {gap.mean:+.2f} points, Welch's p = {gap.p_value:.2g}"
        if measured.n < 2:
            reason = f"measured minus published {gap.mean:+.2f} points, but one network has no interval"
        elif gap.p_value <= 0.05:
            verdict = Verdict.NOT_REPRODUCED
        elif gap.half_width <= _WIDEST:
            verdict = Verdict.REPRODUCED
        else:
            reason += f"; {measured.n} networks leave ± {gap.half_width:.0f} points, too much to tell"
        if not knows_settings:
            reason += "; the published settings are unknown, these are from our search"
    return Measurement(
        claim,
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
        for other in _COMPARED[2:]:
            if not _has(result, benchmark, own, other):
                continue
            gap = difference(_final(result, benchmark, own), _final(result, benchmark, other))
            found.append(
                Measurement(
                    "S10",
                    Rendering.RATE,
                    "advantage of presynaptic consolidation in mean final accuracy (points)",
                    gap.mean,
                    gap.verdict_above(),
                    condition={
                        "tasks": benchmark,
                        "method": METHODS[own].label,
                        "over": METHODS[other].label,
                    },
                    published=_published_advantage(benchmark, other),
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
    if other in published:
        return f"{published['presynaptic'][0] - published[other][0]:+.2f}"
    return "> 0" if other in _WITHOUT_CONSOLIDATION else None


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
        gap.verdict_above(),
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
            found.append(_cell(result, benchmark, name, "S14"))
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


# ---- S17: frozen synapses ----


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
            "Accuracy on the first task after each task; mean and 95 % interval, or both of two seeds.",
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
        "by_task": ("S17", "Final accuracy on every task; mean and 95 % interval, or both of two seeds."),
        "release_probability": (
            "S17",
            "Mean release probability and share of frozen synapses after each task.",
        ),
    }
    return drawn_panels(lifelong.FIGURES, result, captions, (9, 4))


def _remarks(result: xr.Dataset) -> Iterable[str]:
    """Return what the numbers need to be read rightly, and those that the paper shows without numbers."""
    yield (
        "Elastic weights, synaptic intelligence, Bayesian gradient descent and the tuned forms take their "
        "settings from a random search on held-out training images, each with as many trials "
        f"({_n_trials(result)}). Published settings, where there are any, are the first trial."
    )
    for benchmark in _benchmarks(result, "split", "permuted"):
        names = [name for name in _COMPARED if _has(result, benchmark, name)]
        if names:
            rows = "; ".join(f"{METHODS[name].label} {_transfer(result, benchmark, name)}" for name in names)
            yield f"{benchmark}, forgetting / backward / forward transfer in points: {rows}."
    for benchmark in _benchmarks(result, "split"):
        names = [name for name in _COMPARED if _has(result, benchmark, name)]
        rows = "; ".join(f"{METHODS[name].label} {_by_task(result, benchmark, name)}" for name in names)
        yield f"{benchmark}, final accuracy on tasks 1 to 5 in percent: {rows}."


def _transfer(result: xr.Dataset, benchmark: str, name: str) -> str:
    """Return forgetting, backward and forward transfer, mean over seeds."""
    found = summary(result, benchmark, name)
    keys = ("forgetting", "backward transfer", "forward transfer")
    return " / ".join(f"{100 * found[key].mean():.1f}" for key in keys)


def _by_task(result: xr.Dataset, benchmark: str, name: str) -> str:
    """Return the final accuracy on every task, mean over seeds."""
    final = 100 * accuracy_table(result, benchmark, name)[:, -1].mean(axis=0)
    return " / ".join(f"{own:.1f}" for own in final)


def _n_trials(result: xr.Dataset) -> str:
    """Return the numbers of trials of the searches, as text."""
    counts = np.isfinite(result.trial_score).sum("trial").to_numpy().ravel()
    counts = sorted({int(count) for count in counts if count})
    return " or ".join(map(str, counts)) + " finished ones" if counts else "none here"
