"""Draw the picture that the README opens with: ``python docs/first_picture.py``.

Responses that fail, what their synapses spend, and n, p and q from the responses alone.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import quantities as pq
from brian2 import (
    Hz,
    Network,
    NeuronGroup,
    PoissonGroup,
    SpikeGeneratorGroup,
    StateMonitor,
    ms,
    mV,
    prefs,
    second,
)

from brianpresyn import binomial_release, energy_ledger, energy_report, synapses
from brianpresyn.biophys import QuantalSynapse, fit_release, simulate_recording

PICTURE = Path(__file__).parent / "_static" / "first_picture.png"
BLUE, RED = "#0072B2", "#D55E00"


def draw_responses(axes: plt.Axes) -> None:
    """Draw the responses of six cells to the same spikes through synapses of one site."""
    spikes = np.arange(20, 400, 60) * ms
    source = SpikeGeneratorGroup(1, np.zeros(len(spikes), int), spikes)
    cells = NeuronGroup(6, "dv/dt = -v/(15*ms) : volt", method="exact")
    code = binomial_release(n=2, p=0.35, q=0.5 * mV)
    connection = synapses(source, cells, code, connect=True, seed=12, name="first")
    voltage = StateMonitor(cells, "v", record=True)
    Network(source, cells, connection, voltage).run(400 * ms)
    for number, trace in enumerate(voltage.v / mV):
        axes.plot(voltage.t / ms, trace - 1.6 * number, color=BLUE, linewidth=0.9)
    axes.plot(spikes / ms, np.full(len(spikes), 1.7), "|", color="black", markersize=9)
    axes.set(title="the same spikes, six synapses", xlabel="time (ms)", yticks=[])
    axes.spines["left"].set_visible(False)


def draw_bill(axes: plt.Axes) -> None:
    """Draw what a thousand synapses of the same mean spend in a second, by p."""
    probabilities = (0.1, 0.25, 0.5, 0.9)
    bills = []
    for probability in probabilities:
        source = PoissonGroup(1000, rates=5 * Hz)
        cells = NeuronGroup(1000, "v : volt")
        code = binomial_release(n=5, p=probability, q=0.2 * mV)
        code += energy_ledger(code)
        connection = synapses(
            source, cells, code, connect="i == j", seed=1, name="first_paying"
        )
        Network(source, cells, connection).run(1 * second)
        bills.append(energy_report(connection).atp)
    left = np.zeros(len(probabilities))
    names = {
        "postsynaptic ion flux": RED,
        "transmitter": "#E69F00",
        "calcium pump": "#009E73",
    }
    for name, colour in names.items():
        parts = np.array([bill[name] for bill in bills]) / 1e9
        axes.bar(range(len(probabilities)), parts, bottom=left, color=colour, label=name)
        left += parts
    axes.set(
        title="what they pay",
        xlabel="release probability p",
        ylabel="$10^9$ ATP a second, 1,000 synapses",
        xticks=range(len(probabilities)),
        xticklabels=probabilities,
    )
    axes.legend(loc="upper left", fontsize=8)


def draw_fit(axes: plt.Axes) -> None:
    """Draw recorded amplitudes and what a fit says of n, p and q."""
    synapse = QuantalSynapse(4, 0.4, 12 * pq.pA)
    noise = 2 * pq.pA
    rng = np.random.default_rng(5)
    amplitudes = simulate_recording(synapse, n_trials=400, noise=noise, rng=rng)[0]
    fit = fit_release(amplitudes, noise=noise)
    axes.hist(amplitudes.magnitude, bins=60, color="#56B4E9")
    text = "\n".join(f"{name} = {getattr(fit, name)}" for name in ("n", "p", "q"))
    axes.text(
        0.97,
        0.97,
        text,
        transform=axes.transAxes,
        ha="right",
        va="top",
        fontsize=9,
        color=RED,
    )
    axes.set(title="n, p, q of a recording", xlabel="response (pA)", ylabel="responses")


def main(picture: Path = PICTURE) -> None:
    """Draw the three panels into a file."""
    prefs.codegen.target = "numpy"  # quicker than compiling for a second of simulation
    plt.rcParams.update(
        {"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False}
    )
    figure, (responses, bill, fit) = plt.subplots(
        1, 3, figsize=(11, 3.3), layout="constrained"
    )
    draw_responses(responses)
    draw_bill(bill)
    draw_fit(fit)
    # No date or version within: the same picture is the same file.
    figure.savefig(picture, dpi=130, metadata={"Software": None})
    plt.close(figure)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
