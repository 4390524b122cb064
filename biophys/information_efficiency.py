"""How many bits a synapse transmits, what they cost, and the release probability at which they cost least."""

from dataclasses import dataclass, field

import numpy as np
import quantities as pq
from numpy.typing import ArrayLike, NDArray

from biophys.argument_types import Inside, NotNegative, Positive, check_public
from biophys.constants import (
    CALCIUM_PER_VESICLE,
    CYCLING_PER_VESICLE,
    ION_FLUX_PER_VESICLE,
    SPIKE_PER_BOUTON,
    TRANSMITTER_PER_VESICLE,
)
from biophys.energy_costs import calcium_of_site
from biophys.quantal import binomial_pmf, checked_n_sites
from biophys.units import ATP, FloatArray, checked_finite, magnitude_in

# Spike counts of a Poisson input beyond which less than this probability lies.
_TAIL = 1e-12
# Probabilities held at once: large enough for speed, small enough for memory.
_BLOCK = 2_000_000


def bernoulli_input(spike_probability: Inside) -> FloatArray:
    """Return the probabilities of 0 and 1 spike per bin at this probability, in (0, 1), of a spike.

    >>> bernoulli_input(0.01)
    array([0.99, 0.01])
    """
    return np.array([1.0 - spike_probability, spike_probability])


def poisson_input(mean_count: float) -> FloatArray:
    """Return the distribution of spikes per window of a Poisson input, cut where the tail is below 1e-12.

    `mean_count` is the rate times the window, above 0 and at most 200.

    >>> poisson_input(0.5).round(3)[:4]
    array([0.607, 0.303, 0.076, 0.013])
    """
    from scipy.stats import poisson

    mean = float(checked_finite(mean_count, "mean_count", 0.0, 200.0, is_open=True))
    pmf = poisson.pmf(np.arange(poisson.isf(_TAIL, mean) + 1), mean)
    return pmf / pmf.sum()


