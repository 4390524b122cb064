"""X04: in spikes, too, synapses of high release probability matter most and take most of the energy."""

from functools import partial

import numpy as np

from validation.criteria import above, in_every
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import CROSS_CHECK, Claim, Clause, Rendering, row

_spiking = partial(Clause, source=CROSS_CHECK, rendering=Rendering.SPIKING)
_LESIONS = "accuracy after removing low-p synapses first less that after removing random ones"
LESIONS = _spiking("X04a", _LESIONS, criterion=in_every(above(0.0), "fraction"), unit="images")
ENERGY = _spiking(
    "X04b", "mean energy of synapses with p >= 0.9 over that of others", criterion=above(1.0), unit="units"
)
X04 = Claim(
    "X04",
    "S03 and S04 hold in that spiking network: lesions by p against random, energy of high-p synapses",
    CROSS_CHECK,
    (LESIONS, ENERGY),
)


@measures(X04, experiment="spikes")
def lesions_in_spikes(run: Run, context: Context) -> Findings:
    """Remove synapses in several orders, and compare the energy of reliable synapses with that of others.

    One trained network: n counts its test images, or the units that its synapses drive.
    """
    from validation.experiments.release_in_spikes import energy_of_reliable, lead_by_fraction

    result, data = run.result, {"data": run.result.attrs["data_set"]}
    forms = {Rendering.RATE: ("unit_strength", "|w̄|"), Rendering.SPIKING: ("unit_energy", "ATP")}
    for rendering in forms:
        for subject, gentle, harsh in (
            (LESIONS, "lowest p first", "random order"),
            (X04, "smallest strength first", "lowest p first"),
        ):
            ahead = lead_by_fraction(result, str(rendering), gentle, harsh)
            quantity = f"accuracy after removing synapses, {gentle} less {harsh}, where it is least certain"
            yield row(subject, ahead, quantity, rendering=rendering, condition=data, along="removed")
    rng = np.random.default_rng(context.seed)
    for rendering in reversed(forms):
        variable, unit = forms[rendering]
        quantity = f"mean energy ({unit}) of synapses with p >= 0.9 over that of synapses with p < 0.9"
        ratio = energy_of_reliable(result, variable, rng)
        yield row(ENERGY, ratio, quantity, rendering=rendering, condition=data)
    yield from panels(run, "energy lesions", X04, (7.5, 4))
