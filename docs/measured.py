"""Sphinx directives of the results pages, which no number is typed into: all come from ``results``.

``measured S01 S15``  claims: what was published and what was measured, clause by clause
``pivot X12 method``  a claim's rows that share a condition, a line for each of its values
``stored energy``     a stored run: its panels, each with what the paper's shows, and how it was made
``rows FILE``         the rows of a JSON file
``not-reproduced``    what does not come out, and why
``still-open``        what is open, and what more it would cost
``missing-runs``      runs that nobody made, with their cost
``four-renderings``   the slope of variability on rate: analytic, in rates, in spikes, recorded
``changed``           the verdicts of all clauses, at first and now
"""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Iterable, Iterator
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from biophys.settings import with_plain
from validation.archive import ArchivedRun, archived_run
from validation.clause_chart import ClauseLine, clause_lines
from validation.full_results import full_results
from validation.registry import all_claims, all_measures
from validation.report_text import condition_text, number_text
from validation.runs import EXPERIMENTS, configuration, differences, experiment_module
from validation.statement import FAILED, Claim, Verdict, published_value

DOCS = Path(__file__).resolve().parent
RESULTS = DOCS / "results"
CLAIMS = RESULTS / "claims.json"
BEFORE = RESULTS / "verdicts_before.json"
PANELS = DOCS / "_build" / "panels"
OPEN = (Verdict.OPEN, Verdict.OPEN_HERE, Verdict.NOT_RUN)

Row = tuple[str | nodes.Node, ...]


# --- what is stored ---------------------------------------------------------------------------------------
@cache
def stored_rows() -> list[dict[str, Any]]:
    """Return every row measured at full size."""
    return json.loads(CLAIMS.read_text(encoding="utf-8"))["measurements"]


def lines_of(claims: Iterable[Claim]) -> list[ClauseLine]:
    """Return every clause of some claims with its result at full size."""
    return clause_lines(list(claims), [], full_results())


def interval_of(row: dict[str, Any]) -> str:
    """Return the 95 % interval of a row, if it has one; what is a range instead says so."""
    ends = " to ".join(number_text(end) for end in row.get("interval") or ())
    like = [r for r in stored_rows() if ends and r["interval"] == row["interval"]]
    kind = row.get("interval_kind") or next((r["interval_kind"] for r in like), "")
    return f"{ends} ({kind})" if kind.startswith("range") else ends


def sample_of(row: dict[str, Any]) -> str:
    """Return the size of a row's sample and what it counts."""
    return f"{row['n']} {row.get('unit', '')}".strip() if row.get("n") else ""


def described_panels(text: str) -> dict[str, str]:
    """Return panel and description of every paragraph ``panel: description``."""
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip())]
    return dict(part.split(": ", 1) for part in paragraphs if part)


def page_of(claim_id: str) -> str:
    """Return the page, without its ending, that shows a claim."""
    for page in sorted([*DOCS.glob("papers/*.md"), *DOCS.glob("results/*.md")]):
        shown = re.findall(r"^```\{measured\} (.*)", page.read_text("utf-8"), re.MULTILINE)
        if claim_id in " ".join(shown).split():
            return f"/{page.relative_to(DOCS).with_suffix('').as_posix()}"
    raise LookupError(f"no page shows {claim_id}: add it to a `measured` of docs/results")


def work_of(run: ArchivedRun) -> float:
    """Return how much work a stored run was, in the unit of its experiment."""
    module = experiment_module(run.experiment)
    return module.work(with_plain(module.Config(), run.config))


def hours_with(run: ArchivedRun, changes: dict[str, str]) -> float | None:
    """Return the hours of processor time that a run would take with published settings, some changed."""
    seconds = run.provenance.get("cpu_seconds")
    work = experiment_module(run.experiment).work(
        configuration(run.experiment, "full", changes)
    )
    return seconds and seconds / 3600 * work / work_of(run)


@cache
def cpu_seconds_per_work() -> float:
    """Return the processor time that a unit of training takes on a CPU: the median of the stored runs."""
    runs = map(archived_run, sorted(RESULTS.glob("*.nc")))
    trained = [run for run in runs if counts_training(run.experiment)]
    on_cpu = [r for r in trained if r.provenance.get("device", "").startswith("cpu")]
    rates = [
        r.provenance["cpu_seconds"] / work_of(r)
        for r in on_cpu
        if "cpu_seconds" in r.provenance
    ]
    return float(np.median(rates))


