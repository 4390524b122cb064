"""Cost exponents of the synapses of a table: from costs, or from rates that would make variances optimal."""

from typing import Any

import numpy as np
import quantities as pq

from biophys.cost_exponents import fit_cost_exponent
from biophys.optimal_precision import exponent_from_input_slope
from biophys.recordings.tables import Table, TableError, unit_named
from biophys.units import PSP_UNITS

_LARGEST_RATIO = 1e12
"""Of two means, sds, costs or rates of one table; beyond it a number is a slip of the pen."""

_REMEDIES = {
    **dict.fromkeys(("variance", "var", "sigma2", "sd2"), "take the root of the variances"),
    **dict.fromkeys(
        ("sem", "se", "std error", "standard error"),
        "multiply standard errors by the root of the number of responses",
    ),
    "cv": "multiply coefficients of variation by the means",
}
"""How to get a standard deviation from what is none."""


def table_exponents(read: Table) -> list[tuple[str, ...]]:
    """Return one line for each mechanism of a table of mean, sd, and cost or rate.

    Mechanism, number of synapses, what was fitted, its exponent with the 95 % interval, and the means.

    Raises TableError if a column is missing, has no unit or the wrong one, or holds what cannot be fitted.
    """
    named = read.called(("mean", "sd", "cost", "rate", "sd error", "cost error", "rate error"))
    missing = [name for name in ("mean", "sd") if name not in named]
    kind = next((name for name in ("cost", "rate") if name in named), None)
    if missing or kind is None:
        wanted = missing[0] if missing else "cost' or 'rate"
        for name in read.columns if "sd" in missing else ():
            if remedy := _REMEDIES.get(name.replace(".", "").replace("_", " ")):
                raise TableError(f"no column 'sd', but {name!r}: {remedy}, and call it 'sd (mV)'")
        raise TableError(
            f"{read.lacks(wanted)}; name all anew with --columns 'mean (mV), sd (mV), cost (ATP/s)'"
        )
    examples = {"mean": "mV", "sd": "mV", "cost": "ATP/s", "rate": "Hz"}
    measured = {name: _positive(read, name, named[name], examples[name]) for name in ("mean", "sd", kind)}
    if kind == "rate" and measured[kind].dimensionality.simplified != pq.Hz.dimensionality.simplified:
        problem = f"{measured[kind].dimensionality} is no rate; write 'rate (Hz)'"
        raise read.header_error(named[kind], problem)
    responses = [unit.dimensionality.simplified for unit in PSP_UNITS]
    if kind == "cost" and measured[kind].dimensionality.simplified in responses:
        problem = (
            f"{measured[kind].dimensionality} is no cost; write 'cost (ATP/s)', or ATP, fJ, fW, or relative"
        )
        raise read.header_error(named[kind], problem)
    spreads = {
        f"{name}_error": _positive(read, column, named[column], examples[column.removesuffix(" error")])
        for name, column in (("sd", "sd error"), ("cost", f"{kind} error"))
        if column in named
    }
    compared = (("mean", "sd"), ("sd", "sd error"), (kind, f"{kind} error"))
    for known, other in ((named[known], named[other]) for known, other in compared if other in named):
        unit, found = (unit_named(read.units[name], read.source) for name in (known, other))
        if unit.dimensionality.simplified != found.dimensionality.simplified:
            remedy = f"write '{other} ({read.units[known]})'"
            if found.dimensionality.simplified == (unit**2).dimensionality.simplified:
                remedy = f"take the root of the variances, and {remedy}"
            problem = f"{read.units[other]} beside '{known} ({read.units[known]})', of another dimension"
            raise read.header_error(other, f"{problem}; {remedy}")
    across = "sd" if kind == "cost" else kind
    if f"{across} error" not in named:
        problem = (
            f"no column '{across} error': an exponent that ignores the errors of the {across}s is too small"
        )
        hint = "; an sd of N responses has about sd / sqrt(2 N)" * (across == "sd")
        read.remarks.append(f"{problem}{hint}")
    used = {named.get(name) for name in ("mean", "sd", kind, "sd error", f"{kind} error")}
    unused = set(read.columns) - used - {"mechanism", "synapse"}
    if unused:
        hint = "" if "mechanism" in read.columns else " (call one mechanism to fit its groups apart)"
        read.remarks.append(f"columns not used: {', '.join(sorted(unused))}{hint}")
    groups = np.array(read.labels("mechanism") if "mechanism" in read.columns else ["all"] * len(read.lines))
    rows: list[tuple[str, ...]] = []
    for group in dict.fromkeys(groups.tolist()):
        is_of = groups == group
        mean, sd, other = (measured[name][is_of] for name in ("mean", "sd", kind))
        errors = {name: values[is_of] for name, values in spreads.items()}
        try:
            cells = _exponent_row(kind, mean, sd, other, errors)
        except ValueError as error:
            if groups[0] == groups[-1] == group:
                raise
            cells = ("not fitted", str(error), "")
        rows.append((str(group), str(int(is_of.sum())), *cells))
    return rows


