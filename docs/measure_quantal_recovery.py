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
RANKED = ("ranks of trials", "ranks of trains")
TRAIN = np.cumsum(np.random.default_rng(5).uniform(8.0, 120.0, 26)) * pq.ms
BLOCK = 50
"""Recordings of a block; of trains a tenth."""
SHARES = {"prior": 2.0, "trains": 0.2, "ranks of trains": 0.4}
"""How many of the repeats are wanted of a kind of cell, where these are not all."""
N_NORMAL = 100
"""Recordings of a cell that are also fitted with quanta taken as normal."""
N_DRAWS = 99
"""Draws of the posterior among which the truth is ranked."""
N_WEIGHED, N_ROUNDS, LEAST_EFFECTIVE = 2000, 5, 200
"""Draws of the posterior that are weighed by the prior before those are drawn, how often more are drawn
where fewer count, and how many have to."""
PRIOR_N, PRIOR_NOISE, PRIOR_RECOVERY = 12, (0.1, 0.5), (20.0, 500.0)
"""Most sites, ends of the noise over q, of the time constant in ms, of truths that are drawn."""


def cells() -> list[dict[str, Any]]:
    """Return what is to be measured."""
    grid = list(product((2, 5, 10), (0.2, 0.5, 0.85)))
    others = [
        _cell("prior", PRIOR_N, 0.5, 0.5, 0.3, 100),
        _cell("ranks of trials", PRIOR_N, 0.5, 0.5, 0.3, 100),
        _cell("ranks of trains", PRIOR_N, 0.5, 0.5, 0.3, 156),
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
    return _UNIDENTIFIABLE + others + trials + measured_noise + trains


def _cell(
    kind: str, n: int, p: float, noise: float, within: float, size: int
) -> dict[str, Any]:
    return {"kind": kind, "n": n, "p": p, "noise": noise, "within": within, "N": size}


_UNIDENTIFIABLE = [_cell("trials", n, p, 0.4, 0.0, 100) for n, p in ((10, 0.2), (20, 0.1))]


def recordings(
    cell: dict[str, Any], n_repeats: int, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Return arguments of `fit_release` and the true values, for each recording of a cell."""
    made = []
    for _ in range(n_repeats):
        kind, n, p, noise = cell["kind"], cell["n"], cell["p"], cell["noise"]
        times = {name: cell.get(name, 0.0) for name in ("recovery", "facilitation")}
        if kind == "prior" or kind in RANKED:
            n, p, noise = (
                int(rng.integers(1, PRIOR_N + 1)),
                float(rng.uniform()),
                float(rng.uniform(*PRIOR_NOISE)),
            )
        if kind == "ranks of trains":
            times["recovery"] = float(np.exp(rng.uniform(*np.log(PRIOR_RECOVERY))))
        quanta = (
            QuantalVariability(cell["within"], family="gamma") if cell["within"] else None
        )
        synapse, sd = QuantalSynapse(n, p, Q * pq.pA), noise * Q * pq.pA
        options: dict[str, Any] = {"noise": sd, "variability": quanta, "rng": rng}
        arguments: dict[str, Any] = {"noise": sd, "variability": cell["within"]}
        truth = {"n": n, "p": p, "q": Q, "mean": n * p * Q}
        if kind in RANKED:
            arguments["variability"] = quanta
        if is_of_trains(cell):
            dynamics = ShortTermDynamics(
                p, **{name: t * pq.ms for name, t in times.items()}
            )
            x = simulate_recording(
                synapse, n_sweeps=6, spike_times=TRAIN, dynamics=dynamics, **options
            )
            facilitates = times["facilitation"] > 0
            arguments |= {
                "spike_times": TRAIN,
                "dynamics": "depletion" + "+facilitation" * facilitates,
            }
            truth |= {"recovery": times["recovery"], "capacity": n * Q}
            if facilitates:
                truth["facilitation"] = times["facilitation"]
        elif kind == "two conditions":
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
        if kind == "baseline":
            arguments["noise"] = rng.normal(0.0, noise * Q, 100) * pq.pA
        if kind == "free noise":
            arguments["noise"] = "free"
        made.append({"arguments": arguments | {"amplitudes": x}, "truth": truth})
    return made


def blocks(repeats: int) -> Iterator[tuple[dict[str, Any], int, int]]:
    """Yield cells, numbers of blocks and recordings of each, the first block of every cell first."""
    sizes = [BLOCK // 10 if is_of_trains(cell) else BLOCK for cell in cells()]
    counts = [
        -(-int(repeats * SHARES.get(cell["kind"], 1.0)) // size)
        for cell, size in zip(cells(), sizes, strict=True)
    ]
    for block in range(max(counts)):
        for cell, count, size in zip(cells(), counts, sizes, strict=True):
            if block < count:
                yield cell, block, size


def is_of_trains(cell: dict[str, Any]) -> bool:
    """Return whether the synapse is stimulated by trains."""
    return cell["kind"].endswith("trains")


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
    is_ranked = cell["kind"] in RANKED
    row["fits"] = _said(made, {}, rng if is_ranked else None)
    if cell["within"] and (block + 1) * size <= N_NORMAL and not is_ranked:
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
        ranks = _ranks(fit, truths, rng)
        for name in truths:
            said[name]["rank"] = ranks.get(name)
    return said


def _ranks(
    fit: ReleaseFit, truths: dict[str, float], rng: np.random.Generator
) -> dict[str, int]:
    """Return the rank of each truth among draws of the posterior under the prior that truths come from.

    The posterior is flat in log q without ends. Noise / q even between its ends is a density of log q
    that is proportional to noise / q there, and 0 elsewhere. No ranks are returned where hardly any draw
    lies there: recordings without release. They are told by the recording, not by its truth, so that the
    ranks of the others are as even.
    """
    drawn: dict[str, Any] = {}
    for _ in range(N_ROUNDS):
        new = fit.posterior(N_WEIGHED, rng=rng, n_max=PRIOR_N)
        drawn = {name: np.append(drawn.get(name, []), new[name]) for name in truths}
        [(noise, *_)] = fit.recording.noise
        weight = noise / drawn["q"]
        weight[(weight < PRIOR_NOISE[0]) | (weight > PRIOR_NOISE[1])] = 0.0
        if "recovery" in drawn:
            low, high = PRIOR_RECOVERY
            weight[(drawn["recovery"] < low) | (drawn["recovery"] > high)] = 0.0
        if weight.sum() ** 2 >= LEAST_EFFECTIVE * (weight**2).sum() > 0.0:
            break
    else:
        return {}
    chosen = rng.choice(weight.size, N_DRAWS, p=weight / weight.sum())
    among = {name: drawn[name][chosen] for name in truths}
    alike = {name: np.sum(among[name] == truth) for name, truth in truths.items()}
    return {
        name: int(np.sum(among[name] < truth) + rng.integers(0, alike[name] + 1))
        for name, truth in truths.items()
    }


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
            ranked = [rank for rank in each["rank"] if rank is not None]
            row[name]["ranks"] = np.bincount(ranked, minlength=N_DRAWS + 1).tolist()
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
        "| kind | parameter | cells | recordings | hold, 95 % interval | least of a cell | below 90 % "
        "| credible | identified | of these missed | most of a cell |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for kind in dict.fromkeys(entry["cell"]["kind"] for entry in entries):
        rows = [entry["fits"] for entry in entries if entry["cell"]["kind"] == kind]
        for name in dict.fromkeys(name for row in rows for name in row):
            said = [
                (row[name], row["n_recordings"] - row["failed"])
                for row in rows
                if name in row
                and "open" in (row[name] if isinstance(row[name], dict) else ())
            ]
            if not said:
                continue
            counts = [(each["held"], of) for each, of in said]
            held, n = (sum(column) for column in zip(*counts, strict=True))
            low, high = binomtest(held, n).proportion_ci()
            least = min(counts, key=lambda count: count[0] / count[1])
            # With one cell in a hundred by chance alone.
            below = [binomtest(*count, 0.9, "less").pvalue < 0.01 for count in counts]
            missed = [
                (each["identified"] - each["held_if_identified"], of) for each, of in said
            ]
            most = max(missed, key=lambda count: count[0] / count[1])
            credible, identified = (
                sum(each[key] for each, _ in said) for key in ("credible", "identified")
            )
            lines.append(
                f"| {kind} | {name} | {len(counts)} | {n:,} | {100 * held / n:.1f} % ({100 * low:.1f} to "
                f"{100 * high:.1f}) | {_percent(*least)} of {least[1]} | {sum(below)} | "
                f"{_percent(credible, n)} | {_percent(identified, n)} | "
                f"{_percent(sum(count for count, _ in missed), identified)} | "
                f"{_percent(*most)} of {most[1]} |"
            )
    n_failed = sum(entry["fits"]["failed"] for entry in entries)
    n_recordings = sum(entry["fits"]["n_recordings"] for entry in entries)
    lines += ["", f"Of {n_recordings:,} recordings {n_failed} could not be fitted."]
    unidentifiable = [
        f"{each['n']['open']} of {each['n_recordings']} (n = {entry['cell']['n']})"
        for entry in entries
        if entry["cell"] in _UNIDENTIFIABLE and (each := entry["fits"])
    ]
    text = ", ".join(unidentifiable)
    return [
        *lines,
        f"Of the two synapses that cannot be told n is open in {text}; in the others infinitely many "
        "sites are too unlikely.",
    ]


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
    from scipy.stats import chisquare, kstwo

    lines = [
        "",
        "## Truths among draws of the posterior",
        "",
        _OF_RANKS,
        "| truths | parameter | ranked | chi-square p, 20 bins | farthest from even | its p | middle 95 |",
        "|---|---|---|---|---|---|---|",
    ]
    for entry in entries:
        for name, row in entry["fits"].items():
            if not isinstance(row, dict) or "ranks" not in row:
                continue
            counts = np.array(row["ranks"])
            even = np.arange(1, counts.size + 1) / counts.size
            off = np.abs(np.cumsum(counts) / counts.sum() - even).max()
            lines.append(
                f"| {entry['cell']['kind'].split()[-1]} | {name} | "
                f"{counts.sum()} of {entry['fits']['n_recordings']} | "
                f"{chisquare(counts.reshape(20, -1).sum(axis=1)).pvalue:.3f} | {off:.3f} | "
                f"{kstwo.sf(off, counts.sum()):.3f} | {100 * counts[2:97].sum() / counts.sum():.1f} % |"
            )
    return lines


def _percent(count: int, n: int) -> str:
    return f"{100 * count / n:.0f} %" if n else "-"


_INTRODUCTION = """# How often the intervals of `fit_release` hold

Recordings were simulated site by site (gamma quanta where they vary, q = 10) and fitted. Percentages of 95 %
intervals of the profile likelihood that hold the truth; *N* is the number of recordings of a line, so that
95 % of 1,000 has a standard error of 0.7, of 200 one of 1.5. *Identified*:
how often n is called so. *Given identified*: how often the credible interval of n then holds. *Narrow*: what
the rule "the interval of n is narrower than a factor 3" calls identified, and how often the interval then
holds; where n cannot be told it selects the recordings whose interval misses. First all cells of a kind
together; *below 90 %*: cells in which fewer hold than a true 90 % would allow (binomial test, p < 0.01);
*credible*: how often the default credible interval holds, whose prior allows thirty sites or more, any size
of quanta and either law of them: where n cannot be told it is another prior than that of the truths (*prior*:
twelve sites at most), and holds less often; below are the ranks under their own. *Of these missed*: credible
intervals of a parameter called identified that do not hold; then the most of all recordings of a cell.
Baselines and free noise have noise of 0.2 q, and 60 responses without or 200 with variable quanta.

Measured by `docs/measure_quantal_recovery.py`; numbers in `docs/results/quantal_recovery.json`. Trials and
baselines were measured before whole numbers of sites between those of a grid (beyond 20) were looked at: of
the first 50 recordings of each cell fitted anew (18,400 intervals) none held otherwise, 25 credible ones did,
and 23 parameters were identified otherwise. About half of the trains were measured before larger numbers
were asked where one is hopeless: of the first five of each cell fitted anew (520 intervals) none held
otherwise, and 6 parameters were identified otherwise.
"""

_OF_RANKS = f"""Synapses with 1 to 12 sites, p uniform, noise / q uniform on 0.1 to 0.5 and gamma quanta (CV
0.3); for trains a log-uniform time constant of recovery (20 to 500 ms): 100 trials, or 6 trains of 26. The
rank of a truth among {N_DRAWS} draws of the posterior (`ReleaseFit.posterior`, weighed by the prior of noise
/ q; without it is flat in log q) is even if the posterior is right. *Farthest*: of the cumulative ranks from
even ones (Kolmogorov and Smirnov): they lie inside their 99 % band where its p is above 0.01. *Middle 95*:
how many truths have one of the middle 95 of the 100 ranks, which is how often the 95 % credible interval
under their own prior holds. Recordings of which fewer than {LEAST_EFFECTIVE} draws count are not ranked; they
have few releases.
"""

_OF_NORMAL = """## Quanta taken as normal

The law of the quanta is a nuisance: by default intervals hold what normal or gamma quanta allow. The same
recordings fitted with `QuantalVariability(0.3, family="normal")`, which takes the skew of their quanta for
more sites:
"""


def _in_words(cell: dict[str, Any]) -> str:
    """Return what was simulated in a few words."""
    if cell["kind"] == "ranks of trains":
        return "trains: n 1 to 12, p, noise/q 0.1 to 0.5, recovery 20 to 500 ms at random, CV 0.3 (gamma)"
    if cell["kind"] == "ranks of trials":
        return "n 1 to 12, p and noise/q 0.1 to 0.5 at random, 100 trials, quantal CV 0.3 (gamma)"
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