def counts_training(name: str) -> bool:
    """Return whether the work of an experiment is in the unit that all that train networks share."""
    return hasattr(experiment_module(name), "training_work")


# --- how it is shown --------------------------------------------------------------------------------------
def table(heading: Row, rows: Iterable[Row], widths: Iterable[int] = ()) -> nodes.table:
    """Return a table of texts and nodes."""
    group = nodes.tgroup(cols=len(heading))
    for width in widths or [10] * len(heading):
        group += nodes.colspec(colwidth=width)
    head, *body = (nodes.row("", *map(entry, row)) for row in [heading, *rows])
    group += nodes.thead("", head)
    group += nodes.tbody("", *body)
    return nodes.table("", group)


def entry(cell: str | nodes.Node) -> nodes.entry:
    """Return a cell of a table."""
    content = nodes.Text(cell) if isinstance(cell, str) else cell
    return nodes.entry("", nodes.paragraph("", "", content))


def folded(title: str, *content: nodes.Node) -> list[nodes.Node]:
    """Return content that opens when its title is clicked."""
    opening = f"<details><summary>{escape(title)}</summary>"
    ends = (nodes.raw("", text, format="html") for text in (opening, "</details>"))
    return [next(ends), *content, next(ends)]


def claim_link(claim_id: str) -> pending_xref:
    """Return a link to the page that shows a claim."""
    return pending_xref(
        "",
        nodes.inline(text=claim_id),
        refdomain="std",
        reftype="doc",
        reftarget=page_of(claim_id),
        refexplicit=True,
        refwarn=True,
    )


def clause_row(line: ClauseLine) -> Row:
    """Return a clause as a row: what is stated, published and measured."""
    row, verdict = line.shown, str(line.verdict)
    return (
        f"{line.clause.id} {line.clause.text} ({line.clause.source})",
        number_text(published_value(line.clause)),
        line.value,
        interval_of(row),
        sample_of(row),
        f"{verdict} ({row['setting']})" if row.get("setting") else verdict,
    )


CLAUSE_HEADING = ("stated", "published", "measured", "95 %", "n", "verdict")
CLAUSE_WIDTHS = (38, 16, 10, 16, 10, 20)


def stored_row(row: dict[str, Any]) -> Row:
    """Return a row as it is stored, with its condition."""
    condition = ", ".join(filter(None, (condition_text(row["condition"]), row["setting"])))
    return (
        row["clause"],
        f"{row['quantity']} ({condition})" if condition else row["quantity"],
        "" if row["published"] is None else number_text(row["published"]),
        number_text(row["measured"]),
        interval_of(row),
        sample_of(row),
        row["verdict"],
        row["reason"],
    )


def stored_table(rows: Iterable[dict[str, Any]]) -> nodes.table:
    """Return rows as they are stored, each with what is said of its value: other cases, what was paired."""
    heading = ("clause", "quantity", *CLAUSE_HEADING[1:], "note")
    return table(heading, map(stored_row, rows), (8, 38, *CLAUSE_WIDTHS[1:], 30))


class Measured(SphinxDirective):
    """Claims: statement, clauses with what was published and measured, and all rows."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return what is known of every claim that is named."""
        self.env.note_dependency(str(CLAIMS))
        return [
            node
            for claim_id in self.arguments[0].split()
            for node in self.claim(all_claims()[claim_id])
        ]

    def claim(self, claim: Claim) -> Iterator[nodes.Node]:
        """Yield the pieces of one claim."""
        text = nodes.paragraph("", "", nodes.strong(text=claim.id))
        text += nodes.Text(f" {claim.statement}. In small: ")
        text += nodes.literal(text=f"brianpresyn validate --claims {claim.id}")
        yield text
        yield table(CLAUSE_HEADING, map(clause_row, lines_of([claim])), CLAUSE_WIDTHS)
        families = {clause.family for clause in claim.clauses if clause.family}
        if families:
            yield nodes.paragraph(
                text="Corrected for their number (Holm): "
                + "; ".join(
                    f"{family} ({', '.join(c.id for c in claim.clauses if c.family == family)})"
                    for family in sorted(families)
                )
            )
        if claim.known_deviation:
            yield nodes.paragraph(text=f"Because: {claim.known_deviation}")
        rows = [row for row in stored_rows() if row["claim"] == claim.id]
        if len(rows) > len(claim.clauses):
            yield from folded(f"All {len(rows)} rows of {claim.id}", stored_table(rows))


