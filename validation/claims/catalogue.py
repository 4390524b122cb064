"""Every claim of the two papers that can be checked, and the cross-checks between renderings.

S: Schug, Benzing & Steger 2021, eLife 10:e69884, doi:10.7554/eLife.69884.
M: Malkin, O'Donnell, Houghton & Aitchison 2023, "Signatures of Bayesian inference emerge from energy efficient synapses".
X: cross-checks between analytic, rate and spiking synapses and recordings.
"""

from __future__ import annotations

from validation.claims.claim import Claim

_ALL = (
    Claim(
        "X01",
        "The PSP moments and the failure rate of every release model in Brian2, on every code generation target, equal the analytic ones",
        "cross-check",
        "analytic moments within standard error",
    ),
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
        "X05",
        "S12 in spikes: five pattern tasks, spiking perceptron with plastic release",
        "cross-check",
        "as S12",
        "At the paper's size plastic release beats fixed release but not the deterministic perceptron: an input "
        "in spikes is a pair of lines with a synapse each, and with such inputs the advantage is gone in rates too.",
    ),
    Claim(
        "X06",
        "The trained Gaussian synapses (mu, sigma) of M03 realised as binomial release (n, p, q) by each mechanism: same accuracy in spikes, and the ATP that each costs",
        "cross-check",
        "same accuracy",
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
