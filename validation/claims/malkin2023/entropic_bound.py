"""M12: the biological reliability cost bounds the entropic one of variational inference."""

from functools import partial

import numpy as np

from biophys.entropic_bound import bound_gap, plot_gap
from biophys.estimates import exactly
from validation.criteria import exact
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import MALKIN, Claim, Clause, Rendering, row

_clause = partial(Clause, rendering=Rendering.ANALYTIC)
BOUND = _clause("M12a", "C_VI <= C_BI for every s, rho, sigma", "eq 44", exact(0.0, 0.0), "no violation")
AT_SCALE = _clause("M12b", "equal at sigma = s", "eq 53", exact(0.0, 1e-7))
SMALL_RHO = _clause("M12c", "equal as rho -> 0, to first order", "eq 50-52", exact(1.0, 1e-7))
_SAID = (
    "The biological cost bounds the entropy term: C_VI <= C_BI for every s, rho, sigma; equal at s = sigma "
    "and as rho -> 0"
)
M12 = Claim("M12", _SAID, MALKIN, (BOUND, AT_SCALE, SMALL_RHO))


@measures(M12)
def entropic_bound(context: Context) -> Findings:
    """Check the bound on drawn s, rho and sigma, and its two equalities."""
    n, rng = 200_000 if context.is_quick else 10_000_000, context.rng()
    ratio = np.exp(rng.uniform(-15, 15, n))
    rho = np.exp(rng.uniform(np.log(1e-6), np.log(20.0), n))
    with np.errstate(over="ignore"):
        violations = exactly(float(np.sum(~(bound_gap(ratio, rho) >= 0))), n=n, unit="draws")
    drawn = {"s / sigma": "3e-7 to 3e6", "rho": "1e-6 to 20"}
    yield row(BOUND, violations, "drawn (s, rho, sigma) at which C_VI exceeds C_BI", condition=drawn)
    at_scale = exactly(float(np.max(np.abs(bound_gap(1.0, rho[:1000])))))
    yield row(AT_SCALE, at_scale, "C_BI - C_VI at sigma = s")
    small = exactly(bound_gap(5.0, 1e-8) / (1e-8 * np.log(5.0) ** 2 / 2))
    condition = {"rho": 1e-8, "s / sigma": 5}
    yield row(SMALL_RHO, small, "(C_BI - C_VI) / (rho ln^2(s/sigma) / 2)", condition=condition)
    yield claim_figure(plot_gap, size=(6, 3.8))
