"""Beside X08: slopes of variance on rate for Poisson inputs, and the exponents that recorded ones imply."""

from functools import partial

import numpy as np
import quantities as pq

from biophys.estimates import transformed
from biophys.optimal_precision import implied_exponent
from biophys.precision_plots import plot_slopes_on_rate, slopes_at
from biophys.recordings.epsp_variability import INPUT_POWERS, MAIN, RESIDUAL, draw_exponent
from validation.claims.across.optimised_variability import QUANTITY, RARE_SPIKES, X08
from validation.claims.malkin2023.optimal_variance import PUBLISHED_SLOPE, recorded_slopes, slope_rows
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import Rendering, row

_KERNEL = 10.0 * pq.ms  # time constant of the exponential kernel through which inputs are seen
_REGIMES = (("shot noise", RARE_SPIKES, (0.01, 0.3)), ("mean drive", X08, (300, 3000)))


@measures("X08", rendering=Rendering.ANALYTIC)
def slopes_for_poisson_inputs(context: Context) -> Findings:
    """Optimise the variance for Poisson inputs of different rates and fit its slope on the rate.

    Which of the two slopes applies depends on the presynaptic rate times the time constant. Cells that fire
    at a few hertz are in the first regime (mean x² within 10 % of proportional to the rate below 5 Hz), where
    the published recorded slope of -0.62 implies rho = 1.23, nearest to actin's 4/3; in the second it would
    imply rho = 4.45.
    """
    for regime, subject, (low, high) in _REGIMES:
        slopes = slopes_at(np.geomspace(low, high, 30) * pq.Hz, _KERNEL)
        about = {"regime": regime, "rate": f"{low:g} to {high:g} Hz"}
        yield from slope_rows(subject, X08, slopes, "on_input_power", QUANTITY, condition=about)
    yield claim_figure(plot_slopes_on_rate, time_constant=_KERNEL, recorded=PUBLISHED_SLOPE)


@measures("X08", rendering=Rendering.RECORDED, data_sets=("ko2013",))
def recorded_exponents(context: Context) -> Findings:
    """Work out the cost exponent that each recorded slope of a variance implies."""
    slopes = recorded_slopes(context.seed, 2_000 if context.is_quick else 20_000)
    left_out = {"coefficient of variation", RESIDUAL, "Theil-Sen", "connections"}
    kept = {r: slope for r, slope in slopes.items() if not left_out & {r.variability, r.fit, r.resampled}}
    for reading, slope in kept.items():
        how = f"slope {slope.value:.3f}; {slope.how}"
        for scaling, power in INPUT_POWERS.items():
            quantity = "cost exponent rho that the recorded slope implies"
            condition = {**reading.condition, "supposed": scaling}
            estimate = transformed(slope, partial(implied_exponent, input_power=power), how)
            yield row(X08, estimate, quantity, condition=condition, published="1/2, 2/3, 4/3 or 2")
    yield claim_figure(draw_exponent, size=(6.5, 4), recorded=slopes[MAIN])
