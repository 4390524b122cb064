"""X08: variability optimised under each cost, and the exponent that recordings imply."""

import operator
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import quantities as pq

from biophys.association import distance_of_distributions
from biophys.bootstrap import bootstrap
from biophys.estimates import transformed
from biophys.optimal_precision import implied_exponent, slopes_over_units
from biophys.precision_plots import plot_slopes_on_rate, slopes_at
from biophys.recordings import exponent_likelihood as likelihood
from biophys.recordings.epsp_variability import INPUT_POWERS, MAIN, RESIDUAL, exponent_figure
from brianpresyn.experiments import optimal_variability
from validation.claims.across.information_per_atp import X10
from validation.claims.malkin2023.optimal_variance import UNITS, slope_rows
from validation.claims.malkin2023.signature_networks import STATES
from validation.claims.malkin2023.variability_and_rate import PUBLISHED_SLOPE, recorded_slopes
from validation.claims.schug2021.energy_networks import FIGURES_RULE
from validation.criteria import equals, exact, in_every
from validation.data.datastore import DataSetCorrupt, DataSetMissing
from validation.data.recordings import read_ko2013, read_sjostrom2001
from validation.registry import ClaimFigure, Context, Findings, Run, claim_figure, measures
from validation.runs import result_for
from validation.statement import CROSS_CHECK, Claim, Clause, Rendering, analytic, row, spiking

_EXACTLY, _NEARLY = in_every(exact(1.0, 0.05), "cost"), in_every(equals(1.0, 0.05), "cost")
_COMPUTED = "computed for Poisson inputs at low rates, within 5 %"
RARE_SPIKES = analytic("X08a", _COMPUTED, CROSS_CHECK, _EXACTLY, "-2/(rho+2)")
_OPTIMISED = "optimised in a spiking neuron, within 5 %"
IN_SPIKES = spiking("X08b", _OPTIMISED, CROSS_CHECK, _NEARLY, "-2/(rho+2)", unit="neurons")
X08 = Claim(
    "X08",
    "Variability optimised under each cost in a spiking neuron with inputs of different rates: slope against "
    "the analytic -2/(rho+2) and the recorded slope; the cost exponent rho that the recordings imply",
    CROSS_CHECK,
    (RARE_SPIKES, IN_SPIKES),
)
_QUANTITY = "slope of log optimal variance on log presynaptic rate"
_KERNEL = 10.0 * pq.ms
"""Time constant of the exponential kernel through which inputs are seen."""


@measures(X08)
def slopes_for_poisson_inputs(context: Context) -> Findings:
    """Optimise the variance for Poisson inputs of different rates and fit its slope on the rate.

    Which of the two slopes applies depends on the presynaptic rate times the time constant. Cells that fire
    at a few hertz are in the first regime (mean x² within 10 % of proportional to the rate below 5 Hz), where
    the published recorded slope of -0.62 implies rho = 1.23, nearest to actin's 4/3; in the second it would
    imply rho = 4.45.
    """
    regimes: dict[str, tuple[Clause | Claim, np.ndarray]] = {
        "shot noise": (RARE_SPIKES, np.geomspace(0.01, 0.3, 30)),
        "mean drive": (X08, np.geomspace(300, 3000, 30)),
    }
    for regime, (clause, rate) in regimes.items():
        slopes = slopes_at(rate * pq.Hz, _KERNEL)
        about = {"regime": regime, "rate": f"{rate[0]:g} to {rate[-1]:g} Hz"}
        yield from slope_rows(clause, X08, slopes, "on_input_power", _QUANTITY, condition=about)
    caption = (
        "Slope of log optimal variance on log rate for Poisson inputs seen through an exponential kernel of "
        "10 ms: -2/(rho+2) at low rates, where mean x² grows as the rate, twice that at high rates, where it "
        "grows as the rate squared. Computed, not sampled."
    )
    yield claim_figure(partial(plot_slopes_on_rate, time_constant=_KERNEL, recorded=PUBLISHED_SLOPE), caption)


