"""
A torch model whose weights release
===================================

For those who know torch: layers whose synapses fail, an optimiser that learns which of
them must not, and the energy of an image.
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

from brianpresyn.biophys import ReleasePlasticity
from brianpresyn.rate_models import load_images
from brianpresyn.rate_models.nn import (
    BernoulliLinear,
    EnergyCounter,
    PresynapticSGD,
    other_parameters,
    seed_streams,
)

# %%
# The model as one would write it, with ``BernoulliLinear`` in place of ``nn.Linear``. Every
# synapse transmits with its own probability p, which starts at one in four.
torch.manual_seed(1)
data = load_images("digits")
model = nn.Sequential(BernoulliLinear(64, 100), nn.ReLU(), BernoulliLinear(100, 10))
seed_streams(model, seed=1)
rule = PresynapticSGD(model, ReleasePlasticity(form="soft_bound"), lr=0.1, l2=0.001)
biases = torch.optim.SGD(other_parameters(model), lr=0.1)

# %%
# Training is the usual loop. After each epoch: how many test images are right, and what
# one of them costs.
accuracy, energy = [], []
for _ in range(20):
    for chosen in torch.randperm(len(data.train_images)).split(50):
        loss = nn.functional.cross_entropy(
            model(data.train_images[chosen]), data.train_labels[chosen]
        )
        loss.backward()
        for optimizer in (rule, biases):
            optimizer.step()
            optimizer.zero_grad()
    with torch.no_grad(), EnergyCounter(model) as counter:
        answers = model(data.test_images).argmax(1)
    accuracy.append(100 * float((answers == data.test_labels).float().mean()))
    energy.append(float(counter.atp_per_input))
print(f"{accuracy[-1]:.1f} % right, {energy[-1]:.2g} ATP an image")

# %%
figure, panels = plt.subplots(1, 3, figsize=(11, 3.2))
panels[0].plot(accuracy, color="#0072B2")
panels[0].set(xlabel="epoch", ylabel="right answers (%)", ylim=(0, 100))
panels[1].plot(energy, color="#D55E00")
panels[1].set(xlabel="epoch", ylabel="energy of an image (ATP)", ylim=(0, None))
for number, colour in ((0, "#009E73"), (2, "#E69F00")):
    p = model[number].p.flatten().numpy()
    panels[2].hist(
        p,
        25,
        range=(0.25, 1),
        density=True,
        histtype="step",
        color=colour,
        label=f"layer {number}",
    )
panels[2].set(xlabel="release probability p", ylabel="density of synapses")
panels[2].legend()
plt.show()