class Pivot(SphinxDirective):
    """What was measured of every value of a condition, a line for each, a column for each quantity."""

    required_arguments = 2

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        self.env.note_dependency(str(CLAIMS))
        claim, name = self.arguments
        rows = [r for r in stored_rows() if r["claim"] == claim and name in r["condition"]]
        quantities = list(dict.fromkeys(row["quantity"] for row in rows))
        lines: dict[str, dict[str, str]] = {}
        for row in rows:
            label = ", ".join(f"{value}" for value in row["condition"].values())
            spread = f" [{interval_of(row)}]" if row.get("interval") else ""
            value = number_text(row["measured"]) + spread
            lines.setdefault(label, {})[row["quantity"]] = value
        shown = (
            (label, *(of.get(q, "") for q in quantities)) for label, of in lines.items()
        )
        heading = (", ".join(rows[0]["condition"]), *quantities)
        return [table(heading, shown, (24, *[14] * len(quantities)))]


class Stored(SphinxDirective):
    """A stored run: its panels and how it was made."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return how the run was made, and every panel that the content describes."""
        path = RESULTS / f"{self.arguments[0]}.nc"
        self.env.note_dependency(str(path))
        run = archived_run(path)
        figures = [
            self.panel(run, *item)
            for item in described_panels("\n".join(self.content)).items()
        ]
        return [*how_it_was_made(path.name, run), *figures]

    def panel(self, run: ArchivedRun, panel: str, description: str) -> nodes.figure:
        """Draw a panel of the run and return it beside the description of the paper's."""
        import matplotlib.style
        from matplotlib.figure import Figure

        file = PANELS / f"{self.arguments[0]}-{panel}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        with matplotlib.style.context("default"):
            figure = Figure(figsize=(7, 4.5), layout="constrained")
            experiment_module(run.experiment).FIGURES[panel](run.result, figure)
            figure.savefig(file, dpi=110)
        image = nodes.image(uri=f"/{file.relative_to(DOCS).as_posix()}", alt=description)
        caption = nodes.caption(
            "", "", nodes.strong(text=panel), nodes.Text(f" {description}")
        )
        return nodes.figure("", image, caption, classes=["panel"])


def how_it_was_made(file: str, run: ArchivedRun) -> list[nodes.Node]:
    """Return on what, when and how a run was made, and its settings, other ones than published first."""
    how = {key.replace("_", " "): str(value) for key, value in run.provenance.items()}
    departing = differences(
        run.experiment, configuration(run.experiment, "full"), run.config
    )
    others = "; ".join(
        f"{name} {here} (there {there})" for name, (there, here) in departing.items()
    )
    counts = {name: n for name, n in run.config.items() if name.startswith("n_seeds")}
    counts = {"seeds": len(run.config.get("seeds", ()))} | counts
    n_seeds = ", ".join(f"{n} {name.removeprefix('n_')}" for name, n in counts.items() if n)
    n_seeds = n_seeds and f"{n_seeds.replace('_', ' of ')}. "
    text = (
        f"{file}, made {how.get('made', 'undated')[:10]} on {how.get('device', 'a CPU')}, "
        f"{how.get('cpu seconds') or how.get('seconds', 'an unrecorded number of')} s. "
        f"{n_seeds}Settings of the full profile"
        + (f", but for {others}." if others else ".")
    )
    settings = ((name, json.dumps(value)) for name, value in run.config.items())
    return [
        nodes.paragraph(text=text),
        *folded("How it was made", table(("how", ""), how.items(), (20, 60))),
        *folded("Settings", table(("setting", ""), settings, (20, 60))),
    ]


class Rows(SphinxDirective):
    """The rows of a JSON file of results."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the rows as a table."""
        path = RESULTS / self.arguments[0]
        self.env.note_dependency(str(path))
        rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
        heading = tuple(name.replace("_", " ") for name in rows[0])
        return [table(heading, (tuple(map(number_text, row.values())) for row in rows))]


