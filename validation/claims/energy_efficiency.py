"""Measure the information that networks transmit per energy, and what release probabilities do for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import xarray as xr

from validation.claims import importance_structure
from validation.claims.claim import ClaimFigure, Context, Evidence, Measurement, Rendering, Verdict
from validation.claims.importance_structure import shown_l2
from validation.claims.interval_verdicts import verdict_at_every
from validation.claims.over_seeds import SeedEstimate, seed_estimate
from validation.claims.panels import drawn_panels
from validation.registry import measures
from validation.runs import result_for

_CLAIMS = ("S01", "S02", "S03", "S04", "S15", "S16", "S20")

NAMES = {
    "soft_bound": "plastic release",
    "additive": "plastic release (additive rule)",
    "deterministic": "deterministic",
    "deterministic_slow": "deterministic (rate 0.05)",
    "fixed_release": "fixed release (p = 0.4)",
    "matched_release": "fixed release (p matched)",
}

MAIN_PAIRS = (("soft_bound", "deterministic"), ("deterministic", "fixed_release"))
"""The published ordering: the first of each pair is the more efficient."""

OTHER_PAIRS = (
    ("additive", "deterministic"),
    ("soft_bound", "deterministic_slow"),
    ("deterministic", "matched_release"),
    ("soft_bound", "matched_release"),
)
"""The same with the additive p rule, the paper's learning rate, and fixed p matched to the learned mean."""


MORE_OF_FEWER = "smaller networks need more of their synapses"


@measures(
    *_CLAIMS, *importance_structure.CLAIMS, rendering=Rendering.RATE, needs=("torch", "sklearn", "xarray")
)
def energy_efficiency(context: Context) -> Evidence:
    """Train networks with plastic, fixed and no stochastic release, and compare information and energy."""
    result = result_for("energy", context).result
    parts = [evidence_of(result), importance_structure.evidence_of(result)]
    parts.append(importance_structure.gradient_evidence(result, context))
    return Evidence(
        *(tuple(item for part in parts for item in getattr(part, field.name)) for field in fields(Evidence))
    )


def evidence_of(result: xr.Dataset) -> Evidence:
    """Return what a result of the energy experiment says of S01-S04, S15, S16 and S20."""
    measurements = [
        *_orderings(result, "S01", "synaptic_energy"),
        *_with_plug_in_information(result),
        *_epochs(result),
        *_release_probabilities(result),
        *_lesions(result),
        *_energies(result),
        *_orderings(result, "S15", "neuronal_energy"),
        *_fixed_release(result),
        *_step_sizes(result),
    ]
    return Evidence(tuple(measurements), _figures(result), _remarks(result))


def _data(result: xr.Dataset, **more: Any) -> dict[str, Any]:
    return {"data": result.attrs["data_set"], **more}


def _pairs(result: xr.Dataset) -> Iterable[tuple[str, str, bool]]:
    """Yield the pairs of models that were measured, and whether the paper compares them."""
    models = [str(model) for model in result.model.values]
    for pair in (*MAIN_PAIRS, *OTHER_PAIRS):
        if set(pair) <= set(models):
            yield *pair, pair in MAIN_PAIRS


# ---- S01, S15: information per energy ----


def _orderings(result: xr.Dataset, claim: str, energy: str) -> list[Measurement]:
    """Compare the models' information per energy, each at its best penalty."""
    from rate_models.experiments.energy_figures import best_ratio

    best = best_ratio(result, energy)
    spent = {"synaptic_energy": "synaptic energy", "neuronal_energy": "neuronal activity"}[energy]
    return [
        _quotient(result, claim, best, pair, f"information per {spent}", is_main=is_main)
        for *pair, is_main in _pairs(result)
    ]


