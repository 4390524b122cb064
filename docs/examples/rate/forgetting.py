r"""
Why presynaptic consolidation stops learning, and a rule that does not
======================================================================

Ten tasks, each with the pixels of MNIST in another order, one pass through each. In the
published rule a synapse that reaches p = 0.9353 is kept for ever. Its odds of release are
multiplied up or down at every step, so that ln(1 - p) is a random walk: it reaches that
value within a task where updates are large nearly always, and nearly all synapses get
there in the end. What is left is one small learning rate for all.

If evidence is added to the odds instead,

.. math::

    r \leftarrow r + a\, s^2\, p\, g^2, \qquad
    w \leftarrow w - \eta\, \frac{s^2}{r}\, g, \qquad
    \frac{p}{1 - p} = o_0\, r,

nothing is final and differences between synapses stay:
:mod:`rate_models.release_odds`.

Schug S, Benzing F, Steger A (2021), doi:10.7554/eLife.69884. Bonnet D, Cottart K,
Hirtzlin T et al. (2025), doi:10.1038/s41467-025-64601-w.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

from brianpresyn.rate_models.experiments.graceful_forgetting import (
    FIGURES,
    METHODS,
    final_accuracies,
    newest_task,
)

# %%
# The stored result of ``brianpresyn ann graceful_forgetting --profile full`` with
# ``--set n_epochs=1``. When do synapses become reliable?
result = xr.load_dataset(Path.cwd().parents[1] / "results" / "graceful_forgetting.nc")
FIGURES["release_probability"](result, plt.figure(figsize=(9, 3.8)))

# %%
# How much of every task is left, and how well could it be learned?
FIGURES["by_task"](result, plt.figure(figsize=(9, 3.8)))

# %%
# One release decision (a bit at p = 0.5, less elsewhere) for each synapse and pass; ATP for
# a test image, with the magnitude of an activity taken as its number of spikes.
print(f"{'':32}{'seeds':>6}{'final':>14}{'just learned':>14}{'passes':>7}{'ATP':>10}")
for name in map(str, result["algorithm"].values):
    final, own = final_accuracies(result, name), result.sel(algorithm=name)
    spread = f" ± {np.std(final, ddof=1):.2f}" if len(final) > 1 else ""
    print(
        f"{METHODS[name].label:32}{len(final):6}{final.mean():8.2f}{spread:7}"
        f"{newest_task(result, name).mean():13.2f}{int(own.draws_per_step):7}"
        f"{float(own.atp.mean()):11.3g}"
    )
