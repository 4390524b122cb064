"""Measure how often the intervals of `fit_release` hold the truth.

Every cell is a synapse and a way of recording it, simulated site by site. Recordings are measured in blocks,
the first block of every cell first; a block is one line of a file, so that the script can be stopped at any
time, and goes on with what the file and the results lack. Its numbers follow from the seed, the cell and the
block alone: it does not matter on which machine or in which order they were measured.

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
PRIOR_N = 12
"""Most sites of a truth that is drawn."""


def cells() -> list[dict[str, Any]]:
    """Return what is to be measured."""
    grid = list(product((2, 5, 10), (0.2, 0.5, 0.85)))
    unidentifiable = [
        _cell("trials", n, p, 0.4, 0.0, 100) for n, p in ((10, 0.2), (20, 0.1))
    ]
    others = [
        _cell("prior", PRIOR_N, 0.5, 0.5, 0.3, 100),
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
                int(rng.integers(1, PRIOR_N + 1)),
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
        # Ranks are even only where the posterior allows the numbers of sites that are drawn.
        draws = fit.posterior(N_DRAWS, rng=rng, n_max=PRIOR_N)
        for name, truth in truths.items():
            below, alike = np.sum(draws[name] < truth), np.sum(draws[name] == truth)
            said[name]["rank"] = int(below + rng.integers(0, alike + 1))
    return said


def counted(said: list[Any]) -> dict[str, Any]:
    """Return how many intervals held, by parameter: overall, given `identified`, given a narrow one of n."""
    fits = [each for each in said if each is not None]
    row: dict[str, Any] = {"n_recordings": len(said), "failed": len(said) - len(fits)}
    for name in fits[0] if fits else ():
        each = {key: np.array([fit[name][key] for fit in fits]) for key in fits[0][name]}
        row[name] = {
            key: int(each[key].sum()) for key in ("held", "credible", "open", "identified")
        }
        row[name]["held_if_identified"] = int(each["credible"][each["identified"]].sum())
        if "rank" in each:
            row[name]["ranks"] = np.histogram(each["rank"], np.arange(0, N_DRAWS + 2, 5))[
                0
            ].tolist()
        if "narrow" in each:
            held = int(each["held"][each["narrow"]].sum())
            row["narrow_profile"] = {
                "n_recordings": int(each["narrow"].sum()),
                "held": held,
            }
    return row


def added(first: Any, second: Any) -> Any:
    """Return the sum of two rows of counts, entry by entry."""
    if isinstance(first, dict):
        both = {key: added(first[key], second[key]) for key in first.keys() & second.keys()}
        return {key: both.get(key, value) for key, value in {**first, **second}.items()}
    if isinstance(first, list):
        return [count + more for count, more in zip(first, second, strict=True)]
    return first + second


def summarised(files: list[Path], kept: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the counts of every cell: those kept, and of blocks in files that they lack."""
    cases = {key: dict(row) for key, row in (kept or {}).items()}
    for row in (row for file in files for row in _rows(file)):
        key, seed, block = key_of(row["cell"]), row["seed"], row["block"]
        case = cases.setdefault(key, {"cell": row["cell"], "seed": seed, "blocks": []})
        if case["seed"] != seed:
            raise ValueError(f"blocks of several seeds, {case['seed']} and {seed}: {key}")
        if block in case["blocks"]:
            continue
        case["blocks"] = sorted([*case["blocks"], block])
        for part in ("fits", "normal"):
            if part in row:
                case[part] = added(case.get(part, {}), counted(row[part]))
    return {key: cases[key] for key in map(key_of, cells()) if key in cases}


def _rows(file: Path) -> list[dict[str, Any]]:
    """Return the blocks of a file, without a last line that was broken off."""
    lines = file.read_text().split("\n")[:-1] if file.exists() else []
    return [json.loads(line) for line in lines]


def page() -> str:
    """Return the measured numbers as a page."""
    kept = json.loads(RESULTS.read_text())
    entries = [kept[key_of(cell)] for cell in cells() if key_of(cell) in kept]
    lines = [
        _INTRODUCTION,
        *_pooled(entries),
        "",
        *_table(entries, "fits"),
        *_calibration(entries),
    ]
    lines += ["", _OF_NORMAL, *_table([e for e in entries if "normal" in e], "normal")]
    return "\n".join(lines) + "\n"


