"""
A network whose synapses fail, and its bill
===========================================

For those who know Brian2: the synapses of a network release with probability p, and a
ledger tells what they spend in ATP.
"""

import matplotlib.pyplot as plt
from brian2 import (
    Hz,
    NeuronGroup,
    PoissonGroup,
    SpikeMonitor,
    StateMonitor,
    ms,
    mV,
    run,
    second,
)

from brianpresyn import (
    binomial_release,
    energy_ledger,
    energy_report,
    release_counters,
    synapses,
)

# %%
# A hundred inputs reach forty cells. A connection has three release sites; each releases a
# quantum of 0.5 mV with probability 0.3. Pieces of a synapse join by ``+``.
inputs = PoissonGroup(100, rates=25 * Hz)
cells = NeuronGroup(
    40,
    "dv/dt = -v/(20*ms) : volt",
    threshold="v > 14*mV",
    reset="v = 0*mV",
    method="exact",
)
code = binomial_release(n=3, p=0.3, q=0.5 * mV) + release_counters()
connections = synapses(
    inputs, cells, code + energy_ledger(code), connect="rand() < 0.5", seed=1
)
print(code)

# %%
# What comes back is an ordinary ``brian2.Synapses``: monitors, ``store`` and C++ standalone
# work as ever.
spikes = SpikeMonitor(cells)
voltage = StateMonitor(cells, "v", record=[0])
run(1 * second)
failures = connections.n_failures[:].sum() / connections.n_spikes[:].sum()
report = energy_report(connections)
print(f"{failures:.1%} of all transmissions failed; (1 - p)^n is {(1 - 0.3) ** 3:.1%}")
print(report)

# %%
figure, (raster, membrane, bill) = plt.subplots(
    1, 3, figsize=(11, 3.2), width_ratios=(2, 2, 1.4)
)
raster.plot(spikes.t / ms, spikes.i, "|", color="#0072B2", markersize=3)
raster.set(xlabel="time (ms)", ylabel="cell", title="spikes")
membrane.plot(voltage.t / ms, voltage.v[0] / mV, color="#0072B2", linewidth=0.8)
membrane.set(xlabel="time (ms)", ylabel="v (mV)", title="one cell")
mechanisms = sorted(report.atp, key=report.atp.get)
bill.barh(mechanisms, [report.atp[each] for each in mechanisms], color="#D55E00")
bill.set(xlabel="ATP in one second", title="the bill", xscale="log")
plt.show()
