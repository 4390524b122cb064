"""M17: the mean squared gradient in place of the Hessian, and the learning rate that follows from it."""

from functools import partial

import numpy as np
from scipy.stats import spearmanr

from biophys.estimates import mean_of
from validation.criteria import above, in_every
from validation.registry import Context, Findings, Run, measures
from validation.statement import MALKIN, Claim, Clause, row

# "Close enough" is a rank correlation above one half here: the paper states no number.
_clause = partial(Clause, criterion=in_every(above(0.5), "layer"), published="close enough, no number")
GRADIENT = _clause("M17a", "mean squared gradient and Hessian: rank correlation above 1/2", "eq 31")
RATE = _clause("M17b", "learning rate and 1 / root mean squared gradient: likewise", "eq 7, 30")
M17 = Claim(
    "M17",
    "The mean squared gradient is close enough to the Hessian, and the learning rate to its inverse root",
    MALKIN,
    (GRADIENT, RATE),
)
_PAIRS = (
    ("hessian (minibatch)", "hessian (curvature)", 1, GRADIENT),
    ("hessian (at_mean)", "hessian (curvature)", 1, M17),
    ("learning rate", "hessian (minibatch)", -1, RATE),
)


@measures(M17, experiment="signatures")
def mean_squared_gradient(run: Run, context: Context) -> Findings:
    """Correlate measures of importance over the synapses of one network that are kept for the figures."""
    shown = run.result.shown_predictor.sel(c_factor=1.0, state="published")
    for first, second, sign, subject in _PAIRS:
        by_layer = {}
        for layer in range(shown.sizes["layer"]):
            pair = shown.isel(layer=layer).sel(predictor=[first, second])
            # The exponents are conditions: their mean is one number for the network.
            tables = [pair.sel(rho=rho).transpose("synapse", "predictor").values for rho in pair.rho]
            correlation = float(np.mean([spearmanr(table).statistic for table in tables]))
            by_layer[str(layer + 1)] = mean_of([sign * correlation], unit="networks")
        words = f"rank correlation of {first} and {second} over synapses, mean over rho"
        yield row(subject, by_layer, words, along="layer")
