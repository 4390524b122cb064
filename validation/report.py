"""The report: one self-contained HTML page for people and ``claims.json`` for machines."""

import datetime
import platform
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jinja2

from biophys.argument_types import checked_types
from validation.agreement import Agreement, agreement_of
from validation.claims_file import as_text, checked_claims, write_together
from validation.clause_chart import ClauseLine, clause_lines
from validation.evaluation import MeasuredClaims
from validation.full_results import full_results
from validation.report_comparison import Comparison, compared
from validation.report_text import condition_text, interval_text, number_text, value_text
from validation.runs import Run, configuration, differences
from validation.statement import FAILED, UNDECIDED, Claim, Measurement, Rendering, Verdict, verdict_in
from validation.versions import installed_versions

REPORT_NAME = "report.html"
CLAIMS_NAME = "claims.json"

# Main measurements that the table on top shows for a claim; its section shows all.
SHOWN_IN_TABLE = 2

SIGN: dict[Verdict | Agreement, str] = dict(zip(Verdict, [*"✓✗?✓✗?=≠≟–", ""], strict=True))
SIGN |= dict(zip(Agreement, [*"=≠≟", ""], strict=True))
"""What stands before a verdict or an agreement; nothing before an observation or a rendering alone."""


@checked_types
def write_report(
    findings: MeasuredClaims, folder: Path | str, *, earlier: tuple[str, Mapping[str, Any]] | None = None
) -> tuple[Path, Path]:
    """Write the HTML page and the JSON file, both or neither, and return where they are.

    Parameters
    ----------
    findings : what was measured
    folder : an existing folder; files of an earlier report in it are replaced
    earlier : name and content of the ``claims.json`` of an earlier report, to be compared with this one
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"folder must be an existing one, got {folder}")
    if earlier is not None:
        checked_claims(earlier[1], "earlier is no claims.json", "give what read_claims returned")
    page, claims = folder / REPORT_NAME, folder / CLAIMS_NAME
    provenance = provenance_of(findings)
    document = claims_document(findings, provenance)
    comparison = None if earlier is None else compared(document, findings.ids, *earlier)
    write_together({claims: as_text(document), page: rendered_page(findings, provenance, comparison)})
    return page, claims


def writable_folder(folder: Path) -> Path:
    """Return `folder`, made if it does not exist, after a trial write: OSError says what to do otherwise."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(f"cannot write into {folder} ({reason}): choose another folder with --out") from error
    return folder


def provenance_of(findings: MeasuredClaims) -> dict[str, Any]:
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


def claims_document(findings: MeasuredClaims, provenance: Mapping[str, Any]) -> dict[str, Any]:
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
                "renderings": str(agreement_of(findings.measurements(claim.id)).agreement),
                "known_deviation": claim.known_deviation,
            }
            for claim in findings.claims
            if findings.measurements(claim.id)
        ],
        "measurements": [measurement.as_json() for measurement in findings.measurements()],
    }


def rendered_page(
    findings: MeasuredClaims, provenance: Mapping[str, Any], comparison: Comparison | None = None
) -> str:
    """Return the report as one HTML page that needs nothing beside it."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("validation"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": number_text, "interval": interval_text, "condition": condition_text}
    environment.globals["sign"] = lambda verdict: SIGN[verdict]
    lines = clause_lines(findings.claims, findings.measurements(), full_results())
    sections = [
        _section(findings, claim, lines) for claim in findings.claims if findings.measurements(claim.id)
    ]
    at_full_size = [line.verdict for line in lines if line.is_full]
    return environment.get_template("report.html").render(
        lines=lines,
        n_full=len(at_full_size),
        full_counts=_counts(at_full_size),
        failing=[line for line in lines if line.is_full and line.verdict in FAILED],
        deviations=deviations_of(lines, findings.measurements()),
        experiments=experiments_of(findings),
        sections=sections,
        claim_lists=claim_lists(sections),
        comparison=comparison,
        counts=_counts(section["verdict"] for section in sections),
        agreements=_counts(section["agreement"].agreement for section in sections),
        unmeasured=findings.unmeasured(),
        provenance=provenance,
        errors=findings.errors(),
    )


def _counts(findings: Iterable[Verdict | Agreement]) -> dict[Verdict | Agreement, int]:
    """Return how often each verdict or agreement occurred; that of single renderings is left out."""
    counted = Counter(findings)
    del counted[Agreement.ALONE]
    return {verdict: counted[verdict] for verdict in SIGN if counted[verdict]}


def deviations_of(
    lines: Iterable[ClauseLine], measurements: Iterable[Measurement]
) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return settings that are not the published ones, where they were used, and for which clauses."""
    concerned: dict[tuple[str, str], dict[str, None]] = {}
    for line in lines:
        if line.full is not None and line.full.get("setting"):
            concerned.setdefault((line.full["setting"], "full size"), {})[line.clause.id] = None
    for measurement in measurements:
        if measurement.setting and measurement.clause:
            concerned.setdefault((measurement.setting, "this run"), {})[measurement.clause] = None
    return [(setting, where, tuple(clauses)) for (setting, where), clauses in concerned.items()]


