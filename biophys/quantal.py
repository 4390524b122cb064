"""The quantal model of release: n sites, each releasing with probability p a quantum of size q."""

import operator
import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import quantities as pq
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, xlog1py, xlogy

from biophys.argument_types import WholeNumber, check_public
from biophys.estimates import Estimate, gaussian
from biophys.units import FloatArray, checked_finite, first_wrong, magnitude_in, plain_numbers, psp_unit_of

# A requested sd that an integer number of sites misses by more than this is worth a warning.
_SD_TOLERANCE = 0.05


@dataclass(frozen=True, eq=False)
class QuantalSynapse:
    r"""Synapse, or array of synapses, with binomial release (Malkin et al. 2023, eq. 1).

    A presynaptic spike releases :math:`k \sim \mathrm{Binomial}(n, p)` vesicles and the postsynaptic
    response is :math:`k q`, so

    .. math:: \mu = n p q, \qquad \sigma^2 = n p (1 - p) q^2.

    Parameters
    ----------
    n : int or array of int
        Number of release sites, at least 1; n, p and q are broadcast to the shape of all that is derived.
    p : float or array
        Release probability of each site, in [0, 1].
    q : quantities.Quantity
        Quantal size: response to one vesicle. Potential, current, conductance or charge; negative if
        inhibitory.

    Raises
    ------
    TypeError, ValueError
        If `q` carries no unit, or `n` or `p` one; if a value lies outside its range, `q` has the wrong
        dimension, or the shapes do not broadcast.

    References
    ----------
    Katz B, Miledi R (1965). Proc R Soc B 161:483-495, doi:10.1098/rspb.1965.0016.
    Malkin J, O'Donnell C, Houghton C, Aitchison L (2023). "Signatures of Bayesian inference emerge from
    energy efficient synapses".

    Examples
    --------
    >>> import quantities as pq
    >>> synapse = QuantalSynapse(n=5, p=0.3, q=0.2 * pq.mV)
    >>> print(synapse.mean.round(6), synapse.variance.round(6))
    0.3 mV 0.042 mV**2
    >>> round(synapse.failure_probability, 5)
    0.16807
    """

    n: Any
    p: Any
    q: pq.Quantity

    def __post_init__(self) -> None:
        unit = psp_unit_of(self.q, "q")
        n = checked_n_sites(self.n)
        p = checked_finite(self.p, "p", 0.0, 1.0, "a release probability lies between 0 and 1")
        q = checked_finite(self.q.magnitude, "q", remedy=f"give a size such as 0.1*pq.{unit.symbol}")
        try:
            shape = np.broadcast_shapes(n.shape, p.shape, q.shape)
        except ValueError:
            shapes = f"{n.shape}, {p.shape}, {q.shape}"
            raise ValueError(f"n, p, q must broadcast to one shape, got {shapes}") from None
        for name, values in (("n", n), ("p", p)):
            # Read-only arrays, or plain numbers of a single synapse.
            object.__setattr__(self, name, np.broadcast_to(values, shape) if shape else values.item())
        object.__setattr__(self, "q", pq.Quantity(np.broadcast_to(q, shape), self.q.dimensionality))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array of synapses; () for a single one."""
        return np.shape(self.p)

    @property
    def size(self) -> int:
        """Number of synapses."""
        return int(np.size(self.p))

    @property
    def unit(self) -> pq.Quantity:
        """Unit of the response: that of `q`."""
        return self.q.units

    @property
    def mean(self) -> pq.Quantity:
        """Mean response to a spike, n p q, failures included."""
        return self._with_unit(self.n * self.p * self.q.magnitude)

    @property
    def variance(self) -> pq.Quantity:
        """Variance of the response, n p (1 - p) q^2."""
        return self.sd**2

    @property
    def sd(self) -> pq.Quantity:
        """Standard deviation of the response."""
        return self._with_unit(np.sqrt(self.n * self.p * (1.0 - self.p)) * np.abs(self.q.magnitude))

    @property
    def cv(self) -> Any:
        """Coefficient of variation sd / abs(mean) = sqrt((1 - p) / (n p)); infinite at p = 0."""
        with np.errstate(divide="ignore"):
            return np.sqrt((1.0 - self.p) / np.multiply(self.n, self.p))

    @property
    def failure_probability(self) -> Any:
        """Probability (1 - p)^n that a spike releases nothing."""
        return (1.0 - self.p) ** self.n

    def pmf(self, k: ArrayLike | None = None) -> FloatArray:
        """Return the probability that a spike releases `k` vesicles; 0 if negative, fractional or above n.

        Parameters
        ----------
        k
            Numbers of vesicles, one-dimensional or a scalar; by default 0, 1, ..., the largest n. Its shape
            follows that of the synapses in the result.

        Examples
        --------
        >>> QuantalSynapse(2, 0.25, 1 * pq.mV).pmf()
        array([0.5625, 0.375 , 0.0625])
        """
        counts = np.arange(np.max(self.n) + 1.0) if k is None else checked_finite(k, "k")
        n = np.reshape(self.n, self.shape + (1,) * counts.ndim)
        p = np.reshape(self.p, self.shape + (1,) * counts.ndim)
        return binomial_pmf(counts, n, p)

    def release_counts(
        self, n_spikes: WholeNumber | None = None, *, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Draw the number of vesicles that each spike releases, shape ``(n_spikes, *shape)``.

        Parameters
        ----------
        n_spikes : number of spikes; by default one, without an axis for it
        rng : source of randomness
        """
        spikes = () if n_spikes is None else (operator.index(n_spikes),)
        return np.asarray(rng.binomial(self.n, self.p, size=spikes + self.shape))

    def sample(self, n_spikes: WholeNumber | None = None, *, rng: np.random.Generator) -> pq.Quantity:
        """Draw the response to each spike in the unit of `q`; shape and arguments as of `release_counts`.

        >>> import numpy as np, quantities as pq
        >>> synapse = QuantalSynapse(n=5, p=0.3, q=0.2 * pq.mV)
        >>> synapse.sample(4, rng=np.random.default_rng(1)).shape
        (4,)
        """
        return self._with_unit(self.release_counts(n_spikes, rng=rng) * self.q.magnitude)

    def _with_unit(self, magnitude: FloatArray) -> pq.Quantity:
        return pq.Quantity(magnitude, self.q.dimensionality)


