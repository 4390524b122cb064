"""M04: noise of its own for each synapse does better than one noise for all."""

from functools import partial

from biophys.estimates import means_along
from validation.claims.malkin2023.reliability_networks import advantage
from validation.criteria import above, in_every
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import MALKIN, Claim, Clause, row

_clause = partial(Clause, criterion=in_every(above(0.0), "rho"), published="higher")
SAME_C = _clause("M04a", "more accurate at the same c", "fig 2a")
SAME_SIGMA = _clause("M04b", "more accurate at the same mean sigma", "fig 3a")
SAME_COST = _clause("M04c", "more accurate at the same reliability cost of all synapses", "fig 3c")
M04 = Claim(
    "M04",
    "Heterogeneous noise beats homogeneous noise: higher accuracy at the same c, at the same mean sigma, at "
    "the same reliability cost",
    MALKIN,
    (SAME_C, SAME_SIGMA, SAME_COST),
)
_COMPARISONS: dict[str, tuple[Clause | Claim, str]] = {
    "c": (SAME_C, "c"),
    "sigma_rms": (SAME_SIGMA, "rms sigma"),
    "cost": (SAME_COST, "cost of all synapses"),
    "cost_at_rms": (M04, "cost of a synapse at rms sigma"),
}


@measures(M04, experiment="reliability")
def heterogeneous_noise(run: Run, context: Context) -> Findings:
    """Compare the accuracy of networks with one noise for each synapse and with one for all.

    Figure 3c of the paper takes the cost of one synapse at the rms sigma, which leaves out what unequal noise
    costs more (the cost is convex); the clause is judged by the cost of all synapses.
    """
    for variable, (subject, words) in _COMPARISONS.items():
        quantity = f"accuracy of heterogeneous minus homogeneous noise at the same {words}"
        reason = "mean over the sweep" if variable == "c" else "mean over the range that both share"
        ahead = means_along(advantage(run.result, variable), "rho")
        yield row(subject, ahead, quantity, along="rho", reason=reason)
    yield from panels(run, "fig3a fig3c fig3c-summed fig4", M04, (9, 3.4))