class NotReproduced(SphinxDirective):
    """What does not come out, with the reason that the content, ``claim: reason``, or the claim gives.

    ``claim control: quantity; quantity`` names the stored rows that show the reason, by how they begin.
    """

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return clauses and reason of every claim that does not hold."""
        self.env.note_dependency(str(CLAIMS))
        reasons = described_panels("\n".join(self.content))
        shown: list[nodes.Node] = []
        for claim in all_claims().values():
            failing = [line for line in lines_of([claim]) if line.verdict in FAILED]
            if not failing:
                continue
            text = nodes.paragraph("", "", nodes.strong("", "", claim_link(claim.id)))
            why = reasons.get(claim.id) or claim.known_deviation or "Not known yet."
            text += nodes.Text(f" {claim.statement}. Why: {why}")
            shown += [text, table(CLAUSE_HEADING, map(clause_row, failing), CLAUSE_WIDTHS)]
            controls = control_rows(claim.id, reasons.get(f"{claim.id} control", ""))
            if controls:
                title = f"Controls ({len(controls)} rows)"
                shown += folded(title, stored_table(controls))
        return shown


def control_rows(claim: str, asked: str) -> list[dict[str, Any]]:
    """Return the rows whose quantities begin as asked, of a claim or, ``S01/``, of another; and their values.

    Raises LookupError where there is none.
    """
    chosen = []
    for quantity in filter(None, asked.split("; ")):
        other, _, begin = quantity.strip("`").rpartition("/ ")
        of_claim = [r for r in stored_rows() if r["claim"] == (other or claim)]
        rows = [r for r in of_claim if r["quantity"].startswith(begin)]
        if not rows:
            raise LookupError(f"no stored row of {other or claim} begins with {begin!r}")
        chosen += rows
    return chosen


class StillOpen(SphinxDirective):
    """What is open, what was missing, and what the published settings would cost."""

    def run(self) -> list[nodes.Node]:
        """Return a table of clauses and one of experiments."""
        self.env.note_dependency(str(CLAIMS))
        lines = [line for line in lines_of(all_claims().values()) if line.verdict in OPEN]
        clauses = table(
            ("clause", "stated", "published", *CLAUSE_HEADING[2:5], "what was missing"),
            ((claim_link(line.clause.claim), *open_row(line)) for line in lines),
            (8, 34, 16, 10, 16, 10, 32),
        )
        costs = table(
            (
                "experiment",
                "open claims",
                "hours of processor time with the published settings",
            ),
            costs_of({line.clause.claim for line in lines}),
        )
        return [clauses, costs]


def open_row(line: ClauseLine) -> Row:
    """Return a clause, its estimate and what could not be decided."""
    rows = [row for row in stored_rows() if row["clause"] == line.clause.id]
    of_verdict = [row for row in rows if row["verdict"] == line.verdict] or [{}]
    why = of_verdict[0].get("power") or of_verdict[0].get("reason") or "a measurement"
    setting = line.shown.get("setting")
    return (
        f"{line.clause.id} {line.clause.text}",
        number_text(published_value(line.clause)),
        line.value,
        interval_of(line.shown),
        sample_of(line.shown),
        "; ".join(filter(None, (why, setting))),
    )


def costs_of(open_claims: set[str]) -> Iterator[Row]:
    """Yield experiment, its open claims and its cost, for every experiment with a stored run."""
    for name in EXPERIMENTS:
        measured = {c for m in all_measures() if m.experiment == name for c in m.claims}
        claims = [c for c in all_claims() if c in measured & open_claims]
        path = RESULTS / f"{name}.nc"
        if not claims or not path.exists():
            continue
        yield name, ", ".join(claims), cost_of(name, {})


def cost_of(name: str, changes: dict[str, str]) -> str:
    """Return what an experiment with these settings costs: by its stored run, and on a CPU by others."""
    run, config = archived_run(RESULTS / f"{name}.nc"), configuration(name, "full", changes)
    hours, device = hours_with(run, changes), run.provenance.get("device", "cpu")
    if hours is None:
        return "the command says it before it starts"
    cost = f"{number_text(hours)} ({device})"
    if device.startswith("cpu") or not counts_training(name):
        return cost
    on_cpu = experiment_module(name).work(config) * cpu_seconds_per_work() / 3600
    return f"{cost}, about {number_text(float(f'{on_cpu:.2g}'))} on a CPU"


class MissingRuns(SphinxDirective):
    """Runs that are missing: the content has paragraphs "`experiment setting=value ...`: what is missing"."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return a table of what is missing, the command that makes it, and its cost."""
        rows = []
        for asked, what in described_panels("\n".join(self.content)).items():
            name, *settings = asked.strip("`").split()
            options = "".join(f" --set {each}" for each in settings)
            command = nodes.literal(text=f"brianpresyn ann {name} --profile full{options}")
            cost = cost_of(name, dict(each.split("=", 1) for each in settings))
            rows.append((what, command, cost))
        heading = ("what is missing", "command", "hours of processor time")
        return [table(heading, rows, (50, 50, 20))]