def binomial_pmf(k: Any, n: Any, p: Any) -> FloatArray:
    """Return the probability of k successes in n trials; 0 where k is negative, fractional or above n.

    >>> binomial_pmf([0, 1, 1.5], 2, 0.25)
    array([0.5625, 0.375 , 0.    ])
    """
    k = np.asarray(k, dtype=float)
    is_possible = (k >= 0) & (k <= n) & (k == np.floor(k))
    inside = np.where(is_possible, k, 0.0)
    log_ways = gammaln(n + 1.0) - gammaln(inside + 1.0) - gammaln(n - inside + 1.0)
    log_probability = log_ways + xlogy(inside, p) + xlog1py(n - inside, -p)
    return np.where(is_possible, np.exp(log_probability), 0.0)


def checked_n_sites(n: Any, name: str = "n") -> NDArray[np.int64]:
    """Return `n` as integers after checking that each is a positive whole number without a unit."""
    values = plain_numbers(n, name)
    # Beyond 2^53 floats skip integers.
    wrong = ~((values >= 1) & (values == np.floor(values)) & (values <= 2.0**53))
    if np.any(wrong):
        remedy = "round it to 1 or more, or let synapse_with(mean, sd, p=...) choose the nearest whole number"
        raise ValueError(f"{name} must be a positive integer, got {first_wrong(values, wrong)}: {remedy}")
    return values.astype(np.int64)


