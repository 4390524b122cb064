"""The table of coverage is the same however its blocks were measured."""

import importlib.util
import json
import sys
from argparse import Namespace
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "measure_quantal_recovery.py"


@pytest.fixture
def script(monkeypatch):
    spec = importlib.util.spec_from_file_location("measure_quantal_recovery", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    cells = {(cell["kind"], cell["n"], cell["within"]): cell for cell in module.cells()}
    chosen = [cells["trials", 2, 0.0], cells["prior", 12, 0.3], cells["ranks of trials", 12, 0.3]]
    monkeypatch.setattr(module, "cells", lambda: chosen)
    monkeypatch.setattr(module, "BLOCK", 2)
    return module


def test_parts_make_the_same_table_as_one_run_that_was_broken_off(script, tmp_path, monkeypatch):
    def measure(name, **options):
        path = tmp_path / name
        usual = {
            "file": path,
            "repeats": 2,
            "seed": 1,
            "part": "1/1",
            "kinds": None,
            "processes": 1,
            "minutes": 9,
        }
        script.measure(Namespace(**usual | options))
        return path

    whole = measure("whole", minutes=0)
    assert whole.read_text() == ""
    parts = [measure(f"part{part}", part=f"{part}/2") for part in (1, 2)]
    table = script.summarised(parts)
    assert [row["fits"]["n_recordings"] for row in table.values()] == [2, 4, 2]
    assert all(0 <= row["fits"]["p"]["held"] <= row["fits"]["n_recordings"] for row in table.values())
    assert sum(table[script.key_of(script.cells()[2])]["fits"]["q"]["ranks"]) == 2
    # Part by part, and a part once more: every block counts once.
    first = script.summarised(parts[:1])
    assert script.summarised(parts, first) == table != first
    # Broken off in the second line: the rest is measured again.
    lines = "".join(part.read_text() for part in parts).splitlines(keepends=True)
    whole.write_text("".join(lines[:1]) + lines[1][:40])
    assert script.summarised([measure("whole")]) == table
    assert len(whole.read_text().splitlines()) == len(lines) == 4
    assert json.loads(json.dumps(table, allow_nan=False)) == table
    kept = tmp_path / "kept.json"
    kept.write_text(json.dumps(table))
    monkeypatch.setattr(script, "RESULTS", kept)
    assert "chi-square p" in script.page() and "| trials: n = 2, p = 0.85" in script.page()
