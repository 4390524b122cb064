"""M19 and M20: statements that need runs or recordings that are not there."""

from validation.criteria import above, below, in_every
from validation.registry import declared
from validation.statement import MALKIN, Claim, Clause, Rendering

M19 = Claim(
    "M19",
    "The overall cost bounds the evidence lower bound of a trained network",
    MALKIN,
    (Clause("M19a", "ELBO plus overall cost plus constant", "eq 49", in_every(above(0.0), "network")),),
)
M20 = Claim(
    "M20",
    "Quantal variability is small relative to the variability of release",
    MALKIN,
    (
        # "Small" is less than half here: the paper states no number.
        Clause(
            "M20a",
            "share of the variance of the response that is due to the size of quanta",
            "results, after eq 1",
            below(0.5),
            "small, no number",
            unit="recordings",
            rendering=Rendering.RECORDED,
        ),
    ),
)
declared(M19, M20)