def nonzero_mean(mean: pq.Quantity) -> FloatArray:
    """Return mean responses as plain numbers after checking that they are responses and none is 0."""
    psp_unit_of(mean, "mean")
    values = checked_finite(mean.magnitude, "mean")
    if np.any(values == 0):
        problem = "mean must not be 0: a synapse without mean response has no precision"
        raise ValueError(f"{problem}; build QuantalSynapse(n, p, q) itself for a silent one")
    return values


def release_probability_for(cv: ArrayLike, n: ArrayLike) -> FloatArray:
    r"""Return the p that gives `n` sites this cv, :math:`p = 1 / (1 + n\,\mathrm{cv}^2)`.

    `cv`, sd / abs(mean) of the response, is at least 0, `n` at least 1 and need not be an integer.

    >>> float(release_probability_for(cv=1.0, n=4))
    0.2
    """
    cv = checked_finite(cv, "cv", 0.0)
    n = checked_finite(n, "n", 1.0, remedy="a synapse has at least one release site")
    return 1.0 / (1.0 + n * cv**2)


def n_sites_for(cv: ArrayLike, p: ArrayLike) -> FloatArray:
    r"""Return the real n that gives `p` this cv, :math:`n = (1 - p) / (p\,\mathrm{cv}^2)`.

    `cv`, sd / abs(mean) of the response, is above 0, `p` inside (0, 1): at 0 nothing is released, at 1
    nothing varies.

    >>> float(n_sites_for(cv=1.0, p=0.2))
    4.0
    """
    cv = checked_finite(cv, "cv", 0.0, np.inf, "a synapse with p < 1 always varies", is_open=True)
    p = checked_finite(p, "p", 0.0, 1.0, "p = 0 never releases, p = 1 never varies", is_open=True)
    return (1.0 - p) / (p * cv**2)


def synapse_with(
    mean: pq.Quantity,
    sd: pq.Quantity,
    *,
    n: ArrayLike | None = None,
    p: ArrayLike | None = None,
    hold: Literal["p", "sd"] = "p",
) -> QuantalSynapse:
    """Return the synapse with this mean and standard deviation of the response, broadcast to one shape.

    Given `n`, the release probability realises them (as calcium would) and both are met exactly. Given `p`,
    the number of sites realises them; it is a whole number, so that in general only two of mean, sd and p
    can be met.

    Parameters
    ----------
    mean, sd
        Of the response, of one dimension: the mean not 0, of which the quantal size takes sign and unit, and
        the sd at least 0.
    n, p : exactly one of them: the number of sites or the release probability to keep
    hold
        Given `p`: keep ``"p"`` and come as near to `sd` as a whole number of sites allows (a UserWarning says
        if it misses by more than 5 %), or keep ``"sd"`` and move p as little as that whole number asks for.

    Raises
    ------
    TypeError, ValueError
        If a unit is missing, or not exactly one of `n` and `p` is given; if no binomial synapse has these
        moments: the mean is 0, the sd is negative or, given `p`, 0 or above that of a single site.

    Examples
    --------
    >>> synapse = synapse_with(0.3 * pq.mV, 0.3 * pq.mV, n=4)
    >>> float(round(synapse.p, 12)), float(synapse.q.magnitude.round(12))
    (0.2, 0.375)
    >>> int(synapse_with(0.3 * pq.mV, 0.3 * pq.mV, p=0.2).n)
    4
    """
    if (n is None) == (p is None):
        raise TypeError(f"give exactly one of n and p, the one to keep fixed, got n={n!r} and p={p!r}")
    mean_value = nonzero_mean(mean)
    sd_value = magnitude_in(sd, mean.units, "sd")
    cv = checked_finite(sd_value, "sd", 0.0, remedy="give its absolute value") / np.abs(mean_value)
    if p is None:
        sites = checked_n_sites(n)
        probability = release_probability_for(cv, sites)
    else:
        sites, probability = _whole_sites(cv, p, hold)
    return QuantalSynapse(sites, probability, pq.Quantity(mean_value / (sites * probability), mean.units))


