"""Beside X08 and X10: what recordings show, and what trained networks have."""

import operator
from functools import partial

import numpy as np

from biophys.association import distance_of_distributions
from biophys.bootstrap import bootstrap
from biophys.estimates import transformed
from biophys.recordings.epsp_variability import MAIN
from validation.claims.across.information_per_atp import X10
from validation.claims.across.optimised_variability import X08
from validation.claims.malkin2023.optimal_variance import recorded_slopes
from validation.claims.malkin2023.paying_networks import STATES
from validation.claims.schug2021.energy_networks import FIGURES_RULE
from validation.data.recordings import read_sjostrom2001
from validation.registry import Context, Findings, Run, measures
from validation.statement import Rendering, row


@measures("X10", rendering=Rendering.RECORDED, data_sets=("sjostrom2001",), experiment="energy")
def release_of_trained_networks(run: Run, context: Context) -> Findings:
    """Report how far recorded release probabilities lie from those that plastic release learns."""
    recordings, rng = read_sjostrom2001(), context.rng()
    counts = run.result.p_count.sel(model=FIGURES_RULE)
    upper_edges = np.arange(1, counts.sizes["p_bin"] + 1) / counts.sizes["p_bin"]
    is_below = recordings.p_before[:, None] <= upper_edges
    learned = (counts.cumsum("p_bin") / counts.sum("p_bin")).transpose("l2", "p_bin")
    for l2, share in zip(counts.l2.values, learned.values, strict=True):
        distance, names = partial(distance_of_distributions, is_below, share), recordings.recording
        estimate = bootstrap(distance, len(names), clusters=names, rng=rng, unit="recordings")
        quantity = "earth mover's distance of recorded p before induction from that of trained synapses"
        yield row(X10, estimate, quantity, condition={"trained with L2": float(l2)})


@measures("X08", rendering=Rendering.RECORDED, data_sets=("ko2013",), experiment="signatures")
def variability_of_trained_networks(run: Run, context: Context) -> Findings:
    """Report how far the recorded slope of variability on rate lies from that of trained networks."""
    recorded = recorded_slopes(context.seed, 2_000)[MAIN]
    slopes = run.result.slope_all.sel(predictor="input rate", c_factor=1.0).mean("seed").isel(layer=1)
    for state in STATES:
        for rho in slopes.rho.values:
            of_network = float(slopes.sel(state=state, rho=rho))
            how = f"trained {of_network:.3f}; recorded {recorded.value:.3f}; the interval is the recording's"
            estimate = transformed(recorded, partial(operator.add, -of_network), how)
            quantity = (
                "recorded slope of log variance on log rate less that of trained networks, second layer"
            )
            yield row(X08, estimate, quantity, condition={"rho": round(float(rho), 3), "state": state})
