"""S21: how often many release sites fail together, by formula, and drawn (X01)."""

import numpy as np
import quantities as pq

from biophys.estimates import exactly
from biophys.quantal import QuantalSynapse, failures_over_formula
from biophys.recordings.release_efficiency import plot_failing_together
from validation.claims.across.same_release import DRAWN_FAILURES
from validation.criteria import exact
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import SCHUG, Claim, Rendering, analytic, row, rows

CITED_RELEASE = {1: (0.7, 0.7), 4: (0.25, 0.4), 10: (0.1, 0.1)}
"""Release probability by number of sites, lower and upper, as Harris et al. (2012, p. 766) read it from
Branco et al. (2008) and Hardingham et al. (2010)."""

_TEN = "(1 - p)^N at the recorded p of ten sites"
TEN_SITES = analytic("S21a", _TEN, "discussion", exact(0.35, 0.05), "0.3-0.4")
_SAID = (
    "The probability (1 - p)^N that no site releases stays 0.3-0.4 for N as large as 10: the p that this "
    "needs"
)
S21 = Claim("S21", _SAID, SCHUG, (TEN_SITES,))


@measures(S21)
def failures_of_many_sites(context: Context) -> Findings:
    """Find the release probability at which N sites fail together in 0.3 to 0.4 of spikes.

    The statement needs a p of 0.09 to 0.11 at ten sites. That is what the recordings behind it show by the
    reading of Harris et al. (2012, p. 766): about 0.7 with one site, 0.25 to 0.4 with four, 0.1 with ten.
    """
    for n, cited in CITED_RELEASE.items():
        high, low = (float(QuantalSynapse(n, p, 1.0 * pq.mV).failure_probability) for p in cited)
        quantity = "(1 - p)^N at the recorded p that Harris et al. (2012) cite"
        condition = {"N": n, "p": " to ".join(f"{p:g}" for p in dict.fromkeys(cited))}
        estimate = exactly((low + high) / 2, how=f"{low:.3g} to {high:.3g} over the cited p")
        yield row(TEN_SITES if n == 10 else S21, estimate, quantity, condition=condition, published="0.3-0.4")
    quantity = "release probability at which no site releases with the given probability"
    for n in (10, 5, 1):
        needed = {failure: exactly(1.0 - failure ** (1.0 / n)) for failure in (0.4, 0.3)}
        yield from rows(S21, needed, quantity, "no release", condition={"N": n})
    yield claim_figure(plot_failing_together, size=(6, 3.8), cited=CITED_RELEASE)


@measures("X01", rendering=Rendering.ANALYTIC)
def analytic_failures(context: Context) -> Findings:
    """Compare the failure rate of drawn spikes with (1 - p)^n."""
    n, p = np.meshgrid([1, 2, 5, 10], [0.05, 0.2, 0.3, 0.5, 0.7])
    synapses, n_spikes = (
        QuantalSynapse(n.ravel(), p.ravel(), 0.2 * pq.mV),
        20_000 if context.is_quick else 500_000,
    )
    ratio, condition = (
        failures_over_formula(synapses, n_spikes, context.rng()),
        {"n": "1-10", "p": "0.05-0.7"},
    )
    yield row(DRAWN_FAILURES, ratio, "failure rate of drawn spikes over (1 - p)^n", condition=condition)
