"""X03: a trained network with plastic release answers in spikes as it does in rates, and what that costs."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from biophys.estimates import Estimate, exactly, paired_difference, share_of, standard_error_of_share
from validation.criteria import above
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import CROSS_CHECK, Claim, Clause, Measurement, Rendering, row

# The margin is what a thousand images can show.
AS_RIGHT = Clause(
    "X03a",
    "no less right than the rate network with its mean weights (within a point)",
    CROSS_CHECK,
    above(-0.01),
    unit="images",
    rendering=Rendering.SPIKING,
)
X03 = Claim(
    "X03",
    "A trained rate network turned into a spiking network with Bernoulli release classifies as well after a "
    "long presentation",
    CROSS_CHECK,
    (AS_RIGHT,),
)


@measures(X03, experiment="spikes")
def release_in_spikes(run: Run, context: Context) -> Findings:
    """Compare answers in spikes and in rates, image by image; time, rates, energy, information.

    Pixels and units are integrate-and-fire neurons without leak that are reset by subtraction (Rueckauer et
    al. 2017, doi:10.3389/fnins.2017.00682); thresholds are balanced by the 99.9th percentile of the
    activities of training images (Diehl et al. 2015, doi:10.1109/IJCNN.2015.7280696). Normalised pixels are
    negative in the background: what the lowest value contributes is put into the biases, exactly, so that the
    background is silent and releases nothing.

    The rate network draws each synapse once for an image; in spikes every spike draws anew, so that a long
    presentation averages the release and the network answers as with its mean weights. That is the reference
    here; the ten draws of the published evaluation are shown beside it.

    One trained network: n counts its test images, and intervals are over them, not over networks.
    """
    result = run.result
    yield from _accuracies(result)
    yield from _times(result)
    yield from _rates(result)
    yield from _energies(result)
    yield from _information(result)
    yield from panels(run, "accuracy", X03, (7.5, 4))


_observed = partial(row, X03)


def data_of(result: xr.Dataset, **more: Any) -> dict[str, Any]:
    """Return the data as a condition, and more."""
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


def _accuracies(result: xr.Dataset) -> Iterator[Measurement]:
    """Yield each rendering of the noise less the mean weights, and the accuracies."""
    right, duration = _right(result), float(result.time[-1])
    for subject, rendering, name in (
        (AS_RIGHT, Rendering.SPIKING, "spikes"),
        (AS_RIGHT, Rendering.RATE, "release averaged over the spikes"),
        (X03, Rendering.SPIKING, "spikes, p = 1"),
        (X03, Rendering.RATE, "ten draws of the synapses"),
    ):
        yield _compared(result, right[name], duration, name, subject, rendering)
    for rendering, name in ((Rendering.SPIKING, "spikes"), (Rendering.RATE, "mean weights")):
        accuracy = share_of(right[name], unit="images", how=f"{name}; one network")
        yield row(X03, accuracy, "share of right answers", rendering=rendering, condition=data_of(result))


def _compared(
    result: xr.Dataset,
    right: ArrayLike,
    duration: float,
    name: str = "spikes",
    subject: Clause | Claim = X03,
    rendering: Rendering = Rendering.SPIKING,
) -> Measurement:
    quantity = "accuracy less that of the rate network with mean weights, same images"
    condition = data_of(result, presentation_ms=round(1000 * duration, 6), noise=name)
    estimate = paired_difference(right, _right(result)["mean weights"], how="one network")
    return row(subject, estimate, quantity, rendering=rendering, condition=condition)


def _times(result: xr.Dataset) -> Iterator[Measurement]:
    """Yield from when on the network is within a standard error of the rates, and shorter presentations."""
    from validation.experiments.release_in_spikes import PLASTIC

    reference, times = _right(result)["mean weights"], result.time.to_numpy()
    right = (result.answer.sel(model=PLASTIC) == result.label).transpose("time", "image").to_numpy()
    is_as_good = right.mean(axis=1) >= reference.mean() - standard_error_of_share(reference)
    # The first reading from which on none falls short.
    since = times.size - int(np.argmin(is_as_good[::-1])) if not is_as_good.all() else 0
    reached = exactly(1000 * times[since], n=len(reference), unit="images") if since < times.size else None
    quantity = "presentation time (ms) from which on accuracy stays within one standard error of the rates"
    condition = data_of(result, peak_rate_Hz=float(result.attrs["peak_rate"]))
    yield _observed(reached, quantity, condition=condition, reason=f"read every {1000 * times[0]:g} ms")
    for index in sorted({times.size // 8, times.size // 4, times.size // 2}):
        yield _compared(result, right[index], float(times[index]))


def _rates(result: xr.Dataset) -> Iterator[Measurement]:
    """Yield how rates in spikes go with the activities of the rate network, layer by layer."""
    quantity = "rate of spikes over activity of the rate network, slope through 0"
    for layer, (slope, error) in enumerate(zip(result.rate_slope, result.rate_error, strict=True), start=1):
        reason = (
            f"root mean square difference {100 * float(error):.1f} % of the root mean square activity; all "
            "units and images, at the longest presentation"
        )
        condition = data_of(result, hidden_layer=layer)
        yield _observed(exactly(float(slope)), quantity, condition=condition, published=1.0, reason=reason)


def _energies(result: xr.Dataset) -> Iterator[Measurement]:
    """Yield the ATP of an image by mechanism."""
    from validation.experiments.release_in_spikes import PLASTIC

    spent = result.energy.sel(model=PLASTIC)
    total, duration = float(spent.sum()), 1000 * float(result.time[-1])
    events = (
        f"{float(result.spikes.sel(model=PLASTIC)):.4g} spikes reach synapses and "
        f"{float(result.vesicles.sel(model=PLASTIC)):.4g} vesicles are released per image; a weight of one "
        "stands for 10 mV"
    )
    for mechanism, value in (*zip(spent.mechanism.values, spent.values, strict=True), ("all", total)):
        condition = data_of(result, mechanism=str(mechanism), presentation_ms=duration)
        estimate = exactly(value, n=result.sizes["image"], unit="images")
        reason = f"{value / total:.2%} of all; {events}"
        yield _observed(estimate, "ATP of all synapses per image", condition=condition, reason=reason)


def _information(result: xr.Dataset) -> Iterator[Measurement]:
    """Yield bits about the digit per 10^9 ATP, with and without failures, at the most efficient time."""
    from rate_models.information import corrected_information

    labels, duration = result.label.to_numpy(), float(result.time[-1])
    for model in result.model.values:
        answered = result.answer.sel(model=model).transpose("time", "image").to_numpy()
        n = int(max(labels.max(), answered.max())) + 1
        pairs = labels.astype(int) * n + answered
        counts = np.stack([np.bincount(each, minlength=n * n).reshape(n, n) for each in pairs])
        # Neurons fire at constant rates during a presentation, so that ATP grows as time does.
        billions = 1e-9 * float(result.energy.sel(model=model).sum()) * result.time.to_numpy() / duration
        efficiency = corrected_information(counts) / billions
        best = int(np.argmax(efficiency))
        ends = partial(_information_ends, counts[best], float(billions[best]))
        how = "information of the answer (bias-corrected), ATP proportional to time; one network"
        each = Estimate(float(efficiency[best]), ends, len(labels), "images", "jackknife", how)
        quantity = "bits about the class per 10^9 ATP, at the best presentation time"
        reason = (
            f"best at {1000 * float(result.time[best]):g} ms; {efficiency[-1]:.3g} at {1000 * duration:g} ms"
        )
        yield _observed(each, quantity, condition=data_of(result, release=str(model)), reason=reason)


def _information_ends(counts: NDArray[np.int64], billions: float, alpha: float) -> tuple[float, float]:
    """Return both ends of the interval of the information, for each 10^9 ATP."""
    from rate_models.information import information_interval

    low, high = information_interval(counts, level=1 - alpha) or (np.nan, np.nan)
    return low / billions, high / billions
