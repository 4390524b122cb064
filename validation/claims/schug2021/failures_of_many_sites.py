"""S21: how often many release sites fail together."""

import itertools
from functools import partial

import quantities as pq

from biophys.estimates import exactly
from biophys.optima_plots import plot_failing_together
from biophys.quantal import QuantalSynapse
from validation.criteria import exact
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import SCHUG, Claim, analytic, row

CITED_RELEASE = {1: (0.7, 0.7), 4: (0.25, 0.4), 10: (0.1, 0.1)}
"""Release probability by number of sites, lower and upper, as Harris et al. (2012, p. 766) read it from
Branco et al. (2008) and Hardingham et al. (2010)."""

_TEN = "(1 - p)^N at the recorded p of ten sites"
TEN_SITES = analytic("S21a", _TEN, "discussion", exact(0.35, 0.05), "0.3-0.4")
S21 = Claim(
    "S21",
    "The probability (1 - p)^N that no site releases stays 0.3-0.4 for N as large as 10: the p that this "
    "needs",
    SCHUG,
    (TEN_SITES,),
)


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
    for n, failure in itertools.product((10, 5, 1), (0.4, 0.3)):
        needed = exactly(1.0 - failure ** (1.0 / n))
        yield row(S21, needed, quantity, condition={"N": n, "no release": failure})
    yield claim_figure(partial(plot_failing_together, cited=CITED_RELEASE), size=(6, 3.8))
