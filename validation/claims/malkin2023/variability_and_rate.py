"""M07 and M08: recorded variability of busy inputs is lower, and reliable synapses are potentiated less."""

from collections.abc import Mapping
from functools import cache

import numpy as np

from biophys.estimates import Estimate
from biophys.recordings import release_and_change as relations
from biophys.recordings.epsp_variability import MAIN, READINGS, SlopeReading, draw_slopes, slopes_under
from biophys.recordings.release_and_change import correlations_if_additive
from validation.criteria import below, exact, in_every
from validation.data.recordings import read_ko2013, read_sjostrom2001
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


_SMALLER = "correlation of p before with the increase relative to the strength before"
SMALLER = recorded("M08a", _SMALLER, "fig 6a", below(0.0), "negative, no number", unit="recordings")
M08 = Claim("M08", "Recorded: synapses with higher p change less after LTP induction", MALKIN, (SMALLER,))


@measures(M08, data_sets=("sjostrom2001",))
def potentiation(context: Context) -> Findings:
    """Correlate release probability before induction with the potentiation that follows.

    The statement holds for the increase relative to the strength before. Taken literally, for the increase of
    the synaptic mean itself, the sign is the opposite: in mV, synapses with higher p grow more. Nearly all of
    it is presynaptic: the relative change of p falls with p before (p is bounded by one), that of q hardly
    depends on it. As for S18, an increase in mV that had nothing to do with the synapse would give a
    correlation of the relative increase as strong as the recorded one.
    """
    recordings, rng = read_sjostrom2001(), context.rng()
    n_draws = 4_000 if context.is_quick else 20_000
    correlations = relations.correlations_under(recordings, relations.POTENTIATION, rng, n_draws)
    main, recorded = next(iter(correlations.items()))
    for each, r in correlations.items():
        yield row(SMALLER if each is main else M08, r, each.quantity, condition=each.condition)
    ltp = recordings.induced("LTP")
    drawn = correlations_if_additive(ltp, n_draws, rng=rng)
    additive = relations.by_coupling(drawn, recorded.value)
    condition = {"rows": "LTP", "supposed": "change in mV independent of the synapse"}
    yield row(M08, additive, "correlation of p before with dw / w without any relation", condition=condition)
    yield claim_figure(relations.draw_potentiation, size=(9, 3.8), ltp=ltp, correlations=correlations)
