"""Measure how often the intervals of `fit_release` hold the truth.

Every cell is a synapse and a way of recording it, simulated site by site. What is measured is kept in
``docs/results/quantal_recovery.json`` after every cell; a cell that is there with as many recordings is
not measured again, so that the script can be stopped at any time. Numbers follow from the seed and the
cell alone.
"""

from __future__ import annotations

import argparse
import json
import warnings
import zlib
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import quantities as pq

from biophys import (
    FailedFit,
    QuantalSynapse,
    QuantalVariability,
    ShortTermDynamics,
    fit_releases,
    simulate_recording,
)

RESULTS = Path(__file__).parent / "results" / "quantal_recovery.json"
Q = 10.0
TRAIN = np.cumsum(np.random.default_rng(5).uniform(8.0, 120.0, 26)) * pq.ms


def cells() -> list[dict[str, Any]]:
    """Return what is to be measured, the cheapest first."""
    trials = [
        {"kind": "trials", "n": n, "p": p, "noise": noise, "within": within, "N": size}
        for (within, size), n, p, noise in product(
            ((0.0, 60), (0.3, 200)), (2, 5, 10), (0.2, 0.5, 0.85), (0.2, 0.4)
        )
    ]
    baseline = [
        {"kind": "baseline", "n": n, "p": 0.5, "noise": 0.2, "within": 0.0, "N": 100}
        for n in (2, 5)
    ]
    free = [
        {"kind": "free noise", "n": n, "p": 0.5, "noise": 0.2, "within": 0.0, "N": 100}
        for n in (2, 5)
    ]
    unidentifiable = [
        {"kind": "trials", "n": 10, "p": 0.2, "noise": 0.4, "within": 0.0, "N": 100},
        {"kind": "trials", "n": 20, "p": 0.1, "noise": 0.4, "within": 0.0, "N": 100},
    ]
    prior = [{"kind": "prior", "n": 12, "p": 0.5, "noise": 0.5, "within": 0.3, "N": 100}]
    both = [
        {"kind": "two conditions", "n": 5, "p": 0.6, "noise": 0.3, "within": 0.3, "N": 60}
    ]
    trains = [
        {
            "kind": "trains",
            "n": n,
            "p": p,
            "noise": 0.3,
            "within": 0.3,
            "N": 156,
            "recovery": recovery,
        }
        for n, p, recovery in (
            (4, 0.3, 50.0),
            (4, 0.7, 300.0),
            (10, 0.7, 50.0),
            (10, 0.3, 300.0),
        )
    ]
    return unidentifiable + prior + both + baseline + free + trials + trains


