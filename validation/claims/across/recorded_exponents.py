"""Beside X08: the cost exponent that the recorded slopes imply."""

from functools import partial

from biophys.estimates import transformed
from biophys.optimal_precision import implied_exponent
from biophys.recordings.epsp_variability import INPUT_POWERS, MAIN, RESIDUAL, exponent_figure
from validation.claims.across.optimised_variability import X08
from validation.claims.malkin2023.variability_and_rate import recorded_slopes
from validation.registry import ClaimFigure, Context, Findings, measures
from validation.statement import Rendering, row


@measures(X08, rendering=Rendering.RECORDED, data_sets=("ko2013",))
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
    caption = (
        "Cost exponent that a log-log slope of the variance on the rate implies, if the mean of x² grows as "
        "the rate or as its square. Grey: the recorded slope with its 95 % interval. Dotted: exponents "
        "of the four costs."
    )
    yield ClaimFigure(exponent_figure(slopes[MAIN]), caption)