def _quotient(
    result: xr.Dataset, claim: str, best: xr.DataArray, pair: Sequence[str], what: str, *, is_main: bool
) -> Measurement:
    """Return the quotient of two models' best information per energy, seed by seed."""
    missing = [model for model in pair if model not in best.model.values]
    if missing:
        return _collapsed(result, claim, what, pair, missing, is_main=is_main)
    first, second = (best.sel(model=model) for model in pair)
    of = seed_estimate(first / second, "ratio")
    verdict, size = _at_published_size(
        result,
        of.verdict_above(1.0),
        "in small the ordering changes with the size and the length of training",
    )
    values = " and ".join(f"{1000 * float(each.mean()):.3g}" for each in (first, second))
    return Measurement(
        claim,
        Rendering.RATE,
        f"{what}: {NAMES[pair[0]]} over {NAMES[pair[1]]}, each at its best L2",
        of.mean,
        verdict,
        condition=_data(
            result, **{"best L2 of the first": float(first.best_l2), "of the second": float(second.best_l2)}
        ),
        published="> 1",
        interval=of.interval,
        n=of.n,
        reason=f"means {values} bit per 1000 units; t interval of the logarithm over paired seeds{size}",
        is_supporting=not is_main,
    )


def _collapsed(
    result: xr.Dataset,
    claim: str,
    what: str,
    pair: Sequence[str],
    missing: Sequence[str],
    *,
    is_main: bool,
) -> Measurement:
    return Measurement(
        claim,
        Rendering.RATE,
        f"{what}: {NAMES[pair[0]]} over {NAMES[pair[1]]}, each at its best L2",
        None,
        Verdict.INCONCLUSIVE,
        condition=_data(result),
        published="> 1",
        reason=f"{', '.join(NAMES[model] for model in missing)}: no penalty leaves an accuracy of one half",
        is_supporting=not is_main,
    )


def _with_plug_in_information(result: xr.Dataset) -> list[Measurement]:
    """Repeat S01 with the information of the answers themselves, corrected for bias."""
    from rate_models.experiments.energy_figures import best_ratio
    from rate_models.information import corrected_information

    counts = result.confusion.values
    is_measured = np.isfinite(counts).all(axis=(-2, -1))
    information = np.full(is_measured.shape, np.nan)
    information[is_measured] = corrected_information(counts[is_measured])
    course = result.information.copy(deep=True)
    course[{"epoch": -1}] = information
    best = best_ratio(result.assign(plug_in_information=course), information="plug_in_information")
    what = "information of the most probable answer (plug-in, bias-corrected) per synaptic energy"
    found = [_quotient(result, "S01", best, pair, what, is_main=False) for pair in MAIN_PAIRS]
    return [*found, *_plug_in_intervals(result, best)]


def _plug_in_intervals(result: xr.Dataset, best: xr.DataArray) -> list[Measurement]:
    """Return the bits that one network of each model transmits, with the interval over test images."""
    from rate_models.information import corrected_information, information_interval

    found = []
    rng = np.random.default_rng(int(result.seed[0]))
    for model in dict.fromkeys(model for pair in MAIN_PAIRS for model in pair):
        if model not in best.model.values:
            continue
        l2 = float(best.sel(model=model).best_l2)
        counts = result.confusion.sel(model=model, l2=l2).isel(seed=0).values
        if not np.isfinite(counts).all():
            continue
        counts = counts.astype(int)
        found.append(
            Measurement(
                "S01",
                Rendering.RATE,
                f"information of the most probable answer (bit), {NAMES[model]}",
                float(corrected_information(counts)),
                Verdict.INCONCLUSIVE,
                condition=_data(result, L2=l2, seed=int(result.seed[0])),
                interval=information_interval(counts, rng=rng),
                n=int(counts.sum()),
                reason="one draw of the synapses; Miller-Madow correction, bootstrap interval over test "
                "images; no published number",
                is_supporting=True,
            )
        )
    return found


def _epochs(result: xr.Dataset) -> list[Measurement]:
    """Return after how many of the evaluated epochs the ordering of S01 holds."""
    from rate_models.experiments.energy_figures import best_ratio

    holds = []
    for epoch in range(result.sizes["epoch"]):
        best = best_ratio(result.isel(epoch=[epoch])).mean("seed")
        models = best.model.values
        holds.append(
            all(
                {first, second} <= set(models)
                and float(best.sel(model=first)) > float(best.sel(model=second))
                for first, second in MAIN_PAIRS
            )
        )
    if len(holds) < 2:
        return []
    when = (
        ", ".join(str(int(e)) for e, held in zip(result.epoch.values, holds, strict=True) if held) or "none"
    )
    return [
        Measurement(
            "S01",
            Rendering.RATE,
            "share of the evaluated epochs after which the ordering of the means holds",
            float(np.mean(holds)),
            Verdict.REPRODUCED if holds[-1] else Verdict.NOT_REPRODUCED,
            condition=_data(result),
            published="not said which epoch",
            n=len(holds),
            reason=f"it holds after epochs: {when}",
            is_supporting=True,
        )
    ]