@measures(X08, rendering=Rendering.SPIKING, needs=("torch", "xarray"), experiment="optimal_variability")
def optimised_variability(run: Run, context: Context) -> Findings:
    """Optimise the variance of release in a spiking neuron and in a rate unit, and compare the slopes.

    Each synapse of the spiking neuron measures what its own noise adds to the variance of the potential and
    takes a step down that plus its reliability cost; p and q follow at fixed n and mean. Nothing of the
    analytic optimum is used, so that the slopes are a test of it.

    In spikes every release has noise of its own, so that the importance of a synapse is its rate at all
    rates. Where one draw of the noise holds for as long as the neuron remembers, as in the rate models,
    importance is the mean of x², which grows as the square of high rates: there the slope is twice as steep
    (see the analytic rows for the regime of mean drive).
    """
    spiking, rate = run.result, result_for("linear", context).result
    # Mean x^2 stands for the rate of the inputs of a rate unit.
    slopes = {
        Rendering.SPIKING: slopes_over_units(spiking.sd, np.log(spiking.rate), "input", "neurons"),
        Rendering.RATE: slopes_over_units(rate.sigma, np.log(rate.power), "synapse", UNITS),
    }
    rates = f"{float(spiking.rate[0]):g} to {float(spiking.rate[-1]):g} Hz"
    inputs = {Rendering.SPIKING: rates, Rendering.RATE: "mean x² in place of the rate"}
    for form, by_cost in slopes.items():
        about: dict[str, Any] = {"rendering": form, "condition": {"inputs": inputs[form]}}
        yield from slope_rows(IN_SPIKES, X08, by_cost, "on_input_power", _QUANTITY, **about)
    by_name = {str(form): slopes[form] for form in (Rendering.RATE, Rendering.SPIKING)}
    try:
        recorded = recorded_slopes(context.seed, 2_000)[MAIN]
    except (DataSetMissing, DataSetCorrupt):
        recorded = None
    grey = "and the recorded slope with its interval (grey; variance at fixed mean, Ko et al. 2013)"
    caption = (
        "Left: variance per release that the synapses of a spiking neuron settle on, against the rate of "
        "their input (dots), and lines of the analytic slope. Right: slope of log variance on log rate for "
        "each cost: analytic, in a rate unit and in the spiking neuron with 95 % intervals"
        f"{'. The recordings were not at hand' if recorded is None else f', {grey}'}."
    )
    draw = partial(optimal_variability.draw_beside_rates, result=spiking, slopes=by_name, recorded=recorded)
    yield claim_figure(draw, caption, (10, 4), "X08")


_RATES = {"reading": "variance at fixed mean, both estimates of the rate with errors, cells"}
_CHANGES = {"reading": "variance at fixed mean on the size of the change, errors of p and q"}
_RHO, _N_TRIALS = "cost exponent rho by likelihood", 60
"""Ten minutes at 0.1 Hz. The files do not say how many responses p and q come from."""


@measures(X08, rendering=Rendering.RECORDED, data_sets=("ko2013",))
def exponent_by_likelihood(context: Context) -> Findings:
    """Report the exponent that variance against rate implies, and how many cells tell the costs apart."""
    fit = likelihood.fit_variability_slope(read_ko2013())
    yield row(X08, fit.exponent_estimate("cells"), _RHO, condition=_RATES)
    yield from _of_costs(fit, {}, "cells", "presynaptic cells")
    caption = (
        "Twice the log likelihood that each exponent loses against the best one: recordings of Ko et al. "
        "(2013), both estimates of the rate with errors, connections of a cell alike."
    )
    yield claim_figure(partial(likelihood.draw_deviance, fit=fit), caption)


