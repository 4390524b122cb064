"""X03-X06: trained rate networks in spikes, with release and with normal weights realised as quanta."""

from functools import partial

import xarray as xr

from biophys.estimates import mean_of, paired_difference, share_of
from brianpresyn.experiments.spiking_classifier import settled_at
from brianpresyn.experiments.spiking_perceptron import PLASTIC, leads
from validation.claims.schug2021.important_synapses import S02
from validation.claims.schug2021.task_sequences import S12
from validation.criteria import above, equals, exact, in_every, significant
from validation.experiments.same_patterns import PAIRED, draw_forgetting, rate_accuracies
from validation.registry import Context, Findings, Run, claim_figure, measures, panels
from validation.statement import CROSS_CHECK, Claim, Rendering, analytic, row, spiking

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


_clause = partial(spiking, source=CROSS_CHECK, criterion=significant(0.01))
FIRST = _clause("X05a", "plastic release remembers task 1 better than reliable release after five tasks")
MEAN = _clause("X05b", "plastic release has the higher mean accuracy over five tasks")
_SAID = "S12 in spikes: five pattern tasks, spiking perceptron with plastic release"
_DEVIATION = (
    "At the paper's size plastic release beats fixed release but not the deterministic perceptron: an input "
    "in spikes is a pair of lines with a synapse each; with such inputs the advantage is gone in rates too."
)
X05 = Claim("X05", _SAID, CROSS_CHECK, (FIRST, MEAN), _DEVIATION)


@measures(X05, "S02", "S12", experiment="spiking_perceptron", needs=("brian2",))
def lifelong_spiking_perceptron(run: Run, context: Context) -> Findings:
    """Compare task 1 after five tasks, and the mean over the tasks, with each control, seed by seed.

    Controls have the same lines and delays; their strengths start at 0 and only the sign of the potential
    counts, so that no learning rate had to be tuned for them.
    """
    config, result, rates = run.settings, run.result, rate_accuracies(run.settings)
    for inputs, accuracy in {"": result.accuracy, **rates}.items():
        yield from compared(accuracy, inputs)
    reliable = mean_of((result.p.sel(model=PLASTIC) >= 0.9 - 1e-9).mean("line"), unit="networks")
    quantity = "share of synapses with p at least 0.9 after five tasks of the perceptron"
    condition = {"n_inputs": int(result.attrs["n_inputs"]), "form": "soft_bound"}
    reason = "another problem than the published one; p is capped at 0.9"
    yield row(S02, reliable, quantity, condition=condition, reason=reason)
    sizes = f"{config.n_inputs} inputs, {config.n_patterns} patterns a task, {config.n_epochs} epochs."
    yield from panels(run, "memory", X05, (10, 3.6), sizes)
    if rates:
        yield claim_figure(draw_forgetting, size=(9, 3.6), spikes=result.accuracy, rates=rates)


def compared(accuracy: xr.DataArray, inputs: str = "") -> Findings:
    """Yield the advantage of plastic release over each control; `inputs` says that they are in rates."""
    form = Rendering.RATE if inputs else Rendering.SPIKING
    for clause, published, (words, by_control) in zip(
        X05.clauses, S12.clauses, leads(accuracy).items(), strict=True
    ):
        for control, lead in by_control.items():
            # Clauses are about reliable release. A pair of lines in rates tells why the renderings differ.
            is_judged, both = control == "deterministic" and inputs != PAIRED, (clause, published)
            condition = {"control": control, **({"input": inputs} if inputs else {})}
            for subject in (both[:1] if inputs else both) if is_judged else (X05,):
                quantity = f"{words}: plastic release minus control"
                yield row(subject, lead, quantity, rendering=form, condition=condition)


_spiking = partial(spiking, source=CROSS_CHECK, unit="images")
_AS_RATES = "as right as rates with as much noise (within a point)"
AS_IN_RATES = _spiking("X06a", _AS_RATES, criterion=equals(0, 0.01))
_NO_LESS = "no less right than the trained network with its noise (within a point)"
AS_TRAINED = _spiking("X06b", _NO_LESS, criterion=above(-0.01))
ATP = _spiking("X06c", "the ledger counts the ATP expected of these spikes", criterion=equals(1.0, 0.01))
_KEPT = "each mechanism keeps mean and sd of the weights that it can realise"
MOMENTS = analytic("X06d", _KEPT, CROSS_CHECK, exact(0.0, 1e-9), unit="weights")
_SAID = (
    "The trained Gaussian synapses (mu, sigma) of M03 realised as binomial release (n, p, q) by each "
    "mechanism: same accuracy in spikes, and the ATP that each costs"
)
X06 = Claim("X06", _SAID, CROSS_CHECK, (AS_IN_RATES, AS_TRAINED, ATP, MOMENTS))


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
    from validation.experiments import gaussian_in_spikes as networks

    result, data = run.result, {"data": run.result.attrs["data_set"]}
    shown = {"presentation_ms": round(1000 * float(result.time[-1]), 6)}
    for case in networks.networks_of(result):
        about = {**data, "rho": round(float(case.rho), 3), "s": float(case.s)}
        for way in map(str, result.way.values):
            part, here = case.sel(way=way), {**about, "realised by": way}
            for rendering, words, lead in networks.leads(part):
                subject = AS_TRAINED if words.startswith("the trained") else X06
                quantity, condition = f"accuracy less that of {words}, same images", {**here, **shown}
                yield row(subject, lead, quantity, rendering=Rendering(rendering), condition=condition)
            quantity = "ATP counted by the ledger over the analytic expectation for the same spikes"
            yield row(ATP, networks.ledger_over_expectation(part), quantity, condition=here)
        quantity = "ATP of reliability by release probability over that by number of sites"
        yield row(X06, networks.cost_of_release(case), quantity, condition=about)
    for (s, way), same in networks.differences_over_costs(result).items():
        quantity = "accuracy less that of rates with as much noise, same images, mean over rho"
        condition = {**data, "s": s, "realised by": way, **shown}
        yield row(AS_IN_RATES, same, quantity, condition=condition)
    yield from panels(run, "accuracy energy", X06, (10, 3.4))