# ---- S02: release probabilities ----


def _release_probabilities(result: xr.Dataset) -> list[Measurement]:
    """Return whether most synapses stay unreliable, from either start, and how many become reliable."""
    starts = {
        "soft_bound": "p starts at p_min",
        "soft_bound_uniform": "p starts uniform",
        "additive": "p starts at p_min, additive rule",
        "additive_uniform": "p starts uniform, additive rule",
    }
    found = []
    for model, start in starts.items():
        if model not in result.model.values:
            continue
        at = result.sel(model=model, l2=shown_l2(result))
        is_main = model.startswith("soft_bound")
        found.append(_share_low(result, at, start, is_main))
        found.append(_share_high(result, at, start, is_main))
    if "soft_bound_uniform" in result.model.values:
        found.append(_difference_of_starts(result))
    return found


def _share_low(result: xr.Dataset, at: xr.Dataset, start: str, is_main: bool) -> Measurement:
    of = seed_estimate(at.share_low_p)
    verdict, size = _at_published_size(result, of.verdict_above(0.5), MORE_OF_FEWER)
    return Measurement(
        "S02",
        Rendering.RATE,
        "share of synapses with p < 0.5 after learning",
        of.mean,
        verdict,
        condition=_data(result, L2=shown_l2(result), start=start),
        published="most stay low (no number)",
        interval=of.interval,
        n=of.n,
        reason=f"most: more than half; t interval over networks{size}",
        is_supporting=not is_main,
    )


def _at_published_size(result: xr.Dataset, verdict: Verdict, otherwise: str) -> tuple[Verdict, str]:
    """Return the verdict, or none on a network of another size than the published one, and why."""
    hidden = [int(size) for size in np.atleast_1d(result.attrs["sizes"])][1:-1]
    if hidden == [200, 200]:
        return verdict, ""
    text = f"; judged with hidden layers of 200 and 200 units only: {otherwise}"
    return Verdict.INCONCLUSIVE, text


def _share_high(result: xr.Dataset, at: xr.Dataset, start: str, is_main: bool) -> Measurement:
    of = seed_estimate(at.share_high_p)
    few, size = _at_published_size(
        result, seed_estimate(1 - at.share_high_p).verdict_above(0.5), MORE_OF_FEWER
    )
    return Measurement(
        "S02",
        Rendering.RATE,
        "share of synapses with p >= 0.9 after learning",
        of.mean,
        few,
        condition=_data(result, L2=shown_l2(result), start=start),
        published="few (no number)",
        interval=of.interval,
        n=of.n,
        reason=f"few: fewer than half; mean p {float(at.mean_p.mean()):.3f}; t interval over networks{size}",
        is_supporting=not is_main,
    )


def _difference_of_starts(result: xr.Dataset) -> Measurement:
    at = result.sel(l2=shown_l2(result)).share_high_p
    of = seed_estimate(at.sel(model="soft_bound_uniform") - at.sel(model="soft_bound"))
    low, high = of.interval
    is_equal = low <= 0 <= high
    return Measurement(
        "S02",
        Rendering.RATE,
        "share of synapses with p >= 0.9: uniform start less constant start",
        of.mean,
        Verdict.REPRODUCED if is_equal else Verdict.NOT_REPRODUCED,
        condition=_data(result, L2=shown_l2(result)),
        published="independent of the start",
        interval=of.interval,
        n=of.n,
        reason="strictly independent: the t interval over paired seeds holds 0",
        is_supporting=True,
    )


# ---- S03: lesions ----