class FourRenderings(SphinxDirective):
    """The slope of log variance on log rate that each cost gives, in every rendering of the synapse."""

    def run(self) -> list[nodes.Node]:
        """Return the figure, from the stored rows of X08 and M07."""
        from matplotlib.figure import Figure

        self.env.note_dependency(str(CLAIMS))
        quantity = "slope of log optimal variance on log presynaptic rate"
        slopes = [row for row in stored_rows() if row["quantity"] == quantity]
        (recorded,) = (row for row in stored_rows() if row["clause"] == "M07b")
        figure = Figure(figsize=(7, 4.5), layout="constrained")
        axes = figure.subplots()
        costs = list(dict.fromkeys(row["condition"]["mechanism"] for row in slopes))
        styles = {
            "analytic": ("_", "black"),
            "rate": ("s", "#0072B2"),
            "spiking": ("o", "#D55E00"),
        }
        for shift, (rendering, (marker, colour)) in enumerate(styles.items()):
            chosen = [r for r in slopes if r["rendering"] == rendering]
            chosen = [r for r in chosen if r["condition"].get("regime") != "mean drive"]
            x = [
                costs.index(r["condition"]["mechanism"]) + 0.2 * (shift - 1) for r in chosen
            ]
            axes.plot(
                x,
                [r["measured"] for r in chosen],
                marker,
                color=colour,
                markersize=9,
                label=rendering,
            )
        axes.axhspan(*recorded["interval"], color="0.85", zorder=0)
        axes.axhline(
            recorded["measured"], color="0.4", linestyle="--", label="recorded, 95 % grey"
        )
        axes.set_xticks(range(len(costs)), costs)
        axes.set_ylabel("slope of log variance on log rate")
        axes.legend(fontsize=8)
        file = PANELS / "four_renderings.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=110)
        alt = "Slopes for four costs, analytic, in rates and in spikes, beside the recorded one"
        return [nodes.image(uri=f"/{file.relative_to(DOCS).as_posix()}", alt=alt)]


class Changed(SphinxDirective):
    """The verdicts of all clauses at first and now: a picture, and those that changed."""

    def run(self) -> list[nodes.Node]:
        """Return the picture and a table of changed verdicts."""
        self.env.note_dependency(str(CLAIMS))
        paper = runpy.run_path(str(DOCS.parent / "paper" / "build.py"))
        now = paper["stored_verdicts"]()
        stored = json.loads(BEFORE.read_text(encoding="utf-8"))
        at_first = {c: verdict for verdict, ids in stored.items() for c in ids.split()}
        before = {clause: at_first.get(clause, "open, not run") for clause in now}
        file = PANELS / "verdicts.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        draw_verdicts(before, now, paper["VERDICTS"], paper["COLOURS"], file)
        alt = (
            "A cell for every clause, coloured by its verdict, at first above and now below"
        )
        changed = ((c, before[c], now[c]) for c in now if before[c] != now[c])
        return [
            nodes.image(uri=f"/{file.relative_to(DOCS).as_posix()}", alt=alt),
            *folded("Verdicts that changed", table(("clause", "at first", "now"), changed)),
        ]


def draw_verdicts(
    before: dict[str, str],
    now: dict[str, str],
    columns: dict[str, tuple[str, ...]],
    colours: tuple[str, ...],
    file: Path,
) -> None:
    """Draw a cell for every clause, before above and now below, a panel for each source."""
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    code = {word: index for index, words in enumerate(columns.values()) for word in words}
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    for letter, axes in zip("SMX", figure.subplots(3), strict=True):
        clauses = [clause for clause in now if clause.startswith(letter)]
        cells = np.array([[code[word[c]] for c in clauses] for word in (before, now)])
        axes.pcolormesh(
            cells,
            cmap=ListedColormap(colours),
            vmin=0,
            vmax=len(colours),
            edgecolors="white",
        )
        firsts = [i for i, c in enumerate(clauses) if c[:3] != clauses[i - 1][:3]]
        axes.set_xticks(firsts, [clauses[i][:3] for i in firsts], rotation=90, fontsize=7)
        axes.set_yticks([0.5, 1.5], ["at first", "now"])
        axes.invert_yaxis()
    handles = [Patch(color=c, label=name) for c, name in zip(colours, columns, strict=True)]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=len(handles), frameon=False
    )
    figure.savefig(file, dpi=110)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    for directive in (
        *(
            Measured,
            Pivot,
            Stored,
            Rows,
            NotReproduced,
            StillOpen,
            MissingRuns,
            FourRenderings,
            Changed,
        ),
    ):
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", directive.__name__).lower()
        app.add_directive(name, directive)
    return {"parallel_read_safe": True}
