"""Measure how often the intervals of `fit_release` hold the truth.

Every cell is a synapse and a way of recording it, simulated site by site. Recordings are measured in blocks,
the first block of every cell first; a block is one line of a file, so that the script can be stopped at any
time, and goes on with what the file lacks. A block's numbers follow from the seed, the cell and the block
alone: it does not matter on which machine or in which order they were measured.

    python docs/measure_quantal_recovery.py measure part1.jsonl --part 1/2 --processes 8 --minutes 10
    python docs/measure_quantal_recovery.py summarise part*.jsonl
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np
import quantities as pq

from biophys import (
    FailedFit,
    QuantalSynapse,
    QuantalVariability,
    ReleaseFit,
    ShortTermDynamics,
    fit_releases,
    simulate_recording,
)

RESULTS = Path(__file__).parent / "results" / "quantal_recovery.json"
Q = 10.0
TRAIN = np.cumsum(np.random.default_rng(5).uniform(8.0, 120.0, 26)) * pq.ms
BLOCK = 50
"""Recordings of a block; of trains a tenth."""
N_NORMAL = 100
"""Recordings of a cell that are also fitted with quanta taken as normal."""
N_DRAWS = 99
"""Draws of the posterior among which the truth is ranked."""


def cells() -> list[dict[str, Any]]:
    """Return what is to be measured."""
    grid = list(product((2, 5, 10), (0.2, 0.5, 0.85)))
    unidentifiable = [
        _cell("trials", n, p, 0.4, 0.0, 100) for n, p in ((10, 0.2), (20, 0.1))
    ]
    others = [
        _cell("prior", 12, 0.5, 0.5, 0.3, 100),
        _cell("two conditions", 5, 0.6, 0.3, 0.3, 60),
    ]
    trials = [
        _cell("trials", n, p, noise, within, size)
        for within, size, (n, p), noise in product((0.0, 0.3), (60, 200), grid, (0.2, 0.4))
    ]
    measured_noise = [
        _cell(kind, n, p, 0.2, within, size)
        for kind, (within, size), (n, p) in product(
            ("baseline", "free noise"), ((0.0, 60), (0.3, 200)), grid
        )
    ]
    trains = [
        _cell("trains", n, p, 0.3, 0.3, 156)
        | {"recovery": recovery, "facilitation": facilitation}
        for n, p, recovery, facilitation in product(
            (4, 10), (0.3, 0.7), (50.0, 300.0), (0.0, 100.0)
        )
    ]
    return unidentifiable + others + trials + measured_noise + trains


def _cell(
    kind: str, n: int, p: float, noise: float, within: float, size: int
) -> dict[str, Any]:
    return {"kind": kind, "n": n, "p": p, "noise": noise, "within": within, "N": size}


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
            times = {name: cell[name] * pq.ms for name in ("recovery", "facilitation")}
            dynamics = ShortTermDynamics(p, **times)
            x = simulate_recording(
                synapse, n_sweeps=6, spike_times=TRAIN, dynamics=dynamics, **options
            )
            kinds = "depletion" + "+facilitation" * (cell["facilitation"] > 0)
            arguments |= {"spike_times": TRAIN, "dynamics": kinds}
            truth |= {"recovery": cell["recovery"], "capacity": n * Q}
            if cell["facilitation"]:
                truth["facilitation"] = cell["facilitation"]
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


def blocks(repeats: int) -> Iterator[tuple[dict[str, Any], int, int]]:
    """Yield cells, numbers of blocks and recordings of each, the first block of every cell first."""
    twice = ("prior", "trains")
    counts = [-(-repeats * (1 + (cell["kind"] in twice)) // BLOCK) for cell in cells()]
    for block in range(max(counts)):
        for cell, count in zip(cells(), counts, strict=True):
            if block < count:
                yield cell, block, BLOCK // 10 if cell["kind"] == "trains" else BLOCK


def key_of(cell: dict[str, Any]) -> str:
    """Return a cell in words."""
    return ", ".join(f"{name}={value}" for name, value in cell.items())


def measured(cell: dict[str, Any], block: int, size: int, seed: int) -> dict[str, Any]:
    """Return what each recording of a block says of each parameter.

    Quanta that vary are also fitted as normal ones whatever their law, for comparison.
    """
    warnings.simplefilter("ignore")
    rng = np.random.default_rng([seed, zlib.crc32(key_of(cell).encode()), block])
    made = recordings(cell, size, rng)
    row: dict[str, Any] = {"cell": cell, "block": block, "seed": seed}
    row["fits"] = _said(made, {}, rng if cell["kind"] == "prior" else None)
    if cell["within"] and (block + 1) * size <= N_NORMAL:
        row["normal"] = _said(
            made, {"variability": QuantalVariability(cell["within"], family="normal")}
        )
    return row


def _said(
    made: list[dict[str, Any]],
    options: dict[str, Any],
    rng: np.random.Generator | None = None,
) -> list[Any]:
    """Return for each recording what its fit says of each parameter; None where it failed."""
    fits = fit_releases([each["arguments"] | options for each in made])
    return [
        None if isinstance(fit, FailedFit) else _of_fit(fit, each["truth"], rng)
        for fit, each in zip(fits, made, strict=True)
    ]


def _of_fit(
    fit: ReleaseFit, truths: dict[str, float], rng: np.random.Generator | None
) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for name, truth in truths.items():
        estimate = fit.values[name]
        said[name] = {
            "value": float(f"{min(estimate.value, 1e6):.6g}"),
            "held": estimate.holds(truth),
            "credible": estimate.credible[0] <= truth <= estimate.credible[1],
            "open": not np.isfinite(estimate.high) or estimate.low == 0,
            "identified": estimate.identified,
        }
    said["n"]["narrow"] = fit.n.high < 3 * fit.n.low
    if rng is not None:
        draws = fit.posterior(N_DRAWS, rng=rng)
        for name, truth in truths.items():
            below, alike = np.sum(draws[name] < truth), np.sum(draws[name] == truth)
            said[name]["rank"] = int(below + rng.integers(0, alike + 1))
    return said


def summary(said: list[Any]) -> dict[str, Any]:
    """Return coverage by parameter overall, given `identified`, and given a narrow profile interval of n."""
    fits = [each for each in said if each is not None]
    row: dict[str, Any] = {"n_recordings": len(said), "failed": len(said) - len(fits)}
    for name in fits[0]:
        each = {key: np.array([fit[name][key] for fit in fits]) for key in fits[0][name]}
        row[name] = {
            "coverage": each["held"].mean(),
            "credible": each["credible"].mean(),
            "open": each["open"].mean(),
            "median": float(np.median(each["value"])),
            "identified": each["identified"].mean(),
            "held_if_identified": _share(each["credible"][each["identified"]]),
            "misses_though_identified": np.mean(each["identified"] & ~each["credible"]),
        }
        if "rank" in each:
            counts = np.histogram(each["rank"], np.arange(0, N_DRAWS + 2, 5))[0]
            row[name]["ranks"] = counts.tolist()
        if "narrow" in each:
            held = _share(each["held"][each["narrow"]])
            row["narrow_profile"] = {"share": each["narrow"].mean(), "held": held}
    return row


def _share(values: Any) -> float | None:
    return float(np.mean(values)) if len(values) else None


def summarised(files: list[Path]) -> dict[str, Any]:
    """Return the summary of every cell from files of blocks; a block that two of them hold counts once."""
    held: dict[str, dict[int, dict[str, Any]]] = {}
    for file in files:
        for row in _rows(file):
            held.setdefault(key_of(row["cell"]), {})[row["block"]] = row
    kept = {}
    for key in (key_of(cell) for cell in cells()):
        rows = [row for _, row in sorted(held.get(key, {}).items())]
        if not rows:
            continue
        if len({row["seed"] for row in rows}) > 1:
            raise ValueError(f"blocks of several seeds: {key}")
        kept[key] = {"cell": rows[0]["cell"]} | summary(
            [fit for row in rows for fit in row["fits"]]
        )
        normal = [fit for row in rows for fit in row.get("normal", [])]
        if normal:
            kept[key]["normal"] = summary(normal)
    return kept


def _rows(file: Path) -> list[dict[str, Any]]:
    """Return the blocks of a file, without a last line that was broken off."""
    lines = file.read_text().split("\n")[:-1] if file.exists() else []
    return [json.loads(line) for line in lines]


def page() -> str:
    """Return the measured numbers as a page."""
    kept = json.loads(RESULTS.read_text())
    entries = [kept[key_of(cell)] for cell in cells() if key_of(cell) in kept]
    lines = [_INTRODUCTION, *_table(entries, ""), *_calibration(entries)]
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
            f"| {_in_words(entry['cell'])} | {row['n_recordings']} | {n} | {ps} | {q} | {others} | "
            f"{_percent(of_n['identified'])} | {_percent(of_n['held_if_identified'])} | "
            f"{_percent(narrow['share'])}: {_percent(narrow['held'])} |"
        )
    return lines


def _calibration(entries: list[dict[str, Any]]) -> list[str]:
    """Return how evenly true values rank among draws of the posterior, where they come from its prior."""
    from scipy.stats import chisquare

    ranked = [
        row
        for entry in entries
        for row in entry.items()
        if isinstance(row[1], dict) and "ranks" in row[1]
    ]
    if not ranked:
        return []
    texts = [f"{name} {chisquare(row['ranks']).pvalue:.3f}" for name, row in ranked]
    return [
        "",
        f"Ranks of the truth among {N_DRAWS} draws of the posterior, for truths from its prior: chi-square p "
        f"over twenty bins {', '.join(texts)}.",
    ]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"


_INTRODUCTION = """# How often the intervals of `fit_release` hold