def experiments_of(findings: MeasuredClaims) -> list[dict[str, Any]]:
    """Return every run of an experiment that was used: by what it was made, its settings, who used it."""
    used: dict[str, tuple[Run, dict[str, None]]] = {}
    for measured in findings.runs:
        for run in measured.evidence.runs:
            key = as_text({"experiment": run.experiment, "config": run.config, "made": run.provenance})
            used.setdefault(key, (run, {}))[1].update(dict.fromkeys(measured.measure.claims))
    return [
        {
            "name": run.experiment,
            "made_by": run.made_by,
            "claims": [claim for claim in claims if claim in findings.ids],
            "deviations": differences(run.experiment, configuration(run.experiment, "full"), run.config),
            "provenance": {key: value for key, value in run.provenance.items() if value},
            "config": run.config,
        }
        for run, claims in used.values()
    ]


def _section(findings: MeasuredClaims, claim: Claim, lines: Iterable[ClauseLine]) -> dict[str, Any]:
    measurements = findings.measurements(claim.id)
    return {
        "claim": claim,
        "lines": [line for line in lines if line.clause in claim.clauses],
        "verdict": findings.verdict(claim.id),
        "agreement": agreement_of(measurements),
        "renderings": [rendering_row(rendering, measurements) for rendering in renderings_of(measurements)],
        "measurements": measurements,
        "figures": [
            {"source": drawn.data_url, "caption": drawn.caption} for drawn in findings.figures(claim.id)
        ],
        "remarks": findings.remarks(claim.id),
    }


def renderings_of(measurements: Iterable[Measurement]) -> list[Rendering]:
    """Return the renderings in which something was measured, in their order."""
    present = {m.rendering for m in measurements}
    return [rendering for rendering in Rendering if rendering in present]


def rendering_row(rendering: Rendering, measurements: list[Measurement]) -> dict[str, Any]:
    """Return one line of the claims table: the main measurements of a claim in one rendering."""
    in_rendering = [m for m in measurements if m.rendering is rendering]
    main = [m for m in in_rendering if not m.is_observation] or in_rendering
    return {
        "rendering": rendering,
        "verdict": verdict_in(rendering, measurements),
        "shown": main[:SHOWN_IN_TABLE],
        "n_more": max(len(main) - SHOWN_IN_TABLE, 0),
        "reason": next((m.reason for m in main if m.verdict is Verdict.NOT_RUN), ""),
    }


FAIL, DISAGREE = "Does not reproduce", "Renderings disagree"
HEADINGS: dict[str, tuple[Verdict, ...]] = {
    FAIL: FAILED,
    DISAGREE: (),
    "Stays open": UNDECIDED,
    "Reproduces": (Verdict.REPRODUCED,),
    "Holds in this setting, which is not the published one": (Verdict.HOLDS_HERE,),
    "Was not measured": (Verdict.NOT_RUN,),
}
"""Verdicts that put a claim under each heading, in the order of the page."""


class ClaimList(NamedTuple):
    """Claims of which the heading can be said, each with what was found where the heading does not say it."""

    heading: str
    entries: tuple[tuple[Claim, str], ...]

    @property
    def is_open(self) -> bool:
        """Whether the page shows the statements at once."""
        return self.heading in (FAIL, DISAGREE)


def claim_lists(sections: Sequence[Mapping[str, Any]]) -> list[ClaimList]:
    """Return the lists that have entries, from claim, verdict, agreement and measurements of each section."""
    lists: dict[str, list[tuple[Claim, str]]] = {heading: [] for heading in HEADINGS}
    for section in sections:
        claim, verdict, agreement = section["claim"], section["verdict"], section["agreement"]
        if agreement.agreement is Agreement.DISAGREE:
            lists[DISAGREE].append((claim, "; ".join(shortened(agreement.reasons))))
        for heading in (heading for heading, verdicts in HEADINGS.items() if verdict in verdicts):
            lists[heading].append((claim, _detail(claim, verdict, section["measurements"])))
    return [ClaimList(heading, tuple(entries)) for heading, entries in lists.items() if entries]


def _detail(claim: Claim, verdict: Verdict, measurements: Sequence[Measurement]) -> str:
    """Return the row that leaves a claim open, the reason why it was not run, or what fails and how often."""
    if verdict is Verdict.NOT_RUN:
        return next((m.reason for m in measurements if m.reason), "")
    judged = [m for m in measurements if not m.is_observation and m.verdict is not Verdict.NOT_RUN]
    if verdict in UNDECIDED:
        undecided = (value_text(m) for m in judged if m.verdict in UNDECIDED)
        return next(undecided, "a part of it was not run")
    if verdict not in FAILED:
        return ""
    failed = [m for m in judged if m.verdict in FAILED]
    share = f"{len(failed)} of {len(judged)} rows fail" if len(judged) > 1 else ""
    known = f"known deviation: {claim.known_deviation}" if claim.known_deviation else ""
    return ". ".join(part for part in (value_text(failed[0]), share, known) if part)


def shortened(reasons: Sequence[str], n_shown: int = 3) -> list[str]:
    """Return the first reasons, and how many there are besides."""
    more = len(reasons) - n_shown
    return [*reasons[:n_shown], *([f"and {more} more"] if more > 0 else [])]
