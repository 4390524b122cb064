"""X13: evidence in the odds of release moves p and strength in spikes as in the rate engine."""

import math
from dataclasses import replace
from functools import partial

from biophys.release_plasticity import OddsPlasticity
from brianpresyn.experiments import plasticity_trajectory as trajectory
from brianpresyn.targets import run_on_every_target
from validation.criteria import exact
from validation.registry import Context, Findings, measures
from validation.statement import CROSS_CHECK, Claim, Rendering, row, spiking

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
    from rate_models.experiments.odds_trajectory import odds_trajectory

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