def recordings(
    cell: dict[str, Any], n_repeats: int, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Return arguments of `fit_release` and the true values, for each recording of a cell."""
    made = []
    for _ in range(n_repeats):
        n, p, noise = cell["n"], cell["p"], cell["noise"]
        if cell["kind"] == "prior":
            n, p, noise = (
                int(rng.integers(1, 13)),
                float(rng.uniform()),
                float(rng.uniform(0.1, 0.5)),
            )
        quanta = (
            QuantalVariability(cell["within"], family="gamma") if cell["within"] else None
        )
        synapse, sd = QuantalSynapse(n, p, Q * pq.pA), noise * Q * pq.pA
        options: dict[str, Any] = {"noise": sd, "variability": quanta, "rng": rng}
        arguments: dict[str, Any] = {"noise": sd, "variability": cell["within"]}
        truth = {"n": n, "p": p, "q": Q, "mean": n * p * Q}
        if cell["kind"] == "trains":
            dynamics = ShortTermDynamics(p, cell["recovery"] * pq.ms, 0 * pq.ms)
            x = simulate_recording(
                synapse, n_sweeps=6, spike_times=TRAIN, dynamics=dynamics, **options
            )
            arguments |= {"spike_times": TRAIN, "dynamics": "depletion"}
            truth |= {"recovery": cell["recovery"], "capacity": n * Q}
        elif cell["kind"] == "two conditions":
            low = QuantalSynapse(n, 0.15, Q * pq.pA)
            parts = [
                simulate_recording(s, n_trials=cell["N"], **options)[0]
                for s in (low, synapse)
            ]
            x = np.concatenate([part.magnitude for part in parts]) * pq.pA
            arguments["conditions"] = ["low"] * cell["N"] + ["high"] * cell["N"]
            truth = {"n": n, "p[low]": 0.15, "p[high]": p, "q": Q}
        else:
            x = simulate_recording(synapse, n_trials=cell["N"], **options)[0]
        if cell["kind"] == "baseline":
            arguments["noise"] = rng.normal(0.0, noise * Q, 100) * pq.pA
        if cell["kind"] == "free noise":
            arguments["noise"] = "free"
        made.append({"arguments": arguments | {"amplitudes": x}, "truth": truth})
    return made


def measured(cell: dict[str, Any], n_repeats: int, seed: int) -> dict[str, Any]:
    """Return coverage overall, given `identified`, and given the width of the profile interval.

    Quanta that vary are also fitted as normal ones whatever their law, for comparison.
    """
    rng = np.random.default_rng(
        [seed, zlib.crc32(json.dumps(cell, sort_keys=True).encode())]
    )
    made = recordings(cell, n_repeats, rng)
    row = {"n_recordings": n_repeats} | coverage(made, {})
    if cell["within"]:
        normal = QuantalVariability(cell["within"], family="normal")
        row["normal"] = coverage(made, {"variability": normal})
    return row


def coverage(made: list[dict[str, Any]], options: dict[str, Any]) -> dict[str, Any]:
    """Return how often intervals hold, by parameter, over recordings fitted with some other options."""
    fits = fit_releases([one["arguments"] | options for one in made])
    pairs = [
        (fit, one["truth"])
        for fit, one in zip(fits, made, strict=True)
        if not isinstance(fit, FailedFit)
    ]
    row: dict[str, Any] = {"failed": len(made) - len(pairs)}
    for name in pairs[0][1]:
        estimates = [(fit.values[name], truth[name]) for fit, truth in pairs]
        row[name] = {
            "coverage": float(
                np.mean([e.low <= truth <= e.high for e, truth in estimates])
            ),
            "credible": float(
                np.mean([e.credible[0] <= truth <= e.credible[1] for e, truth in estimates])
            ),
            "open": float(
                np.mean([not np.isfinite(e.high) or e.low == 0 for e, _ in estimates])
            ),
            "median": float(np.median([e.value for e, _ in estimates])),
            "identified": float(np.mean([e.identified for e, _ in estimates])),
            "held_if_identified": _share(
                [
                    e.credible[0] <= truth <= e.credible[1]
                    for e, truth in estimates
                    if e.identified
                ]
            ),
        }
    narrow = [
        (e.low, e.high, truth)
        for e, truth in ((fit.n, t["n"]) for fit, t in pairs)
        if e.high < 3 * e.low
    ]
    row["narrow_profile"] = {
        "share": len(narrow) / len(pairs),
        "held": _share([low <= truth <= high for low, high, truth in narrow]),
    }
    return row


def _share(values: list[bool]) -> float | None:
    return float(np.mean(values)) if values else None


def key_of(cell: dict[str, Any]) -> str:
    """Return a cell in words."""
    return ", ".join(f"{name}={value}" for name, value in cell.items())


def page() -> str:
    """Return the measured numbers as a page."""
    kept = json.loads(RESULTS.read_text())
    entries = [kept[key_of(cell)] for cell in cells() if key_of(cell) in kept]
    lines = [_INTRODUCTION, *_table(entries, "")]
    lines += ["", _OF_NORMAL, *_table([e for e in entries if "normal" in e], "normal")]
    return "\n".join(lines) + "\n"


def _table(entries: list[dict[str, Any]], part: str) -> list[str]:
    """Return one line for each cell."""
    lines = [
        "| recordings | N | n | p | q | others | identified | hold n, given identified | narrow |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for entry in entries:
        row = entry[part] if part else entry
        shown = {
            name: f"{100 * value['coverage']:.0f}"
            for name, value in row.items()
            if isinstance(value, dict) and "coverage" in value
        }
        ps = "/".join(shown.pop(name) for name in list(shown) if name[0] == "p")
        n, q = shown.pop("n"), shown.pop("q")
        others = ", ".join(f"{name} {value}" for name, value in shown.items())
        narrow, of_n = row["narrow_profile"], row["n"]
        lines.append(
            f"| {_in_words(entry['cell'])} | {entry['n_recordings']} | {n} | {ps} | {q} | {others} | "
            f"{_percent(of_n['identified'])} | {_percent(of_n['held_if_identified'])} | "
            f"{_percent(narrow['share'])}: {_percent(narrow['held'])} |"
        )
    return lines


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"


_INTRODUCTION = """# How often the intervals of `fit_release` hold

Recordings were simulated site by site (gamma quanta where they vary, q = 10) and fitted. Percentages of 95 %
intervals of the profile likelihood that hold the truth; *N* is the number of recordings of a line, so that
95 % of 150 has a standard error of 1.8, of 60 one of 2.8, of 6 one of 9. *Identified*: how often n is called
so. *Given identified*: how often the credible interval of n then holds. *Narrow*: what the rule "the interval
of n is narrower than a factor 3" calls identified, and how often the interval then holds; where n cannot be
told it selects the recordings whose interval misses.

Measured by `python docs/measure_quantal_recovery.py`; numbers in `docs/results/quantal_recovery.json`.
"""

_OF_NORMAL = """## Quanta taken as normal

The law of the quanta is a nuisance: by default intervals hold what normal or gamma quanta allow. The same
recordings fitted with `QuantalVariability(0.3, family="normal")`, which takes the skew of their quanta for
more sites:
"""


def _in_words(cell: dict[str, Any]) -> str:
    """Return what was simulated in a few words."""
    if cell["kind"] == "prior":
        return "n 1 to 12, p and noise/q 0.1 to 0.5 at random, 100 trials, quantal CV 0.3"
    text = (
        f"{cell['kind']}: n = {cell['n']}, p = {cell['p']:g}, noise = {cell['noise']:g} q, "
    )
    text += f"{cell['N']} responses"
    if cell["within"]:
        text += f", quantal CV {cell['within']:g}"
    return text + (f", recovery {cell['recovery']:g} ms" if "recovery" in cell else "")


def main() -> None:
    """Measure what is missing, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--repeats", type=int, default=200, help="recordings of a cell (trains: a tenth)"
    )
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument(
        "--page", action="store_true", help="only write docs/quantal_recovery.md"
    )
    options = parser.parse_args()
    if options.page:
        RESULTS.parents[1].joinpath("quantal_recovery.md").write_text(
            page(), encoding="utf-8"
        )
        return
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    warnings.simplefilter("ignore")
    for cell in cells():
        n_repeats = options.repeats // 10 if cell["kind"] == "trains" else options.repeats
        if cell["kind"] == "prior":
            n_repeats *= 3
        if kept.get(key_of(cell), {}).get("n_recordings", 0) >= n_repeats:
            continue
        kept[key_of(cell)] = {"cell": cell} | measured(cell, n_repeats, options.seed)
        RESULTS.write_text(json.dumps(kept, indent=1, allow_nan=False) + "\n")
        print(
            key_of(cell),
            {
                k: v["coverage"]
                for k, v in kept[key_of(cell)].items()
                if isinstance(v, dict) and "coverage" in v
            },
            flush=True,
        )


if __name__ == "__main__":
    main()
