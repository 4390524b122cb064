"""How often the statistical tests fail that should not: ``python -m tests.false_alarms --seeds 20``.

The suite's tests draw from seeds that they name. With the pytest option ``--seed-offset N`` every generator
is seeded with something else, so that the same tests run on other random numbers. A test that fails with most
offsets was written for its seed (it compares with numbers that the seed gives, or that few seeds give); in
all others, a failure is a false alarm. With a tolerance of five standard errors there should be next to none.

The first offset runs here and finds the tests that draw; all others run in forks of this process, which have
everything imported and what Brian2 made of the equations at hand. What is finished is kept in the file that
``--keep`` names, and a second call goes on from there.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, TextIO

import pytest
from scipy.stats import beta

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("biophys", "brianpresyn", "rate_models", "validation")
LEFT_OUT = "not slow and not standalone and not data and not gpu and not browser and not hypothesis"
OPTIONS = ["-q", "-p", "no:cacheprovider", "-p", "no:doctest", "-p", "no:xdist", "--disable-warnings"]
OPTIONS += ["-o", "addopts=--import-mode=importlib --strict-markers", "-m", LEFT_OUT]


@dataclass(eq=False)
class Record:
    """A plugin of pytest that notes which tests draw, their CPU time, and which of them fail."""

    drew: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    seconds: dict[str, float] = field(default_factory=dict)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        """Note the CPU time of a test and of the processes it starts."""
        before = cpu_seconds()
        result = yield
        self.seconds[item.nodeid] = cpu_seconds() - before
        return result

    def pytest_runtest_logreport(self, report):
        """Note whether a test drew random numbers, and whether it failed."""
        if ("draws", "yes") in report.user_properties and not report.skipped:
            self.drew.add(report.nodeid)
        if report.failed:
            self.failed.add(report.nodeid)

    def passes(self, longest: float = float("inf")) -> dict[str, bool]:
        """Return for each test that draws and takes no longer than this whether it passed."""
        return {name: name not in self.failed for name in sorted(self.drew) if self.seconds[name] <= longest}


def cpu_seconds() -> float:
    """Return the CPU time of this process and of the children it waited for."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def record_of(offset: int, tests: list[str]) -> Record:
    """Run tests, by path or name, with one offset, silently."""
    record = Record()
    with tempfile.TemporaryFile("w+") as output, written_to(output):
        code = pytest.main([*OPTIONS, "--seed-offset", str(offset), *tests], plugins=[record])
        output.seek(0)
        text = output.read()
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise SystemExit(f"pytest could not run the tests with offset {offset}:\n{text[-4000:]}")
    return record


@contextmanager
def written_to(file: TextIO) -> Iterator[None]:
    """Let everything that this process writes meanwhile go into a file."""
    kept = [os.dup(descriptor) for descriptor in (1, 2)]
    for descriptor in (1, 2):
        os.dup2(file.fileno(), descriptor)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor, original in zip((1, 2), kept, strict=True):
            os.dup2(original, descriptor)
            os.close(original)


def passes_in_a_fork(offset: int, tests: list[str]) -> dict[str, bool]:
    """Return whether tests pass with one offset, run in a process that leaves nothing behind here."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        _answer(writing, offset, tests)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    if not text:
        raise SystemExit(f"the process of offset {offset} died; start again to go on")
    return json.loads(text)


def _answer(writing: int, offset: int, tests: list[str]) -> NoReturn:
    _forget_test_modules()
    try:
        with os.fdopen(writing, "w") as pipe:
            json.dump(record_of(offset, tests).passes(), pipe)
    except SystemExit as error:
        print(error, file=sys.stderr, flush=True)
    finally:
        # Without what the parent has registered for its own end.
        os._exit(0)


def _forget_test_modules() -> None:
    """Let test modules be imported again: some draw their data when they are, and with this offset now."""
    for name in [name for name in sys.modules if name.rpartition(".")[2].startswith("test_")]:
        del sys.modules[name]


def interval(n_failures: int, n_runs: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a rate (Clopper and Pearson)."""
    low = beta.ppf(0.025, n_failures, n_runs - n_failures + 1) if n_failures else 0.0
    high = beta.ppf(0.975, n_failures + 1, n_runs - n_failures) if n_failures < n_runs else 1.0
    return float(low), float(high)


def main() -> None:
    """Run the tests with one offset after the other, and print what failed how often."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, help="how many offsets")
    parser.add_argument("--first", type=int, default=1, help="the first offset")
    parser.add_argument("--longest", type=float, default=1.0, help="leave out tests of more CPU seconds")
    parser.add_argument("--keep", type=Path, help="file for what is finished; read when it exists")
    parser.add_argument("paths", nargs="*", default=[f"tests/{folder}" for folder in FOLDERS])
    options = parser.parse_args()
    os.chdir(ROOT)
    # A fork has none of the threads that OpenMP thinks it has, and waits for them for ever.
    os.environ["OMP_NUM_THREADS"] = "1"
    kept = _kept(options.keep)
    tests = sorted({name for passes in kept.values() for name in passes}) or options.paths
    is_first = True
    for offset in range(options.first, options.first + options.seeds):
        if offset in kept:
            continue
        before = cpu_seconds()
        if is_first:
            kept[offset] = record_of(offset, tests).passes(options.longest)
        else:
            kept[offset] = passes_in_a_fork(offset, tests)
        tests = sorted(kept[offset]) if is_first else tests
        is_first = False
        _note(options.keep, offset, kept[offset], cpu_seconds() - before)
    _print_summary(kept)


def _kept(file: Path | None) -> dict[int, dict[str, bool]]:
    if file is None or not file.exists():
        return {}
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return {line["offset"]: line["passes"] for line in lines}


def _note(file: Path | None, offset: int, passes: dict[str, bool], seconds: float) -> None:
    n_failed = sum(not passed for passed in passes.values())
    print(f"offset {offset}: {len(passes)} tests, {n_failed} failed, {seconds:.0f} s of CPU", flush=True)
    if file is not None:
        with file.open("a") as kept:
            kept.write(json.dumps({"offset": offset, "passes": passes}) + "\n")


def _print_summary(kept: dict[int, dict[str, bool]]) -> None:
    n_runs = Counter(name for passes in kept.values() for name in passes)
    n_failures = Counter(name for passes in kept.values() for name, passed in passes.items() if not passed)
    for_their_seed = [name for name in n_runs if n_failures[name] > n_runs[name] / 2]
    print(f"{len(for_their_seed)} tests are written for their seed:")
    for name in sorted(for_their_seed):
        print(f"  {n_failures[name]} of {n_runs[name]}  {name}")
    others = [name for name in n_runs if name not in for_their_seed]
    failed, runs = sum(n_failures[name] for name in others), sum(n_runs[name] for name in others)
    low, high = interval(failed, runs) if runs else (0.0, 1.0)
    print(f"{len(others)} others: {failed} false alarms in {runs} runs", end="")
    print(f" ({failed / max(runs, 1):.3%}, 95 % interval {low:.3%} to {high:.3%})")
    for name in sorted(others, key=lambda name: -n_failures[name]):
        if n_failures[name]:
            print(f"  {n_failures[name]} of {n_runs[name]}  {name}")


if __name__ == "__main__":
    main()
