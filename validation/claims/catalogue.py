"""Every claim of the two papers that can be checked, and the cross-checks between renderings.

S: Schug, Benzing & Steger 2021, eLife 10:e69884, doi:10.7554/eLife.69884.
M: Malkin, O'Donnell, Houghton & Aitchison 2023, "Signatures of Bayesian inference emerge from energy efficient synapses".
X: cross-checks between analytic, rate and spiking synapses and recordings.
"""

from __future__ import annotations

from validation.claims.claim import Claim

_ALL = (
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
