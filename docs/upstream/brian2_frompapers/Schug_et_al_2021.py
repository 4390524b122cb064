#!/usr/bin/env python3
"""
Presynaptic stochasticity that learns
-------------------------------------

Synapses release with a probability ``p`` that is learned together with their strength
(Schug, Benzing & Steger 2021, equations 4 and 5): an update of at least ``g_lim`` moves
``p`` up, a smaller one moves it down. The mean effect ``w`` of a spike does not depend on
``p``, since a release that is rarer is larger: what ``p`` changes is the noise, and the
number of vesicles that have to be paid for. The synapses that matter become reliable.

The paper trains networks of rate neurons. Here a single spiking neuron learns to give
the right number of spikes to two patterns, each of which drives ten of thirty inputs; ten
inputs belong to no pattern and fire at random. The update of a synapse is the error of
the last presentation times the number of vesicles that it has released.

Panels: release probability of the three groups of inputs; spikes of the neuron at
each presentation; vesicles released at each presentation, a measure of energy.

Reference:

Schug, S., Benzing, F., Steger, A. (2021). Presynaptic stochasticity improves energy
efficiency and helps alleviate the stability-plasticity dilemma. eLife 10:e69884.
https://doi.org/10.7554/eLife.69884
"""

import matplotlib.pyplot as plt
import numpy as np
from brian2 import *

prefs.codegen.target = "numpy"
seed(2021)

# Parameters
n_group = 10  # inputs in each of the three groups
n_presentations = 600
duration = 100 * ms  # of one presentation
defaultclock.dt = 0.5 * ms

rate = 40 * Hz  # of the inputs of the pattern that is shown
background = 10 * Hz  # of the inputs that belong to no pattern
wanted_a, wanted_b = 6, 0  # spikes of the neuron that are right for pattern A and B

tau = 20 * ms
v_th = 10 * mV
eta = 0.01 * mV  # learning rate of the strength
g_lim = 2.0  # error times vesicles from which p rises
p_up, p_down = 0.05, 0.01
p_min, p_max = 0.25, 1.0

# Pattern A is shown in even presentations, pattern B in odd ones
is_a = np.tile([1.0, 0.0], n_presentations // 2)
shows_a = TimedArray(is_a, dt=duration)
wanted = TimedArray(np.where(is_a == 1, wanted_a, wanted_b), dt=duration)

inputs = NeuronGroup(
    3 * n_group,
    """group = i // n_group : integer (constant over dt)
       rates = rate*(int(group == 0)*shows_a(t) + int(group == 1)*(1 - shows_a(t)))
               + background*int(group == 2) : Hz""",
    threshold="rand() < rates*dt",
)
neuron = NeuronGroup(
    1,
    """dv/dt = -v/tau : volt
       n_spikes : 1
       error : 1""",
    threshold="v > v_th",
    reset="""v = 0*mV
             n_spikes += 1""",
    method="exact",
)

synapses = Synapses(
    inputs,
    neuron,
    """p : 1
       w : volt
       n_vesicles : 1""",
    on_pre="""released = int(rand() < p)
              v_post += released*w/p
              n_vesicles += released""",
)
synapses.connect()
synapses.p = p_min
synapses.w = "(0.5 + 0.5*rand())*mV"

# After each presentation: the error of the neuron, then the update of all synapses
neuron.run_regularly(
    "error = wanted(t - duration/2) - n_spikes", dt=duration, when="before_start"
)
vesicles, spikes = [], []


@network_operation(dt=duration, when="start")
def count(t):
    vesicles.append(np.sum(synapses.n_vesicles))
    spikes.append(neuron.n_spikes[0])


synapses.run_regularly(
    """g = error_post*n_vesicles
       w = clip(w + eta*g, 0*mV, 4*mV)
       is_large = int(abs(g) >= g_lim)
       p = clip(p + p_up*is_large - p_down*(1 - is_large), p_min, p_max)
       n_vesicles = 0""",
    dt=duration,
    when="after_start",
)
neuron.run_regularly("n_spikes = 0", dt=duration, when="before_groups")
monitor = StateMonitor(synapses, ["p", "w"], record=True, dt=duration)

run(n_presentations * duration)

# Plot
group = np.repeat(np.arange(3), n_group)
spikes, vesicles = np.array(spikes[1:]), np.array(vesicles[1:])
shown_a = is_a[: len(spikes)] == 1
fig, axs = plt.subplots(3, 1, figsize=(6, 8), sharex=True, layout="constrained")
for k, name in enumerate(["pattern A", "pattern B", "no pattern"]):
    axs[0].plot(monitor.p[group == k].mean(axis=0), label=name)
axs[0].set(ylabel="release probability", ylim=(0, 1))
axs[0].legend()
presentations = np.arange(len(spikes))
axs[1].plot(presentations[shown_a], spikes[shown_a], ".", label=f"A, wanted {wanted_a}")
axs[1].plot(presentations[~shown_a], spikes[~shown_a], ".", label=f"B, wanted {wanted_b}")
axs[1].set(ylabel="spikes")
axs[1].legend()
axs[2].plot(presentations, vesicles, ".", color="0.4")
axs[2].set(xlabel="presentation", ylabel="vesicles released")
plt.show()
