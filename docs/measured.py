"""Sphinx directive ``measured``: what full-size experiments say of a claim, from ``results/claims.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from validation.registry import all_claims
from validation.report_text import condition_text, number_text

RESULTS = Path(__file__).parent / "results" / "claims.json"


class Measured(SphinxDirective):
    """A claim: its statement, the command that measures it in small, and what was measured at full size."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return a paragraph and a table for each claim named."""
        self.env.note_dependency(str(RESULTS))
        found: list[nodes.Node] = []
        for claim_id in self.arguments[0].split():
            claim = all_claims()[claim_id]
            text = nodes.paragraph()
            text += nodes.strong(text=claim_id)
            text += nodes.Text(
                f" {claim.statement}. Published: {claim.expected}. In small: "
            )
            text += nodes.literal(text=f"brianpresyn validate --claims {claim_id}")
            found += [text, _table_of(_main_measurements(claim_id))]
        return found


def _main_measurements(claim_id: str) -> list[dict[str, Any]]:
    """Return what decides the claim, without the variants shown beside it."""
    measurements = json.loads(RESULTS.read_text(encoding="utf-8"))["measurements"]
    return [
        m
        for m in measurements
        if m["claim"] == claim_id
        and not m.get("is_supporting")
        and m["verdict"] not in ("skipped", "observed", "open, not run")
    ]


def _table_of(measurements: list[dict[str, Any]]) -> nodes.Node:
    if not measurements:
        return nodes.paragraph(
            "", "", nodes.emphasis(text="Not measured at full size so far.")
        )
    heading = ("measured", "published", "found", "95 % interval", "n", "verdict")
    return _table([heading, *(_row(m) for m in measurements)])


def _row(m: dict[str, Any]) -> tuple[str, ...]:
    condition = condition_text(m["condition"])
    interval = (
        ""
        if m["interval"] is None
        else " to ".join(number_text(end) for end in m["interval"])
    )
    return (
        m["quantity"] + (f" ({condition})" if condition else ""),
        number_text(m["published"]) if m["published"] is not None else "",
        number_text(m["measured"]),
        interval,
        "" if m["n"] is None else str(m["n"]),
        m["verdict"],
    )


def _table(rows: list[tuple[str, ...]]) -> nodes.table:
    group = nodes.tgroup(cols=len(rows[0]))
    for width in (38, 16, 10, 16, 6, 12):
        group += nodes.colspec(colwidth=width)
    lines = [
        nodes.row("", *(nodes.entry("", nodes.paragraph(text=cell)) for cell in row))
        for row in rows
    ]
    group += nodes.thead("", lines[0])
    group += nodes.tbody("", *lines[1:])
    return nodes.table("", group)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("measured", Measured)
    return {"parallel_read_safe": True}
