"""X02: the release probability moves alike in numpy, torch and Brian2."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from biophys.estimates import exactly
from biophys.palette import BLUE, GREEN, ORANGE
from biophys.release_plasticity import FORMS, ReleasePlasticity, updated_release_probability
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


@measures(X02, rendering=Rendering.SPIKING, needs=("torch",))
def release_probability_trajectories(context: Context) -> Findings:
    """Compare the trajectories of p under the same signals, in both forms of the rule."""
    import torch

    base = plasticity_trajectory.QUICK if context.is_quick else plasticity_trajectory.Config()
    rules = tuple(
        ReleasePlasticity(p_up=0.07, p_down=0.07, g_lim=0.7, p_freeze=0.9353, form=form) for form in FORMS
    )
    # Cython compiles longest, so it goes first.
    configs = [
        replace(base, rules=rules, target=target, seed=context.seed)
        for target in ("cython", "cpp_standalone", "numpy")
    ]
    signals = plasticity_trajectory.signals_for(configs[0])
    start = np.ones(base.n_synapses)
    expected = np.array([_followed(start * r.p_min, signals, r) for r in rules])
    in_torch = [_followed(torch.as_tensor(start * r.p_min), torch.as_tensor(signals), r) for r in rules]
    yield from _differences(IN_TORCH, "torch", np.array(in_torch), expected)
    for number, result in enumerate(run_each_in_its_process(plasticity_trajectory.run, configs)):
        measured = result.p.values
        yield from _differences(IN_BRIAN, configs[number].target, measured, expected)
        context.report_progress((number + 1) / len(configs), f"{configs[number].target} done")
    caption = (
        f"Release probability of three of {base.n_synapses} synapses under the same standard normal signals "
        "(p_up = p_down = 0.07, threshold 0.7, frozen from p = 0.9353); lines: numpy, dots: Brian2 (numpy "
        "target) every tenth update."
    )
    yield claim_figure(partial(_draw, expected, measured), caption, (8, 3.4))


def _followed(p: Any, signals: Any, rule: ReleasePlasticity) -> NDArray[np.float64]:
    trajectory = []
    for signal in signals:
        p = updated_release_probability(p, signal, rule)
        trajectory.append(np.asarray(p).copy())
    return np.array(trajectory)


def _differences(
    clause: Clause, target: str, measured: NDArray[np.float64], expected: NDArray[np.float64]
) -> Iterator[Measurement]:
    """Yield the largest difference from the numpy trajectories, rule by rule."""
    for form, ours, theirs in zip(FORMS, measured, expected, strict=True):
        quantity = "largest difference of p from the numpy trajectory"
        estimate = exactly(np.max(np.abs(ours - theirs)), n=theirs.size, unit=clause.unit)
        about = {"target": target, "form": form}
        yield row(clause, estimate, quantity, rendering=clause.rendering, condition=about)


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
