"""What a paper states, what would show it, and what a measurement says of it.

A *claim* is a published statement. It is split into *clauses*, each one part that can be checked by itself:
its text, where it stands, the published value, and the *criterion* (`validation.criteria`), fixed before
anything is measured. The claim holds if all of its clauses do. A number is an `Estimate`
(`biophys.estimates`): value, interval, and what n counts. `row` puts clause and estimate together and
gives the verdict; nothing else does. A number that stands beside a claim and decides nothing, such as another
reading of a definition, is a row of the *claim*: an observation, which is never judged.

How a claim is written and measured: `docs/how_to/add_a_claim.md`.

A row at the published data, size, schedule and settings makes a clause *reproduced*, *not reproduced* or
*open*; anywhere else it *holds here*, *does not hold here* or is *open here*. A clause is judged in the
rendering in which it was published; a row of another one says whether that *agrees*. Clauses whose cells are
one table (S10) name a ``family``: their verdicts are corrected together (Holm). A clause without a row is
*open, not run*.
"""

import enum
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from biophys.estimates import ALPHA, Estimate
from validation.criteria import Answer, Criterion

SCHUG = "Schug, Benzing & Steger 2021, eLife 10:e69884"
MALKIN = "Malkin, O'Donnell, Houghton & Aitchison 2023"
CROSS_CHECK = "cross-check"


class Rendering(enum.StrEnum):
    """The form of the synapse in which something is measured."""

    ANALYTIC = "analytic"
    RATE = "rate"
    SPIKING = "spiking"
    RECORDED = "recorded"