@measures(X08, rendering=Rendering.RECORDED, data_sets=("sjostrom2001",))
def exponent_by_change(context: Context) -> Findings:
    """Report the exponent that variance against the change by induction implies, for several errors.

    How large a change is tells of the learning rate only if nothing but protocol and trials makes changes
    differ; then no cost explains the recordings. If anything else does, by an unknown amount, all of them do,
    and more connections would not help: several inductions of each would.
    """
    cases: list[tuple[int, bool, dict[str, Any]]] = [(_N_TRIALS, False, _CHANGES)]
    cases += [(n, False, {**_CHANGES, "trials": n}) for n in (_N_TRIALS // 2, 2 * _N_TRIALS)]
    cases += [(_N_TRIALS, True, {**_CHANGES, "changes scatter": "for other reasons too"})]
    for n_trials, scatters, condition in cases:
        fit = likelihood.fit_variability_on_change(read_sjostrom2001(), n_trials, scatters=scatters)
        yield row(X08, fit.exponent_estimate("connections"), _RHO, condition=condition)
        if n_trials == _N_TRIALS:
            yield from _of_costs(fit, condition, "connections", "" if scatters else "connections")


def _of_costs(fit: likelihood.SlopeFit, condition: Mapping[str, str], unit: str, cells: str = "") -> Findings:
    """Yield how much worse than the best exponent each cost fits, and how many cells tell two costs apart."""
    for cost, lost in likelihood.deviances(fit, unit).items():
        about = {**condition, "cost": cost}
        yield row(X08, lost, "deviance of a cost from the best exponent", condition=about)
    for (cost, other), n in likelihood.cells_needed(fit).items() if cells else ():
        about = {**condition, "true": cost, "other": other}
        yield row(X08, n, f"{cells} that tell two costs apart", condition=about)


@measures(X08, rendering=Rendering.RECORDED, data_sets=("ko2013",))
def recorded_exponents(context: Context) -> Findings:
    """Work out the cost exponent that each recorded slope of a variance implies."""
    slopes = recorded_slopes(context.seed, 2_000 if context.is_quick else 20_000)
    left_out = {"coefficient of variation", RESIDUAL, "Theil-Sen", "connections"}
    kept = {r: slope for r, slope in slopes.items() if not left_out & {r.variability, r.fit, r.resampled}}
    for reading, slope in kept.items():
        how = f"slope {slope.value:.3f}; {slope.how}"
        for scaling, power in INPUT_POWERS.items():
            quantity = "cost exponent rho that the recorded slope implies"
            condition = {**reading.condition, "supposed": scaling}
            estimate = transformed(slope, partial(implied_exponent, input_power=power), how)
            yield row(X08, estimate, quantity, condition=condition, published="1/2, 2/3, 4/3 or 2")
    caption = (
        "Cost exponent that a log-log slope of the variance on the rate implies, if the mean of x² grows as "
        "the rate or as its square. Grey: the recorded slope with its 95 % interval. Dotted: exponents "
        "of the four costs."
    )
    yield ClaimFigure(exponent_figure(slopes[MAIN]), caption)


@measures(X10, rendering=Rendering.RECORDED, data_sets=("sjostrom2001",), experiment="energy")
def release_of_trained_networks(run: Run, context: Context) -> Findings:
    """Report how far recorded release probabilities lie from those that plastic release learns."""
    recordings, rng = read_sjostrom2001(), np.random.default_rng(context.seed)
    counts = run.result.p_count.sel(model=FIGURES_RULE)
    upper_edges = np.arange(1, counts.sizes["p_bin"] + 1) / counts.sizes["p_bin"]
    is_below = recordings.p_before[:, None] <= upper_edges
    learned = (counts.cumsum("p_bin") / counts.sum("p_bin")).transpose("l2", "p_bin")
    for l2, share in zip(counts.l2.values, learned.values, strict=True):
        distance, names = partial(distance_of_distributions, is_below, share), recordings.recording
        estimate = bootstrap(distance, len(names), clusters=names, rng=rng, unit="recordings")
        quantity = "earth mover's distance of recorded p before induction from that of trained synapses"
        yield row(X10, estimate, quantity, condition={"trained with L2": float(l2)})


@measures(X08, rendering=Rendering.RECORDED, data_sets=("ko2013",), experiment="signatures")
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
