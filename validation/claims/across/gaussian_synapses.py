"""X06: Gaussian synapses realised as quanta answer as well, at a cost for each mechanism."""

from functools import partial

from validation.criteria import above, equals, exact
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import CROSS_CHECK, Claim, Rendering, analytic, row, spiking

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
