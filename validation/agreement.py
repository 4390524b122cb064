"""Whether the renderings of a synapse say the same of a claim."""

import enum
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from validation.criteria import Answer
from validation.report_text import estimate_text
from validation.statement import Measurement, Rendering, Verdict, answer_of, verdict_in


class Agreement(enum.StrEnum):
    """What comparing the renderings of one claim gives."""

    AGREE = "renderings agree"
    DISAGREE = "renderings disagree"
    OPEN = "agreement open"
    ALONE = "one rendering"


@dataclass(frozen=True)
class RenderingAgreement:
    """The agreement of the renderings of a claim, and what was compared: what disagrees first."""

    agreement: Agreement
    reasons: tuple[str, ...]


def agreement_of(measurements: Sequence[Measurement]) -> RenderingAgreement:
    """Return whether the renderings of one claim agree, from its measurements in all of them.

    Two renderings disagree if the claim holds in one and fails in another, or if the 95 % intervals of the
    same quantity under the same conditions do not meet. They agree if it holds in all or fails in all, or if
    all quantities that can be compared have intervals that meet. Observations do not count.

    >>> from brianpresyn.biophys.estimates import gaussian
    >>> def found(form, value):
    ...     return Measurement("X03", "X03a", form, "accuracy", gaussian(value, 0.005), Verdict.HOLDS_HERE)
    >>> agreement_of([found(Rendering.RATE, 0.96), found(Rendering.SPIKING, 0.97)]).agreement.value
    'renderings agree'
    >>> print(*agreement_of([found(Rendering.RATE, 0.96), found(Rendering.SPIKING, 0.9)]).reasons)
    accuracy: rate 0.96 [0.9502, 0.9698], spiking 0.9 [0.8902, 0.9098]
    """
    main = [m for m in measurements if not m.is_observation and m.verdict is not Verdict.NOT_RUN]
    present = [rendering for rendering in Rendering if any(m.rendering is rendering for m in main)]
    if len(present) < 2:
        return RenderingAgreement(Agreement.ALONE, ())
    verdicts = {rendering: verdict_in(rendering, main) for rendering in present}
    said = "; ".join(f"{rendering}: {verdict}" for rendering, verdict in verdicts.items())
    apart, together = _compared_values(main)
    answers = {answer_of(verdict) for verdict in verdicts.values()}
    opposed = {Answer.YES, Answer.NO} <= answers
    if opposed or apart:
        return RenderingAgreement(Agreement.DISAGREE, (*((said,) if opposed else ()), *apart))
    is_decided = len(answers) == 1 and Answer.OPEN not in answers
    if is_decided or together:
        values = f"the intervals of what was measured in both meet ({len(together)} compared)"
        return RenderingAgreement(Agreement.AGREE, (said, *((values,) if together else ())))
    return RenderingAgreement(Agreement.OPEN, (said,))


def _compared_values(measurements: Iterable[Measurement]) -> tuple[list[str], list[str]]:
    """Return what pairs of the same quantity say whose intervals do not meet, and of those that do."""
    apart: list[str] = []
    together: list[str] = []
    for first, other in itertools.combinations(measurements, 2):
        is_same = first.rendering is not other.rendering and first.quantity == other.quantity
        common = [name for name in first.condition if name in other.condition]
        is_same = is_same and all(first.condition[name] == other.condition[name] for name in common)
        if not is_same or first.interval is None or other.interval is None:
            continue
        meets = first.interval[0] <= other.interval[1] and other.interval[0] <= first.interval[1]
        values = [f"{m.rendering} {estimate_text(m.measured, m.interval)}" for m in (first, other)]
        condition = ", ".join(f"{name.replace('_', ' ')} {first.condition[name]}" for name in common)
        beside = f" ({condition})" if condition else ""
        (together if meets else apart).append(f"{first.quantity}{beside}: {', '.join(values)}")
    return apart, together
