"""M02: what reliability costs, as a power of the standard deviation, for four mechanisms."""

from functools import partial

import numpy as np
import quantities as pq

from biophys.cost_exponents import exponent_from_draws, exponent_table, plot_exponent_map, plot_exponents
from biophys.energy_costs import COST_EXPONENTS, CostMixture, reliability_costs
from biophys.estimates import exactly
from validation.criteria import exact
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import MALKIN, Claim, Clause, Rendering, row

_VARYING = {"calcium pump": "p", "vesicle membrane": "n", "actin": "n", "trafficking": "n"}
_clause = partial(Clause, rendering=Rendering.ANALYTIC)
LAWS = {
    m: _clause(
        f"M02{letter}", f"{m}, {_VARYING[m]} varies", "fig 1c, app 1", exact(rho, 0.01 * rho), f"{rho:.3g}"
    )
    for letter, (m, rho) in zip("abcd", COST_EXPONENTS.items(), strict=True)
}
SMALL_P = _clause("M02e", "trafficking, p varies, while p is small", "eq 18", exact(2.0, 0.02), "2")
M02 = Claim(
    "M02",
    "At fixed mean, cost ~ sigma^-rho with rho = 1/2 (calcium pump, p varies), 2/3 (membrane, n), 4/3 "
    "(actin, n), 2 (trafficking, n, or p while it is small)",
    MALKIN,
    (*LAWS.values(), SMALL_P),
)


@measures(M02)
def cost_exponents(context: Context) -> Findings:
    """Recover the exponents of the four costs by sweeping each mechanism at fixed mean.

    Trafficking bought with p instead of n has exponent 2(1 - p): within 10 % of 2 for p below 0.1. Bought
    with p, membrane and actin become cheaper as precision rises (exponents -4/3 (1 - p) and -2/3 (1 - p)),
    because smaller vesicles then carry the same mean: these laws need n to vary.
    """
    table = exponent_table()
    for each in table:
        is_by_p = each.mechanism == "trafficking" and each.varying == "p"
        clause = LAWS[each.mechanism] if not is_by_p else SMALL_P if each.high < 0.01 else M02
        about = {"mechanism": each.mechanism, "varies": each.varying, "from": each.low, "to": each.high}
        quantity = "exponent rho of cost ~ sigma^-rho at fixed mean"
        low, high = each.fit.local_range
        how = f"{each.fit.n_points} computed points; local exponents {low:.4f} to {high:.4f}"
        yield row(clause, exactly(each.fit.exponent, how=how), quantity, condition=about)
    n_spikes, rng = 5_000 if context.is_quick else 100_000, np.random.default_rng(context.seed)
    for law in reliability_costs():
        drawn = {"mechanism": law.mechanism, "varies": law.varying, "spikes": n_spikes}
        quantity, slope = (
            "exponent rho, sigma estimated from drawn responses",
            exponent_from_draws(law, n_spikes, rng),
        )
        yield row(M02, slope, quantity, condition=drawn, published=law.exponent)
    yield claim_figure(plot_exponents, size=(9, 4.2))
    costs = CostMixture(reliability_costs(reference_q=0.2 * pq.mV))
    caption = (
        "Local exponent of the sum of the four relative costs (each of scale 1 at q = 0.2 mV) at a mean of "
        "0.3 mV: the share-weighted mean of the exponents of its parts. Below 0 more precision costs less. "
        "Computed, not sampled."
    )
    yield claim_figure(partial(plot_exponent_map, cost=costs, mean=0.3 * pq.mV), caption, (9, 4))
    for each in table[:4]:
        law_of = f"{each.mechanism} ({each.formula}, {each.varying} varies)"
        yield f"{law_of}: a power law while {each.holds_while}."
