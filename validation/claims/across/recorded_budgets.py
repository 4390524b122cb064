"""Beside X11: the budgets that recorded connections imply, and what their change predicts."""

from typing import Any

import numpy as np
import quantities as pq

from biophys.recordings import recorded_budgets as budgets
from biophys.recordings.recorded_connections import INDUCTIONS
from validation.claims.across.energy_budget import PREDICTS, X11
from validation.data.allen_synapses import allen_synapses_here
from validation.data.recordings import read_ko2013, read_sjostrom2001
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import Rendering, row


@measures("X11", rendering=Rendering.RECORDED, data_sets=("sjostrom2001", "ko2013"))
def recorded_budgets(context: Context) -> Findings:
    """Find the budgets that recorded connections imply, and what their change predicts.

    Recorded budgets are relative (both cost scales 1) and follow from sd / mean alone: E ~ (mean / sd)^(2/5).
    The fifth root compresses: a tenfold range of precision is a factor 1.6 in the budget, so that any cloud
    of connections lies near one budget on that scale. The published p and q of Sjöström et al. suppose 5.5
    sites at every connection, so that a change of n cannot be seen; the change of budget is that of p / (1 -
    p) to the power 1/5. The rule for the change of the budget is a line in mean / sd, which goes as E^(5/2):
    on (change of mean)^2 / mean before, as a public summary of the preprint has it (squared), or on
    abs(change) / mean before, as the abstract's words may be read (relative). It is fitted to potentiated and
    depressed connections apart: their budgets change in opposite directions. On potentiated ones it predicts
    better than a constant budget or sd, on the 14 depressed ones a constant sd predicts best.
    """
    recordings, ko = read_sjostrom2001(), read_ko2013()
    drawn: dict[str, Any] = {"rng": context.rng(), "n_resamples": 2_000 if context.is_quick else 20_000}
    for induction in INDUCTIONS:
        chosen, about = recordings.induced(induction), {"rows": induction}
        quantity = "geometric mean of the implied budget after over before induction"
        yield row(X11, budgets.budget_growth(chosen, **drawn), quantity, condition=about)
        for size, subject in (("squared", PREDICTS), ("relative", X11)):
            rms, lead = budgets.budget_prediction(chosen, size, **drawn)  # type: ignore[arg-type]
            condition = {**about, "change of the mean": size}
            quantity = "rms error of log sd after induction, predicted from the change of the budget"
            yield row(X11, rms, quantity, condition=condition)
            quantity = (
                "squared error of log sd less that of the better of a constant budget and a constant sd"
            )
            yield row(subject, lead, quantity, condition=condition)
    clouds = {"Sjöström et al. before": recordings.moments_before}
    clouds |= {
        "Sjöström et al. after": recordings.moments_after,
        "Ko et al.": (ko.mean, np.sqrt(ko.variance)),
    }
    if allen := [synapse for synapse in allen_synapses_here() if synapse.sd > 0 * pq.mV]:
        moments = np.array([[float(synapse.mean), float(synapse.sd)] for synapse in allen])
        clouds["Allen Institute"] = tuple(moments.T * pq.mV)
    for name, (mean, sd) in clouds.items():
        quantity, condition = "sd of the log of the implied budget over connections", {"connections": name}
        published = "connections cluster near a minimal-energy boundary"
        yield row(
            X11, budgets.budget_spread(mean, sd, **drawn), quantity, condition=condition, published=published
        )
    yield claim_figure(budgets.plot_recorded_budgets, size=(9.5, 4), recordings=recordings, clouds=clouds)