class Verdict(enum.StrEnum):
    """What a measurement says of a clause."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    OPEN = "open"
    HOLDS_HERE = "holds here"
    DOES_NOT_HOLD_HERE = "does not hold here"
    OPEN_HERE = "open here"
    AGREES = "agrees"
    DISAGREES = "disagrees"
    AGREEMENT_OPEN = "agreement open"
    NOT_RUN = "open, not run"
    OBSERVED = "observed"


_WORDS = {
    "published": (Verdict.REPRODUCED, Verdict.NOT_REPRODUCED, Verdict.OPEN),
    "elsewhere": (Verdict.HOLDS_HERE, Verdict.DOES_NOT_HOLD_HERE, Verdict.OPEN_HERE),
    "another rendering": (Verdict.AGREES, Verdict.DISAGREES, Verdict.AGREEMENT_OPEN),
}

UNDECIDED = (Verdict.OPEN, Verdict.OPEN_HERE, Verdict.AGREEMENT_OPEN)
FAILED = (Verdict.NOT_REPRODUCED, Verdict.DOES_NOT_HOLD_HERE)

# The verdict on several is the first of these that one of them has.
_WORST_FIRST = [*FAILED, Verdict.OPEN, Verdict.OPEN_HERE, Verdict.HOLDS_HERE, Verdict.REPRODUCED]
_WORST_FIRST += [Verdict.DISAGREES, Verdict.AGREEMENT_OPEN, Verdict.AGREES]


@dataclass(frozen=True)
class Clause:
    """One part of a published sentence that can be checked by itself.

    Parameters
    ----------
    id, text : the claim's id and a letter, for example ``"S02a"``; what is said
    source, criterion : figure, table, equation or section of the paper; what would show it
    published : the published value or inequality; by default the criterion in words
    unit : what n is to count, in the plural
    rendering : the rendering in which it was published: the only one in which it is judged
    family : cells of the same name are corrected together
    only_as_published
        Whether rows at other settings decide nothing: a number of the published networks says nothing of
        smaller ones.
    """

    id: str
    text: str
    source: str
    criterion: Criterion
    published: float | str | None = None
    unit: str = "networks"
    rendering: Rendering = Rendering.RATE
    family: str = ""
    only_as_published: bool = False

    @property
    def claim(self) -> str:
        """Id of the claim that the clause belongs to."""
        return self.id.rstrip("abcdefghijklmnopqrstuvwxyz")


analytic, spiking, recorded = (
    partial(Clause, rendering=form) for form in (Rendering.ANALYTIC, Rendering.SPIKING, Rendering.RECORDED)
)
"""Clauses in the renderings other than that of most, trained networks."""


@dataclass(frozen=True)
class Claim:
    """A published statement, split into clauses that can each be checked.

    Raises ValueError if the id is no letters and number, a clause has the id of another claim, or two have
    the same.

    Parameters
    ----------
    id, statement : capital letters and a number, for example ``"M02"``; the statement in one sentence
    paper
        `SCHUG`, `MALKIN`, another paper, or `CROSS_CHECK` for what no paper states; that is never
        *reproduced*.
    clauses : its parts
    known_deviation
        Why the claim is known not to come out as published. ``brianpresyn validate --strict`` fails only on
        claims without one.
    """

    id: str
    statement: str
    paper: str
    clauses: tuple[Clause, ...]
    known_deviation: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Z]+\d+", self.id):
            raise ValueError(f"id must be capital letters and a number, such as LAB1, got {self.id!r}")
        ids = [clause.id for clause in self.clauses]
        if {clause.claim for clause in self.clauses} - {self.id} or len(set(ids)) < len(ids):
            problem = f"clauses of {self.id} must be {self.id}a, {self.id}b, ..."
            raise ValueError(f"{problem}, got {', '.join(ids)}")

    @property
    def source(self) -> str:
        """Paper, and where in it the clauses stand."""
        places = dict.fromkeys(clause.source for clause in self.clauses if clause.source)
        return ", ".join([self.paper.split(",")[0] if self.paper != CROSS_CHECK else CROSS_CHECK, *places])

    @property
    def expected(self) -> str:
        """What the clauses expect, in words."""
        return "; ".join(f"{clause.text}: {published_value(clause)}" for clause in self.clauses)


def published_value(clause: Clause) -> float | str:
    """Return the published value of a clause, or its criterion where no value was published."""
    return str(clause.criterion) if clause.published is None else clause.published


# ---- measurements ----


@dataclass(frozen=True)
class Setting:
    """The data, size, schedule and settings of a measurement, by what differs from the published ones."""

    departures: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ", ".join(self.departures)


PUBLISHED = Setting()
"""Nothing differs: recordings themselves, formulas, and networks trained as published."""


def setting_of(config: Mapping[str, Any], published: Mapping[str, Any]) -> Setting:
    """Return the setting of a run: the plain values of `config` that are not as published.

    Published are the fields that a result depends on; seeds, device and grouping are not among them.

    >>> print(setting_of({"n_epochs": 6, "seeds": [1]}, {"n_epochs": 50}))
    n_epochs 6 (published 50)
    """
    return Setting(
        tuple(
            f"{name} {config.get(name)} (published {value})"
            for name, value in published.items()
            if config.get(name) != value
        )
    )


@dataclass(frozen=True)
class Measurement:
    """A number beside what it decides, as `row` puts them together; see there for what is not named here.

    Parameters
    ----------
    claim, clause : ids; the clause is empty for an observation
    estimate : the number; None where nothing could be measured.
    condition : what tells this row from the others of its clause: plain numbers, strings and booleans
    reason : how it was obtained and what would decide an open verdict
    power : of an open row: the difference that it could have shown
    judge : gives the verdict at another level than 0.05; None for an observation.
    family : the rows of one family and setting are corrected together
    again : makes the row anew, for `placed`
    """

    claim: str
    clause: str
    rendering: Rendering
    quantity: str
    estimate: Estimate | None
    verdict: Verdict
    condition: Mapping[str, Any] = field(default_factory=dict)
    published: float | str | None = None
    setting: str = ""
    reason: str = ""
    power: str = ""
    judge: Callable[[float], Verdict] | None = field(default=None, repr=False, compare=False)
    family: str = ""
    again: partial["Measurement"] | None = field(default=None, repr=False, compare=False)

    @property
    def measured(self) -> float | None:
        """The value, if there is one."""
        return None if self.estimate is None else self.estimate.value

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % confidence interval, if there is one."""
        return None if self.estimate is None else self.estimate.interval

    @property
    def n(self) -> int | None:
        """Size of the sample."""
        return None if self.estimate is None else self.estimate.n

    @property
    def is_observation(self) -> bool:
        """Whether it decides nothing."""
        return not self.clause

    def as_json(self) -> dict[str, Any]:
        """Return plain values for ``claims.json``; what is not finite becomes null."""
        estimate = self.estimate or Estimate(math.nan)
        return {
            "claim": self.claim,
            "clause": self.clause,
            "rendering": str(self.rendering),
            "quantity": self.quantity,
            "condition": {key: _plain(value) for key, value in self.condition.items()},
            "setting": self.setting,
            "published": _plain(self.published),
            "measured": _plain(self.measured),
            "interval": None if self.interval is None else [float(end) for end in self.interval],
            "interval_kind": estimate.kind,
            "n": None if self.n is None else int(self.n),
            "unit": estimate.unit,
            "p": _plain(estimate.p),
            "verdict": str(self.verdict),
            "reason": self.reason,
            "power": self.power,
        }


