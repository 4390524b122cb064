"""Which function measures which claim, and how the claims asked for are run."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterable

import validation.claims
from validation.claims.catalogue import CLAIMS
from validation.claims.claim import Claim, Context, Evidence, Measure, Measurement, Rendering, Verdict

_MEASURES: list[Measure] = []


def measures(
    *claims: str, rendering: Rendering, data_sets: tuple[str, ...] = (), needs: tuple[str, ...] = ()
) -> Callable[[Callable[[Context], Evidence]], Callable[[Context], Evidence]]:
    """Register the decorated function as what measures `claims` in `rendering`.

    Parameters
    ----------
    *claims
        Ids of the claims that the function returns measurements for.
    rendering
        The form of the synapse it uses.
    data_sets
        Names of the data sets it needs; without them the claims appear as skipped.
    needs
        Importable packages it needs beyond the core dependencies, for example ``("torch",)``.

    Raises
    ------
    ValueError
        If a claim is not in the catalogue.
    """
    claims_named(claims)

    def register(function: Callable[[Context], Evidence]) -> Callable[[Context], Evidence]:
        _MEASURES.append(Measure(function, claims, rendering, data_sets, needs))
        return function

    return register


def claims_named(ids: Iterable[str]) -> list[Claim]:
    """Return the claims with these ids, in the catalogue's order.

    Raises
    ------
    ValueError
        If an id is not in the catalogue.
    """
    wanted = [claim_id.strip().upper() for claim_id in ids]
    unknown = [claim_id for claim_id in wanted if claim_id not in CLAIMS]
    if unknown:
        raise ValueError(f"unknown claim {', '.join(unknown)}: the claims are {', '.join(CLAIMS)}")
    return [claim for claim in CLAIMS.values() if claim.id in wanted]


def all_measures() -> tuple[Measure, ...]:
    """Return every registered measure, after importing every module beside this one."""
    for module in pkgutil.iter_modules(validation.claims.__path__):
        importlib.import_module(f"validation.claims.{module.name}")
    return tuple(_MEASURES)


def missing_packages(measure: Measure) -> tuple[str, ...]:
    """Return the packages that `measure` needs and that are not installed."""
    return tuple(package for package in measure.needs if importlib.util.find_spec(package) is None)


def skipped(measure: Measure, claim: str, reason: str) -> Measurement:
    """Return the measurement that says why `claim` was not measured."""
    return Measurement(claim, measure.rendering, "none", None, Verdict.SKIPPED, reason=reason)
