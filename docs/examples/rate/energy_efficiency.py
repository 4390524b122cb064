"""
Information for energy in networks that learn
=============================================

Networks that classify digits, with synapses that never fail, fail with fixed probability,
or learn their release probability. Under the same penalty, plastic release transmits more
for its energy than reliable release: it moves along much the same curve to where energy
is saved. Fixed release lies far below.

Schug S, Benzing F, Steger A (2021), figure 1, doi:10.7554/eLife.69884.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

from brianpresyn.rate_models.experiments.network_sweep import grid, sweep_networks

# %%
# Every combination of settings is a network: 45 of them. Those that run the same program
# train as one batch.
shared = {
    "data_set": "digits",
    "n_hidden_layers": 1,
    "hidden_units": 100,
    "n_epochs": 30,
    "batch_size": 50,
}
colours = {"reliable": "#000000", "fixed": "#0072B2", "plastic": "#D55E00"}
swept = {
    "release": list(colours),
    "l2": [0.0003, 0.001, 0.003, 0.01, 0.03],
    "seed": [1, 2, 3],
}
with tempfile.TemporaryDirectory() as folder:
    result = sweep_networks(grid({**shared, "learning_rate": 0.1}, swept), Path(folder))

# %%
# The result is labelled: settings are dimensions, what was measured are variables.
result["per_energy"] = result.information / result.synaptic_energy
print(result.accuracy.mean("seed").to_pandas().round(3))

figure, (curve, ratio) = plt.subplots(1, 2, figsize=(9, 3.8))
for release, colour in colours.items():
    networks = result.sel(release=release)
    mean, error = networks.mean("seed"), networks.std("seed", ddof=1) / 3**0.5
    curve.errorbar(
        mean.synaptic_energy,
        mean.information,
        error.information,
        color=colour,
        marker="o",
        label=release,
    )
    ratio.errorbar(
        result.l2, 1e3 * mean.per_energy, 1e3 * error.per_energy, color=colour, marker="o"
    )
curve.set(
    xlabel="synaptic energy (sum of absolute strengths)",
    ylabel="information about the digit (bit)",
)
curve.legend(title="release", loc="lower right")
ratio.set(
    xscale="log",
    xlabel="L2 penalty",
    ylabel="millibit per unit of energy",
    title="3 seeds, standard error",
)
plt.show()
