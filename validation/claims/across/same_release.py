"""X01, X02, X09 and X13: release and its plasticity are the same in every simulator, and as in formulas."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import xarray as xr

from biophys.release_plasticity import FORMS, OddsPlasticity, ReleasePlasticity
from brianpresyn.experiments import fixed_trains, nest_parity, release_statistics
from brianpresyn.experiments import plasticity_trajectory as trajectory
from brianpresyn.experiments.network_a import NETWORK_A
from brianpresyn.targets import run_on_every_target
from validation.claims.malkin2023.optimal_variance import DRAWN
from validation.criteria import equals, exact, in_every
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import CROSS_CHECK, Claim, Clause, Rendering, analytic, not_run, row, spiking

# The margins are what a sample in small can show.
_MOMENTS = "mean and variance of every release model, on every target, are the formulas' within 5 %"
MOMENTS = spiking("X01a", _MOMENTS, CROSS_CHECK, in_every(equals(1.0, 0.05), "model"), unit="spikes")
_FAILURES = "failure rates of every release model, on every target, are (1 - p)^n within a point"
FAILURES = spiking("X01b", _FAILURES, CROSS_CHECK, in_every(equals(0.0, 0.01), "model"), unit="spikes")
_SAME = "releases of a seed are the same on all targets"
SAME_RELEASES = spiking("X01c", _SAME, CROSS_CHECK, exact(0.0, 0.0), unit="models")
_DRAWN = "drawn failure rates are (1 - p)^n within 1 %"
DRAWN_FAILURES = analytic("X01d", _DRAWN, CROSS_CHECK, equals(1.0, 0.01), unit="spikes")
_SAID = (
    "The PSP moments and the failure rate of every release model in Brian2, on every code generation target, "
    "equal the analytic ones"
)
X01 = Claim("X01", _SAID, CROSS_CHECK, (MOMENTS, FAILURES, SAME_RELEASES, DRAWN_FAILURES))


@measures(X01, "M01", rendering=Rendering.SPIKING)
def release_in_brian2(context: Context) -> Findings:
    """Compare the responses of every release model on every target with the analytic moments."""
    config = release_statistics.QUICK if context.is_quick else release_statistics.Config()
    config, run = replace(config, seed=context.seed), release_statistics.run
    results = [*run_on_every_target(run, config, context.report_progress).values()]
    for result in results:
        yield from compared(result)
    different = release_statistics.releases_differing(results)
    quantity = "release models whose counter-based releases differ between targets"
    yield row(SAME_RELEASES, different, quantity, condition={"target": "all", "draws": "counter"})
    note = f"{results[0].attrs['n_events']} spikes each."
    yield claim_figure(release_statistics.draw_targets, note, (9, 3.8), results=results)


def compared(result: xr.Dataset) -> Findings:
    """Yield mean, variance and failure rate on one target beside their formulas, by generator."""
    for draws, part in result.groupby("draws"):
        condition = {"target": result.attrs["target"], "draws": str(draws)}
        by_model = release_statistics.estimates_by_model(part)
        for moment in release_statistics.MOMENTS:
            quantity = f"{moment} of the PSP over its formula"
            yield row(MOMENTS, by_model[moment], quantity, condition=condition, along="release")
            mean = release_statistics.mean_over_formula(part, moment)
            yield row(DRAWN, mean, quantity, rendering=Rendering.SPIKING, condition=condition)
        quantity = "failure rate less (1 - p)^n"
        yield row(FAILURES, by_model["failures"], quantity, condition=condition, along="release")


_same = partial(spiking, source=CROSS_CHECK, criterion=in_every(equals(1.0, 0.1), "synapse"), unit="synapses")
CLAUSES = {  # The margin is what a sample in small can show.
    "mean": _same("X09a", "mean response of NEST over this package's is 1 within 10 %"),
    "variance": _same("X09b", "variance of the response in NEST over this package's is 1 within 10 %"),
    "failures": _same("X09c", "share of failures in NEST over this package's is 1 within 10 %"),
}
_AS_HERE = "an export releases in NEST, on one thread and on two, what it does in Brian2 at every event"
EVENTS = spiking("X09d", _AS_HERE, CROSS_CHECK, exact(0.0, 0.0), unit="events")
_SAID = (
    "Parity with other simulators: exported synapses release in NEST exactly what they do in Brian2, and "
    "NEST's `bernoulli_synapse` and `quantal_stp_synapse` have the same statistics"
)
X09 = Claim("X09", _SAID, CROSS_CHECK, (*CLAUSES.values(), EVENTS))


@measures(X09)
def events_in_nest(context: Context) -> Findings:
    """Count the events at which an export releases otherwise, model by model, and time network A."""
    models, n_steps = (("depressed",), 250) if context.is_quick else (tuple(fixed_trains.MODELS), 2500)
    try:
        if (interpreter := nest_parity.nest_interpreter()) is None:
            raise nest_parity.NoCompiler(nest_parity.REMEDY)
        different = nest_parity.events_differing(models, n_steps, interpreter)
    except nest_parity.NoCompiler as error:
        yield not_run(EVENTS, str(error).splitlines()[0])
        return
    yield row(EVENTS, different, "events at which the quanta released differ")
    if not context.is_quick:
        by_host = nest_parity.time_per_event(NETWORK_A, interpreter)
        yield row(X09, by_host, "processor time per synaptic event of network A, ns", along="host")


@measures(X09)
def release_in_nest(context: Context) -> Findings:
    """Compare mean, variance and failures over trains of spikes, synapse by synapse."""
    n_synapses = 4000 if context.is_quick else 20_000
    if (interpreter := nest_parity.nest_interpreter()) is None:
        yield from (not_run(clause, nest_parity.REMEDY) for clause in CLAUSES.values())
        return
    version, in_nest, own = nest_parity.responses_of_both(n_synapses, context.seed, interpreter)
    for name, ratios in nest_parity.ratios_by_statistic(in_nest, own, rng=context.rng()).items():
        quantity = f"{name} of the response in NEST over that in this package"
        yield row(CLAUSES[name], ratios, quantity, along="synapse")
    note = f"NEST {version}; {n_synapses} synapses each."
    yield claim_figure(nest_parity.draw_responses, note, (9, 3.8), in_nest=in_nest, own=own)
    yield (
        "The weight of NEST's quantal_stp_synapse is one quantum, though its documentation calls it the "
        f"amplitude with all sites released: the first response is {in_nest[4][:, 0].mean():.2f} weights "
        "with n = 5 and p = 0.4, where n p = 2."
    )


# Float64: a difference of rounding alone.
_clause = partial(Clause, source=CROSS_CHECK, criterion=exact(0.0, 1e-12), unit="updates")
IN_TORCH = _clause("X02a", "torch moves p as numpy does")
IN_BRIAN = _clause("X02b", "Brian2 moves p as numpy does, on every target", rendering=Rendering.SPIKING)
_SAID = "One synapse's p trajectory under the same update signals is the same in numpy, torch and Brian2"
X02 = Claim("X02", _SAID, CROSS_CHECK, (IN_TORCH, IN_BRIAN))
_QUANTITY = "largest difference of p from the numpy trajectory"


@measures(X02, rendering=Rendering.SPIKING, needs=("torch",))
def release_probability_trajectories(context: Context) -> Findings:
    """Compare the trajectories of p under the same signals, in both forms of the rule."""
    import torch

    base = trajectory.QUICK if context.is_quick else trajectory.Config()
    rules = tuple(
        ReleasePlasticity(p_up=0.07, p_down=0.07, g_lim=0.7, p_freeze=0.9353, form=form) for form in FORMS
    )
    config = replace(base, rules=rules, seed=context.seed)
    signals, start = trajectory.signals_for(config), np.ones(base.n_synapses)
    expected = np.array([trajectory.in_numbers(start * r.p_min, signals, r) for r in rules])
    in_torch = [
        trajectory.in_numbers(torch.as_tensor(start * r.p_min), torch.as_tensor(signals), r) for r in rules
    ]
    for form, ours, theirs in zip(FORMS, in_torch, expected, strict=True):
        condition = {"target": "torch", "form": form}
        off = trajectory.largest_difference(ours, theirs)
        yield row(IN_TORCH, off, _QUANTITY, rendering=Rendering.RATE, condition=condition)
    for target, result in run_on_every_target(trajectory.run, config, context.report_progress).items():
        measured = result.p.values
        for form, ours, theirs in zip(FORMS, measured, expected, strict=True):
            condition = {"target": target, "form": form}
            yield row(IN_BRIAN, trajectory.largest_difference(ours, theirs), _QUANTITY, condition=condition)
    note = "p_up = p_down = 0.07, threshold 0.7, frozen from p = 0.9353."
    shown = {"expected": expected, "measured": measured}
    yield claim_figure(trajectory.draw_beside_numbers, note, (8, 3.4), **shown)


# Float64 too, but in spikes p alone holds the odds, whose rounding 1 / (1 - p) enlarges.
_spiking = partial(spiking, source=CROSS_CHECK, criterion=exact(0.0, 1e-9), unit="updates")
ODDS = _spiking("X13a", "Brian2 moves p as the rate engine does, on every target")
STRENGTH = _spiking("X13b", "and the strength, which starts at 1")
_SAID = (
    "Evidence in the odds of release: p and strength move in spikes as in the rate engine, under the same "
    "gradients and releases"
)
X13 = Claim("X13", _SAID, CROSS_CHECK, (ODDS, STRENGTH))
_RULES = {
    "as for ten tasks": {"gain": 8.0, "memory": math.inf, "clamp": 1.732, "p_start": 0.75},
    "forgets, cut steps": {"gain": 16.0, "memory": 50.0, "clamp": 0.3, "p_start": 0.25},
}
_RATE = 3.0


@measures(X13, rendering=Rendering.SPIKING, needs=("torch",))
def odds_trajectories(context: Context) -> Findings:
    """Compare p and strength in spikes with the rate engine's, given the gradients and what was released."""
    from rate_models.release_odds import odds_trajectory

    base = trajectory.QUICK if context.is_quick else trajectory.Config()
    variance = 1 / (3 * base.n_synapses)
    rules = tuple(
        OddsPlasticity(
            (r["gain"] * variance) ** -0.5, r["memory"], r["clamp"] * r["gain"] ** 0.5, r["p_start"]
        )
        for r in _RULES.values()
    )
    config = replace(base, rules=rules, learning_rate=_RATE * variance, seed=context.seed)
    signals = trajectory.signals_for(config)
    for target, result in run_on_every_target(trajectory.run, config, context.report_progress).items():
        for place, (rule, numbers) in enumerate(_RULES.items()):
            in_spikes, condition = result.isel(rule=place), {"target": target, "rule": rule}
            in_rates = odds_trajectory(signals, in_spikes.released.values, learning_rate=_RATE, **numbers)
            for clause, name, theirs in zip(X13.clauses, ("p", "strength"), in_rates, strict=True):
                quantity = f"largest difference of {name} from the trajectory in rates"
                off = trajectory.largest_difference(in_spikes[name].values, theirs)
                yield row(clause, off, quantity, condition=condition)
