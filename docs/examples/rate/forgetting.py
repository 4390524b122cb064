r"""
Release odds that count evidence: learning ten tasks without forgetting them
=============================================================================

Ten tasks, each with the pixels of MNIST in another order. In the published rule a synapse
that reaches p = 0.9353 is kept for ever. Its odds of release are multiplied up or down at
every step, so that ln(1 - p) is a random walk, which reaches that value within a task
where updates are large nearly always. In the end nearly all synapses are there, and one
small learning rate is left for all. Yet it is not that which limits the newest task: the
first one is learned no better than the last. Its learning rate is small from the start,
and what is learned is forgotten all the same.

If evidence is added to the odds instead, image by image b, with s the usual initial size of
a weight,

.. math::

    r \leftarrow r + a\, s^2\, p \sum_b g_b^2, \qquad
    w \leftarrow w - \eta\, \frac{s^2}{r} \sum_b g_b, \qquad
    \frac{p}{1 - p} = o_0\, r,

the learning rate can start large, nothing is final, and differences between synapses
stay: :mod:`rate_models.release_odds`. At ten passes it needs weights that start four times
as large, so that a task is learned by small changes of them; the published rule does not
learn from such weights.

Schug S, Benzing F, Steger A (2021), doi:10.7554/eLife.69884. Bonnet D, Cottart K,
Hirtzlin T et al. (2025), doi:10.1038/s41467-025-64601-w.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from brianpresyn.rate_models.experiments.graceful_forgetting import METHODS, newest_task
from brianpresyn.validation.archive import archived_run

# %%
# Stored results, of the published ten passes through each task and of a single one; six
# networks each. Left: synapses with p of at least 0.9353. Right: accuracy on every task
# when it was just learned (dashed) and after the last one (solid).
folder = Path.cwd().parents[1] / "results"
passes = {
    "ten passes": archived_run(folder / "graceful_forgetting.nc", "graceful_forgetting"),
    "one pass": archived_run(
        folder / "graceful_forgetting_one_pass.nc", "graceful_forgetting"
    ),
}

figure, (reliable, by_task) = plt.subplots(1, 2, figsize=(9, 3.8))
shown = [
    ("ten passes", "published", "#56B4E9"),
    ("one pass", "published", METHODS["published"].colour),
    ("ten passes", "evidence", "#E69F00"),
    ("one pass", "evidence", METHODS["evidence"].colour),
    ("ten passes", "mesu", METHODS["mesu"].colour),
]
for length, name, colour in shown:
    result = passes[length].result
    networks = result.sel(algorithm=name)
    tasks_seen = len(networks.task) * networks.step / networks.step.max()
    reliable.plot(tasks_seen, 100 * networks.reliable.mean("seed"), color=colour)
    kept = 100 * networks.accuracy.isel(n_learned=-1).mean("seed")
    label = f"{METHODS[name].label}, {length}"
    by_task.plot(networks.task, kept, "o-", color=colour, label=label)
    by_task.plot(networks.task, newest_task(result, name).mean(axis=0), "--", color=colour)
reliable.set(xlabel="tasks seen", ylabel="synapses with p of at least 0.9353 (%)")
by_task.set(xlabel="task", ylabel="accuracy (%)")
by_task.legend(fontsize=7)

# %%
# One release decision (a bit at p = 0.5, less elsewhere) for each synapse and pass; ATP for
# a test image, with the magnitude of an activity taken as its number of spikes.
for length, run in passes.items():
    print(
        f"{length:40}{'seeds':>6}{'final':>14}{'just learned':>14}{'draws':>6}{'ATP':>10}"
    )
    for name in map(str, run.result["algorithm"].values):
        networks = run.result.sel(algorithm=name)
        final = 100 * networks.accuracy[:, -1].mean("task", skipna=False).dropna("seed")
        if not len(final):
            print(f"{METHODS[name].label:40}{'-':>6}{'diverged':>14}")
            continue
        spread = f" ± {np.std(final, ddof=1):.2f}" if len(final) > 1 else ""
        print(
            f"{METHODS[name].label:40}{len(final):6}{float(final.mean()):8.2f}{spread:7}"
            f"{newest_task(run.result, name).mean():13.2f}{int(networks.draws_per_step):6}"
            f"{float(networks.atp.mean()):11.3g}"
        )

# %%
# With one draw in each step the new rule keeps as much of ten tasks as MESU does with ten.
# Where evidence is that of whole batches, or weights start small, it keeps less; where the
# rate is that of the layer's mean synapse, hardly more than half.
plt.show()