def entropy_bits(pmf: ArrayLike, axis: int = -1) -> FloatArray:
    """Return the entropy of distributions in bits.

    >>> float(entropy_bits([0.5, 0.25, 0.25]))
    1.5
    """
    pmf = np.asarray(pmf, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(pmf > 0, pmf * np.log2(pmf), 0.0)
    return -terms.sum(axis=axis)


def transmitted_information(
    input_pmf: ArrayLike, n: ArrayLike, p: ArrayLike, *, spontaneous: float = 0.0
) -> FloatArray:
    r"""Return the mutual information of spikes and released vesicles in bits per bin, shaped as n and p.

    Given m spikes, :math:`k \sim \mathrm{Binomial}(n m, p)`: sites are full again at each spike.
    Spontaneous release adds a Poisson number of vesicles. Without it and with at most one spike per bin,
    every k > 0 says that there was a spike, so that n counts only through the failure probability :math:`f
    = (1 - p)^n`: :math:`I = H(s (1 - f)) - s H(f)`.

    Parameters
    ----------
    input_pmf
        Distribution of the number of spikes, one-dimensional: :func:`bernoulli_input` or
        :func:`poisson_input`.
    n, p : sites and release probability in [0, 1]; broadcast to one shape
    spontaneous : mean number of vesicles released without a spike, at least 0

    Examples
    --------
    >>> float(transmitted_information(bernoulli_input(0.5), n=1, p=1.0))
    1.0
    """
    spikes = _checked_pmf(input_pmf)
    n, p = np.broadcast_arrays(checked_n_sites(n), checked_finite(p, "p", 0.0, 1.0))
    spontaneous = float(checked_finite(spontaneous, "spontaneous", 0.0))
    if spikes.size == 2 and spontaneous == 0:
        failure = (1.0 - p) ** n
        hit = spikes[1] * (1.0 - failure)
        return _binary_entropy(hit) - spikes[1] * _binary_entropy(failure)
    extra = poisson_input(spontaneous) if spontaneous else np.ones(1)
    information = np.empty(n.size)
    for sites in np.unique(n):
        trials = int(sites) * np.arange(spikes.size)
        members = np.flatnonzero(n == sites)
        n_at_once = max(1, _BLOCK // (spikes.size * (int(trials[-1]) + extra.size)))
        for block in np.split(members, range(n_at_once, members.size, n_at_once)):
            # The joint distribution: a row for each number of spikes.
            given = _binomial_rows(trials, p.ravel()[block])
            if spontaneous:
                # Independent counts add: row k of the matrix is their distribution shifted by k.
                shifted = np.zeros((given.shape[-1], given.shape[-1] + extra.size - 1))
                for count, row in enumerate(shifted):
                    row[count : count + extra.size] = extra
                given = given @ shifted
            information[block] = entropy_bits(spikes @ given) - entropy_bits(given) @ spikes
    return information.reshape(n.shape)


def _checked_pmf(pmf: ArrayLike) -> FloatArray:
    """Return a distribution over spike counts."""
    values = checked_finite(pmf, "input_pmf", 0.0, 1.0)
    if values.ndim != 1 or values.size < 2 or abs(values.sum() - 1.0) > 1e-9:
        raise ValueError(f"input_pmf must list probabilities of 0, 1, ... spikes and sum to 1, got {values}")
    return values


def _binary_entropy(x: FloatArray) -> FloatArray:
    return entropy_bits(np.stack([x, 1.0 - x], axis=-1))


def _binomial_rows(trials: NDArray[np.int64], p: FloatArray) -> FloatArray:
    """Return one binomial distribution a row, over 0 ... the largest number of trials, for each p."""
    return binomial_pmf(np.arange(trials.max() + 1.0), trials[:, None], np.asarray(p)[..., None, None])


@dataclass(frozen=True, eq=False)
class TransmissionCost:
    r"""Energy per bin: fixed, per spike, for calcium, and per released vesicle.

    .. math:: E = E_0 + \langle m \rangle \left(E_1 + n\,C \left(\tfrac{p}{1 - p}\right)^{1/h} + n p\,V\right)

    with :math:`\langle m \rangle` the mean number of spikes per bin. Costs are in ATP, none negative, not all
    0. The defaults are the published budget of a cortical synapse (:mod:`biophys.constants`); the calcium
    constant is the one whose law passes through the published entry at p = 0.25.

    Parameters
    ----------
    per_vesicle : V: transmitter, cycling and postsynaptic ions of one vesicle
    per_spike : :math:`E_1`: the synapse's share of the action potential
    per_bin : :math:`E_0`: what is spent whether or not a spike comes
    calcium : C: calcium of one site at p = 1/2; 0 leaves it out
    cooperativity : h: Hill coefficient of release

    Examples
    --------
    >>> print(TransmissionCost()(0.01, n=1, p=0.5).round(1))
    948.6 ATP
    """

    per_vesicle: pq.Quantity = field(
        default_factory=lambda: (
            ION_FLUX_PER_VESICLE.value + TRANSMITTER_PER_VESICLE.value + CYCLING_PER_VESICLE.value
        )
    )
    per_spike: pq.Quantity = field(default_factory=lambda: SPIKE_PER_BOUTON.value)
    per_bin: pq.Quantity = field(default_factory=lambda: 0.0 * ATP)
    calcium: pq.Quantity = field(default_factory=lambda: calcium_of_site(CALCIUM_PER_VESICLE.value))
    cooperativity: Positive = 4.0

    def __post_init__(self) -> None:
        names = ("per_vesicle", "per_spike", "per_bin", "calcium")
        values = [float(checked_finite(magnitude_in(getattr(self, x), ATP, x), x, 0.0)) for x in names]
        if not any(values):
            raise ValueError("at least one cost must be above 0: free information has no optimum")

    def __call__(self, mean_spikes: NotNegative, n: ArrayLike, p: ArrayLike) -> pq.Quantity:
        """Return the energy per bin in ATP for this mean number of spikes and each n and p."""
        n, p = checked_finite(n, "n", 0.0), checked_finite(p, "p", 0.0, 1.0)
        vesicle, spike, fixed, calcium = (
            float(x.rescale(ATP)) for x in (self.per_vesicle, self.per_spike, self.per_bin, self.calcium)
        )
        energy = spike + n * p * vesicle
        if calcium:
            with np.errstate(divide="ignore"):
                energy = energy + n * calcium * (p / (1.0 - p)) ** (1.0 / self.cooperativity)
        return pq.Quantity(fixed + mean_spikes * energy, ATP)


def information_per_energy(
    input_pmf: ArrayLike, n: ArrayLike, p: ArrayLike, cost: TransmissionCost, *, spontaneous: float = 0.0
) -> pq.Quantity:
    """Return the bits that a synapse transmits for each ATP, of the shape of n and p.

    `cost` is that of a bin; the other arguments are those of :func:`transmitted_information`.

    >>> ratio = information_per_energy(bernoulli_input(0.01), 1, [0.1, 0.5], TransmissionCost())
    >>> (ratio.magnitude * 1e5).round(2)
    array([2.07, 3.73])
    """
    spikes = _checked_pmf(input_pmf)
    bits = transmitted_information(spikes, n, p, spontaneous=spontaneous)
    energy = cost(float(spikes @ np.arange(spikes.size)), n, p).magnitude
    with np.errstate(invalid="ignore"):
        ratio = np.where(bits > 0, bits / energy, 0.0)
    return pq.Quantity(ratio, pq.bit / ATP)


@dataclass(frozen=True)
class Optimum:
    """The number of sites and release probability that transmit most bits per ATP, and the ratio there.

    p is 1, and `is_interior` false, if the ratio rises all the way.
    """

    n: int
    p: float
    bits_per_atp: float
    is_interior: bool


def optimal_release_probability(
    input_pmf: ArrayLike, n: int, cost: TransmissionCost, *, spontaneous: float = 0.0
) -> Optimum:
    """Return the release probability with most bits per ATP at a number of sites.

    Arguments are those of :func:`information_per_energy`, `n` a single number.

    >>> best = optimal_release_probability(bernoulli_input(0.01), 5, TransmissionCost())
    >>> 0.05 < best.p < 0.5
    True
    """

    def ratio(p: FloatArray) -> FloatArray:
        return information_per_energy(input_pmf, n, p, cost, spontaneous=spontaneous).magnitude

    low, high = 1e-6, 1.0
    for _ in range(12):
        p = np.linspace(low, high, 21)
        best = int(np.argmax(ratio(p)))
        low, high = p[max(best - 1, 0)], p[min(best + 1, p.size - 1)]
    at_best, at_one = float(ratio(p)[best]), float(ratio(np.array([1.0]))[0])
    return Optimum(int(n), float(p[best]), at_best, bool(at_best > at_one * (1 + 1e-9)))


def optimal_synapse(
    input_pmf: ArrayLike, cost: TransmissionCost, *, n_max: int = 20, spontaneous: float = 0.0
) -> Optimum:
    """Return the number of sites, up to `n_max`, and the release probability with most bits per ATP.

    The other arguments are those of :func:`information_per_energy`.

    >>> best = optimal_synapse(bernoulli_input(0.01), TransmissionCost(), n_max=5)
    >>> best.n, best.is_interior
    (1, True)
    """
    sites = range(1, int(checked_n_sites(n_max, "n_max")) + 1)
    optima = [optimal_release_probability(input_pmf, n, cost, spontaneous=spontaneous) for n in sites]
    return max(optima, key=lambda optimum: optimum.bits_per_atp)


def failure_rate_of_levy_baxter(spike_probability: ArrayLike, *, is_exact: bool = False) -> FloatArray:
    r"""Return the failure rate that matches dendritic to axonal information, :math:`f \approx 4^{-H(s)}`.

    A dendrite that sums many inputs, each spiking with probability s and failing with probability f, receives
    :math:`\frac{1}{2} \log_2 \frac{1 - s (1 - f)}{f}` bits: half the log of the variance of the sum over
    the variance that failures alone cause. Its axon sends H(s). Equal, they give :math:`f = (1 - s) /
    (4^{H(s)} - s)`, which for small s is the published :math:`4^{-H(s)}`.

    Parameters
    ----------
    spike_probability : s, per time step, in (0, 1)
    is_exact : whether to keep the terms of order s

    References
    ----------
    Levy WB, Baxter RA (2002). J Neurosci 22:4746-4755, doi:10.1523/JNEUROSCI.22-11-04746.2002. The
    derivation here is our own reconstruction of the abstract's formula.

    Examples
    --------
    >>> failure_rate_of_levy_baxter([0.05, 0.5]).round(4)
    array([0.6723, 0.25  ])
    """
    s = checked_finite(spike_probability, "spike_probability", 0.0, 1.0, is_open=True)
    capacity = 4.0 ** _binary_entropy(s)
    return (1.0 - s) / (capacity - s) if is_exact else 1.0 / capacity


def information_of_sum(n_inputs: int, spike_probability: Inside, failure: Inside) -> float:
    r"""Return the exact information, in bits, that summed releases carry about the number of spiking inputs.

    It is the part of the dendrite's information that failures alone limit: m of the inputs (at most a few
    thousand) spike with probability s and :math:`k \sim \mathrm{Binomial}(m, 1 - f)` release, f the
    probability of `failure`, both in (0, 1). For many inputs it tends to :math:`\frac{1}{2} \log_2 \frac{1 -
    s (1 - f)}{f}`.

    >>> round(information_of_sum(2000, 0.05, 0.6), 2)
    0.35
    """
    n_inputs = int(checked_n_sites(n_inputs, "n_inputs"))
    s, f = float(spike_probability), float(failure)
    # Ten standard deviations above the mean number of spiking inputs nothing is left.
    highest = int(min(n_inputs, n_inputs * s + 10 * np.sqrt(n_inputs * s) + 20))
    spiking = _binomial_rows(np.array([n_inputs]), np.asarray(s))[0, : highest + 1]
    given = _binomial_rows(np.arange(highest + 1), np.asarray(1.0 - f))
    return float(entropy_bits(spiking @ given) - spiking @ entropy_bits(given))


check_public(__name__)
