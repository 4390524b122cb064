"""X04: in spikes, too, synapses of high release probability matter most and take most of the energy."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from biophys.bootstrap import bootstrap
from biophys.estimates import paired_difference
from validation.claims.across.spiking_classifier import data_of
from validation.criteria import above, in_every
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import CROSS_CHECK, Claim, Clause, Measurement, Rendering, row

_spiking = partial(Clause, source=CROSS_CHECK, rendering=Rendering.SPIKING)
LESIONS = _spiking(
    "X04a",
    "accuracy after removing low-p synapses first less that after removing random ones",
    criterion=in_every(above(0.0), "fraction"),
    unit="images",
)
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
    yield from _lesions(run.result)
    yield from _energy_of_important(run.result, np.random.default_rng(context.seed))
    yield from panels(run, "energy lesions", X04, (7.5, 4))


def _lesions(result: xr.Dataset) -> Iterator[Measurement]:
    """Yield how far ahead each order of removal is of a harsher one, in both renderings."""
    for rendering in (Rendering.RATE, Rendering.SPIKING):
        right = result.lesion_right.sel(rendering=str(rendering))
        for subject, gentle, harsh in (
            (LESIONS, "lowest p first", "random order"),
            (X04, "smallest strength first", "lowest p first"),
        ):
            ahead = {
                f"{float(f):g}": paired_difference(
                    *(right.sel(order=order, fraction=f) for order in (gentle, harsh)), how="one network"
                )
                for f in result.fraction.values
            }
            quantity = f"accuracy after removing synapses, {gentle} less {harsh}, where it is least certain"
            condition = data_of(result)
            yield row(subject, ahead, quantity, rendering=rendering, condition=condition, along="removed")


def _energy_of_important(result: xr.Dataset, rng: np.random.Generator) -> Iterator[Measurement]:
    """Yield the mean energy of synapses with p >= 0.9 over that of the others, in both renderings."""
    count = result.unit_count.to_numpy()
    share = f"{count[:, 0].sum() / count.sum():.0%} of the synapses have p >= 0.9"
    for rendering, name, energy in (
        (Rendering.SPIKING, "unit_energy", "ATP"),
        (Rendering.RATE, "unit_strength", "|w̄|"),
    ):
        spent = result[name].to_numpy()

        def ratio(weights: NDArray[np.float64], spent: NDArray[np.float64] = spent) -> NDArray[np.float64]:
            mean = (weights @ spent) / (weights @ count)
            return mean[:, 0] / mean[:, 1]

        quantity = f"mean energy ({energy}) of synapses with p >= 0.9 over that of synapses with p < 0.9"
        estimate = bootstrap(ratio, len(count), rng=rng, n_resamples=2000, unit="units", how="one network")
        yield row(ENERGY, estimate, quantity, rendering=rendering, condition=data_of(result), reason=share)
