"""X02 and X13: the release probability moves alike in numpy, torch and Brian2, by either rule."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from biophys.estimates import exactly
from biophys.palette import BLUE, GREEN, ORANGE
from biophys.release_plasticity import (
    FORMS,
    OddsPlasticity,
    ReleasePlasticity,
    updated_release_probability,
)
from brianpresyn.experiments import plasticity_trajectory
from brianpresyn.targets import run_each_in_its_process
from validation.criteria import exact
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import CROSS_CHECK, Claim, Clause, Measurement, Rendering, row

# Float64: a difference of rounding alone.
SAME = exact(0.0, 1e-12)
IN_TORCH = Clause("X02a", "torch moves p as numpy does", CROSS_CHECK, SAME, unit="updates")
IN_BRIAN = Clause(
    "X02b",
    "Brian2 moves p as numpy does, on every target",
    CROSS_CHECK,
    SAME,
    unit="updates",
    rendering=Rendering.SPIKING,
)
X02 = Claim(
    "X02",
    "One synapse's p trajectory under the same update signals is the same in numpy, torch and Brian2",
    CROSS_CHECK,
    (IN_TORCH, IN_BRIAN),
)

# Float64 too, but in spikes p alone holds the odds, whose rounding 1 / (1 - p) enlarges.
_spiking = partial(
    Clause, source=CROSS_CHECK, criterion=exact(0.0, 1e-9), unit="updates", rendering=Rendering.SPIKING
)
ODDS = _spiking("X13a", "Brian2 moves p as the rate engine does, on every target")
STRENGTH = _spiking("X13b", "and the strength, which starts at 1")
X13 = Claim(
    "X13",
    "Evidence in the odds of release: p and strength move in spikes as in the rate engine, under the same "
    "gradients and releases",
    CROSS_CHECK,
    (ODDS, STRENGTH),
)
_TARGETS = ("cython", "cpp_standalone", "numpy")
"""Cython compiles longest, so it goes first."""
_ODDS_RULES = {
    "as for ten tasks": {"gain": 64.0, "memory": math.inf, "clamp": 1.732, "p_start": 0.75},
    "forgets, cut steps": {"gain": 16.0, "memory": 50.0, "clamp": 0.3, "p_start": 0.25},
}
_ODDS_RATE = 9.0


@measures(X02, rendering=Rendering.SPIKING, needs=("torch",))
def release_probability_trajectories(context: Context) -> Findings:
    """Compare the trajectories of p under the same signals, in both forms of the rule."""
    import torch

    base = plasticity_trajectory.QUICK if context.is_quick else plasticity_trajectory.Config()
    rules = tuple(
        ReleasePlasticity(p_up=0.07, p_down=0.07, g_lim=0.7, p_freeze=0.9353, form=form) for form in FORMS
    )
    configs = [replace(base, rules=rules, target=target, seed=context.seed) for target in _TARGETS]
    signals = plasticity_trajectory.signals_for(configs[0])
    start = np.ones(base.n_synapses)
    expected = np.array([_followed(start * r.p_min, signals, r) for r in rules])
    in_torch = [_followed(torch.as_tensor(start * r.p_min), torch.as_tensor(signals), r) for r in rules]
    yield from _by_form(IN_TORCH, "torch", np.array(in_torch), expected)
    for number, result in enumerate(run_each_in_its_process(plasticity_trajectory.run, configs)):
        measured = result.p.values
        yield from _by_form(IN_BRIAN, configs[number].target, measured, expected)
        context.report_progress((number + 1) / len(configs), f"{configs[number].target} done")
    caption = (
        f"Release probability of three of {base.n_synapses} synapses under the same standard normal signals "
        "(p_up = p_down = 0.07, threshold 0.7, frozen from p = 0.9353); lines: numpy, dots: Brian2 (numpy "
        "target) every tenth update."
    )
    yield claim_figure(partial(_draw, expected, measured), caption, (8, 3.4))


@measures(X13, rendering=Rendering.SPIKING, needs=("torch",))
def odds_trajectories(context: Context) -> Findings:
    """Compare p and strength in spikes with the rate engine's, given the gradients and what was released."""
    base = plasticity_trajectory.QUICK if context.is_quick else plasticity_trajectory.Config()
    variance = 1 / (3 * base.n_synapses)
    rules = tuple(
        OddsPlasticity(
            (r["gain"] * variance) ** -0.5, r["memory"], r["clamp"] * r["gain"] ** 0.5, r["p_start"]
        )
        for r in _ODDS_RULES.values()
    )
    base = replace(base, rules=rules, learning_rate=_ODDS_RATE * variance, seed=context.seed)
    configs = [replace(base, target=target) for target in _TARGETS]
    signals = plasticity_trajectory.signals_for(base)
    for number, result in enumerate(run_each_in_its_process(plasticity_trajectory.run, configs)):
        for place, (rule, numbers) in enumerate(_ODDS_RULES.items()):
            in_spikes, condition = result.isel(rule=place), {"target": configs[number].target, "rule": rule}
            in_rates = _in_rates(numbers, signals, in_spikes.released.values)
            for clause, name, theirs in zip(X13.clauses, ("p", "strength"), in_rates, strict=True):
                quantity = f"largest difference of {name} from the trajectory in rates"
                yield _difference(clause, in_spikes[name].values, theirs, quantity, condition)
        context.report_progress((number + 1) / len(configs), f"{configs[number].target} done")


