"""Every claim of the two papers that can be checked, and the cross-checks between renderings.

S: Schug, Benzing & Steger 2021, eLife 10:e69884, doi:10.7554/eLife.69884.
M: Malkin, O'Donnell, Houghton & Aitchison 2023, "Signatures of Bayesian inference emerge from energy efficient synapses".
X: cross-checks between analytic, rate and spiking synapses and recordings.
"""

from __future__ import annotations

from validation.claims.claim import Claim

_ALL = (
    Claim(
        "X03",
        "A trained rate network turned into a spiking network with Bernoulli release classifies as well (accuracy within one standard error of the rate network at long presentation, and as a function of presentation time), with its energy ledger",
        "cross-check",
        "accuracy within one standard error",
    ),
    Claim(
        "X04",
        "S03 and S04 hold in that spiking network: lesions by p against random, energy of high-p synapses",
        "cross-check",
        "as S03 and S04",
    ),
    Claim(
        "X07",
        "STDP protocol of Sjöström et al. 2001 run on the spiking pre/post rule: predicted change of P and q at each frequency and timing against each recorded connection",
        "cross-check",
        "error of predicted dP and dq",
        "With the published parameters and one train per pairing the rule predicts the change of P of single "
        "connections worse than no change would; files and rule also disagree on the timing of some rows.",
    ),
    Claim(
        "X09",
        "Parity with other simulators: release statistics of NEST's `bernoulli_synapse` and `quantal_stp_synapse`",
        "cross-check",
        "same moments",
    ),
)

CLAIMS: dict[str, Claim] = {claim.id: claim for claim in _ALL}
"""Every claim by its id."""