def _plain(value: Any) -> Any:
    """Return `value` as something JSON can hold: numpy scalars unpacked, non-finite numbers as None."""
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def row(
    subject: Clause | Claim,
    estimate: Estimate | Mapping[str, Estimate] | None,
    quantity: str,
    *,
    setting: Setting | None = None,
    rendering: Rendering | None = None,
    condition: Mapping[str, Any] | None = None,
    along: str = "",
    published: float | str | None = None,
    reason: str = "",
) -> Measurement:
    """Return what an estimate says of a clause: the only place where a verdict is given.

    Parameters
    ----------
    subject : the clause; or the claim, of which the number is then an observation that is not judged
    estimate
        The number; several by their labels where the criterion is about every one of them, of which the least
        favourable is shown (of an observation the lowest); None where it could not be measured.
    quantity : what was measured, with its unit
    setting, rendering
        What differs from the published settings, and the form of the synapse; by default those of the
        function that yields the row and of its run (`validation.registry.measures`).
    condition : what tells this row from the others of its clause
    along
        What the labels of several estimates are, for example ``"removed"``: enters the condition of the one
        shown.
    published : instead of that of the clause
    reason : what a reader should know beside how the estimate came about
    """
    clause = subject if isinstance(subject, Clause) else None
    home = subject if isinstance(subject, Clause) else subject.clauses[0]
    texts = {"condition": condition, "along": along, "published": published, "reason": reason}
    again: partial[Measurement] = partial(row, subject, estimate, quantity, **texts)  # type: ignore[arg-type]
    again = partial(again, setting=setting, rendering=rendering)
    setting, rendering = setting or PUBLISHED, rendering or home.rendering
    if clause is not None and clause.only_as_published and setting.departures:
        clause = None
    label, shown, values = _shown(clause, estimate)
    judge = None if clause is None else partial(_verdict, clause, estimate, setting, rendering)
    verdict = Verdict.OBSERVED if judge is None else judge(ALPHA)
    return Measurement(
        claim=home.claim,
        clause="" if clause is None else clause.id,
        rendering=rendering,
        quantity=quantity,
        estimate=shown,
        verdict=verdict,
        condition={**(condition or {}), **({along: label} if along and label else {})},
        published=published if published is not None or clause is None else published_value(clause),
        setting=str(setting),
        reason="; ".join(part for part in (reason, values, "" if shown is None else shown.how) if part),
        power=_power(verdict, shown),
        judge=judge,
        family="" if clause is None else clause.family,
        again=again,
    )


def rows(
    subject: Clause | Claim,
    estimates: Mapping[Any, Estimate],
    quantity: str,
    by: str,
    *,
    condition: Mapping[str, Any] | None = None,
    **about: Any,
) -> Iterator[Measurement]:
    """Yield a row for each of several estimates, whose labels are its condition `by`; see `row`."""
    for label, estimate in estimates.items():
        yield row(subject, estimate, quantity, condition={**(condition or {}), by: label}, **about)


def placed(measurement: Measurement, rendering: Rendering, setting: Setting) -> Measurement:
    """Return a row in this rendering and at this setting, where it was made without naming them."""
    if measurement.again is None:
        return measurement
    given = measurement.again.keywords
    return measurement.again(rendering=given["rendering"] or rendering, setting=given["setting"] or setting)


def not_run(clause: Clause, reason: str, rendering: Rendering | None = None) -> Measurement:
    """Return the row of a clause that nothing was measured for, and what it would need."""
    return Measurement(
        clause.claim, clause.id, rendering or clause.rendering, clause.text, None, Verdict.NOT_RUN,
        published=published_value(clause), reason=reason,
    )  # fmt: skip


