r"""Quanta of varying size: from release to release, and from site to site.

Within a site each quantum has mean q and coefficient of variation cv_within, Gaussian or gamma distributed;
the sum of the k quanta of a spike is drawn at once, which is exact for both. Between sites the mean sizes
differ with coefficient of variation cv_between (Gaussian); the size of a site never changes and takes no
memory, as it is itself a function of (seed, synapse, site). Averaged over synapses

.. math:: \mathrm{var} = n p (1 - p)(1 + cv_b^2) q^2 + n p\, cv_w^2 (1 + cv_b^2) q^2.

References
----------
Silver RA, Momiyama A, Cull-Candy SG (1998). J Physiol 510:881-902, doi:10.1111/j.1469-7793.1998.881bj.x.
Marsaglia G, Tsang WW (2000). "A simple method for generating gamma variables". ACM Trans Math Softw
26:363-372, doi:10.1145/358407.358414.
"""

import re
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from biophys.argument_types import checked_types
from brianpresyn.counter_random import counter_function, normal, normal_draw, random_bits, released_sites
from brianpresyn.domains import Domain
from brianpresyn.synapse_code import Stage, SynapseCode

# Sizes are Gaussian, so a larger spread would make many of them negative.
LARGEST_CV_BETWEEN = 0.5

_CV_WITHIN, _CV_BETWEEN = (
    Domain(0.0, largest, "give a coefficient of variation such as 0.3", is_plain=True)
    for largest in (10.0, LARGEST_CV_BETWEEN)
)


@checked_types
def quantal_variance(
    code: SynapseCode,
    *,
    cv_within: float = 0.0,
    cv_between: float = 0.0,
    distribution: Literal["gamma", "gaussian"] = "gamma",
) -> SynapseCode:
    """Return a release model whose quanta vary.

    Raises ValueError if a coefficient is outside its range, or the code is no such release.

    Parameters
    ----------
    code : a Bernoulli or binomial release with counter-based draws
    cv_within : coefficient of variation of the quanta of one site
    cv_between : coefficient of variation of the mean sizes of the sites of a synapse; at most 0.5
    distribution : of the quanta of one site. Together with sites that differ it must be ``"gaussian"``.

    Returns
    -------
    SynapseCode
        The model with ``quanta``, the released amount in units of q, transmitted in place of ``released``.

    Examples
    --------
    >>> from brian2 import mV
    >>> from brianpresyn import binomial_release
    >>> code = binomial_release(n=5, p=0.3, q=0.2*mV)
    >>> print(quantal_variance(code, cv_within=0.4).pre_code)
    draw_number += 1
    released = binomial_draw(release_key, draw_number, n, p)
    quanta = cv_within**2*gamma_draw(noise_key, draw_number, released/cv_within**2)
    v_post += quanta*q
    """
    _check(code, cv_within, cv_between, distribution)
    amount, functions, streams = _varied_amount(code, cv_within, cv_between, distribution)
    of_quanta = code.with_statements(lambda text: re.sub(r"\breleased\*q\b", "quanta*q", text))
    varied = of_quanta + SynapseCode(
        "quantal variance",
        model="".join(f"{key} : integer (shared, constant)\n" for key in streams),
        on_pre={Stage.RELEASE: f"quanta = {amount}"},
        namespace={**functions, "cv_within": cv_within, "cv_between": cv_between},
        streams=streams,
    )
    return replace(varied, name=f"{code.name} with quantal variance")


def _varied_amount(
    code: SynapseCode, cv_within: float, cv_between: float, distribution: str
) -> tuple[str, dict[str, object], dict[str, str]]:
    """Return the expression of what is released in units of q, its functions, and its streams of draws."""
    functions: dict[str, object] = {}
    streams: dict[str, str] = {}
    amount, square = "released", "released"
    if cv_between:
        sizes = "site_sum_draw(release_key, site_key, draw_number, {n}, p, cv_between, {power})"
        n = "n" if "n" in code.defined else "1"
        amount, square = sizes.format(n=n, power=1), sizes.format(n=n, power=2)
        functions["site_sum_draw"] = site_sum_draw
        streams["site_key"] = "sites"
    if cv_within and distribution == "gamma":
        amount = "cv_within**2*gamma_draw(noise_key, draw_number, released/cv_within**2)"
        functions["gamma_draw"] = gamma_draw
    elif cv_within:
        amount += f" + cv_within*sqrt({square})*normal_draw(noise_key, draw_number)"
        functions["normal_draw"] = normal_draw
    if cv_within:
        streams["noise_key"] = "quanta"
    return amount, functions, streams


