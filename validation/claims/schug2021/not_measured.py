"""S28-S30: statements that need runs that nobody has made yet."""

from validation.criteria import above, equals, in_every
from validation.registry import declared
from validation.statement import SCHUG, Claim, Clause

S28 = Claim(
    "S28",
    "What is found of important synapses per neuron does not hang on the threshold p = 0.9",
    SCHUG,
    (
        # 0.7 to 0.95: a choice of ours, the paper gives no range.
        Clause(
            "S28a",
            "r of important inputs and outputs",
            "results, before fig 3",
            in_every(above(0.0), "threshold"),
        ),
    ),
)
S29 = Claim(
    "S29",
    "High release probabilities are kept when training goes on, since noisy gradients do not vanish",
    SCHUG,
    # A point of all synapses: a choice of ours, the paper gives no number.
    (Clause("S29a", "share with p >= 0.9 after 100 less 50 epochs", "model, after eq 4", equals(0.0, 0.01)),),
)
S30 = Claim(
    "S30",
    "Sparsity by presynaptic plasticity decreases the overlap of important synapses of different tasks",
    SCHUG,
    (Clause("S30a", "overlap with ghost p less that with plastic p", "results, ablation", above(0.0)),),
)
declared(S28, S29, S30)
