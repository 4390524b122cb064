"""M15: two synapses of different importance with equal and with optimised noise."""

from functools import partial

import numpy as np
import quantities as pq

from biophys.estimates import exactly
from biophys.optimal_precision import ReliabilityCost, optimal_sd
from validation.criteria import exact
from validation.registry import Context, Findings, measures
from validation.statement import MALKIN, Claim, analytic, row

_clause = partial(analytic, source="fig 4c,d", criterion=exact(0.0, 0.0), published="no exception")
CHEAPER = _clause("M15a", "at equal reliability cost optimised noise has the lower performance cost")
BY_IMPORTANT = _clause("M15b", "equal noise is dear because of the larger noise in the important synapse")
M15 = Claim(
    "M15",
    "Two synapses of different importance: at equal reliability cost equal noise has a higher performance "
    "cost than optimised noise, primarily through the important synapse",
    MALKIN,
    (CHEAPER, BY_IMPORTANT),
)


@measures(M15)
def two_synapses(context: Context) -> Findings:
    """Draw pairs of curvatures and compare optimised noise with equal noise of the same reliability cost."""
    n = 20_000 if context.is_quick else 200_000
    rng = np.random.default_rng(context.seed)
    curvature = np.sort(np.exp(rng.uniform(np.log(1e-2), np.log(1e2), (n, 2))), axis=1)[:, ::-1]
    # A hundred pairs share each exponent: the optimum is asked for once for all of them.
    rho = np.repeat(rng.uniform(0.05, 4.0, n // 100), 100)
    sd = np.concatenate(
        [
            optimal_sd(curvature[rho == each] / pq.mV**2, ReliabilityCost(float(each), 0.3 * pq.mV)).magnitude
            for each in dict.fromkeys(rho)
        ]
    )
    equal = np.mean(sd ** -rho[:, None], axis=1) ** (-1 / rho)
    excess = 0.5 * curvature * (equal[:, None] ** 2 - sd**2)
    drawn = {"curvatures": "0.01 to 100 per mV²", "rho": "0.05 to 4"}
    for clause, is_exception, quantity in (
        (CHEAPER, excess.sum(axis=1) <= 0, "drawn pairs at which equal noise costs no more"),
        (BY_IMPORTANT, excess[:, 0] <= 0, "drawn pairs whose important synapse equal noise makes no noisier"),
    ):
        yield row(clause, exactly(float(is_exception.sum()), n=n, unit="pairs"), quantity, condition=drawn)
    importance = np.array([10.0, 1.0])
    sd = optimal_sd(importance / pq.mV**2, ReliabilityCost(2.0, 0.3 * pq.mV)).magnitude
    ratio = np.sum(importance) / np.mean(sd**-2.0) / np.sum(importance * sd**2)
    quantity = "performance cost of equal over optimised noise, curvatures 10 to 1"
    yield row(M15, exactly(float(ratio)), quantity, condition={"rho": 2.0}, published="far higher, no number")
