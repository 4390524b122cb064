"""Measure trained Gaussian synapses realised as n, p, q in spikes: accuracy, and what they cost in ATP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from validation.claims.claim import Context, Evidence, Measurement, Rendering, Verdict
from validation.claims.panels import drawn_panels
from validation.claims.same_images import PairedDifference, paired_difference
from validation.registry import measures
from validation.runs import result_for

if TYPE_CHECKING:
    import xarray as xr

_CAPTIONS = {
    "accuracy": (
        "X06",
        "Share of right answers against the presentation time, for networks trained under each cost of "
        "reliability and realised by either mechanism: in spikes (dots) and in rates with as much noise as "
        "the spikes leave (dashed). Black: the rate network with its mean weights and with its trained "
        "noise.",
    ),
    "energy": (
        "X06",
        "ATP of all synapses per image by mechanism, from the ledger of the spiking networks, for weights "
        "realised by release probability (n = 5) and by the number of sites (p near 0.5).",
    ),
}
_REMARKS = (
    "In rates each image meets one draw of the weights; in spikes every spike draws anew, so that the noise "
    "of a weight falls with the number of spikes and a long presentation answers as the mean weights do. "
    "The spiking network is therefore compared with the trained network under its own noise (it must be as "
    "good), and with the rate network under as much noise as the presentation leaves.",
    "A weight with mean near 0 and a given sd becomes a synapse that releases hardly ever, and then a "
    "quantum of volts: two moments are met, a normal distribution is not. Networks are trained as the "
    "paper's text says (rectified hidden units, linear output), with noise that settles within few epochs.",
)


@measures("X06", rendering=Rendering.SPIKING, needs=("torch", "sklearn", "xarray"))
def gaussian_synapses_in_spikes(context: Context) -> Evidence:
    """Realise trained means and variances by two mechanisms and let the networks classify in spikes."""
    return evidence_of(result_for("gaussian_spikes", context).result)


def evidence_of(result: xr.Dataset) -> Evidence:
    """Return what a result of the experiment says of X06."""
    from validation.experiments.gaussian_in_spikes import FIGURES

    measurements = []
    for s in result.s.values:
        for rho in result.rho.values:
            network = result.sel(rho=rho, s=s)
            for way in result.way.values:
                part = network.sel(way=way)
                measurements += [*_accuracies(part), _ledger(part)]
            measurements.append(_cheaper(network))
        measurements += [_same_noise(result.sel(s=s, way=way)) for way in result.way.values]
    return Evidence(tuple(measurements), drawn_panels(FIGURES, result, _CAPTIONS, (10, 3.4)), _REMARKS)


def _condition(part: xr.Dataset, **more: Any) -> dict[str, Any]:
    way = {"realised by": str(part.way.values)} if part.way.ndim == 0 else {}
    cost = {"rho": round(float(part.rho), 3), "s": float(part.s)}
    return {"data": part.attrs["data_set"], **cost, **way, **more}


def _accuracies(part: xr.Dataset) -> list[Measurement]:
    """Compare answers in spikes and in rates with the trained network's, and with each other."""
    label = part.label
    spiking, averaged = (part[name].isel(time=-1) == label for name in ("answer", "averaged_answer"))
    drawn, mean = part.drawn_answer == label, part.mean_answer == label
    to_trained, to_rates, to_means = (
        f"accuracy less that of {what}, same images"
        for what in ("the trained network with its noise", "rates with as much noise", "the mean weights")
    )
    return [
        _compared(part, Rendering.SPIKING, to_trained, spiking, drawn, is_main=True),
        _compared(part, Rendering.RATE, to_trained, averaged, drawn, is_main=True),
        _compared(part, Rendering.SPIKING, to_rates, spiking, averaged, is_main=False),
        _compared(part, Rendering.SPIKING, to_means, spiking, mean, is_main=False),
    ]


