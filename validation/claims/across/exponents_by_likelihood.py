"""Beside X08: the cost exponent that recordings imply by likelihood, and how many cells tell costs apart."""

from collections.abc import Mapping
from typing import Any

from biophys.recordings import exponent_likelihood as likelihood
from validation.claims.across.optimised_variability import X08
from validation.data.recordings import read_ko2013, read_sjostrom2001
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import Rendering, row, rows

_RATES = {"reading": "variance at fixed mean, both estimates of the rate with errors, cells"}
_CHANGES = {"reading": "variance at fixed mean on the size of the change, errors of p and q"}
_RHO, _N_TRIALS = "cost exponent rho by likelihood", 60
"""Ten minutes at 0.1 Hz. The files do not say how many responses p and q come from."""


@measures("X08", rendering=Rendering.RECORDED, data_sets=("ko2013",))
def exponent_by_likelihood(context: Context) -> Findings:
    """Report the exponent that variance against rate implies, and how many cells tell the costs apart."""
    fit = likelihood.fit_variability_slope(read_ko2013())
    yield row(X08, fit.exponent_estimate("cells"), _RHO, condition=_RATES)
    yield from _of_costs(fit, {}, "cells", "presynaptic cells")
    yield claim_figure(likelihood.draw_deviance, fit=fit)


@measures("X08", rendering=Rendering.RECORDED, data_sets=("sjostrom2001",))
def exponent_by_change(context: Context) -> Findings:
    """Report the exponent that variance against the change by induction implies, for several errors.

    How large a change is tells of the learning rate only if nothing but protocol and trials makes changes
    differ; then no cost explains the recordings. If anything else does, by an unknown amount, all of them do,
    and more connections would not help: several inductions of each would.
    """
    cases: list[tuple[int, bool, dict[str, Any]]] = [(_N_TRIALS, False, _CHANGES)]
    cases += [(n, False, {**_CHANGES, "trials": n}) for n in (_N_TRIALS // 2, 2 * _N_TRIALS)]
    cases += [(_N_TRIALS, True, {**_CHANGES, "changes scatter": "for other reasons too"})]
    for n_trials, scatters, condition in cases:
        fit = likelihood.fit_variability_on_change(read_sjostrom2001(), n_trials, scatters=scatters)
        yield row(X08, fit.exponent_estimate("connections"), _RHO, condition=condition)
        if n_trials == _N_TRIALS:
            yield from _of_costs(fit, condition, "connections", "" if scatters else "connections")


def _of_costs(fit: likelihood.SlopeFit, condition: Mapping[str, str], unit: str, cells: str = "") -> Findings:
    """Yield how much worse than the best exponent each cost fits, and how many cells tell two costs apart."""
    lost, quantity = likelihood.deviances(fit, unit), "deviance of a cost from the best exponent"
    yield from rows(X08, lost, quantity, "cost", condition=condition)
    for (cost, other), n in likelihood.cells_needed(fit).items() if cells else ():
        about = {**condition, "true": cost, "other": other}
        yield row(X08, n, f"{cells} that tell two costs apart", condition=about)
