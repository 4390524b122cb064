"""S06-S08: reliable synapses are shared out unevenly among neurons."""

import math
from itertools import product
from typing import Any

from biophys.estimates import mean_of, means_along, share_of
from validation.claims.schug2021 import energy_networks as networks
from validation.claims.schug2021.energy_networks import FIGURES_RULE, at_shown_l2, shown_networks
from validation.criteria import above, between, equals, in_every, significant
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import SCHUG, Claim, Clause, row

_LEVEL = 0.01
UNEVEN = Clause("S06a", "inputs of the second hidden layer", "fig 3a", significant(_LEVEL), "p < 0.01")
# Of one published network only D is known. Between two samples of 200 neurons its standard error is at most
# sqrt(2 * 0.25 / 200) = 0.05: the margin is that doubled.
DISTANCE = Clause("S06b", "their distance D", "fig 3a", equals(0.505, 0.1), 0.505, only_as_published=True)
_OTHERS = "inputs and outputs of every other matrix"
OTHERS = Clause("S06c", _OTHERS, "app 1 fig 2a", significant(_LEVEL), "p < 0.01", family="S06")
_OUTPUT_NEURONS = "not those of the output neurons (in most networks)"
OUTPUT_NEURONS = Clause("S06d", _OUTPUT_NEURONS, "app 1 fig 2a", above(0.5), "not significant (p = 0.41)")
_SAID = (
    "Number of important (p >= 0.9) input synapses per second-layer neuron differs from a random shuffle: "
    "KS D = 0.505, p < 0.01; all layers significant except the output neurons of the last layer (p = 0.41)"
)
S06 = Claim("S06", _SAID, SCHUG, (UNEVEN, DISTANCE, OTHERS, OUTPUT_NEURONS))
SHUFFLES = {"matrix": "all entries of a weight matrix", "partners": "among the partners of each neuron"}
"""The paper does not say how it shuffles: the first is judged, the second observed."""


@measures(S06, experiment="energy")
def important_inputs(run: Run, context: Context) -> Findings:
    """Test important synapses per neuron against their shuffle in every matrix, and look at D by penalty.

    Figures 2 and 3 do not name their penalty: judged is that of the program, 0.01. Nor is it said what is
    shuffled: judged is a shuffle of all entries of a matrix.
    """
    at = networks.at_shown_l2(networks.shown_networks(run, context).result)
    last, quantity = int(at.layer[-1]), "KS distance of important synapses per neuron from their shuffle"
    for shuffle, layer, side in product(SHUFFLES, map(int, at.layer), map(str, at.side.values)):
        test = networks.shuffle_test(at.sel(layer=layer, side=side, shuffle=shuffle))
        condition = {"matrix": layer, "side": side, "shuffled": SHUFFLES[shuffle]}
        subject = S06 if shuffle != "matrix" else UNEVEN if (layer, side) == (2, "inputs") else OTHERS
        if test.n and (layer, side) != (last, "inputs"):
            yield row(subject, test, quantity, condition=condition)
    inputs: dict[str, Any] = {"layer": 2, "side": "inputs", "shuffle": "matrix"}
    quantity = "KS distance D, inputs of the second hidden layer"
    yield row(DISTANCE, networks.shuffle_test(at.sel(inputs)), quantity)
    by_l2 = run.result.sel({"model": networks.FIGURES_RULE, **inputs})
    tests = {f"{float(l2):g}": networks.shuffle_test(by_l2.sel(l2=l2)) for l2 in by_l2.l2}
    yield row(S06, tests, quantity, along="L2")
    p = at.neuron_ks_p.sel(layer=last, side="inputs", shuffle="matrix")
    how = f"p from {float(p.min()):.2g} to {float(p.max()):.2g}, median {float(p.median()):.2g}"
    quantity = "share of networks with p >= 0.01 for the inputs of the ten output neurons"
    yield row(OUTPUT_NEURONS, share_of(p >= _LEVEL, unit="networks", how=how), quantity)
    yield from panels(run, "fig3a app1-fig2a", S06)


CLAUSES = {
    "low": Clause("S07a", "more neurons with few important inputs", "fig 3b", above(0.0)),
    "high": Clause("S07b", "more neurons with many important inputs", "fig 3b", above(0.0)),
}
_SAID = "More low- and high-importance neurons (2 sd from the shuffled mean) than in the shuffle"
S07 = Claim("S07", _SAID, SCHUG, tuple(CLAUSES.values()))


@measures(S07, experiment="energy")
def neurons_by_importance(run: Run, context: Context) -> Findings:
    """Compare the shares of neurons of low and high importance with those after shuffling."""
    at = at_shown_l2(shown_networks(run, context).result)
    for shuffle, words in SHUFFLES.items():
        for group, clause in CLAUSES.items():
            part = at.sel(layer=2, side="inputs", shuffle=shuffle, group=group)
            quantity = f"share of {group}-importance neurons of the second hidden layer less the shuffled one"
            subject = clause if shuffle == "matrix" else S07
            estimate = mean_of(part.neuron_group_share - part.neuron_shuffled_group_share, unit="networks")
            reason = f"mean share {float(part.neuron_group_share.mean()):.2f}"
            yield row(subject, estimate, quantity, condition={"shuffled": words}, reason=reason)
    yield from panels(run, "fig3b", S07)


PUBLISHED_R = {1: 0.9390, 2: 0.7999}
"""By hidden layer, of one network."""

# The standard error of r over 200 neurons, on the scale of the arc tangent; the margin is that doubled.
_MARGIN = 2 / math.sqrt(200 - 3)

CORRELATED = Clause(
    "S08a", "inputs and outputs correlate", "fig 3c, app 1 fig 2b", in_every(above(0.0), "hidden layer")
)
AS_PUBLISHED = {
    layer: Clause(
        f"S08{'abc'[layer]}",
        f"r of hidden layer {layer}",
        "app 1 fig 2b",
        between(*(round(math.tanh(math.atanh(r) + side * _MARGIN), 4) for side in (-1, 1))),
        r,
        only_as_published=True,
    )
    for layer, r in PUBLISHED_R.items()
}
S08 = Claim(
    "S08",
    "Important inputs and outputs of a neuron correlate: r = 0.9390 (hidden layer 1), 0.7999 (hidden layer "
    "2)",
    SCHUG,
    (CORRELATED, *AS_PUBLISHED.values()),
    "The paper names no penalty. At that of its program r of the first layer is 0.89; at penalties up to "
    "0.001 it comes within the margin, with three networks.",
)


@measures(S08, experiment="energy")
def inputs_and_outputs(run: Run, context: Context) -> Findings:
    """Correlate the important inputs and outputs of hidden neurons."""
    at = at_shown_l2(shown_networks(run, context).result)
    by_layer = means_along(at.input_output_r, "hidden_layer", "correlation")
    quantity = "Pearson's r of important inputs and outputs over the neurons of a hidden layer"
    yield row(CORRELATED, by_layer, quantity, along="hidden layer")
    for layer, clause in ((n, clause) for n, clause in AS_PUBLISHED.items() if str(n) in by_layer):
        condition = {"hidden layer": layer}
        yield row(clause, by_layer[str(layer)], quantity, condition=condition)
        by_l2 = run.result.input_output_r.sel(model=FIGURES_RULE, hidden_layer=layer)
        yield row(S08, means_along(by_l2, "l2", "correlation"), quantity, condition=condition, along="L2")
    yield from panels(run, "app1-fig2b", S08)