def _pooled(entries: list[dict[str, Any]]) -> list[str]:
    """Return one line for each kind of recording and parameter: all cells together, and the worst ones."""
    from scipy.stats import binomtest

    lines = [
        "| kind | parameter | cells | recordings | hold, 95 % interval | least of a cell | below 90 % |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind in dict.fromkeys(entry["cell"]["kind"] for entry in entries):
        rows = [entry["fits"] for entry in entries if entry["cell"]["kind"] == kind]
        for name in dict.fromkeys(name for row in rows for name in row):
            counts = [
                (row[name]["held"], row["n_recordings"] - row["failed"])
                for row in rows
                if name in row
                and "open" in (row[name] if isinstance(row[name], dict) else ())
            ]
            if not counts:
                continue
            held, n = (sum(column) for column in zip(*counts, strict=True))
            low, high = binomtest(held, n).proportion_ci()
            least = min(counts, key=lambda count: count[0] / count[1])
            # With one cell in a hundred by chance alone.
            below = [binomtest(*count, 0.9, "less").pvalue < 0.01 for count in counts]
            lines.append(
                f"| {kind} | {name} | {len(counts)} | {n:,} | {100 * held / n:.1f} % ({100 * low:.1f} to "
                f"{100 * high:.1f}) | {_percent(*least)} of {least[1]} | {sum(below)} |"
            )
    n_failed = sum(entry["fits"]["failed"] for entry in entries)
    n_recordings = sum(entry["fits"]["n_recordings"] for entry in entries)
    return [*lines, "", f"Of {n_recordings:,} recordings {n_failed} could not be fitted."]


def _table(entries: list[dict[str, Any]], part: str) -> list[str]:
    """Return one line for each cell."""
    lines = [
        "| recordings | N | n | p | q | others | identified | hold n, given identified | narrow |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for entry in entries:
        row = entry[part]
        n_fits = row["n_recordings"] - row["failed"]
        shown = {
            name: f"{100 * value['held'] / n_fits:.0f}"
            for name, value in row.items()
            if isinstance(value, dict) and "open" in value
        }
        ps = "/".join(shown.pop(name) for name in list(shown) if name[0] == "p")
        n, q = shown.pop("n"), shown.pop("q")
        others = ", ".join(f"{name} {value}" for name, value in shown.items())
        of_n, narrow = row["n"], row["narrow_profile"]
        n_narrow = narrow["n_recordings"]
        lines.append(
            f"| {_in_words(entry['cell'])} | {row['n_recordings']} | {n} | {ps} | {q} | {others} | "
            f"{_percent(of_n['identified'], n_fits)} | "
            f"{_percent(of_n['held_if_identified'], of_n['identified'])} | "
            f"{_percent(n_narrow, n_fits)}: {_percent(narrow['held'], n_narrow)} |"
        )
    return lines


def _calibration(entries: list[dict[str, Any]]) -> list[str]:
    """Return how evenly true values rank among draws of the posterior, where they come from its prior."""
    from scipy.stats import chisquare

    texts = [
        f"{name} {chisquare(row['ranks']).pvalue:.3f}"
        for entry in entries
        for name, row in entry["fits"].items()
        if isinstance(row, dict) and "ranks" in row
    ]
    if not texts:
        return []
    return [
        "",
        f"Ranks of the truth among {N_DRAWS} draws of the posterior, for truths from its prior: chi-square p "
        f"over twenty bins {', '.join(texts)}. The ratio of q to the noise is drawn from 2 to 10 "
        "and its prior is wider, so that its ranks lean upwards.",
    ]


def _percent(count: int, n: int) -> str:
    return f"{100 * count / n:.0f} %" if n else "-"


_INTRODUCTION = """# How often the intervals of `fit_release` hold

Recordings were simulated site by site (gamma quanta where they vary, q = 10) and fitted. Percentages of 95 %
intervals of the profile likelihood that hold the truth; *N* is the number of recordings of a line, so that
95 % of 1,000 has a standard error of 0.7, of 200 one of 1.5. *Identified*:
how often n is called so. *Given identified*: how often the credible interval of n then holds. *Narrow*: what
the rule "the interval of n is narrower than a factor 3" calls identified, and how often the interval then
holds; where n cannot be told it selects the recordings whose interval misses. First all cells of a kind
together; *below 90 %*: cells in which fewer hold than a true 90 % would allow (binomial test, p < 0.01).

Measured by `docs/measure_quantal_recovery.py`; numbers in `docs/results/quantal_recovery.json`. Trials and
baselines were measured before whole numbers of sites between those of a grid (beyond 20) were looked at: of
the first 50 recordings of each cell fitted anew (18,400 intervals) none held otherwise, 25 credible ones did,
and 23 parameters were identified otherwise. About half of the trains were measured before larger numbers
were asked where one is hopeless: of the first five of each cell fitted anew (520 intervals) none held
otherwise, and 6 parameters were identified otherwise.
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
    """Measure the blocks of this part that file and results lack, until they are done or the time is over."""
    part, n_parts = (int(number) for number in options.part.split("/"))
    rows = _rows(options.file)
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    done = {(key_of(row["cell"]), row["block"]) for row in rows}
    alike = {key: row["blocks"] for key, row in kept.items() if row["seed"] == options.seed}
    done |= {(key, block) for key, blocks in alike.items() for block in blocks}
    options.file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    kinds = options.kinds or {cell["kind"] for cell in cells()}
    wanted = (each for each in blocks(options.repeats) if each[0]["kind"] in kinds)
    mine = islice(wanted, part - 1, None, n_parts)
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
    measuring = commands.add_parser(
        "measure", help="add what a file of blocks and the results lack"
    )
    measuring.add_argument("file", type=Path)
    measuring.add_argument(
        "--repeats", type=int, default=1000, help="of a cell (trains: a fifth)"
    )
    measuring.add_argument("--seed", type=int, default=2026)
    measuring.add_argument(
        "--part", default="1/1", help="k/m: every m-th block from the k-th"
    )
    measuring.add_argument(
        "--kind",
        dest="kinds",
        action="append",
        help="only cells of this kind; may be repeated",
    )
    measuring.add_argument("--processes", type=int, default=1)
    measuring.add_argument(
        "--minutes", type=float, default=1e6, help="then no block is begun any more"
    )
    commands.add_parser(
        "summarise", help="add blocks to the results, write the page"
    ).add_argument("files", nargs="+", type=Path)
    options = parser.parse_args()
    if options.command == "measure":
        measure(options)
        return
    kept = summarised(
        options.files, json.loads(RESULTS.read_text()) if RESULTS.exists() else None
    )
    RESULTS.write_text(json.dumps(kept, indent=1, allow_nan=False) + "\n")
    RESULTS.parents[1].joinpath("quantal_recovery.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