def _lesions(result: xr.Dataset) -> list[Measurement]:
    found = []
    for model in (str(m) for m in result.plastic_model.values):
        for kept, removed in (("release_probability", "random"), ("strength", "release_probability")):
            is_main = model == "soft_bound" and removed == "random"
            found.append(_lesion_order(result, model, kept, removed, is_main))
    return found


def _lesion_order(result: xr.Dataset, model: str, gentle: str, harsh: str, is_main: bool) -> Measurement:
    """Return where one order of removal is least ahead of another in accuracy."""
    at = result.lesion_accuracy.sel(model=model, l2=shown_l2(result))
    inner = (at.fraction > 0) & (at.fraction < 1)
    difference = (at.sel(order=gentle) - at.sel(order=harsh)).sel(fraction=inner)
    estimates = {float(f): seed_estimate(difference.sel(fraction=f)) for f in difference.fraction.values}
    fraction, least = min(estimates.items(), key=lambda item: item[1].interval[0])
    names = {
        "release_probability": "lowest p first",
        "strength": "smallest |w̄| first",
        "random": "random order",
    }
    return Measurement(
        "S03",
        Rendering.RATE,
        f"accuracy after removing synapses, {names[gentle]} less {names[harsh]}, where it is least certain",
        least.mean,
        verdict_at_every(of.verdict_above(0.0) for of in estimates.values()),
        condition=_data(result, L2=shown_l2(result), **{"p rule": model, "removed": fraction}),
        published="> 0 at every fraction" if harsh == "random" else None,
        interval=least.interval,
        n=least.n,
        reason=_lesion_reason(estimates),
        is_supporting=not is_main,
    )


def _lesion_reason(estimates: dict[float, SeedEstimate]) -> str:
    means = ", ".join(f"{of.mean:+.3f} at {f:g}" for f, of in estimates.items())
    unclear = [f"{f:g}" for f, of in estimates.items() if of.verdict_above(0.0) is not Verdict.REPRODUCED]
    where = f"; not above 0 with 95 % confidence at {', '.join(unclear)}" if unclear else ""
    return f"mean differences {means}; t interval over networks at each fraction{where}"


# ---- S04: energy of synapses ----


def _energies(result: xr.Dataset) -> list[Measurement]:
    found = []
    for model in (str(m) for m in result.plastic_model.values):
        at = result.sel(model=model, l2=shown_l2(result))
        superiority = seed_estimate(at.energy_superiority)
        mean = at.energy_mean
        quotient = seed_estimate(mean.sel(importance="high p") / mean.sel(importance="low p"), "ratio")
        layers = seed_estimate(at.energy_superiority_in_layer.min("layer")).mean
        rows = (
            ("mean energy |w̄| of synapses with p >= 0.9 over that of synapses with p < 0.9", quotient, 1.0),
            ("probability that a synapse with p >= 0.9 spends more than one with p < 0.9", superiority, 0.5),
        )
        for quantity, of, bound in rows:
            found.append(
                Measurement(
                    "S04",
                    Rendering.RATE,
                    quantity,
                    of.mean,
                    of.verdict_above(bound),
                    condition=_data(result, L2=shown_l2(result), **{"p rule": model}),
                    published=f"> {bound:g}",
                    interval=of.interval,
                    n=of.n,
                    reason="t interval over networks; smallest probability within one weight matrix "
                    f"{layers:.2f}",
                    is_supporting=model != "soft_bound",
                )
            )
    return found


# ---- S16: fixed release probability ----


def _fixed_release(result: xr.Dataset) -> list[Measurement]:
    """Return at which fixed p information per energy is largest; the paper shows a curve, no numbers."""
    from rate_models.experiments.energy_figures import best_rate_ratio

    if "scan_information" not in result or result.sizes["fixed_p"] < 3:
        return [_not_in_this_run("S16", "fixed release probability with the largest information per energy")]
    best = best_rate_ratio(result)
    mean = best.mean("variant_seed")
    curve = ", ".join(
        f"{1000 * float(v):.3g} at {float(p):g}" for p, v in zip(mean.fixed_p, mean, strict=True)
    )
    largest = float(mean.fixed_p[int(mean.argmax("fixed_p"))])
    rises = bool((mean.diff("fixed_p") > 0).all())
    return [
        Measurement(
            "S16",
            Rendering.RATE,
            "fixed release probability with the largest information per energy",
            largest,
            Verdict.INCONCLUSIVE,
            condition=_data(
                result, L2=shown_l2(result), rates=", ".join(f"{r:g}" for r in result.learning_rate.values)
            ),
            published="a curve without numbers in the text",
            n=result.sizes["variant_seed"],
            reason=f"{'rises' if rises else 'does not rise'} all the way; bit per 1000 units: {curve}",
        )
    ]


