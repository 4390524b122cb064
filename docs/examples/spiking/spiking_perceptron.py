"""
A spiking perceptron and what it forgets
========================================

One neuron learns sets of random patterns, one after the other. With plastic release a
synapse becomes reliable where it matters, and learns less from then on: the first set is
kept better than by synapses that go on failing as often as these did at the start. A
perceptron without any noise keeps most, in a problem as small as this one.

Schug S, Benzing F, Steger A (2021), figure 5b, doi:10.7554/eLife.69884.
"""

from dataclasses import replace

import matplotlib.pyplot as plt

from brianpresyn.experiments import spiking_perceptron

# %%
# Smaller than the paper's: 500 inputs, 50 patterns in a set, trials of 4 ms. The seeds
# are simulated in one network.
config = replace(
    spiking_perceptron.QUICK,
    n_tasks=4,
    n_votes=3,
    fixed_p=(1.0, 0.25),
    n_steps=4,
    n_delays=2,
    target="numpy",
)
result = spiking_perceptron.run(config)

figure, panels = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
spiking_perceptron.plot(result, panels[0], task=0)
spiking_perceptron.plot(result, panels[1], task=None)
for axes in panels:
    axes.set_xticks(range(1, 5))
figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
plt.show()
