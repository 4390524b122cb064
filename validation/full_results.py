"""What full-size runs said of each clause: shipped with the package, shown beside every small run.

The collection in ``docs/results/claims.json`` holds every row; this is the row of each clause that decides,
written from it by ``python -m validation.full_results docs/results/claims.json``.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from validation.claims_file import write_together
from validation.clause_chart import deciding_row
from validation.registry import all_claims
from validation.statement import Claim, Rendering, Verdict, worst_of

_FILE = "full_results.json"
_COLUMNS = ("quantity", "measured", "interval", "n", "unit", "setting")


@cache
def full_results() -> dict[str, dict[str, Any]]:
    """Return the deciding row at full size of each clause that has one, by the clause's id."""
    return json.loads(resources.files("validation").joinpath(_FILE).read_text(encoding="utf-8"))


def deciding_rows(claims: Iterable[Claim], document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the deciding rows of a collection of claims in the form of ``claims.json``."""
    rows = [{"clause": "", **row} for row in document["measurements"]]
    decided = {}
    for clause in (clause for claim in claims for clause in claim.clauses):
        of_clause = [row for row in rows if row["clause"] == clause.id]
        judged = [row for row in of_clause if Rendering(row["rendering"]) is clause.rendering]
        # Rows at the published settings decide alone where there are any.
        at_published = [row for row in judged if not row.get("setting")] or judged
        verdict = worst_of(Verdict(row["verdict"]) for row in at_published)
        row = deciding_row(clause, judged, str(verdict))
        if row is not None:
            decided[clause.id] = {
                "clause_verdict": str(verdict),
                **{name: row.get(name) for name in _COLUMNS},
            }
    return decided


def main(path: str) -> None:
    """Write the deciding rows of the collection at `path` into the package."""
    document = json.loads(Path(path).read_text(encoding="utf-8"))
    rows = deciding_rows(all_claims().values(), document)
    text = json.dumps(rows, indent=0, ensure_ascii=False, sort_keys=True) + "\n"
    write_together({Path(__file__).with_name(_FILE): text})


if __name__ == "__main__":
    main(*sys.argv[1:])