def _positive(read: Table, known: str, name: str, example: str) -> pq.Quantity:
    """Return a column of amounts above 0 with its unit; a mean may be negative throughout."""
    values = read.quantity(name, example)
    sizes = np.abs(values.magnitude) if known == "mean" else values.magnitude
    for line, size in zip(read.lines, sizes, strict=True):
        if not size > 0:
            problem = "empty" if np.isnan(size) else f"{size:g} is not above 0"
            raise read.error(line, name, f"{problem}; leave out rows that were not measured")
    if known == "mean" and values.magnitude.min() < 0 < values.magnitude.max():
        line = read.lines[int(np.argmin(values.magnitude))]
        raise read.error(line, name, "of another sign than the others; analyse them apart")
    if sizes.max() > _LARGEST_RATIO * sizes.min():
        farthest = int(np.argmax(np.abs(np.log(sizes / np.median(sizes)))))
        problem = f"{sizes[farthest]:g} lies far from all others"
        raise read.error(read.lines[farthest], name, f"{problem}; check it")
    return values


def _exponent_row(
    column: str, mean: Any, sd: Any, other: Any, errors: dict[str, Any]
) -> tuple[str, str, str]:
    """Return what was fitted, the exponent with its interval, and how the means compare."""
    spread = float(np.max(np.abs(mean.magnitude)) / np.min(np.abs(mean.magnitude)) - 1.0)
    means = (
        f"within {100 * spread:.1f} %" if spread <= 0.05 else f"differ by {100 * spread:.0f} %, fitted too"
    )
    if column == "cost":
        fit = fit_cost_exponent(sd, other, mean=np.abs(mean.magnitude), **errors)
        low, high = fit.interval
        return "cost ~ sd^-rho", f"rho = {fit.exponent:.3f} [{low:.3f}, {high:.3f}]", means
    # sd ~ rate^(slope / 2): the errors change places.
    swapped = {"sd_error": ("cost_error", other.units), "cost_error": ("sd_error", sd.units)}
    plain = {name: errors[given] / unit for name, (given, unit) in swapped.items() if given in errors}
    fit = fit_cost_exponent(other / other.units, sd / sd.units, mean=np.abs(mean.magnitude), **plain)
    slope, ends = -2.0 * fit.exponent, sorted((-2.0 * fit.interval[0], -2.0 * fit.interval[1]))
    text = f"slope = {slope:.3f} [{ends[0]:.3f}, {ends[1]:.3f}]"
    if ends[1] >= 0:
        return "variance ~ rate^slope", f"{text}; rho open: the variance need not fall", means
    rho = [float(exponent_from_input_slope(x)) for x in (slope, *ends)]
    no_cost = "; below -1, no cost has it" * (slope < -1)
    return "variance ~ rate^slope", f"{text}; rho = {rho[0]:.2f} [{rho[1]:.2f}, {rho[2]:.2f}]{no_cost}", means
