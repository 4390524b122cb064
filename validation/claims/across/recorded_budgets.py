"""X11: the energy budgets that recorded connections imply, and what their change predicts."""

from functools import partial
from typing import Any

import numpy as np
import quantities as pq

from biophys.budget_plots import plot_recorded_budgets
from biophys.energy_budget import ChangeSize
from biophys.recordings.recorded_budgets import budget_growth, budget_prediction, budget_spread
from biophys.recordings.recorded_connections import INDUCTIONS
from validation.claims.across.energy_budget import PREDICTS, X11
from validation.data.allen_synapses import allen_synapses_here
from validation.data.recordings import read_ko2013, read_sjostrom2001
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import Rendering, row

_SIZES: tuple[ChangeSize, ...] = ("squared", "relative")


@measures(X11, rendering=Rendering.RECORDED, data_sets=("sjostrom2001", "ko2013"))
def recorded_budgets(context: Context) -> Findings:
    """Find the budgets that recorded connections imply, and what their change predicts.

    Recorded budgets are relative (both cost scales 1) and follow from sd / mean alone: E ~ (mean / sd)^(2/5).
    The fifth root compresses: a tenfold range of precision is a factor 1.6 in the budget, so that any cloud
    of connections lies near one budget on that scale.

    The published p and q of Sjöström et al. suppose 5.5 sites at every connection, so that a change of n
    cannot be seen; the change of budget is that of p / (1 - p) to the power 1/5.

    The rule for the change of the budget is a line in mean / sd, which goes as E^(5/2): on |change of mean|^2
    / mean before, as a public summary of the preprint has it (squared), or on |change| / mean before, as the
    abstract's words may be read (relative). It is fitted to potentiated and depressed connections apart:
    their budgets change in opposite directions. On potentiated ones it predicts better than a constant budget
    or sd, on the 14 depressed ones a constant sd predicts best.
    """
    recordings, n_resamples = read_sjostrom2001(), 2_000 if context.is_quick else 20_000
    drawn: dict[str, Any] = {"rng": np.random.default_rng(context.seed), "n_resamples": n_resamples}
    for induction in INDUCTIONS:
        chosen, about = recordings.induced(induction), {"rows": induction}
        quantity = "geometric mean of the implied budget after over before induction"
        yield row(X11, budget_growth(chosen, **drawn), quantity, condition=about)
        for size in _SIZES:
            rms, lead = budget_prediction(chosen, size, **drawn)
            condition = {**about, "change of the mean": size}
            quantity = "rms error of log sd after induction, predicted from the change of the budget"
            yield row(X11, rms, quantity, condition=condition)
            quantity = (
                "squared error of log sd less that of the better of a constant budget and a constant sd"
            )
            yield row(PREDICTS if size == "squared" else X11, lead, quantity, condition=condition)
    ko = read_ko2013()
    clouds = {
        "Sjöström et al. before": recordings.moments_before,
        "Sjöström et al. after": recordings.moments_after,
        "Ko et al.": (ko.mean, np.sqrt(ko.variance)),
    }
    if allen := [synapse for synapse in allen_synapses_here() if synapse.sd > 0 * pq.mV]:
        moments = np.array([[float(synapse.mean), float(synapse.sd)] for synapse in allen])
        clouds["Allen Institute"] = tuple(moments.T * pq.mV)
    for name, (mean, sd) in clouds.items():
        quantity, condition = "sd of the log of the implied budget over connections", {"connections": name}
        published = "connections cluster near a minimal-energy boundary"
        yield row(X11, budget_spread(mean, sd, **drawn), quantity, condition=condition, published=published)
    caption = (
        "Left: mean and variance of recorded EPSPs with minimal-energy boundaries at the budgets "
        "(relative units) that 5, 50 and 95 % of the connections of Sjöström et al. imply before "
        "induction. Right: sd after induction predicted with the line fitted to the others, n = "
        f"{len(recordings)} rows."
    )
    draw = partial(plot_recorded_budgets, recordings=recordings, clouds=clouds)
    yield claim_figure(draw, caption, (9.5, 4))
