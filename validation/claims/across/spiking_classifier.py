"""X03 and X04: trained rate networks in spikes, and what their reliable synapses are to them."""

from functools import partial

from biophys.estimates import paired_difference, share_of
from brianpresyn.experiments.spiking_classifier import settled_at
from validation.criteria import above, in_every
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import CROSS_CHECK, Claim, Rendering, row, spiking

# The margin is what a thousand images can show.
_WORDS = "no less right than the rate network with its mean weights (within a point)"
AS_RIGHT = spiking("X03a", _WORDS, CROSS_CHECK, above(-0.01), unit="images")
_SAID = (
    "A trained rate network turned into a spiking network with Bernoulli release classifies as well after a "
    "long presentation"
)
X03 = Claim("X03", _SAID, CROSS_CHECK, (AS_RIGHT,))


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
    from validation.experiments.release_in_spikes import (
        PLASTIC,
        atp_per_image,
        bits_per_atp,
        right_answers,
        slopes_of_rates,
    )

    result, times, observed = run.result, run.result.time.to_numpy(), partial(row, X03)
    right, data, longest = right_answers(result), {"data": result.attrs["data_set"]}, 1000 * float(times[-1])
    reference = right["mean weights"]
    quantity = "accuracy less that of the rate network with mean weights, same images"
    for subject, rendering, name in (
        (AS_RIGHT, Rendering.SPIKING, "spikes"),
        (AS_RIGHT, Rendering.RATE, "release averaged over the spikes"),
        (X03, Rendering.SPIKING, "spikes, p = 1"),
        (X03, Rendering.RATE, "ten draws of the synapses"),
    ):
        condition = {**data, "presentation_ms": round(longest, 6), "noise": name}
        less = paired_difference(right[name], reference, how="one network")
        yield row(subject, less, quantity, rendering=rendering, condition=condition)
    for rendering, name in ((Rendering.SPIKING, "spikes"), (Rendering.RATE, "mean weights")):
        accuracy = share_of(right[name], unit="images", how=f"{name}; one network")
        yield observed(accuracy, "share of right answers", rendering=rendering, condition=data)
    by_time = (result.answer.sel(model=PLASTIC) == result.label).transpose("time", "image").to_numpy()
    words = "presentation time (ms) from which on accuracy stays within one standard error of the rates"
    condition = {**data, "peak_rate_Hz": float(result.attrs["peak_rate"])}
    reached, how = settled_at(by_time, reference, times), f"read every {1000 * times[0]:g} ms"
    yield observed(reached, words, condition=condition, reason=how)
    for index in sorted({times.size // 8, times.size // 4, times.size // 2}):
        condition = {**data, "presentation_ms": round(1000 * float(times[index]), 6), "noise": "spikes"}
        less = paired_difference(by_time[index], reference, how="one network")
        yield observed(less, quantity, condition=condition)
    quantity = "rate of spikes over activity of the rate network, slope through 0"
    for layer, slope in slopes_of_rates(result).items():
        yield observed(slope, quantity, condition={**data, "hidden_layer": layer}, published=1.0)
    for mechanism, atp in atp_per_image(result).items():
        condition = {**data, "mechanism": mechanism, "presentation_ms": longest}
        yield observed(atp, "ATP of all synapses per image", condition=condition)
    for model in map(str, result.model.values):
        bits, reason = bits_per_atp(result, model)
        quantity = "bits about the class per 10^9 ATP, at the best presentation time"
        yield observed(bits, quantity, condition={**data, "release": model}, reason=reason)
    yield from panels(run, "accuracy", X03, (7.5, 4))


_LESIONS = "accuracy after removing low-p synapses first less that after removing random ones"
LESIONS = spiking("X04a", _LESIONS, CROSS_CHECK, in_every(above(0.0), "fraction"), unit="images")
_ENERGY = "mean energy of synapses with p >= 0.9 over that of others"
ENERGY = spiking("X04b", _ENERGY, CROSS_CHECK, above(1.0), unit="units")
_X04_SAID = "S03 and S04 hold in that spiking network: lesions by p against random, energy of high-p synapses"
X04 = Claim("X04", _X04_SAID, CROSS_CHECK, (LESIONS, ENERGY))


@measures(X04, experiment="spikes")
def lesions_in_spikes(run: Run, context: Context) -> Findings:
    """Remove synapses in several orders, and compare the energy of reliable synapses with that of others.

    One trained network: n counts its test images, or the units that its synapses drive.
    """
    from validation.experiments.release_in_spikes import energy_of_reliable, lead_by_fraction

    result, data = run.result, {"data": run.result.attrs["data_set"]}
    forms = {Rendering.RATE: ("unit_strength", "|w̄|"), Rendering.SPIKING: ("unit_energy", "ATP")}
    for rendering in forms:
        for subject, gentle, harsh in (
            (LESIONS, "lowest p first", "random order"),
            (X04, "smallest strength first", "lowest p first"),
        ):
            ahead = lead_by_fraction(result, str(rendering), gentle, harsh)
            quantity = f"accuracy after removing synapses, {gentle} less {harsh}, where it is least certain"
            yield row(subject, ahead, quantity, rendering=rendering, condition=data, along="removed")
    rng = context.rng()
    for rendering in reversed(forms):
        variable, unit = forms[rendering]
        quantity = f"mean energy ({unit}) of synapses with p >= 0.9 over that of synapses with p < 0.9"
        ratio = energy_of_reliable(result, variable, rng)
        yield row(ENERGY, ratio, quantity, rendering=rendering, condition=data)
    yield from panels(run, "energy lesions", X04, (7.5, 4))
