"""Measure a network trained with plastic release in spikes: accuracy, lesions, energy, bits per ATP."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from validation.bootstrap import bootstrap
from validation.claims.claim import Context, Evidence, Measurement, Rendering, Verdict
from validation.claims.interval_verdicts import verdict_above, verdict_at_every
from validation.claims.panels import drawn_panels
from validation.claims.same_images import PairedDifference, accuracy_interval, paired_difference
from validation.registry import measures
from validation.runs import result_for

if TYPE_CHECKING:
    import xarray as xr

_CAPTIONS = {
    "accuracy": (
        "X03",
        "Share of right answers against the presentation time. Spikes: integrate-and-fire neurons whose "
        "synapses release with their own learned p (orange) or always (blue). Dashed: the rate network with "
        "the release noise that as many spikes leave.",
    ),
    "energy": (
        "X04",
        "Left: ATP of all synapses per image, by mechanism. Right: ATP per image of a synapse with p of at "
        "least 0.9 and of one with less.",
    ),
    "lesions": (
        "X04",
        "Share of right answers after synapses were removed, by order of removal, in rates (dashed, mean "
        "weights) and in spikes (dots).",
    ),
}
_REMARKS = (
    "Pixels and units are integrate-and-fire neurons without leak that are reset by subtraction (Rueckauer "
    "et al. 2017, doi:10.3389/fnins.2017.00682); thresholds are balanced by the 99.9th percentile of the "
    "activities of training images (Diehl et al. 2015, doi:10.1109/IJCNN.2015.7280696). Normalised pixels "
    "are negative in the background: what the lowest value contributes is put into the biases, exactly, so "
    "that the background is silent and releases nothing.",
    "The rate network draws each synapse once for an image; in spikes every spike draws anew, so that a long "
    "presentation averages the release and the network answers as with its mean weights. That is the "
    "reference here; the ten draws of the published evaluation are shown beside it.",
    "One trained network: intervals are over test images or over units, not over networks.",
)


@measures("X03", "X04", rendering=Rendering.SPIKING, needs=("torch", "sklearn", "xarray"))
def release_in_spikes(context: Context) -> Evidence:
    """Convert a trained network with plastic release and compare answers, lesions and energy."""
    result = result_for("spikes", context).result
    return evidence_of(result, rng=np.random.default_rng(context.seed))


def evidence_of(result: xr.Dataset, *, rng: np.random.Generator) -> Evidence:
    """Return what a result of the experiment says of X03 and X04."""
    from validation.experiments.release_in_spikes import FIGURES

    measurements = [
        *_accuracies(result),
        *_times(result),
        *_rates(result),
        *_energies(result),
        *_information(result),
        *_lesions(result),
        *_energy_of_important(result, rng),
    ]
    return Evidence(tuple(measurements), drawn_panels(FIGURES, result, _CAPTIONS, (7.5, 4)), _REMARKS)


def _data(result: xr.Dataset, **more: Any) -> dict[str, Any]:
    return {"data": result.attrs["data_set"], **more}


def _right(result: xr.Dataset) -> dict[str, NDArray[np.bool_]]:
    """Return whether each image is answered rightly, by what answers; at the longest presentation."""
    from validation.experiments.release_in_spikes import PLASTIC, RELIABLE

    answered = {
        "spikes": result.answer.sel(model=PLASTIC).isel(time=-1),
        "spikes, p = 1": result.answer.sel(model=RELIABLE).isel(time=-1),
        "mean weights": result.rate_answer,
        "release averaged over the spikes": result.averaged_answer.isel(time=-1),
        "ten draws of the synapses": result.drawn_answer,
    }
    return {name: (answer == result.label).to_numpy() for name, answer in answered.items()}


# ---- X03 ----


def _accuracies(result: xr.Dataset) -> list[Measurement]:
    """Compare both renderings of the noise with the mean weights, and give every accuracy."""
    right, duration = _right(result), round(1000 * float(result.time[-1]), 6)
    reference = right["mean weights"]
    rows = [
        (Rendering.SPIKING, "spikes", True),
        (Rendering.RATE, "release averaged over the spikes", True),
        (Rendering.SPIKING, "spikes, p = 1", False),
        (Rendering.RATE, "ten draws of the synapses", False),
    ]
    found = [
        _compared(result, rendering, name, paired_difference(right[name], reference), duration, is_main)
        for rendering, name, is_main in rows
    ]
    for rendering, name in ((Rendering.SPIKING, "spikes"), (Rendering.RATE, "mean weights")):
        found.append(
            Measurement(
                "X03",
                rendering,
                "share of right answers",
                float(right[name].mean()),
                Verdict.INCONCLUSIVE,
                condition=_data(result),
                interval=accuracy_interval(right[name]),
                n=len(reference),
                reason=f"{name}; no published value; interval over test images (Wilson)",
                is_supporting=True,
            )
        )
    return found


def _compared(
    result: xr.Dataset,
    rendering: Rendering,
    name: str,
    of: PairedDifference,
    duration: float,
    is_main: bool,
) -> Measurement:
    return Measurement(
        "X03",
        rendering,
        "accuracy less that of the rate network with mean weights, same images",
        of.mean,
        of.verdict_as_good(),
        condition=_data(result, presentation_ms=duration, **({} if is_main else {"noise": name})),
        published=0.0,
        interval=of.interval,
        n=of.n,
        reason=f"{name}; as good if the interval lies above minus one standard error of the reference, "
        f"{-of.standard_error:.4f}; paired interval over images",
        is_supporting=not is_main,
    )


def _times(result: xr.Dataset) -> list[Measurement]:
    """Compare at shorter presentations, and say from when on the network is as good."""
    from validation.experiments.release_in_spikes import PLASTIC

    reference = _right(result)["mean weights"]
    right = (result.answer.sel(model=PLASTIC) == result.label).transpose("time", "image").to_numpy()
    times = 1000 * result.time.to_numpy()
    margin = paired_difference(right[-1], reference).standard_error
    is_as_good = right.mean(axis=1) >= reference.mean() - margin
    # The first reading from which on none falls short.
    since = times.size - int(np.argmin(is_as_good[::-1])) if not is_as_good.all() else 0
    found = [
        Measurement(
            "X03",
            Rendering.SPIKING,
            "presentation time (ms) from which on accuracy stays within one standard error of the rates",
            float(times[since]) if since < times.size else None,
            Verdict.INCONCLUSIVE,
            condition=_data(result, peak_rate_Hz=float(result.attrs["peak_rate"])),
            n=len(reference),
            reason=f"no published value; read every {times[0]:g} ms",
            is_supporting=True,
        )
    ]
    for index in sorted({times.size // 8, times.size // 4, times.size // 2}):
        of = paired_difference(right[index], reference)
        found.append(_compared(result, Rendering.SPIKING, "spikes", of, round(float(times[index]), 6), False))
    return found


def _rates(result: xr.Dataset) -> list[Measurement]:
    """Return how rates in spikes go with the activities of the rate network."""
    return [
        Measurement(
            "X03",
            Rendering.SPIKING,
            "rate of spikes over activity of the rate network, slope through 0",
            float(result.rate_slope[layer]),
            Verdict.INCONCLUSIVE,
            condition=_data(result, hidden_layer=layer + 1),
            published=1.0,
            reason=f"root mean square difference {100 * float(result.rate_error[layer]):.1f} % of the root "
            "mean square activity; all units and images, at the longest presentation",
            is_supporting=True,
        )
        for layer in range(result.sizes["hidden_layer"])
    ]


def _energies(result: xr.Dataset) -> list[Measurement]:
    """Return the ATP of an image by mechanism."""
    from validation.experiments.release_in_spikes import PLASTIC

    spent = result.energy.sel(model=PLASTIC)
    total, duration = float(spent.sum()), 1000 * float(result.time[-1])
    rows = {**{str(m): float(spent.sel(mechanism=m)) for m in result.mechanism.values}, "all": total}
    return [
        Measurement(
            "X03",
            Rendering.SPIKING,
            "ATP of all synapses per image",
            value,
            Verdict.INCONCLUSIVE,
            condition=_data(result, mechanism=mechanism, presentation_ms=duration),
            n=result.sizes["image"],
            reason=f"{value / total:.2%} of all; {float(result.spikes.sel(model=PLASTIC)):.4g} spikes reach "
            f"synapses and {float(result.vesicles.sel(model=PLASTIC)):.4g} vesicles are released per image; "
            "a weight of one stands for 10 mV",
            is_supporting=True,
        )
        for mechanism, value in rows.items()
    ]


def _information(result: xr.Dataset) -> list[Measurement]:
    """Return bits about the digit per 10^9 ATP, with and without failures, at the most efficient time."""
    from rate_models.information import corrected_information, information_interval

    found = []
    labels, duration = result.label.to_numpy(), float(result.time[-1])
    for model in result.model.values:
        answered = result.answer.sel(model=model).transpose("time", "image").to_numpy()
        counts = np.stack([_confusion(labels, row) for row in answered])
        # Neurons fire at constant rates during a presentation, so that ATP grows as time does.
        atp = float(result.energy.sel(model=model).sum()) * result.time.to_numpy() / duration
        efficiency = corrected_information(counts) / atp
        best = int(np.argmax(efficiency))
        interval = information_interval(counts[best])
        found.append(
            Measurement(
                "X03",
                Rendering.SPIKING,
                "bits about the class per 10^9 ATP, at the best presentation time",
                float(1e9 * efficiency[best]),
                Verdict.INCONCLUSIVE,
                condition=_data(result, release=str(model)),
                interval=interval and (1e9 * interval[0] / atp[best], 1e9 * interval[1] / atp[best]),
                n=len(labels),
                reason=f"best at {1000 * float(result.time[best]):g} ms; {float(1e9 * efficiency[-1]):.3g} "
                f"at {1000 * duration:g} ms; information of the answer (bias-corrected), ATP proportional to "
                "time; interval over images",
                is_supporting=True,
            )
        )
    return found


def _confusion(labels: NDArray[np.integer], answered: NDArray[np.integer]) -> NDArray[np.int64]:
    n = int(max(labels.max(), answered.max())) + 1
    return np.bincount(labels.astype(int) * n + answered, minlength=n * n).reshape(n, n)


# ---- X04 ----


def _lesions(result: xr.Dataset) -> list[Measurement]:
    """Return where removing low-p synapses first is least ahead of another order, in both renderings."""
    pairs = (
        ("lowest p first", "random order", True),
        ("smallest strength first", "lowest p first", False),
    )
    return [
        _lesion_order(result, rendering, gentle, harsh, is_main)
        for rendering in (Rendering.RATE, Rendering.SPIKING)
        for gentle, harsh, is_main in pairs
    ]


def _lesion_order(
    result: xr.Dataset, rendering: Rendering, gentle: str, harsh: str, is_main: bool
) -> Measurement:
    right = result.lesion_right.sel(rendering=str(rendering))
    found = {
        float(f): paired_difference(right.sel(order=gentle, fraction=f), right.sel(order=harsh, fraction=f))
        for f in result.fraction.values
    }
    fraction, least = min(found.items(), key=lambda item: item[1].interval[0])
    means = ", ".join(f"{of.mean:+.3f} at {f:g}" for f, of in found.items())
    return Measurement(
        "X04",
        rendering,
        f"accuracy after removing synapses, {gentle} less {harsh}, where it is least certain",
        least.mean,
        verdict_at_every(of.verdict_above() for of in found.values()),
        condition=_data(result, removed=fraction),
        published="> 0 at every fraction" if is_main else None,
        interval=least.interval,
        n=least.n,
        reason=f"differences {means}; paired intervals over images at each fraction, one network",
        is_supporting=not is_main,
    )


def _energy_of_important(result: xr.Dataset, rng: np.random.Generator) -> list[Measurement]:
    """Return the mean energy of synapses with p >= 0.9 over that of the others, in both renderings."""
    rows = (
        (Rendering.SPIKING, "unit_energy", "ATP"),
        (Rendering.RATE, "unit_strength", "|w̄|"),
    )
    return [_quotient(result, rendering, result[name], measure, rng) for rendering, name, measure in rows]


def _quotient(
    result: xr.Dataset, rendering: Rendering, spent: xr.DataArray, measure: str, rng: np.random.Generator
) -> Measurement:
    energy, count = spent.to_numpy(), result.unit_count.to_numpy()
    of = bootstrap(partial(_ratio_of_means, energy, count), len(energy), rng=rng, n_resamples=2000)
    interval = of.interval or (np.nan, np.nan)
    return Measurement(
        "X04",
        rendering,
        f"mean energy ({measure}) of synapses with p >= 0.9 over that of synapses with p < 0.9",
        of.value,
        verdict_above(interval, 1.0),
        condition=_data(result),
        published="> 1",
        interval=interval,
        n=len(energy),
        reason=f"{count[:, 0].sum() / count.sum():.0%} of the synapses have p >= 0.9; bootstrap "
        "over the units that the synapses drive",
    )


def _ratio_of_means(
    energy: NDArray[np.float64], count: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the ratio of the mean energies of high- and low-p synapses for weighted units, shape (m,)."""
    mean = (weights @ energy) / (weights @ count)
    return mean[:, 0] / mean[:, 1]
