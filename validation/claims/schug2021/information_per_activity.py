"""S15: the ordering of S01 with the activity of neurons as energy."""

from biophys.estimates import means_along
from validation.claims.schug2021.energy_networks import present, quotient
from validation.criteria import above, in_every
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import SCHUG, Claim, Clause, row

_PLACE = "app 1 fig 1b"
_EVERY = in_every(above(1.0), "penalty")
BEST_PLASTIC = Clause(
    "S15a", "plastic release over deterministic synapses, each at its best", _PLACE, above(1.0)
)
BEST_FIXED = Clause("S15b", "deterministic synapses over fixed release, each at its best", _PLACE, above(1.0))
EVERY_PLASTIC = Clause("S15c", "plastic release over deterministic synapses at each penalty", _PLACE, _EVERY)
EVERY_FIXED = Clause("S15d", "deterministic synapses over fixed release at each penalty", _PLACE, _EVERY)
S15 = Claim(
    "S15",
    "Energy as mean neuronal activity instead of synaptic strength: same ordering",
    SCHUG,
    (BEST_PLASTIC, BEST_FIXED, EVERY_PLASTIC, EVERY_FIXED),
    "At full size the hidden units of the deterministic network are the most active ones at small penalties, "
    "so that each at its best penalty fixed release comes out ahead of it.",
)
_PAIRS = {
    ("soft_bound", "deterministic"): BEST_PLASTIC,
    ("deterministic", "fixed_release"): BEST_FIXED,
    ("additive", "deterministic"): S15,
    ("soft_bound", "deterministic_slow"): S15,
    ("deterministic", "matched_release"): S15,
    ("soft_bound", "matched_release"): S15,
}
_AT_EACH = {("soft_bound", "deterministic"): EVERY_PLASTIC, ("deterministic", "fixed_release"): EVERY_FIXED}


@measures(S15, experiment="energy")
def information_per_activity(run: Run, context: Context) -> Findings:
    """Compare information per summed activity of the hidden units: at the best penalty, and at each."""
    from rate_models.experiments.energy_figures import best_ratio, ratio_of

    result = run.result
    best, ratio = best_ratio(result, "neuronal_energy"), ratio_of(result, "neuronal_energy")
    for pair, subject in present(result, _PAIRS).items():
        yield quotient(subject, best, pair, "information per neuronal activity")
    for (first, second), clause in present(result, _AT_EACH).items():
        # Penalties at which both models answered well.
        quotients = (ratio.sel(model=first) / ratio.sel(model=second)).dropna("l2", how="all")
        yield row(clause, means_along(quotients, "l2", "ratio"), clause.text, along="L2")
    activity = result.neuronal_energy.isel(epoch=-1)
    more = activity.sel(model="deterministic") / activity.sel(model="fixed_release")
    words = "summed activity of hidden units: deterministic over fixed release"
    yield row(S15, means_along(more, "l2", "ratio"), words, along="L2")
    if "scan_neuronal_energy" in result:
        by_p = result.scan_neuronal_energy.isel(learning_rate=0).dropna("fixed_p", how="all")
        more = by_p.sel(fixed_p=1.0) / by_p.sel(fixed_p=by_p.fixed_p[by_p.fixed_p < 1])
        words = "summed activity of hidden units at the shown penalty: p = 1 over a fixed p below one"
        yield row(S15, means_along(more, "fixed_p", "ratio"), words, along="fixed p")
    yield from panels(run, "app1-fig1b", S15)
