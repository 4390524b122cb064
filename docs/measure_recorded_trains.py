"""Fit the 21 recordings of trains of Gontier et al. (2023) under three models, and write the page about them.

A fit is one line of a file, so that the script can be stopped at any time and goes on with what is missing.

    python docs/measure_recorded_trains.py measure trains.jsonl --minutes 60
    python docs/measure_recorded_trains.py summarise trains.jsonl
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from biophys import SerialDependenceWarning, fit_release
from validation.data.recordings import RecordedTrains, read_gontier2023

RESULTS = Path(__file__).parent / "results" / "recorded_trains.json"
PAGE = Path(__file__).parent / "recorded_trains.md"
MODELS = (None, "depletion", "two-rate")
WITHIN = 0.3
"""Coefficient of variation of the quanta of a site, which these recordings do not separate from noise."""


def fitted(trains: RecordedTrains, dynamics: str | None) -> dict[str, Any]:
    """Return what a fit with free noise says."""
    start = time.process_time()
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        fit = fit_release(
            trains.amplitudes,
            intervals=trains.intervals,
            noise="free",
            variability=WITHIN,
            dynamics=dynamics,
        )
    diagnostics = fit.diagnostics
    return {
        "protocol": trains.protocol,
        "cell": trains.cell,
        "dynamics": dynamics,
        "seconds": round(time.process_time() - start, 1),
        "log_likelihood": fit.log_likelihood,
        "bic": fit.bic,
        "n_tried": float(fit.profile.numbers.max()),
        "warns_of_dependence": any(
            issubclass(each.category, SerialDependenceWarning) for each in raised
        ),
        "diagnostics": diagnostics["warnings"],
        "residual_sd": diagnostics["residual_sd"],
        "values": {
            name: [_rounded(x) for x in (value.value, value.low, value.high)]
            for name, value in fit.estimates().items()
        },
    }


def _rounded(value: float) -> float | None:
    """Return a number of five digits, None for an open end."""
    return float(f"{value:.5g}") if np.isfinite(value) else None


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Return the fits of a file, without a last line that was broken off."""
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def measure(path: Path, minutes: float) -> None:
    """Append the fits that a file lacks; none is begun after so many minutes."""
    end, order = time.monotonic() + 60 * minutes, ("irregular", "100Hz_short", "100Hz_long")
    done = {(row["protocol"], row["cell"], row["dynamics"]) for row in rows_of(path)}
    recordings = sorted(
        read_gontier2023(), key=lambda trains: (order.index(trains.protocol), trains.cell)
    )
    for trains, dynamics in product(recordings, MODELS):
        if (trains.protocol, trains.cell, dynamics) not in done and time.monotonic() < end:
            with path.open("a") as file:
                file.write(json.dumps(fitted(trains, dynamics)) + "\n")


def page(rows: list[dict[str, Any]]) -> str:
    """Return the page: counts, then a line for each recording."""
    by_key = {(row["protocol"], row["cell"], row["dynamics"]): row for row in rows}
    recordings = sorted(
        {key[:2] for key in by_key if all((*key[:2], m) in by_key for m in MODELS)}
    )
    fits = [[by_key[(*key, model)] for model in MODELS] for key in recordings]
    warned = sum(alone["warns_of_dependence"] for alone, *_ in fits)
    gains = [
        depletion["log_likelihood"] - alone["log_likelihood"]
        for alone, depletion, _ in fits
    ]
    better = sum(two["bic"] < one["bic"] for _, one, two in fits)
    ratios = [
        two["values"]["p"][0] / one["values"]["p"][0]
        for _, one, two in fits
        if two["bic"] < one["bic"]
    ]
    lines = [
        _INTRODUCTION,
        f"Of {len(fits)} recordings {warned} are said to depend on their order when they are taken as "
        f"independent. Depletion is more likely by {min(gains):.0f} to {max(gains):.0f} log units. Two "
        f"rates of recovery have the smaller BIC in {better}, and then p at rest is "
        f"{min(ratios):.2f} to {max(ratios):.2f} times that of one rate.",
        "",
        *_residuals(fits),
        "",
        "| trains, cell | independent: p | depletion: p | recovery, ms | n | q, pA | log units gained | "
        "two rates: p | fast recovery, ms | BIC less |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for (protocol, cell), (alone, one, two), gain in zip(
        recordings, fits, gains, strict=True
    ):
        shown = [_interval(one["values"][name]) for name in ("p", "recovery", "n", "q")]
        lines.append(
            f"| {protocol.replace('_', ' ')}, {cell} | {_interval(alone['values']['p'])} | "
            f"{' | '.join(shown)} | {gain:.0f} | {_interval(two['values']['p'])} | "
            f"{_interval(two['values']['recovery'])} | {one['bic'] - two['bic']:.0f} |"
        )
    return "\n".join(lines) + "\n"


def _residuals(fits: list[list[dict[str, Any]]]) -> list[str]:
    """Return what noise and residuals of the fits of trains say."""
    with_one, with_two = ([models[place] for models in fits] for place in (1, 2))
    says = {
        text: [any(text in said for said in fit["diagnostics"]) for fit in with_one]
        for text in ("first response", "residuals")
    }
    is_two = [two["bic"] < one["bic"] for _, one, two in fits]
    silent = [
        f"{fit['protocol'].replace('_', ' ')} {fit['cell']}"
        for fit, two, seen in zip(with_one, is_two, says["first response"], strict=True)
        if two and not seen
    ]
    no_noise = sum(fit["values"]["noise"][1] == 0 for fit in with_one)
    ends = [
        f"{min(sds):.2f} to {max(sds):.2f}"
        for sds in ([fit["residual_sd"] for fit in part] for part in (with_one, with_two))
    ]
    return [
        f"With one rate the noise may be nought in {no_noise}; the first response of a sweep is larger than "
        f"predicted in {sum(says['first response'])}, and residuals depend on their order, position or law "
        f"in {sum(says['residuals'])}. Where two rates have the smaller BIC the first response does not show "
        f"it in {len(silent)} ({', '.join(silent)}). Standard deviations of the residuals are {ends[0]} with "
        f"one rate, {ends[1]} with two."
    ]


def _interval(value: list[float | None]) -> str:
    best, low, high = ("∞" if x is None else f"{x:.3g}" for x in value)
    return f"{best} ({low} to {high})"


_INTRODUCTION = f"""# Trains of seven recorded cells

EPSCs of granule cells of the cerebellum after stimuli of mossy fibres (Gontier et al. 2023,
[doi:10.1371/journal.pcbi.1011342](https://doi.org/10.1371/journal.pcbi.1011342); MIT licence): three
protocols, read by `read_gontier2023()`. Noise was not recorded and is free; quanta vary by a coefficient of
variation of {WITHIN} within sites, which is assumed: it cannot be told from the noise here. Best values, 95 %
intervals of the profile likelihood; ∞ is an open end. Measured by `docs/measure_recorded_trains.py`; numbers
in `docs/results/recorded_trains.json`.
"""


def main() -> None:
    """Measure, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("measure", "summarise"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--minutes", type=float, default=60.0)
    chosen = parser.parse_args()
    if chosen.action == "measure":
        measure(chosen.file, chosen.minutes)
        return
    rows = rows_of(chosen.file)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    PAGE.write_text(page(rows))


if __name__ == "__main__":
    main()