# ---- S20: step sizes ----


def _step_sizes(result: xr.Dataset) -> list[Measurement]:
    """Return whether plastic release with other steps of p still is more efficient than the others."""
    from rate_models.experiments.energy_figures import best_ratio, best_step_size_ratio

    if "step_size_information" not in result:
        return [_not_in_this_run("S20", "best information per synaptic energy with other steps of p")]
    best, reference = best_step_size_ratio(result), best_ratio(result)
    found = []
    for name in (str(n) for n in result.step_size.values):
        for model in ("deterministic", "fixed_release"):
            if model not in reference.model.values or name not in best.step_size.values:
                continue
            of_variant = best.sel(step_size=name).rename(variant_seed="seed").drop_vars("best_l2")
            of_model = reference.sel(model=model).drop_vars("best_l2")
            of = seed_estimate(of_variant / of_model, "ratio")
            found.append(
                Measurement(
                    "S20",
                    Rendering.RATE,
                    f"best information per synaptic energy: plastic release over {NAMES[model]}",
                    of.mean,
                    of.verdict_above(1.0),
                    condition=_data(result, **{"steps of p": name}),
                    published="> 1",
                    interval=of.interval,
                    n=of.n,
                    reason="t interval of the logarithm over paired seeds; the paper does not say whether "
                    "both steps changed together (main) or one by one",
                    is_supporting=not name.startswith("both"),
                )
            )
    return found


def _not_in_this_run(claim: str, quantity: str) -> Measurement:
    reason = "this run of the experiment left these networks out"
    return Measurement(claim, Rendering.RATE, quantity, None, Verdict.SKIPPED, reason=reason)


# ---- figures and remarks ----


def _figures(result: xr.Dataset) -> tuple[ClaimFigure, ...]:
    from rate_models.experiments.energy_figures import FIGURES

    captions = {
        "fig1a": ("S01", "Mutual information against synaptic energy, one point per L2 penalty."),
        "fig1b": ("S01", "Best information per energy of each model."),
        "app1-fig1a": ("S01", "Information per energy against the L2 penalty."),
        "fig2a": ("S02", "Release probabilities before and after learning; dotted: p = 0.9."),
        "app1-fig1d": ("S02", "Release probabilities after learning that started constant and uniform."),
        "fig2b": ("S03", "Accuracy after removing synapses in four orders."),
        "fig2c": ("S04", "Energy of synapses with low and with high release probability."),
        "app1-fig1b": ("S15", "Information per activity of the hidden units against the L2 penalty."),
        "app1-fig1c": ("S16", "Information per energy against a fixed release probability."),
        "robustness": ("S20", "Best information per energy with other step sizes of p."),
    }
    return drawn_panels(FIGURES, result, captions, (8, 4.2))


def _remarks(result: xr.Dataset) -> tuple[str, ...]:
    from rate_models.experiments.energy_figures import best_ratio

    best = best_ratio(result)
    strongest = float(result.l2.max())
    at_end = [
        NAMES.get(str(m), str(m)) for m in best.model.values if float(best.sel(model=m).best_l2) == strongest
    ]
    remarks = [
        "Information is the authors' soft estimate from one draw of the synapses: it falls with confidence, "
        "even at unchanged accuracy. Synaptic energy is the sum of |w̄| over all synapses, biases excluded.",
        "The p rule with the soft bound is that of the published program and gave the published figures; the "
        "paper prints the additive one.",
    ]
    if at_end:
        remarks.append(f"The best penalty is the strongest of those tried for: {', '.join(at_end)}.")
    return tuple(remarks)
