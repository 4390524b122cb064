"""The report: one self-contained HTML page for people and ``claims.json`` for machines."""

from __future__ import annotations

import base64
import datetime
import importlib.metadata
import io
import json
import math
import os
import platform
import sys
import tempfile
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jinja2
import matplotlib
from matplotlib.figure import Figure

from validation.claims.catalogue import CLAIMS
from validation.claims.claim import (
    Claim,
    ClaimFigure,
    Measurement,
    Rendering,
    Verdict,
    combined_verdict,
)
from validation.claims.evaluation import Findings

REPORT_NAME = "report.html"
CLAIMS_NAME = "claims.json"

# An SVG above this size (many points) is larger than the same figure in pixels.
LARGEST_SVG = 120_000
PIXELS_PER_INCH = 160

# Main measurements that the table on top shows for a claim; its section shows all.
SHOWN_IN_TABLE = 2

VERDICT_SIGN = {
    Verdict.REPRODUCED: "✓",
    Verdict.NOT_REPRODUCED: "✗",
    Verdict.INCONCLUSIVE: "?",
    Verdict.SKIPPED: "–",
}
_PACKAGES = ("brianpresyn", "brian2", "numpy", "scipy", "torch", "scikit-learn", "xarray", "matplotlib")


def write_report(findings: Findings, folder: Path) -> tuple[Path, Path]:
    """Write the HTML page and the JSON file, each whole or not at all.

    Parameters
    ----------
    findings
        What was measured.
    folder
        An existing folder; files of an earlier report in it are replaced.

    Returns
    -------
    tuple of Path
        The page and the JSON file.
    """
    page, claims = folder / REPORT_NAME, folder / CLAIMS_NAME
    provenance = provenance_of(findings)
    write_atomically(
        claims, json.dumps(claims_document(findings, provenance), indent=1, ensure_ascii=False) + "\n"
    )
    write_atomically(page, rendered_page(findings, provenance))
    return page, claims


def writable_folder(folder: Path) -> Path:
    """Return `folder`, made if it does not exist, after a trial write.

    Raises
    ------
    OSError
        If nothing can be written there; the message names the folder and the remedy.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(f"cannot write into {folder} ({reason}): choose another folder with --out") from error
    return folder


def write_atomically(path: Path, text: str) -> None:
    """Replace `path` by a file holding `text`; a reader sees the old file or the new one, never a part."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def provenance_of(findings: Findings) -> dict[str, Any]:
    """Return when, with what versions, profile and seed the findings were made."""
    return {
        "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "profile": findings.context.profile,
        "seed": findings.context.seed,
        "device": findings.context.device,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": installed_versions(),
        "seconds": {run.measure.name: round(run.duration, 2) for run in findings.runs},
    }


