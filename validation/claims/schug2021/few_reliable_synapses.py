"""S02: after learning few synapses are reliable, from whichever start."""

from biophys.estimates import mean_of
from validation.claims.schug2021.energy_networks import FIGURES_RULE, STARTS, at_shown_l2, shown_networks
from validation.criteria import above, below, equals
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import SCHUG, Claim, Clause, row

_FEW = "few synapses have p >= 0.9 (few: less than if p were spread evenly over 0.25 to 1)"
FEW = Clause("S02a", _FEW, "fig 2a, app 1 fig 1d", below((1 - 0.9) / (1 - 0.25)), "few, no number")
MOST_LOW = Clause(
    "S02b", "most stay low (more than half below 0.5)", "fig 2a, app 1 fig 1d", above(0.5), "most, no number"
)
SAME = Clause(
    "S02c", "independent of the initial p (within a point)", "app 1 fig 1d", equals(0.0, 0.01), "independent"
)
S02 = Claim(
    "S02",
    "After learning few synapses have p >= 0.9, most stay low; independent of initial p (constant 0.25 or "
    "uniform on 0.25..1)",
    SCHUG,
    (FEW, MOST_LOW, SAME),
    "Under the rule that made the figures 23 % of the synapses become reliable, and 8 points more of those "
    "that start uniform; under the printed rule 6 %.",
)


@measures(S02, experiment="energy")
def few_reliable_synapses(run: Run, context: Context) -> Findings:
    """Count reliable and unreliable synapses after learning from a constant and from a uniform start.

    The rule with the soft bound is the program's and made the figures; the paper prints another.
    """
    result = run.result
    for model in (model for model in STARTS if model in result.model.values):
        is_published, condition = model == FIGURES_RULE, {"start": STARTS[model]}
        at = at_shown_l2((shown_networks(run, context) if is_published else run).result, model)
        # The rule with the soft bound from a constant start is that of figure 2a; S02c compares the starts.
        low, high = (mean_of(share, unit="networks") for share in (at.share_low_p, at.share_high_p))
        for clause, share, limits in ((MOST_LOW, low, "p < 0.5"), (FEW, high, "p >= 0.9")):
            quantity = f"share of synapses with {limits} after learning"
            yield row(clause if is_published else S02, share, quantity, condition=condition)
    if "soft_bound_uniform" in result.model.values:
        more = at_shown_l2(result, "soft_bound_uniform").share_high_p - at_shown_l2(result).share_high_p
        quantity = "share of synapses with p >= 0.9: uniform start less constant start"
        yield row(SAME, mean_of(more, unit="networks", how="paired seeds"), quantity)
    yield from panels(run, "fig2a app1-fig1d", S02)
