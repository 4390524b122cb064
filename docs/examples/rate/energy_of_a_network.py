"""
What a network of torch spends, reliable or not
===============================================

The same network with reliable synapses and with synapses that release at every second spike. A counter
wraps any model and bills its layers in ATP.

Attwell D, Laughlin SB (2001), doi:10.1097/00004647-200110000-00001.
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

from brianpresyn.rate_models import load_images
from brianpresyn.rate_models.nn import EnergyCounter, release, seed_streams

# %%
# Train a network of `nn.Linear`, then let its weights release: what is learned stays.
torch.manual_seed(1)
data = load_images("digits")
model = nn.Sequential(nn.Linear(64, 40), nn.ReLU(), nn.Linear(40, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(150):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(data.train_images), data.train_labels).backward()
    optimizer.step()


# %%
# Ten answers to every image are averaged; the bill is for one.
def bill() -> dict[str, float]:
    """Return the ATP of an image by mechanism, and print how often the answer is right."""
    with torch.no_grad(), EnergyCounter(model) as energy:
        answers = sum(model(data.test_images).softmax(1) for _ in range(10)).argmax(1)
    right = float((answers == data.test_labels).float().mean())
    print(f"{100 * right:.1f} % right, {float(energy.atp_per_input):.3g} ATP for an image")
    return {name: atp / energy.n_inputs for name, atp in energy.by_mechanism().items()}


bills = {"reliable": bill()}
for layer in (model[0], model[2]):
    release(layer, p=0.5)
seed_streams(model, seed=1)
bills["p = 0.5"] = bill()

# %%
# A synapse that releases half as often transmits vesicles of twice the size: it saves calcium and cycling.
figure, panel = plt.subplots(figsize=(7, 3.2))
bottom = [0.0, 0.0]
for name, colour in zip(
    bills["reliable"], ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7"), strict=True
):
    heights = [of_model[name] for of_model in bills.values()]
    panel.bar(list(bills), heights, bottom=bottom, label=name, color=colour)
    bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
panel.set(ylabel="energy of an image (ATP)")
panel.legend(loc="center left", bbox_to_anchor=(1, 0.5))
figure.tight_layout()
plt.show()
