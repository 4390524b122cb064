"""
The energy of a balanced network, by mechanism
==============================================

A recurrent network of excitatory and inhibitory neurons whose excitatory synapses release
with plastic probability. Every synapse keeps a ledger of what it has spent; most of it
goes into reversing the ion flux of the vesicles that were released, so that a network of
failing synapses is a cheap one.

Vogels TP, Abbott LF (2005), doi:10.1523/JNEUROSCI.3508-05.2005; Attwell D, Laughlin SB
(2001), doi:10.1097/00004647-200110000-00001.
"""

from dataclasses import replace

import matplotlib.pyplot as plt

from brianpresyn.experiments import balanced_network

# %%
config = replace(balanced_network.QUICK, duration=0.5)
result = balanced_network.run(config)

figure, panels = plt.subplots(1, 3, figsize=(11, 3.4))
balanced_network.plot(result, panels)
plt.show()
