"""X10: the release probability that transmits most bits per ATP, and its published special cases."""

from biophys import information_efficiency as bits
from biophys.estimates import exactly
from biophys.recordings.release_efficiency import optimum_in_range, plot_optima
from biophys.units import ATP
from validation.claims.schug2021.failures_of_many_sites import CITED_RELEASE
from validation.criteria import below, exact, in_every
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import CROSS_CHECK, Claim, analytic, row, rows

_BEST = "the best p lies below one, over the ranges of constants"
BELOW_ONE = analytic("X10a", _BEST, CROSS_CHECK, below(1.0))
_ONE_SITE = "one site that pays only for vesicles: p = 1 (Harris et al. 2012)"
VESICLES_ONLY = analytic("X10b", _ONE_SITE, CROSS_CHECK, exact(1.0, 0.0))
_SUMMED = "summed information less the axon's at the failure rate of Levy & Baxter (2002), bit"
SUMMED = analytic("X10c", _SUMMED, CROSS_CHECK, in_every(exact(0.0, 0.01), "spike rate"))
_SAID = (
    "Information per ATP of one synapse as a function of p and n: optimum below one, and where the recorded "
    "release probabilities lie"
)
X10 = Claim("X10", _SAID, CROSS_CHECK, (BELOW_ONE, VESICLES_ONLY, SUMMED))
_RATE_BIN = 0.01  # spikes per bin: 4 Hz and 2.5 ms (Harris, Jolivet & Attwell 2012)


@measures(X10)
def information_per_atp(context: Context) -> Findings:
    """Find the release probability with most bits per ATP for several numbers of sites.

    Without calcium one site should always release (p = 1); the calcium cost, which diverges at p = 1, brings
    the optimum just below. With several sites to a target it is well below one and falls with their number,
    because the second vesicle of a spike says nothing new. The model counts a bin as one spike or none and
    takes sites as independent and always full: depletion, noise of other inputs and the information of
    amplitude are left out. With cost only for released vesicles and two or more sites the best p tends to 0:
    the optimum depends on the cost shared by the whole synapse (here its part of the action potential).
    """
    spikes, at = bits.bernoulli_input(_RATE_BIN), {"rate": "4 Hz", "bin": "2.5 ms"}
    best = {n: optimum_in_range(_RATE_BIN, n) for n in (1, 2, 4, 5, 10)}
    yield from rows(BELOW_ONE, best, "release probability with most bits per ATP", "n", condition=at)
    most = bits.optimal_synapse(spikes, bits.TransmissionCost(), n_max=12)
    quantity = "number of sites with most bits per ATP, each number at its best p"
    yield row(X10, exactly(most.n, how=f"{most.bits_per_atp:.3g} bit/ATP at p = {most.p:.3f}"), quantity)
    vesicles = bits.TransmissionCost(per_spike=0 * ATP, calcium=0 * ATP)
    p = exactly(bits.optimal_release_probability(spikes, 1, vesicles).p)
    yield row(VESICLES_ONLY, p, "best p of one site that pays only for released vesicles")
    off = {}
    for rate in (0.02, 0.05):
        formula, failures = (float(bits.failure_rate_of_levy_baxter(rate, is_exact=x)) for x in (False, True))
        solved = exactly(failures, how=f"published f = 4^-H up to terms of order {rate:g}")
        quantity = "failure rate at which summed information equals the axon's"
        yield row(X10, solved, quantity, condition={"spikes per step": rate}, published=formula)
        entropy = float(bits.entropy_bits(bits.bernoulli_input(rate)))
        off[f"{rate:g} spikes per step"] = exactly(bits.information_of_sum(4000, rate, failures) - entropy)
    yield row(SUMMED, off, "information of 4000 summed inputs less that of the axon (bit)", along="case")
    for n, cited in CITED_RELEASE.items():
        quantity = "best p beside the recorded p that Harris et al. (2012) cite"
        published = " to ".join(f"{p:g}" for p in dict.fromkeys(cited))
        yield row(X10, optimum_in_range(_RATE_BIN, n), quantity, condition={"n": n}, published=published)
    note = "Here at 4 Hz in bins of 2.5 ms."
    yield claim_figure(plot_optima, note, (9, 4), spike_probability=_RATE_BIN, recorded=CITED_RELEASE)
