"""How often the statistical tests fail that should not: ``python -m tests.false_alarms --seeds 20``.

The suite's tests draw from seeds that they name. With the pytest option ``--seed-offset N`` every generator
is seeded with something else, so that the same tests run on other random numbers. A test that fails with most
offsets was written for its seed (it compares with numbers that the seed gives, or that few seeds give); in
all others, a failure is a false alarm. With a tolerance of five standard errors there should be next to none.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

from scipy.stats import beta

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("biophys", "brianpresyn", "rate_models", "validation")
LEFT_OUT = "not slow and not standalone and not data and not gpu and not browser"


def outcomes(offset: int, paths: list[str], n_workers: str) -> dict[str, bool]:
    """Return for each test that draws random numbers whether it passes with this offset."""
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "tests.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:doctest"]
        command += ["-o", "addopts=--import-mode=importlib --strict-markers", "-m", LEFT_OUT]
        command += ["-n", n_workers, "--dist", "loadfile"] if n_workers != "0" else []
        command += ["--seed-offset", str(offset), f"--junit-xml={record}", *paths]
        subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found = {}
        for case in ElementTree.parse(record).iter("testcase"):
            properties = {p.get("name") for p in case.iter("property")}
            if "draws" in properties and case.find("skipped") is None:
                name = f"{case.get('classname')}::{case.get('name')}"
                found[name] = case.find("failure") is None and case.find("error") is None
        return found


def interval(n_failures: int, n_runs: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a rate (Clopper and Pearson)."""
    low = beta.ppf(0.025, n_failures, n_runs - n_failures + 1) if n_failures else 0.0
    high = beta.ppf(0.975, n_failures + 1, n_runs - n_failures) if n_failures < n_runs else 1.0
    return float(low), float(high)


def main() -> None:
    """Run the tests with one offset after the other, and print what failed how often."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many offsets")
    parser.add_argument("--first", type=int, default=1, help="the first offset")
    parser.add_argument("--workers", default="auto", help="processes of pytest; 0 for none")
    parser.add_argument("paths", nargs="*", default=[f"tests/{folder}" for folder in FOLDERS])
    options = parser.parse_args()
    n_runs: Counter[str] = Counter()
    n_failures: Counter[str] = Counter()
    for offset in range(options.first, options.first + options.seeds):
        found = outcomes(offset, options.paths, options.workers)
        n_runs.update(found.keys())
        n_failures.update(name for name, passes in found.items() if not passes)
        print(
            f"offset {offset}: {len(found)} tests that draw, {sum(not p for p in found.values())} failed",
            flush=True,
        )
    _print_summary(n_runs, n_failures)


def _print_summary(n_runs: Counter[str], n_failures: Counter[str]) -> None:
    for_their_seed = [name for name in n_runs if n_failures[name] > n_runs[name] / 2]
    print(f"{len(for_their_seed)} tests are written for their seed:")
    for name in sorted(for_their_seed):
        print(f"  {n_failures[name]} of {n_runs[name]}  {name}")
    others = [name for name in n_runs if name not in for_their_seed]
    failed, runs = sum(n_failures[name] for name in others), sum(n_runs[name] for name in others)
    low, high = interval(failed, runs) if runs else (0.0, 1.0)
    print(f"{len(others)} others: {failed} false alarms in {runs} runs", end="")
    print(f" ({failed / max(runs, 1):.2%}, 95 % interval {low:.2%} to {high:.2%})")
    for name in sorted(others, key=lambda name: -n_failures[name]):
        if n_failures[name]:
            print(f"  {n_failures[name]} of {n_runs[name]}  {name}")


if __name__ == "__main__":
    main()
