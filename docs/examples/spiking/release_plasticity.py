"""
Synapses that become reliable
=============================

The release probability learns: it rises where an update is large and falls where it is
small. Here pair STDP drives it. Ten of fifty inputs fire together and bring the neuron to
fire; their synapses become reliable. The expected strength p q stays what it is: what
changes is the noise.

Schug S, Benzing F, Steger A (2021), equations 4-9, doi:10.7554/eLife.69884.
"""

import matplotlib.pyplot as plt
import numpy as np
from brian2 import (
    Hz,
    NeuronGroup,
    PoissonGroup,
    StateMonitor,
    Synapses,
    defaultclock,
    ms,
    mV,
    run,
    second,
)

from brianpresyn import bernoulli_release, pair_stdp, release_plasticity, synapses
from brianpresyn.biophys import ReleasePlasticity

# %%
# ``form="soft_bound"`` makes steps shrink with 1 - p, as in the published experiments;
# above ``p_freeze`` p is consolidated for good.
rule = ReleasePlasticity(
    p_up=0.1, p_down=0.02, g_lim=0.005, p_freeze=0.9, form="soft_bound"
)
code = bernoulli_release(p=0.25, q=2 * mV) + release_plasticity(
    rule, pair_stdp(a_plus=0.01, a_minus=0.003)
)

defaultclock.dt = 0.5 * ms
inputs = PoissonGroup(50, rates="(i < 10)*0*Hz + (i >= 10)*8*Hz")
bursts = PoissonGroup(1, rates=8 * Hz)
relays = NeuronGroup(10, "x : 1", threshold="x > 0.5", reset="x = 0")
together = Synapses(bursts, relays, on_pre="x_post += 1")
together.connect()
cell = NeuronGroup(
    1, "dv/dt = -v/(10*ms) : volt", threshold="v > 5*mV", reset="v = 0*mV", method="exact"
)
alone = synapses(inputs, cell, code, connect="i >= 10", seed=1, name="alone")
correlated = synapses(relays, cell, code, connect=True, seed=1, name="correlated")
correlated.delay = "5*ms*rand()"
of_correlated = StateMonitor(correlated, ["p", "q"], record=True, dt=50 * ms)
of_alone = StateMonitor(alone, ["p", "q"], record=True, dt=50 * ms)
run(10 * second)

# %%
figure, (learning, noise) = plt.subplots(1, 2, figsize=(9, 3.6))
for monitor, colour, name in (
    (of_correlated, "#D55E00", "correlated"),
    (of_alone, "#0072B2", "alone"),
):
    t, p, strength = monitor.t / second, monitor.p, monitor.p * monitor.q / mV
    learning.plot(t, p.T, color=colour, linewidth=0.4, alpha=0.6)
    learning.plot(t, p.mean(axis=0), color=colour, linewidth=2, label=f"{len(p)} {name}")
    noise.plot(t, np.sqrt((1 - p) / p).mean(axis=0), color=colour, linewidth=2)
    print(f"{name}: expected strength {strength.min():.3f} to {strength.max():.3f} mV")
learning.axhline(rule.p_freeze, color="black", linewidth=0.8, linestyle="--")
learning.set(xlabel="time (s)", ylabel="release probability p", ylim=(0, 1))
learning.legend(loc="lower right")
noise.set(xlabel="time (s)", ylabel="sd / mean of the response", ylim=(0, 2))
plt.show()
