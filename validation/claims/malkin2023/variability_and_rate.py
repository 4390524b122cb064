"""M07: the recorded variability of busy inputs is lower."""

from collections.abc import Mapping
from functools import cache

import numpy as np

from biophys.estimates import Estimate
from biophys.recordings.epsp_variability import MAIN, READINGS, SlopeReading, draw_slopes, slopes_under
from validation.criteria import below, exact, in_every
from validation.data.recordings import read_ko2013
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import MALKIN, Claim, recorded, row

PUBLISHED_SLOPE = -0.62
"""Malkin et al. 2023, figure 6b, after Aitchison et al. 2021."""

_EVERY, _FALLS = in_every(below(0.0), "reading"), "falls in every reading of normalised variability"
FALLS = recorded("M07a", _FALLS, "fig 6b", _EVERY, "falls", unit="cells")
# The same rows give the same number: both digits of it. The reading was chosen after all were computed.
_GIVEN = "slope -0.62 (in the one reading that gives it: variance at fixed mean)"
SLOPE = recorded("M07b", _GIVEN, "fig 6b", exact(PUBLISHED_SLOPE, 0.005), PUBLISHED_SLOPE, unit="cells")
_SAID = "Recorded: normalised EPSP variability falls with presynaptic rate, log-log slope -0.62"
M07 = Claim("M07", _SAID, MALKIN, (FALLS, SLOPE))


@cache
def recorded_slopes(seed: int, n_resamples: int) -> Mapping[SlopeReading, Estimate]:
    """Return the slope in the recordings of Ko et al. (2013) under each of `READINGS`."""
    return slopes_under(read_ko2013(), READINGS, np.random.default_rng(seed), n_resamples)


@measures(M07, data_sets=("ko2013",))
def variability_and_rate(context: Context) -> Findings:
    """Regress EPSP variability on presynaptic rate under every reading of the two.

    The published slope is reproduced by the variance of the EPSP with its dependence on the mean EPSP
    regressed out jointly (log var on log rate and log mean), with the rate foopsi_mean and least squares.
    Regressing the mean out first gives -0.60, the coefficient of variation -0.61; no other reading rounds to
    -0.62. Variance without normalisation does not depend on the rate.

    All readings have the same sign, but their slopes lie between -0.2 and -2.2, depending on the
    normalisation and on which of the two rate estimates is used: a slope on a rate in undocumented units,
    which may be a power of the true rate, does not fix an exponent.

    Error in the estimated rates draws the slope towards zero, and so the implied exponent upwards.

    Cells are inferred: connections with identical rate estimates are taken to share the presynaptic cell (112
    cells for 136 connections).
    """
    slopes = recorded_slopes(context.seed, 2_000 if context.is_quick else 20_000)
    quantity = "log-log slope of EPSP variability on presynaptic rate"
    for each, slope in slopes.items():
        yield row(SLOPE if each is MAIN else M07, slope, quantity, condition=each.condition)
    # The variance itself is not normalised by anything.
    normalised = {each.label: slope for each, slope in slopes.items() if each.variability != "variance"}
    yield row(FALLS, normalised, f"{quantity}, where it is least certain", along="reading")
    ko, size = read_ko2013(), (10, 5.2)
    yield claim_figure(draw_slopes, size=size, recordings=ko, slopes=slopes, published=PUBLISHED_SLOPE)
