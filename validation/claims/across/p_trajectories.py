"""X02: the release probability moves alike in numpy, torch and Brian2."""

from dataclasses import replace
from functools import partial

import numpy as np

from biophys.release_plasticity import FORMS, ReleasePlasticity
from brianpresyn.experiments import plasticity_trajectory as spiking
from brianpresyn.targets import run_on_every_target
from validation.criteria import exact
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import CROSS_CHECK, Claim, Clause, Rendering, row

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

    base = spiking.QUICK if context.is_quick else spiking.Config()
    rules = tuple(
        ReleasePlasticity(p_up=0.07, p_down=0.07, g_lim=0.7, p_freeze=0.9353, form=form) for form in FORMS
    )
    config = replace(base, rules=rules, seed=context.seed)
    signals, start = spiking.signals_for(config), np.ones(base.n_synapses)
    expected = np.array([spiking.in_numbers(start * r.p_min, signals, r) for r in rules])
    in_torch = [
        spiking.in_numbers(torch.as_tensor(start * r.p_min), torch.as_tensor(signals), r) for r in rules
    ]
    for form, ours, theirs in zip(FORMS, in_torch, expected, strict=True):
        condition = {"target": "torch", "form": form}
        off = spiking.largest_difference(ours, theirs)
        yield row(IN_TORCH, off, _QUANTITY, rendering=Rendering.RATE, condition=condition)
    for target, result in run_on_every_target(spiking.run, config, context.report_progress).items():
        measured = result.p.values
        for form, ours, theirs in zip(FORMS, measured, expected, strict=True):
            condition = {"target": target, "form": form}
            yield row(IN_BRIAN, spiking.largest_difference(ours, theirs), _QUANTITY, condition=condition)
    note = "p_up = p_down = 0.07, threshold 0.7, frozen from p = 0.9353."
    shown = {"expected": expected, "measured": measured}
    yield claim_figure(spiking.draw_beside_numbers, note, (8, 3.4), **shown)
