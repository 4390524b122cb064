"""The full-size results shipped with the package are those of the collection in the documentation."""

import json
from pathlib import Path

import pytest

from validation.full_results import deciding_rows, full_results
from validation.registry import all_claims

CLAIMS = Path(__file__).parents[2] / "docs" / "results" / "claims.json"


def test_shipped_rows_are_the_deciding_rows_of_the_collection():
    pytest.importorskip("torch")
    document = json.loads(CLAIMS.read_text(encoding="utf-8"))
    rows = deciding_rows(all_claims().values(), document)
    assert rows == full_results(), "run: python -m validation.full_results docs/results/claims.json"
    assert len(rows) > 100