def _shown(
    clause: Clause | None, estimate: Estimate | Mapping[str, Estimate] | None
) -> tuple[str, Estimate | None, str]:
    """Return label and estimate of the row, and all values where there are several."""
    if not isinstance(estimate, Mapping):
        return "", estimate, ""
    if not estimate:
        raise ValueError("the row has no estimate at all: give None and the reason instead")
    least = min(estimate.items(), key=lambda item: (item[1].interval or (item[1].value,))[0])
    label, shown = least if clause is None else clause.criterion.shown(estimate)
    return label, shown, ", ".join(f"{single.value:+.3g} at {name}" for name, single in estimate.items())


def _verdict(
    clause: Clause,
    estimate: Estimate | Mapping[str, Estimate] | None,
    setting: Setting,
    rendering: Rendering,
    alpha: float,
) -> Verdict:
    """Return the word for what the estimate says of the clause, in this rendering and at this setting."""
    answer = Answer.OPEN if estimate is None else clause.criterion.answer(estimate, alpha)
    if rendering is not clause.rendering:
        scope = "another rendering"
    else:
        is_published = clause.source != CROSS_CHECK and not setting.departures
        scope = "published" if is_published else "elsewhere"
    return _WORDS[scope][(Answer.YES, Answer.NO, Answer.OPEN).index(answer)]


def _power(verdict: Verdict, estimate: Estimate | None) -> str:
    """Return what an open row could have shown."""
    if verdict not in UNDECIDED or estimate is None:
        return ""
    if estimate.detectable is None:
        return "no interval, no test" if estimate.p is None else f"p = {estimate.p:.2g}"
    return f"could have shown a difference of {estimate.detectable:.2g} with a probability of 80 %"


def corrected(measurements: Iterable[Measurement]) -> list[Measurement]:
    """Return measurements with the verdicts of every family corrected for its number of rows (Holm).

    The rows that are decided at alpha / k keep their verdict; the others are asked again at alpha divided by
    how many are left, until no further one is decided.
    """
    rows = list(measurements)
    families: dict[tuple[str, str, Rendering], list[int]] = {}
    for index, measurement in enumerate(rows):
        if measurement.family and measurement.judge is not None:
            key = (measurement.family, measurement.setting, measurement.rendering)
            families.setdefault(key, []).append(index)
    for members in families.values():
        left, n_left = list(members), 0
        while left and len(left) != n_left:
            n_left = len(left)
            for index in left:
                verdict = rows[index].judge(ALPHA / n_left)  # type: ignore[misc]
                power = _power(verdict, rows[index].estimate)
                rows[index] = replace(rows[index], verdict=verdict, power=power)
            left = [index for index in left if rows[index].verdict in UNDECIDED]
    return rows


# ---- verdicts on clauses and claims ----


def verdict_on(clause: Clause, measurements: Iterable[Measurement]) -> Verdict:
    """Return the verdict on a clause: that in the rendering in which it was published."""
    return verdict_in(clause.rendering, (m for m in measurements if m.clause == clause.id))


def verdict_in(rendering: Rendering, measurements: Iterable[Measurement]) -> Verdict:
    """Return the worst verdict of a rendering's rows; those at published settings decide a clause alone."""
    judged = [m for m in measurements if m.rendering is rendering and not m.is_observation]
    at_published = {m.clause for m in judged if m.verdict in _WORDS["published"]}
    decide = (m.verdict for m in judged if m.verdict in _WORDS["published"] or m.clause not in at_published)
    return worst_of(decide)


def combined_verdict(claim: Claim, measurements: Iterable[Measurement]) -> Verdict:
    """Return the verdict on a claim: it holds if all of its clauses do."""
    rows = list(measurements)
    return worst_of([verdict_on(clause, rows) for clause in claim.clauses])


def worst_of(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict on a whole from those on its parts, observations left out.

    >>> print(worst_of([Verdict.REPRODUCED, Verdict.NOT_RUN]), worst_of([Verdict.OBSERVED]), sep="; ")
    open; open, not run
    """
    given = set(verdicts)
    judged = [verdict for verdict in _WORST_FIRST if verdict in given]
    if not judged:
        return Verdict.NOT_RUN
    if Verdict.NOT_RUN not in given or judged[0] in FAILED:
        return judged[0]
    return Verdict.OPEN if given & set(_WORDS["published"]) else Verdict.OPEN_HERE


def answer_of(verdict: Verdict) -> Answer:
    """Return whether a verdict says yes or no, in whatever setting or rendering."""
    for words in _WORDS.values():
        if verdict in words[:2]:
            return Answer.YES if verdict is words[0] else Answer.NO
    return Answer.OPEN
