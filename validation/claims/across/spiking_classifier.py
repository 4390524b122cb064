"""X03 and X04: trained rate networks in spikes, and what their reliable synapses are to them."""

from functools import partial

import numpy as np

from biophys.estimates import exactly, paired_difference, share_of
from brianpresyn.experiments.spiking_classifier import settled_at
from validation.criteria import above, in_every
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import CROSS_CHECK, Claim, Clause, Rendering, row, spiking

# The margin is what a thousand images can show.
_WORDS = "no less right than the rate network with its mean weights (within a point)"
AS_RIGHT = spiking("X03a", _WORDS, CROSS_CHECK, above(-0.01), unit="images")
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
    from rate_models.information import information_per_cost
    from validation.experiments.release_in_spikes import PLASTIC, right_answers

    result, times, observed = run.result, run.result.time.to_numpy(), partial(row, X03)
    right, data, longest = right_answers(result), {"data": result.attrs["data_set"]}, 1000 * float(times[-1])
    reference, n_images = right["mean weights"], result.sizes["image"]
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
    for layer, (slope, error) in enumerate(zip(result.rate_slope, result.rate_error, strict=True), start=1):
        off = f"root mean square difference {100 * float(error):.1f} % of the root mean square activity"
        slope = exactly(float(slope), how=f"{off}; all units and images, at the longest presentation")
        yield observed(slope, quantity, condition={**data, "hidden_layer": layer}, published=1.0)
    spent = result.energy.sel(model=PLASTIC)
    spikes, vesicles = (float(result[name].sel(model=PLASTIC)) for name in ("spikes", "vesicles"))
    events = f"{spikes:.4g} spikes reach synapses and {vesicles:.4g} vesicles are released per image"
    total = float(spent.sum())
    for mechanism, value in (*zip(spent.mechanism.values, spent.values, strict=True), ("all", total)):
        condition = {**data, "mechanism": str(mechanism), "presentation_ms": longest}
        how = f"{value / total:.2%} of all; {events}; a weight of one stands for 10 mV"
        atp = exactly(value, n=n_images, unit="images", how=how)
        yield observed(atp, "ATP of all synapses per image", condition=condition)
    for model in result.model.values:
        answered = result.answer.sel(model=model).transpose("time", "image").to_numpy()
        # Neurons fire at constant rates during a presentation, so that ATP grows as time does.
        billions = 1e-9 * float(result.energy.sel(model=model).sum()) * times / times[-1]
        how = "information of the answer (bias-corrected), ATP proportional to time; one network"
        bits, best, by_duration = information_per_cost(answered, result.label.to_numpy(), billions, how=how)
        reason = f"best at {1000 * float(times[best]):g} ms; {by_duration[-1]:.3g} at {longest:g} ms"
        quantity, condition = (
            "bits about the class per 10^9 ATP, at the best presentation time",
            {**data, "release": str(model)},
        )
        yield observed(bits, quantity, condition=condition, reason=reason)
    yield from panels(run, "accuracy", X03, (7.5, 4))


_spiking = partial(Clause, source=CROSS_CHECK, rendering=Rendering.SPIKING)
_LESIONS = "accuracy after removing low-p synapses first less that after removing random ones"
LESIONS = _spiking("X04a", _LESIONS, criterion=in_every(above(0.0), "fraction"), unit="images")
ENERGY = _spiking(
    "X04b", "mean energy of synapses with p >= 0.9 over that of others", criterion=above(1.0), unit="units"
)
X04 = Claim(
    "X04",
    "S03 and S04 hold in that spiking network: lesions by p against random, energy of high-p synapses",
    CROSS_CHECK,
    (LESIONS, ENERGY),
)


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
    rng = np.random.default_rng(context.seed)
    for rendering in reversed(forms):
        variable, unit = forms[rendering]
        quantity = f"mean energy ({unit}) of synapses with p >= 0.9 over that of synapses with p < 0.9"
        ratio = energy_of_reliable(result, variable, rng)
        yield row(ENERGY, ratio, quantity, rendering=rendering, condition=data)
    yield from panels(run, "energy lesions", X04, (7.5, 4))