def _whole_sites(cv: FloatArray, p: ArrayLike, hold: str) -> tuple[NDArray[np.int64], FloatArray]:
    """Return the whole number of sites nearest to what `cv` and `p` ask for, and the p that goes with it."""
    if np.any(cv == 0):
        raise ValueError("sd = 0 at fixed p < 1 needs infinitely many sites: give n instead, for p = 1")
    real_sites = n_sites_for(cv, p)
    probability = np.broadcast_to(np.asarray(p, dtype=float), real_sites.shape)
    if np.any(real_sites < 1 - 1e-9):
        worst = np.unravel_index(np.argmin(real_sites), real_sites.shape)
        highest = np.sqrt((1 - probability[worst]) / probability[worst])
        limit = f"one site can have at p = {probability[worst]:.4g} ({highest:.4g})"
        ratio = np.broadcast_to(cv, real_sites.shape)[worst]
        raise ValueError(f"sd / mean = {ratio:.4g} is more than {limit}: lower p or sd")
    sites = np.rint(real_sites).astype(np.int64)
    if hold == "sd":
        return sites, release_probability_for(cv, sites)
    worst_error = np.max(np.abs(np.sqrt(real_sites / sites) - 1.0), initial=0.0)
    if worst_error > _SD_TOLERANCE:
        warnings.warn(
            f"a whole number of sites misses sd by up to {worst_error:.0%}: "
            "pass hold='sd' to keep mean and sd and let p move",
            UserWarning,
            stacklevel=3,
        )
    return sites, probability


def sampling_errors(synapses: QuantalSynapse, n_spikes: int) -> tuple[Any, Any]:
    """Return the standard errors of mean and variance of the responses to `n_spikes` spikes of each synapse.

    They are in the unit of q and its square, without units.

    >>> errors = sampling_errors(QuantalSynapse(1, 0.5, 2.0 * pq.mV), 10_000)
    >>> [round(float(error), 5) for error in errors]
    [0.01, 0.00014]
    """
    variance, spread = synapses.variance.magnitude, synapses.p * (1 - synapses.p)
    fourth = synapses.n * spread * (1 + 3 * (synapses.n - 2) * spread) * synapses.q.magnitude**4
    of_variance = (fourth - variance**2 * (n_spikes - 3) / (n_spikes - 1)) / n_spikes
    return np.sqrt(variance / n_spikes), np.sqrt(of_variance)


def failures_over_formula(synapses: QuantalSynapse, n_spikes: int, rng: np.random.Generator) -> Estimate:
    """Return the failure rate of drawn spikes over (1 - p)^n, mean over synapses by the precision of each.

    Left out are synapses that are expected to fail at most five times, whose rate is not normal.
    """
    expected = synapses.failure_probability
    counts = synapses.release_counts(n_spikes, rng=rng)
    is_frequent = expected * n_spikes > 5
    ratio = (np.mean(counts == 0, axis=0) / expected)[is_frequent]
    precision = n_spikes * expected[is_frequent] / (1 - expected[is_frequent])
    value, error = float(np.average(ratio, weights=precision)), float(np.sum(precision)) ** -0.5
    return gaussian(value, error, n=n_spikes * ratio.size, unit="spikes")


def drawn_moments(synapses: QuantalSynapse, n_spikes: int, rng: np.random.Generator) -> FloatArray:
    """Return mean and variance of the responses of each synapse, shape (2, synapses)."""
    each = map(QuantalSynapse, synapses.n, synapses.p, synapses.q)
    responses = (synapse.sample(n_spikes, rng=rng).magnitude for synapse in each)
    return np.array([(drawn.mean(), drawn.var(ddof=1)) for drawn in responses]).T


check_public(__name__)
