"""S08: neurons with many important inputs have many important outputs."""

import math

from biophys.estimates import means_along
from validation.claims.schug2021.energy_networks import FIGURES_RULE, at_shown_l2, shown_networks
from validation.criteria import above, between, in_every
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import SCHUG, Claim, Clause, row

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
