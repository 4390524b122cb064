"""The Hill relation between presynaptic calcium and the probability of release."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import quantities as pq
from numpy.typing import ArrayLike

from biophys.argument_types import Positive, checked_types
from biophys.units import checked_finite, magnitude_in


@checked_types
@dataclass(frozen=True)
class HillRelation:
    r"""Release probability as a Hill function of the calcium concentration at the release sensor.

    .. math:: \frac{p}{1 - p} = \left(\frac{[\mathrm{Ca}]}{K}\right)^h

    Parameters
    ----------
    cooperativity : Hill coefficient h, above 0; about 4 at central synapses
    half_calcium
        Concentration K, above 0 with its unit, at which p = 1/2. The default is of the order that triggers
        normal release at the calyx of Held (Bollmann et al. 2000); it sets the scale of the concentration and
        cancels from every relative cost.

    References
    ----------
    Malkin et al. (2023), eq. 11.
    Heidelberger R, Heinemann C, Neher E, Matthews G (1994). Nature 371:513-515, doi:10.1038/371513a0.
    Sakaba T, Neher E (2001). J Neurosci 21:462-476, doi:10.1523/JNEUROSCI.21-02-00462.2001.
    Bollmann JH, Sakmann B, Borst JGG (2000). Science 289:953-957, doi:10.1126/science.289.5481.953.

    Examples
    --------
    >>> hill = HillRelation()
    >>> print(hill.calcium(0.5))
    10.0 uM
    >>> float(hill.release_probability(hill.calcium(0.2)).round(12))
    0.2
    """

    cooperativity: Positive = 4.0
    half_calcium: pq.Quantity = field(default_factory=lambda: 10.0 * pq.uM)

    def __post_init__(self) -> None:
        half = magnitude_in(self.half_calcium, pq.uM, "half_calcium")
        checked_finite(half, "half_calcium in uM", 0.0, is_open=True)

    def release_probability(self, calcium: pq.Quantity) -> Any:
        """Return p at this calcium concentration (any shape, at least 0)."""
        magnitude = magnitude_in(calcium, self.half_calcium.units, "calcium")
        ratio = checked_finite(magnitude, "calcium", 0.0) / self.half_calcium.magnitude
        # 1/(1 + x^-h) stays finite where x^h overflows.
        with np.errstate(divide="ignore", over="ignore"):
            return 1.0 / (1.0 + np.power(ratio, -self.cooperativity))

    def calcium(self, p: ArrayLike) -> pq.Quantity:
        """Return the calcium concentration that gives release probability `p`, in [0, 1)."""
        p = checked_finite(p, "p", 0.0, 1.0)
        if np.any(p == 1):
            raise ValueError("p must be below 1, got 1: it would need infinite calcium")
        return np.power(p / (1.0 - p), 1.0 / self.cooperativity) * self.half_calcium
