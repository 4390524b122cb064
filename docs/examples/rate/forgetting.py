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

If evidence is added to the odds instead, with s the initial size of a weight,

.. math::

    r \leftarrow r + a\, s^2\, p\, g^2, \qquad
    w \leftarrow w - \eta\, \frac{s^2}{r}\, g, \qquad
    \frac{p}{1 - p} = o_0\, r,

the learning rate can start large, nothing is final, and differences between synapses
stay: :mod:`rate_models.release_odds`.

Schug S, Benzing F, Steger A (2021), doi:10.7554/eLife.69884. Bonnet D, Cottart K,
Hirtzlin T et al. (2025), doi:10.1038/s41467-025-64601-w.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from brianpresyn.rate_models.experiments.graceful_forgetting import METHODS, newest_task
from brianpresyn.validation.archive import archived_run

# %%
# Stored results: of one pass through each task, and, for the published rule, of the
# published ten passes. Left: synapses with p of at least 0.9353. Right: accuracy on every
# task when it was just learned (dashed) and after the last one (solid).
folder = Path.cwd().parents[1] / "results"
once = archived_run(folder / "graceful_forgetting.nc", "graceful_forgetting").result
longer = archived_run(folder / "lifelong.nc", "lifelong").result
longer = longer.sel(benchmark="permuted_mnist", algorithm=["presynaptic"])

figure, (reliable, by_task) = plt.subplots(1, 2, figsize=(9, 3.8))
shown = [
    ("published rule, ten passes", longer, "presynaptic", "#56B4E9"),
    ("published rule, one pass", once, "published", METHODS["published"].colour),
    ("evidence in the odds, one pass", once, "evidence", METHODS["evidence"].colour),
]
for label, result, name, colour in shown:
    own = result.sel(algorithm=name)
    if "frozen" in own:
        x, share = own.n_learned, own.frozen
    else:
        x, share = len(own.task) * own.step / own.step.max(), own.reliable
    reliable.plot(x, 100 * share.mean("seed"), color=colour)
    left = 100 * own.accuracy.isel(n_learned=-1).mean("seed")
    by_task.plot(own.task, left, "o-", color=colour, label=label)
    by_task.plot(own.task, newest_task(result, name).mean(axis=0), "--", color=colour)
reliable.set(xlabel="tasks seen", ylabel="synapses with p of at least 0.9353 (%)")
by_task.set(xlabel="task", ylabel="accuracy (%)")
by_task.legend()

# %%
# One release decision (a bit at p = 0.5, less elsewhere) for each synapse and pass; ATP for
# a test image, with the magnitude of an activity taken as its number of spikes.
print(
    f"{'one pass':32}{'seeds':>6}{'final':>14}{'just learned':>14}{'draws':>6}{'ATP':>10}"
)
for name in map(str, once["algorithm"].values):
    own = once.sel(algorithm=name)
    final = 100 * own.accuracy[:, -1].mean("task", skipna=False).dropna("seed")
    if not len(final):
        print(f"{METHODS[name].label:32}{'-':>6}{'diverged':>14}")
        continue
    spread = f" ± {np.std(final, ddof=1):.2f}" if len(final) > 1 else ""
    print(
        f"{METHODS[name].label:32}{len(final):6}{float(final.mean()):8.2f}{spread:7}"
        f"{newest_task(once, name).mean():13.2f}{int(own.draws_per_step):6}"
        f"{float(own.atp.mean()):11.3g}"
    )
plt.show()