def _compared(
    part: xr.Dataset,
    rendering: Rendering,
    quantity: str,
    first: xr.DataArray,
    second: xr.DataArray,
    *,
    is_main: bool,
) -> Measurement:
    """Return the difference of two shares of right answers to the same images."""
    of = paired_difference(first, second)
    return Measurement(
        "X06",
        rendering,
        quantity,
        of.mean,
        of.verdict_as_good(),
        condition=_condition(part, presentation_ms=round(1000 * float(part.time[-1]), 6)),
        published=0.0,
        interval=of.interval,
        n=of.n,
        reason=f"accuracies {float(first.mean()):.4f} and {float(second.mean()):.4f}; as good if the "
        f"interval lies above {-of.standard_error:.4f}, one standard error",
        is_supporting=not is_main,
    )


def _same_noise(part: xr.Dataset) -> Measurement:
    """Return the accuracy in spikes less that in rates with as much noise, mean over the costs."""
    spiking, averaged = (part[name].isel(time=-1) == part.label for name in ("answer", "averaged_answer"))
    difference = (spiking.astype(float) - averaged).mean("rho").to_numpy()
    accuracy, n = averaged.mean("rho").to_numpy(), difference.size
    mean, half = float(difference.mean()), 1.96 * float(difference.std(ddof=1) / np.sqrt(n))
    margin = float(accuracy.std(ddof=1) / np.sqrt(n))
    of = PairedDifference(mean, (mean - half, mean + half), margin, n)
    return Measurement(
        "X06",
        Rendering.SPIKING,
        "accuracy less that of rates with as much noise, same images, mean over rho",
        of.mean,
        of.verdict_as_good(),
        condition={
            "data": part.attrs["data_set"],
            "s": float(part.s),
            "realised by": str(part.way.values),
            "presentation_ms": round(1000 * float(part.time[-1]), 6),
        },
        published=0.0,
        interval=of.interval,
        n=n,
        reason=f"as good if the interval lies above {-margin:.4f}, one standard error of the accuracy in "
        "rates; normal interval over images",
    )


def _ledger(part: xr.Dataset) -> Measurement:
    """Return the ATP that the ledger counted over what is expected of the spikes that came."""
    spent, expected = float(part.energy.sum()), float(part.expected_energy)
    half = 1.96 * float(part.energy_sd)
    interval = ((spent - half) / expected, (spent + half) / expected)
    z = abs(spent - expected) / float(part.energy_sd)
    shares = ", ".join(
        f"{mechanism} {float(part.energy.sel(mechanism=mechanism)) / spent:.2%}"
        for mechanism in part.mechanism.values
    )
    return Measurement(
        "X06",
        Rendering.SPIKING,
        "ATP counted by the ledger over the analytic expectation for the same spikes",
        spent / expected,
        Verdict.REPRODUCED if z < 5 else Verdict.NOT_REPRODUCED,
        condition=_condition(part),
        published=1.0,
        interval=interval,
        n=part.sizes["image"],
        reason=f"{spent:.4g} ATP per image ({shares}); {z:.1f} standard errors from the expectation (fails "
        "beyond 5)",
    )


def _cheaper(part: xr.Dataset) -> Measurement:
    """Return the ATP by release probability over that by number of sites, without what follows the mean."""
    buying = ["calcium pump", "trafficking", "vesicle membrane", "actin"]
    spent = part.energy.sel(mechanism=buying).sum("mechanism")
    ratio = float(spent.sel(way="release probability") / spent.sel(way="number of sites"))
    amounts = ", ".join(f"{way}: {float(spent.sel(way=way)):.3g}" for way in part.way.values)
    return Measurement(
        "X06",
        Rendering.SPIKING,
        "ATP of reliability by release probability over that by number of sites",
        ratio,
        Verdict.INCONCLUSIVE,
        condition=_condition(part),
        n=part.sizes["image"],
        reason=f"calcium, trafficking, membrane and actin, ATP per image: {amounts}; no published value. "
        "Transmitter and ion flux follow the mean response and are left out",
        is_supporting=True,
    )
