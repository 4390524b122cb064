"""
A training run that breaks off goes on bit for bit
==================================================

Weights, release probabilities, the memory of the rule, the order of the images and all random streams are
in a checkpoint: a run that was killed and resumed ends where one without a break does.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from brianpresyn.biophys import ReleasePlasticity
from brianpresyn.rate_models import (
    BernoulliSynapses,
    DataOrder,
    FeedForward,
    Layout,
    PresynapticSgd,
    Trainer,
    load_images,
)
from brianpresyn.rate_models.checkpoints import load_checkpoint, save_checkpoint

data, seeds = load_images("digits"), [1, 2]


# %%
# The parts are built the same way every time; a checkpoint, if there is one, says how far they were.
def losses(n_epochs: int, checkpoint: Path) -> list[float]:
    """Train to this number of epochs and return the mean loss of those that were trained now."""
    layout = Layout((data.n_pixels, 40, data.n_classes))
    synapses = BernoulliSynapses(layout, seeds)
    rule = PresynapticSgd(
        synapses, ReleasePlasticity(form="soft_bound"), learning_rate=0.05
    )
    trainer = Trainer(
        FeedForward(layout), synapses, rule, data.train_images, data.train_labels
    )
    order, n_done, by_epoch = DataOrder(seeds), 0, []
    if checkpoint.exists():
        n_done = load_checkpoint(checkpoint, trainer=trainer, order=order, epoch=0)["epoch"]
    for epoch in range(n_done, n_epochs):
        trainer.run(order.epoch(np.arange(len(data.train_labels)), batch_size=50))
        save_checkpoint(checkpoint, trainer=trainer, order=order, epoch=epoch + 1)
        by_epoch.append(float(trainer.mean_loss.mean()))
    return by_epoch


# %%
# Once in one go, once in two.
with tempfile.TemporaryDirectory() as folder:
    whole = losses(12, Path(folder) / "whole.pt")
    first = losses(5, Path(folder) / "broken.pt")
    second = losses(12, Path(folder) / "broken.pt")
print(
    "largest difference:",
    max(abs(a - b) for a, b in zip(whole, first + second, strict=True)),
)

# %%
figure, panel = plt.subplots(figsize=(6, 3.2))
panel.plot(range(1, 13), whole, color="#0072B2", label="in one go")
panel.plot(range(1, 6), first, "o", color="#D55E00", label="until it broke off")
panel.plot(range(6, 13), second, "s", color="#009E73", label="after the break")
panel.set(xlabel="epoch", ylabel="loss, mean of two networks (nats)", ylim=(0, None))
panel.legend()
plt.show()