def installed_versions(packages: Iterable[str] = _PACKAGES) -> dict[str, str]:
    """Return the installed versions of `packages`; those not installed are left out."""
    versions = {}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def claims_document(findings: Findings, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of ``claims.json``."""
    return {
        "provenance": dict(provenance),
        "claims": [
            {
                "claim": claim.id,
                "statement": claim.statement,
                "source": claim.source,
                "expected": claim.expected,
                "verdict": str(findings.verdict(claim.id)),
                "known_deviation": claim.known_deviation,
            }
            for claim in findings.claims
            if findings.measurements(claim.id)
        ],
        "measurements": [measurement.as_json() for measurement in findings.measurements()],
    }


def merge_claims(path: Path, document: Mapping[str, Any]) -> dict[str, Any]:
    """Enter the claims of `document` into the file of collected claims and return what it then holds.

    What was measured of a claim before is replaced, rendering by rendering, with the provenance of the run;
    renderings of which nothing was measured this time leave what is there.

    Parameters
    ----------
    path
        The file to grow, in the form of ``claims.json``; made if it does not exist.
    document
        What `claims_document` returned.

    Raises
    ------
    ValueError
        If the file is not a collection of claims.
    """
    old = _collected_claims(path)
    fresh = [m for m in document["measurements"] if m["measured"] is not None]
    replaced = {(m["claim"], m["rendering"]) for m in fresh}
    kept = [m for m in old["measurements"] if (m["claim"], m["rendering"]) not in replaced]
    measured = {claim for claim, _ in replaced}
    described = {row["claim"]: row for row in old["claims"]}
    for row in document["claims"]:
        if row["claim"] in measured:
            described[row["claim"]] = {**row, "provenance": document["provenance"]}
    order = list(CLAIMS)
    merged = {
        "claims": sorted(described.values(), key=lambda row: order.index(row["claim"])),
        "measurements": sorted([*kept, *fresh], key=lambda m: order.index(m["claim"])),
    }
    write_atomically(path, json.dumps(merged, indent=1, ensure_ascii=False) + "\n")
    return merged


def _collected_claims(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {"claims": [], "measurements": []}
    try:
        collected = json.loads(path.read_text(encoding="utf-8"))
        unknown = {row["claim"] for row in (*collected["claims"], *collected["measurements"])} - set(CLAIMS)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a collection of claims ({error}): move it away") from error
    if unknown:
        raise ValueError(f"{path} holds unknown claims {', '.join(sorted(unknown))}: move it away")
    return collected


def rendered_page(findings: Findings, provenance: Mapping[str, Any]) -> str:
    """Return the report as one HTML page that needs nothing beside it."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("validation"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = number_text
    environment.filters["interval"] = interval_text
    environment.filters["condition"] = condition_text
    environment.globals["sign"] = lambda verdict: VERDICT_SIGN[verdict]
    sections = [_section(findings, claim) for claim in findings.claims if findings.measurements(claim.id)]
    return environment.get_template("report.html").render(
        sections=sections,
        counts=_verdict_counts(sections),
        unmeasured=findings.unmeasured(),
        provenance=provenance,
        errors=findings.errors(),
    )


def _verdict_counts(sections: list[dict[str, Any]]) -> dict[Verdict, int]:
    counted = Counter(section["verdict"] for section in sections)
    return {verdict: counted[verdict] for verdict in Verdict if counted[verdict]}


def _section(findings: Findings, claim: Claim) -> dict[str, Any]:
    measurements = findings.measurements(claim.id)
    return {
        "claim": claim,
        "verdict": findings.verdict(claim.id),
        "renderings": [_rendering_row(rendering, measurements) for rendering in _renderings(measurements)],
        "measurements": measurements,
        "figures": [_embedded(figure) for figure in findings.figures(claim.id)],
        "remarks": findings.remarks(claim.id),
    }


def _renderings(measurements: Iterable[Measurement]) -> list[Rendering]:
    present = {m.rendering for m in measurements}
    return [rendering for rendering in Rendering if rendering in present]


def _rendering_row(rendering: Rendering, measurements: list[Measurement]) -> dict[str, Any]:
    """Return one line of the claims table: the main measurements of a claim in one rendering."""
    own = [m for m in measurements if m.rendering is rendering]
    main = [m for m in own if not m.is_supporting] or own
    return {
        "rendering": rendering,
        "verdict": combined_verdict(own),
        "shown": main[:SHOWN_IN_TABLE],
        "n_more": max(len(main) - SHOWN_IN_TABLE, 0),
        "reason": next((m.reason for m in main if m.verdict is Verdict.SKIPPED), ""),
    }


def _embedded(claim_figure: ClaimFigure) -> dict[str, str]:
    return {"source": figure_as_data_url(claim_figure.figure), "caption": claim_figure.caption}


def figure_as_data_url(figure: Figure) -> str:
    """Return `figure` as a data URL: vector graphics, or pixels where those would be large."""
    buffer = io.BytesIO()
    # With a fixed salt and without a date the same findings give the same bytes.
    with matplotlib.rc_context({"svg.hashsalt": "brianpresyn"}):
        figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    media_type = "image/svg+xml"
    if buffer.tell() > LARGEST_SVG:
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", bbox_inches="tight", dpi=PIXELS_PER_INCH)
        media_type = "image/png"
    return f"data:{media_type};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def number_text(value: Any) -> str:
    """Return a number with four significant digits, as a person would write it."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, int):
        return f"{value}".replace("-", "−")
    if not math.isfinite(value):
        return "not finite"
    if value != 0 and not 1e-3 <= abs(value) < 1e5:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa} × 10^{int(exponent)}".replace("-", "−")
    return f"{value:.4g}".replace("-", "−")


def interval_text(measurement: Measurement) -> str:
    """Return the 95 % interval of a measurement in brackets, or nothing."""
    if measurement.interval is None:
        return ""
    low, high = measurement.interval
    return f"[{number_text(float(low))}, {number_text(float(high))}]"


def condition_text(condition: Mapping[str, Any]) -> str:
    """Return a condition as ``name value, name value``."""
    return ", ".join(f"{name.replace('_', ' ')} {number_text(value)}" for name, value in condition.items())


def print_summary(findings: Findings, *, file: Any = None) -> None:
    """Print the claims table to a terminal."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Claims", title_justify="left")
    for column in ("id", "rendering", "expected", "measured", "n", "verdict"):
        table.add_column(column, overflow="fold")
    for claim in findings.claims:
        measurements = findings.measurements(claim.id)
        for rendering in _renderings(measurements):
            row = _rendering_row(rendering, measurements)
            first = row["shown"][0]
            measured = f"{first.quantity}: {number_text(first.measured)} {interval_text(first)}".strip()
            if row["verdict"] is Verdict.SKIPPED:
                measured = textwrap.shorten(row["reason"], 90, placeholder=" ...")
            verdict = f"{VERDICT_SIGN[row['verdict']]} {row['verdict']}"
            table.add_row(claim.id, str(rendering), claim.expected, measured, number_text(first.n), verdict)
    Console(file=file or sys.stdout).print(table)
