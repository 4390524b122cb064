"""S06: reliable synapses are shared out unevenly among neurons."""

from itertools import product
from typing import Any

from biophys.estimates import share_of
from validation.claims.schug2021 import energy_networks as networks
from validation.criteria import above, equals, significant
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
S06 = Claim(
    "S06",
    "Number of important (p >= 0.9) input synapses per second-layer neuron differs from a random shuffle: "
    "KS D = 0.505, p < 0.01; all layers significant except the output neurons of the last layer (p = 0.41)",
    SCHUG,
    (UNEVEN, DISTANCE, OTHERS, OUTPUT_NEURONS),
)
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