def _in_rates(
    numbers: Mapping[str, float], signals: NDArray[np.float64], released: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return p and strength after each update of the rate engine, in double precision."""
    import torch

    from rate_models.devices import Execution
    from rate_models.layout import Layout
    from rate_models.release_odds import ReleaseOdds
    from rate_models.stochastic_layers import BernoulliSynapses

    n = signals.shape[1]
    synapses = BernoulliSynapses(
        Layout((n, 1)), [0], release_probability=numbers["p_start"], execution=Execution(dtype="float64")
    )
    synapses.strength.fill_(1.0)
    gain, memory, clamp = (numbers[name] for name in ("gain", "memory", "clamp"))
    rule = ReleaseOdds(synapses, learning_rate=_ODDS_RATE, gain=gain, memory=memory, clamp=clamp)
    p, strength = np.empty_like(signals), np.empty_like(signals)
    for step, (signal, k) in enumerate(zip(signals, released, strict=True)):
        # A signal is what the strength is to gain, a gradient what it is to lose.
        synapses.gradient[0, :n] = -torch.from_numpy(signal)
        synapses.scale[0] = torch.from_numpy(k) / synapses.p[0]
        rule.update(synapses)
        p[step], strength[step] = synapses.p[0], synapses.strength[0]
    return p, strength


def _followed(p: Any, signals: Any, rule: ReleasePlasticity) -> NDArray[np.float64]:
    trajectory = []
    for signal in signals:
        p = updated_release_probability(p, signal, rule)
        trajectory.append(np.asarray(p).copy())
    return np.array(trajectory)


def _by_form(
    clause: Clause, target: str, measured: NDArray[np.float64], expected: NDArray[np.float64]
) -> Iterator[Measurement]:
    """Yield the largest difference from the numpy trajectories, rule by rule."""
    for form, ours, theirs in zip(FORMS, measured, expected, strict=True):
        quantity = "largest difference of p from the numpy trajectory"
        yield _difference(clause, ours, theirs, quantity, {"target": target, "form": form})


def _difference(
    clause: Clause,
    ours: NDArray[np.float64],
    theirs: NDArray[np.float64],
    quantity: str,
    condition: Mapping[str, str],
) -> Measurement:
    """Return the largest difference between two trajectories."""
    estimate = exactly(np.max(np.abs(ours - theirs)), n=theirs.size, unit=clause.unit)
    return row(clause, estimate, quantity, rendering=clause.rendering, condition=condition)


def _draw(expected: NDArray[np.float64], brian: NDArray[np.float64], figure: Figure) -> None:
    """Draw three synapses under both forms: lines in numpy, dots in Brian2."""
    updates = np.arange(0, brian.shape[1], 10)
    panels = figure.subplots(1, 2, sharey=True)
    for number, axes in enumerate(panels):
        for synapse, colour in enumerate((BLUE, ORANGE, GREEN)):
            axes.plot(expected[number, :, synapse], color=colour, linewidth=1)
            axes.plot(updates, brian[number, updates, synapse], ".", color=colour, markersize=4)
        axes.set_title(FORMS[number].replace("_", " "), fontsize=9)
        axes.set_xlabel("update")
    panels[0].set_ylabel("release probability p")
