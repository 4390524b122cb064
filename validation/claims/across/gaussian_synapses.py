"""X06: trained Gaussian synapses realised as n, p and q classify in spikes, and what that costs in ATP."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from biophys.estimates import exactly, gaussian, paired_difference
from validation.criteria import above, equals, exact
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import CROSS_CHECK, Claim, Clause, Measurement, Rendering, row

_spiking = partial(Clause, source=CROSS_CHECK, unit="images", rendering=Rendering.SPIKING)

AS_IN_RATES = _spiking(
    "X06a", "as right as rates with as much noise (within a point)", criterion=equals(0, 0.01)
)
AS_TRAINED = _spiking(
    "X06b", "no less right than the trained network with its noise (within a point)", criterion=above(-0.01)
)
ATP = _spiking("X06c", "the ledger counts the ATP expected of these spikes", criterion=equals(1.0, 0.01))
MOMENTS = Clause(
    "X06d",
    "each mechanism keeps mean and sd of the weights that it can realise",
    CROSS_CHECK,
    exact(0.0, 1e-9),
    unit="weights",
    rendering=Rendering.ANALYTIC,
)
X06 = Claim(
    "X06",
    "The trained Gaussian synapses (mu, sigma) of M03 realised as binomial release (n, p, q) by each "
    "mechanism: same accuracy in spikes, and the ATP that each costs",
    CROSS_CHECK,
    (AS_IN_RATES, AS_TRAINED, ATP, MOMENTS),
)


@measures(X06, experiment="gaussian_spikes")
def gaussian_synapses_in_spikes(run: Run, context: Context) -> Findings:
    """Compare answers in spikes and in rates, and the ledger with its expectation, for every network.

    In rates each image meets one draw of the weights; in spikes every spike draws anew, so that the noise of
    a weight falls with the number of spikes and a long presentation answers as the mean weights do. The
    spiking network is therefore compared with the trained network under its own noise (no worse), and with
    the rate network under as much noise as the presentation leaves (the same).

    A weight with mean near 0 and a given sd becomes a synapse that releases hardly ever, and then a quantum
    of volts: two moments are met, a normal distribution is not. Networks are trained as the paper's text says
    (rectified hidden units, linear output), with noise that settles within few epochs.
    """
    result = run.result
    for s in result.s.values:
        for rho in result.rho.values:
            network = result.sel(rho=rho, s=s)
            for way in result.way.values:
                yield from _answers(network.sel(way=way))
                yield _ledger(network.sel(way=way))
            yield _cheaper(network)
        for way in result.way.values:
            yield _same_noise(result.sel(s=s, way=way))
    yield from panels(run, "accuracy energy", X06, (10, 3.4))


def _condition(part: xr.Dataset, **more: Any) -> dict[str, Any]:
    """Return what tells a network from the others: data, cost exponent, s and mechanism."""
    rho = {} if part.rho.ndim else {"rho": round(float(part.rho), 3)}
    way = {} if part.way.ndim else {"realised by": str(part.way.values)}
    return {"data": part.attrs["data_set"], **rho, "s": float(part.s), **way, **more}


def _presentation(part: xr.Dataset) -> dict[str, Any]:
    return _condition(part, presentation_ms=round(1000 * float(part.time[-1]), 6))


def _answers(part: xr.Dataset) -> Iterator[Measurement]:
    """Yield the accuracy in spikes and in rates less that of the networks it is compared with."""
    spikes, rates = (part[name].isel(time=-1) == part.label for name in ("answer", "averaged_answer"))
    trained, mean = part.drawn_answer == part.label, part.mean_answer == part.label
    for subject, rendering, first, other, words in (
        (AS_TRAINED, Rendering.SPIKING, spikes, trained, "the trained network with its noise"),
        (AS_TRAINED, Rendering.RATE, rates, trained, "the trained network with its noise"),
        (X06, Rendering.SPIKING, spikes, rates, "rates with as much noise"),
        (X06, Rendering.SPIKING, spikes, mean, "the mean weights"),
    ):
        how = f"accuracies {float(first.mean()):.4f} and {float(other.mean()):.4f}, one network"
        difference = paired_difference(first, other, how=how)
        quantity = f"accuracy less that of {words}, same images"
        yield row(subject, difference, quantity, rendering=rendering, condition=_presentation(part))


def _same_noise(part: xr.Dataset) -> Measurement:
    """Return the accuracy in spikes less that in rates with as much noise, mean over the costs."""
    spikes, rates = (part[name].isel(time=-1) == part.label for name in ("answer", "averaged_answer"))
    difference = (spikes.astype(float) - rates).mean("rho").to_numpy()
    error, n = difference.std(ddof=1) / np.sqrt(difference.size), difference.size
    estimate = gaussian(difference.mean(), error, n=n, unit="images")
    quantity = "accuracy less that of rates with as much noise, same images, mean over rho"
    return row(AS_IN_RATES, estimate, quantity, condition=_presentation(part))


def _ledger(part: xr.Dataset) -> Measurement:
    """Return the ATP that the ledger counted over what is expected of the spikes that came."""
    spent, expected = float(part.energy.sum()), float(part.expected_energy)
    shares = (f"{m} {float(part.energy.sel(mechanism=m)) / spent:.2%}" for m in part.mechanism.values)
    how, error = f"{spent:.4g} ATP per image ({', '.join(shares)})", float(part.energy_sd) / expected
    estimate = gaussian(spent / expected, error, n=part.sizes["image"], unit="images", how=how)
    quantity = "ATP counted by the ledger over the analytic expectation for the same spikes"
    return row(ATP, estimate, quantity, condition=_condition(part))


def _cheaper(part: xr.Dataset) -> Measurement:
    """Return the ATP by release probability over that by number of sites, without what follows the mean."""
    buying = ["calcium pump", "trafficking", "vesicle membrane", "actin"]
    spent = part.energy.sel(mechanism=buying).sum("mechanism")
    amounts = ", ".join(f"{way}: {float(spent.sel(way=way)):.3g}" for way in part.way.values)
    how = (
        f"calcium, trafficking, membrane and actin, ATP per image: {amounts}; transmitter and ion flux "
        "follow the mean response and are left out"
    )
    over = float(spent.sel(way="release probability") / spent.sel(way="number of sites"))
    ratio = exactly(over, n=part.sizes["image"], unit="images", how=how)
    quantity = "ATP of reliability by release probability over that by number of sites"
    return row(X06, ratio, quantity, condition=_condition(part))
