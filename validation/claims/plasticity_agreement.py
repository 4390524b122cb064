"""Measure whether the release probability moves alike in numpy, torch and Brian2."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from biophys.release_plasticity import FORMS, ReleasePlasticity, updated_release_probability
from brianpresyn.experiments import plasticity_trajectory
from brianpresyn.targets import run_each_in_its_process
from validation.claims.claim import ClaimFigure, Context, Evidence, Measurement, Rendering, Verdict
from validation.registry import measures

_TOLERANCE = 1e-12
_COLOURS = ("#0072B2", "#E69F00", "#009E73")


@measures("X02", rendering=Rendering.SPIKING, needs=("torch",))
def release_probability_trajectories(context: Context) -> Evidence:
    """Compare the trajectories of p under the same signals, in both forms of the rule."""
    base = plasticity_trajectory.QUICK if context.is_quick else plasticity_trajectory.Config()
    rules = tuple(
        ReleasePlasticity(p_up=0.07, p_down=0.07, g_lim=0.7, p_freeze=0.9353, form=form) for form in FORMS
    )
    # Cython compiles longest, so it goes first.
    configs = [
        replace(base, rules=rules, target=target, seed=context.seed)
        for target in ("cython", "cpp_standalone", "numpy")
    ]
    expected = _in_numpy(configs[0])
    measurements = _differences(Rendering.RATE, "torch", _in_torch(configs[0]), expected)
    for number, simulated in enumerate(run_each_in_its_process(plasticity_trajectory.run, configs)):
        target, measured = configs[number].target, simulated.p.to_numpy()
        measurements += _differences(Rendering.SPIKING, target, measured, expected)
        context.report_progress((number + 1) / len(configs), f"{target} done")
    caption = (
        f"Release probability of three of {base.n_synapses} synapses under the same standard normal signals "
        "(p_up = p_down = 0.07, threshold 0.7, frozen from p = 0.9353); lines: numpy, dots: Brian2 (numpy "
        "target) every tenth update."
    )
    return Evidence(tuple(measurements), (ClaimFigure(_figure(expected, measured), caption),))


def _in_numpy(config: plasticity_trajectory.Config) -> NDArray[np.float64]:
    """Return the trajectories of all rules; shape (rule, update, synapse)."""
    signals = plasticity_trajectory.signals_for(config)
    return np.array([_followed(np.full(config.n_synapses, r.p_min), signals, r) for r in config.rules])


def _in_torch(config: plasticity_trajectory.Config) -> NDArray[np.float64]:
    import torch

    signals = torch.as_tensor(plasticity_trajectory.signals_for(config))
    start = torch.ones(config.n_synapses, dtype=torch.float64)
    return np.array([_followed(start * r.p_min, signals, r) for r in config.rules])


def _followed(p: Any, signals: Any, rule: ReleasePlasticity) -> NDArray[np.float64]:
    trajectory = []
    for signal in signals:
        p = updated_release_probability(p, signal, rule)
        trajectory.append(np.array(p))
    return np.array(trajectory)


def _differences(
    rendering: Rendering, target: str, measured: NDArray[np.float64], expected: NDArray[np.float64]
) -> list[Measurement]:
    """Return the largest difference from the numpy trajectories, rule by rule."""
    largest = [float(np.max(np.abs(ours - theirs))) for ours, theirs in zip(measured, expected, strict=True)]
    return [
        Measurement(
            "X02",
            rendering,
            "largest difference of p from the numpy trajectory",
            difference,
            Verdict.REPRODUCED if difference < _TOLERANCE else Verdict.NOT_REPRODUCED,
            condition={"target": target, "form": form},
            published=0.0,
            n=expected[0].size,
            reason=f"float64; the same if below {_TOLERANCE:g}",
        )
        for form, difference in zip(FORMS, largest, strict=True)
    ]


def _figure(expected: NDArray[np.float64], brian: NDArray[np.float64]) -> Figure:
    """Draw three synapses under both forms: lines in numpy, dots in Brian2."""
    figure = Figure((8, 3.4))
    updates = np.arange(0, brian.shape[1], 10)
    for number, axes in enumerate(figure.subplots(1, 2, sharey=True)):
        for synapse, colour in enumerate(_COLOURS):
            axes.plot(expected[number, :, synapse], color=colour, linewidth=1)
            axes.plot(updates, brian[number, updates, synapse], ".", color=colour, markersize=4)
        axes.set_title(FORMS[number].replace("_", " "), fontsize=9)
        axes.set_xlabel("update")
    figure.axes[0].set_ylabel("release probability p")
    figure.tight_layout()
    return figure
