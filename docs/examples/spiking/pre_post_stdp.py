"""
Pairing protocols: p and q both learn
=====================================

At low frequency and with the postsynaptic spike first, the release probability falls; at
high frequency both p and q grow. The rule of Costa et al. under the pairing protocols of
Sjöström et al.

Sjöström PJ, Turrigiano GG, Nelson SB (2001), doi:10.1016/S0896-6273(01)00542-6; Costa RP
et al. (2015), figure 2, doi:10.7554/eLife.09457.
"""

import matplotlib.pyplot as plt

from brianpresyn.experiments import stdp_protocol

# %%
# The defaults are the ten protocols, each on a synapse of its own with p = 0.5 and q =
# 0.2 mV.
result = stdp_protocol.run(stdp_protocol.Config())

figure, panels = plt.subplots(1, 2, figsize=(9, 3.6))
for axes, quantity in zip(panels, "pq", strict=True):
    stdp_protocol.plot(result, axes, quantity=quantity)
panels[0].set_title("presynaptic: release probability")
panels[1].set_title("postsynaptic: quantal size")
panels[0].legend(loc="upper left")
plt.show()
