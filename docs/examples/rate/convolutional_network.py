"""
A convolutional network with plastic release
============================================

The layers of :mod:`rate_models.nn` in a network of torch: two layers release, learn which of their
synapses matter, and pay in ATP.

Schug S, Benzing F, Steger A (2021), equations 3-5 and 7, doi:10.7554/eLife.69884.
"""

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from brianpresyn.biophys import ReleasePlasticity
from brianpresyn.rate_models import load_images
from brianpresyn.rate_models.nn import (
    BernoulliConv2d,
    BernoulliLinear,
    EnergyCounter,
    PresynapticSGD,
    other_parameters,
    seed_streams,
)

# %%
# Digits of 8x8 pixels; the network is as one would write it without release.
torch.manual_seed(1)
data = load_images("digits")
images, tests = (each.view(-1, 1, 8, 8) for each in (data.train_images, data.test_images))
model = nn.Sequential(
    BernoulliConv2d(1, 16, 3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    BernoulliLinear(256, 10),
)
seed_streams(model, seed=1)

# %%
# The published rule moves weights and release probabilities, another optimiser the biases.
rule = PresynapticSGD(model, ReleasePlasticity(form="soft_bound"), lr=0.1, l2=0.001)
rest = torch.optim.SGD(other_parameters(model), lr=0.1)
loader = DataLoader(TensorDataset(images, data.train_labels), 50, shuffle=True)
accuracy, energy, mean_p = [], [], []
for _ in range(30):
    for x, y in loader:
        nn.functional.cross_entropy(model(x), y).backward()
        for optimizer in (rule, rest):
            optimizer.step()
            optimizer.zero_grad()
    model.eval()
    with torch.no_grad(), EnergyCounter(model) as counter:
        answers = sum(model(tests).softmax(1) for _ in range(10)).argmax(1)
    model.train()
    accuracy.append(100 * float((answers == data.test_labels).float().mean()))
    energy.append(float(counter.atp_per_input))
    mean_p.append([float(model[0].p.mean()), float(model[4].p.mean())])

# %%
# Synapses become reliable where the loss asks for it.
figure, panels = plt.subplots(1, 3, figsize=(10, 3.2))
panels[0].plot(accuracy, color="#0072B2")
panels[0].set(xlabel="epoch", ylabel="right answers (%)", ylim=(0, 100))
panels[1].plot(energy, color="#D55E00")
panels[1].set(xlabel="epoch", ylabel="energy of an image (ATP)", ylim=(0, None))
for name, layer, colour in (
    ("convolution", model[0], "#009E73"),
    ("linear", model[4], "#E69F00"),
):
    panels[2].hist(
        layer.p.flatten().numpy(),
        bins=20,
        range=(0.25, 1),
        density=True,
        histtype="step",
        label=name,
        color=colour,
    )
panels[2].set(xlabel="release probability", ylabel="density of synapses")
panels[2].legend()
plt.show()