Recordings were simulated site by site (gamma quanta where they vary, q = 10) and fitted. Percentages of 95 %
intervals of the profile likelihood that hold the truth; *N* is the number of recordings of a line, so that
95 % of 250 has a standard error of 1.4, of 100 one of 2.2, of 20 one of 5. *Identified*: how often n is
called so. *Given identified*: how often the credible interval of n then holds. *Narrow*: what the rule "the
interval of n is narrower than a factor 3" calls identified, and how often the interval then holds; where n
cannot be told it selects the recordings whose interval misses.

Measured by `docs/measure_quantal_recovery.py`; numbers in `docs/results/quantal_recovery.json`.
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
    times = (
        f", {name} {cell[name]:g} ms"
        for name in ("recovery", "facilitation")
        if cell.get(name)
    )
    return text + "".join(times)


def measure(options: argparse.Namespace) -> None:
    """Measure the blocks of this part that the file lacks, until they are done or the time is over."""
    part, n_parts = (int(number) for number in options.part.split("/"))
    rows = _rows(options.file)
    done = {(key_of(row["cell"]), row["block"]) for row in rows}
    options.file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    mine = islice(blocks(options.repeats), part - 1, None, n_parts)
    missing = iter([each for each in mine if (key_of(each[0]), each[1]) not in done])
    end = time.monotonic() + 60 * options.minutes
    with ProcessPoolExecutor(options.processes) as pool, options.file.open("a") as file:
        running: set[Any] = set()
        while True:
            is_over = time.monotonic() > end
            idle = 0 if is_over else options.processes - len(running)
            running |= {
                pool.submit(measured, *each, options.seed) for each in islice(missing, idle)
            }
            if not running:
                return
            finished = next(as_completed(running))
            running.remove(finished)
            file.write(json.dumps(finished.result()) + "\n")
            file.flush()


def main() -> None:
    """Measure blocks, or put the summary of measured ones into the documentation."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(required=True, dest="command")
    measuring = commands.add_parser("measure", help="add what a file of blocks lacks")
    measuring.add_argument("file", type=Path)
    measuring.add_argument(
        "--repeats", type=int, default=1000, help="of a cell (trains: a fifth)"
    )
    measuring.add_argument("--seed", type=int, default=2026)
    measuring.add_argument(
        "--part", default="1/1", help="k/m: every m-th block from the k-th"
    )
    measuring.add_argument("--processes", type=int, default=1)
    measuring.add_argument(
        "--minutes", type=float, default=1e6, help="then no block is begun any more"
    )
    commands.add_parser("summarise", help="write results and page").add_argument(
        "files", nargs="+", type=Path
    )
    options = parser.parse_args()
    if options.command == "measure":
        measure(options)
        return
    kept = summarised(options.files)
    RESULTS.write_text(json.dumps(kept, indent=1, allow_nan=False) + "\n")
    RESULTS.parents[1].joinpath("quantal_recovery.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