def _check(code: SynapseCode, cv_within: float, cv_between: float, distribution: str) -> None:
    _CV_WITHIN.check("cv_within", cv_within)
    _CV_BETWEEN.check("cv_between", cv_between)
    if not (cv_within or cv_between):
        raise ValueError("give cv_within or cv_between above 0; both are 0")
    if cv_between and cv_within and distribution == "gamma":
        raise ValueError("sites that differ need distribution='gaussian' within them")
    if "draw_number" not in code.defined or "released*q" not in code.pre_code:
        problem = f"code must be a release with draws='counter' that acts on a target, got {code.name}"
        raise ValueError(f"{problem}: join other pieces afterwards")
    has_own_sites = re.search(r"released = (bernoulli|binomial)_draw\([^()]*(?<![\w.])p\)", code.pre_code)
    if cv_between and (not has_own_sites or "docked" in code.defined):
        problem = "sites that differ need a Bernoulli or binomial release in which each site has its own draw"
        raise ValueError(f"{problem}: leave shared=True, the depletion, or cv_between out")


def _open_unit(bits: NDArray[np.uint64]) -> NDArray[np.floating]:
    """Return uniform numbers from 53 of the bits each, neither 0 nor 1."""
    return ((bits >> np.uint64(11)) + 0.5) * 2.0**-53


def _gamma(key: ArrayLike, event: ArrayLike, shape: ArrayLike, synapse: ArrayLike) -> NDArray[np.float64]:
    """Return gamma numbers of scale 1 by the rejection of Marsaglia and Tsang; 0 for shape 0."""
    key, event, shape, synapse = np.broadcast_arrays(key, event, np.asarray(shape, dtype=float), synapse)
    # Above, no double tells the number from its mean, and for an infinite shape nothing would be accepted.
    result = np.where(shape > 1e30, shape, 0.0)
    waiting = np.flatnonzero((shape > 0) & (shape <= 1e30))
    attempt = 0
    while waiting.size:
        k, e, s, a = (x.flat[waiting] for x in (key, event, synapse, shape))
        # Shapes below 1 are drawn one higher and brought down by a power of a uniform number.
        d = np.where(a < 1, a + 1, a) - 1.0 / 3.0
        x = normal(k, e, s, 1 + 2 * attempt)
        v = (1.0 + x / np.sqrt(9.0 * d)) ** 3
        u = _open_unit(random_bits(k, e, s, 2 + 2 * attempt))
        with np.errstate(invalid="ignore", divide="ignore"):
            accepted = (v > 0) & (np.log(u) < 0.5 * x * x + d - d * v + d * np.log(v))
        value = d * v * np.where(a < 1, _open_unit(random_bits(k, e, s, 0)) ** (1.0 / a), 1.0)
        result.flat[waiting[accepted]] = value[accepted]
        waiting = waiting[~accepted]
        attempt += 1
    return result


def _site_sum(
    key: Any, site_key: Any, event: Any, n: Any, p: Any, cv: Any, power: Any, synapse: Any
) -> NDArray[np.float64]:
    """Return the sum of a power of the sizes of the sites that release at an event."""
    key, event, n, p, synapse = np.broadcast_arrays(key, event, n, p, synapse)
    is_released = released_sites(key, event, n, p, synapse)
    site = np.arange(is_released.shape[1])
    deviation = normal(np.reshape(site_key, (-1, 1)), site, synapse[:, np.newaxis])
    size = 1.0 + np.asarray(cv).reshape(-1, 1) * deviation
    return np.sum(np.where(is_released, size ** np.ravel(power)[0], 0.0), axis=1)


gamma_draw = counter_function("gamma_draw", _gamma, "integer, integer, float", "float", "normal")
"""``gamma_draw(key, event, shape)``: gamma distributed, scale 1; 0 for shape 0."""

site_sum_draw = counter_function(
    "site_sum_draw", _site_sum, "integer, integer, integer, integer, float, float, integer", "float", "normal"
)
"""``site_sum_draw(key, site_key, event, n, p, cv, power)``: sum of a power of the sizes of the sites that
release, the same sites as those that ``binomial_draw(key, event, n, p)`` counts."""
