"""X02 and X13: p moves alike in numpy, torch and Brian2, by evidence in its odds as in the rate engine."""

import math
from dataclasses import replace
from functools import partial

import numpy as np

from biophys.release_plasticity import FORMS, OddsPlasticity, ReleasePlasticity
from brianpresyn.experiments import plasticity_trajectory as trajectory
from brianpresyn.targets import run_on_every_target
from validation.criteria import exact
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import CROSS_CHECK, Claim, Clause, Rendering, row, spiking

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
    "as for ten tasks": {"gain": 64.0, "memory": math.inf, "clamp": 1.732, "p_start": 0.75},
    "forgets, cut steps": {"gain": 16.0, "memory": 50.0, "clamp": 0.3, "p_start": 0.25},
}
_RATE = 9.0


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
