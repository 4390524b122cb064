"""M20: a statement that needs recordings that are not there."""

from validation.criteria import below
from validation.registry import declared
from validation.statement import MALKIN, Claim, recorded

M20 = Claim(
    "M20",
    "Quantal variability is small relative to the variability of release",
    MALKIN,
    (
        # "Small" is less than half here: the paper states no number.
        recorded(
            "M20a",
            "share of the variance of the response that is due to the size of quanta",
            "results, after eq 1",
            below(0.5),
            "small, no number",
            unit="recordings",
        ),
    ),
)
declared(M20)
