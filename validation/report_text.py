"""Numbers, intervals and conditions as a person would write them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from validation.statement import Measurement


def number_text(value: Any) -> str:
    """Return a number with four significant digits, as a person would write it."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, int):
        return f"{value}".replace("-", "−")
    if not math.isfinite(value):
        return "not finite"
    if value != 0 and not 1e-3 <= abs(value) < 1e5:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa} × 10^{int(exponent)}".replace("-", "−")
    return f"{value:.4g}".replace("-", "−")


def interval_text(interval: Sequence[float] | None) -> str:
    """Return an interval in brackets, or nothing."""
    return f"[{', '.join(number_text(float(end)) for end in interval)}]" if interval else ""


def estimate_text(value: float | None, interval: Sequence[float] | None) -> str:
    """Return a value with its interval, if it has one.

    >>> estimate_text(-0.611, (-0.807, -0.415))
    '−0.611 [−0.807, −0.415]'
    """
    return f"{number_text(value)} {interval_text(interval)}".strip()


def condition_text(condition: Mapping[str, Any]) -> str:
    """Return a condition as ``name value, name value``."""
    return ", ".join(f"{name.replace('_', ' ')} {number_text(value)}" for name, value in condition.items())


def value_text(measurement: Measurement) -> str:
    """Return a measurement as ``rendering: quantity value [interval], published ...``.

    >>> from brianpresyn.biophys.estimates import gaussian
    >>> from brianpresyn.validation.statement import Rendering, Verdict
    >>> value_text(Measurement("M07", "M07a", Rendering.RECORDED, "slope", gaussian(-0.611, 0.1),
    ...                        Verdict.REPRODUCED, published=-0.62))
    'recorded: slope −0.611 [−0.807, −0.415], published −0.62'
    """
    if measurement.measured is None:
        return f"{measurement.rendering}: {measurement.quantity} could not be measured"
    published = measurement.published
    beside = "" if published is None else f", published {number_text(published)}"
    value = estimate_text(measurement.measured, measurement.interval)
    return f"{measurement.rendering}: {measurement.quantity} {value}{beside}"
