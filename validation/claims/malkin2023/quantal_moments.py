"""M01 and M20: mean and variance of the response to a spike, and where the variance comes from."""

from functools import partial

import numpy as np
import quantities as pq
from matplotlib.figure import Figure
from scipy.special import chdtrc

from biophys.estimates import exactly, mean_of_known
from biophys.palette import BLUE, VERMILION
from biophys.quantal import QuantalSynapse, drawn_moments, sampling_errors
from validation.criteria import below, equals, exact
from validation.registry import Context, Findings, claim_figure, declared, measures
from validation.statement import MALKIN, Claim, Clause, Rendering, recorded, row

_clause = partial(Clause, source="eq 1", rendering=Rendering.ANALYTIC)
FORMULAS = _clause("M01a", "are the moments of the release distribution", criterion=exact(0.0, 1e-9))
DRAWN = _clause("M01b", "are the moments of drawn responses, within 1 %", criterion=equals(1.0, 0.01))
_QUANTITY = "largest relative difference of npq and np(1-p)q^2"
M01 = Claim("M01", "Mean and variance of the PSP: mu = npq, sigma^2 = np(1-p)q^2", MALKIN, (FORMULAS, DRAWN))


@measures(M01)
def quantal_moments(context: Context) -> Findings:
    """Compare the moments of eq. 1 with those of the release distribution and of drawn responses."""
    n_spikes, rng = 20_000 if context.is_quick else 1_000_000, context.rng()
    # From 1 to 20 sites, with p on both sides of one half.
    n, p = np.meshgrid([1, 2, 5, 10, 20], [0.05, 0.2, 0.3, 0.5, 0.7, 0.9])
    synapses = QuantalSynapse(n.ravel(), p.ravel(), 0.2 * pq.mV)
    pmf, response = synapses.pmf(), np.arange(synapses.n.max() + 1) * synapses.q.magnitude[:, None]
    mean = np.sum(pmf * response, axis=1)
    summed = mean, np.sum(pmf * (response - mean[:, None]) ** 2, axis=1)
    formulas = synapses.mean.magnitude, synapses.variance.magnitude
    off = max(float(np.max(np.abs(a / b - 1))) for a, b in zip(summed, formulas, strict=True))
    yield row(FORMULAS, exactly(off, n=30, unit="synapses"), _QUANTITY)
    drawn, errors = drawn_moments(synapses, n_spikes, rng), sampling_errors(synapses, n_spikes)
    parts = zip(("mean", "variance"), drawn, errors, formulas, strict=True)
    ratios = {moment: (seen / formula, error / formula) for moment, seen, error, formula in parts}
    for moment, (ratio, error) in ratios.items():
        quantity = f"{moment} of drawn responses over its formula, mean over synapses"
        chi2, size = float(np.sum(((ratio - 1) / error) ** 2)), ratio.size
        how = f"chi-square over synapses {chi2:.1f}, {size} df, p = {float(chdtrc(size, chi2)):.2g}"
        estimate = mean_of_known(ratio, error, n=size * n_spikes, unit="spikes", how=how)
        yield row(DRAWN, estimate, quantity, condition={"spikes": n_spikes})
    yield claim_figure(_draw, f"{n_spikes} spikes each.", (7, 3.8), ratios=ratios)


def _draw(figure: Figure, ratios: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Draw drawn moments over n p q and n p (1 - p) q² of 30 synapses (p from 0.05 to 0.9, n from 1 to 20),
    95 % intervals."""
    axes = figure.subplots()
    for (moment, (ratio, error)), shift in zip(ratios.items(), (-0.15, 0.15), strict=True):
        x, colour = np.arange(ratio.size) + shift, BLUE if shift < 0 else VERMILION
        axes.errorbar(x, ratio, 1.96 * error, fmt=".", color=colour, label=moment)
    axes.axhline(1.0, color="black", linewidth=0.8)
    axes.set(xlabel="synapse (by p, then by n)", ylabel="drawn / analytic")
    axes.legend(fontsize=8)


# "Small" is less than half here: the paper states no number.
_SMALL, _SHARE = below(0.5), "share of the variance of the response that is due to the size of quanta"
OF_QUANTA = recorded("M20a", _SHARE, "results, after eq 1", _SMALL, "small, no number", unit="recordings")
_SAID = "Quantal variability is small relative to the variability of release"
declared(Claim("M20", _SAID, MALKIN, (OF_QUANTA,)))
