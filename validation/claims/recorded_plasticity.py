"""Measure how recorded release probability goes with the change that an induction protocol leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from biophys.units import magnitude_in
from validation.association import linear_fit, partial_pearson, spearman
from validation.bootstrap import bootstrap
from validation.claims.claim import ClaimFigure, Context, Evidence, Measurement, Rendering, Verdict
from validation.claims.interval_verdicts import verdict_below
from validation.claims.readings import draw_readings
from validation.coupling import correlations_from_estimation, correlations_if_additive
from validation.data.recordings import INDUCTIONS, PlasticityRecordings, read_sjostrom2001
from validation.registry import measures

PUBLISHED_R = -0.4416
"""Schug et al. 2021, appendix 1, figure 4."""

COLOURS = {"LTP": "#0072B2", "LTD": "#D55E00"}

Change = Callable[[PlasticityRecordings], np.ndarray]


def _absolute_change(recordings: PlasticityRecordings) -> np.ndarray:
    """Return |w_after - w_before| in mV."""
    return np.abs(magnitude_in(recordings.w_after - recordings.w_before, recordings.q_before.units))


# The readings of "relative change of expected strength", and two changes that are not relative to strength.
CHANGES: dict[str, Change] = {
    "|dw| / w": lambda r: np.abs(r.relative_change),
    "dw / w": lambda r: r.relative_change,
    "|log(w after / w before)|": lambda r: np.abs(np.log1p(r.relative_change)),
    "log(w after / w before)": lambda r: np.log1p(r.relative_change),
    "|dw| (mV)": _absolute_change,
    "|dp| / p": lambda r: np.abs(r.p_after / r.p_before - 1),
    "|dq| / q": lambda r: np.abs((r.q_after / r.q_before).simplified.magnitude - 1),
}
BOTH = "LTP and LTD"

# The regressors that a partial correlation holds fixed, shape (n, k).
_HELD_FIXED: dict[str, Change] = {
    "": lambda r: np.empty((len(r), 0)),
    "log w": lambda r: np.log(r.w_before.magnitude)[:, None],
    "log frequency and timing": lambda r: np.column_stack(
        [np.log(r.frequency.magnitude), r.timing.magnitude > 0]
    ),
}


@dataclass(frozen=True)
class Reading:
    """One definition of what is correlated.

    Parameters
    ----------
    rows
        Which rows, as in `_rows_of`.
    change
        Which change, a key of `CHANGES`.
    before
        What it is correlated with: ``"p"`` or ``"q"`` before induction.
    rank
        Spearman's correlation in place of Pearson's.
    given
        What is held fixed, a key of `_HELD_FIXED`.
    resampled
        What the bootstrap draws: ``"recordings"`` or ``"rows"``.
    """

    rows: str
    change: str
    before: str = "p"
    rank: bool = False
    given: str = ""
    resampled: str = "recordings"

    @property
    def quantity(self) -> str:
        """What is computed, in words."""
        name = "Spearman" if self.rank else "Pearson"
        fixed = f", {self.given} held fixed" if self.given else ""
        return f"{name} correlation of {self.before} before with {self.change}{fixed}"

    @property
    def label(self) -> str:
        """What distinguishes it, for a figure."""
        special = ["ranks"] if self.rank else []
        special += [f"{self.before} before"] if self.before != "p" else []
        special += [f"given {self.given}"] if self.given else []
        special += ["rows drawn"] if self.resampled == "rows" else []
        return ", ".join([self.rows, self.change, *special])


S18_MAIN = Reading(BOTH, "|dw| / w")
S18_OTHERS = (
    Reading(BOTH, "|dw| / w", resampled="rows"),
    Reading(BOTH, "|dw| / w", rank=True),
    Reading("one row for each recording", "|dw| / w"),
    Reading("LTP", "|dw| / w"),
    Reading("LTD", "|dw| / w"),
    Reading(BOTH, "|log(w after / w before)|"),
    Reading(BOTH, "dw / w"),
    Reading(BOTH, "log(w after / w before)"),
    Reading(BOTH, "|dw| (mV)"),
    Reading(BOTH, "|dp| / p"),
    Reading(BOTH, "|dq| / q"),
    Reading(BOTH, "|dw| / w", before="q"),
    Reading(BOTH, "|dw| / w", given="log w"),
)
M08_MAIN = Reading("LTP", "dw / w")
M08_OTHERS = (
    Reading("LTP", "dw / w", rank=True),
    Reading("LTP", "log(w after / w before)"),
    Reading("LTP, recorded under LTP only", "dw / w"),
    Reading("LTP", "dw / w", given="log frequency and timing"),
    Reading("LTP", "|dw| (mV)"),
    Reading("LTP", "|dp| / p"),
    Reading("LTP", "|dq| / q"),
)


def _rows_of(recordings: PlasticityRecordings, rows: str) -> PlasticityRecordings:
    """Return the rows that a reading is about."""
    if rows in INDUCTIONS:
        return recordings.induced(rows)
    # Twelve recordings occur under both inductions with the same protocol, which is doubtful under LTP.
    is_doubtful = (recordings.induction == "LTP") & np.isin(
        recordings.recording, recordings.induced("LTD").recording
    )
    is_doubtful &= recordings.timing.magnitude < 0
    if rows == "one row for each recording":
        return recordings.where(~is_doubtful)
    if rows == "LTP, recorded under LTP only":
        return recordings.where(~is_doubtful).induced("LTP")
    return recordings


@dataclass(frozen=True, eq=False)
class Correlation:
    """A correlation under one reading, with its test and its bootstrap interval."""

    reading: Reading
    value: float
    p_value: float
    interval: tuple[float, float]
    n: int
    n_units: int

    @property
    def verdict(self) -> Verdict:
        """Whether it is negative: reproduced if the whole interval is below zero."""
        return verdict_below(self.interval)

    @property
    def reason(self) -> str:
        """The test and the bootstrap, in words."""
        return (
            f"t test p = {self.p_value:.2g}; 95 % BCa bootstrap over {self.n_units} {self.reading.resampled}"
        )


def correlation(
    recordings: PlasticityRecordings, reading: Reading, *, rng: np.random.Generator, n_resamples: int = 4000
) -> Correlation:
    """Return the correlation of p (or q) before with a change, under one reading of the two.

    Parameters
    ----------
    recordings
        All recorded connections.
    reading
        Which rows, which change, which statistic.
    rng
        Draws the bootstrap resamples.
    n_resamples
        Their number.
    """
    rows = _rows_of(recordings, reading.rows)
    first = rows.p_before if reading.before == "p" else rows.q_before.magnitude
    second = CHANGES[reading.change](rows)
    given = _HELD_FIXED[reading.given](rows)
    clusters = rows.recording if reading.resampled == "recordings" else None

    def statistic(weights: np.ndarray) -> np.ndarray:
        if reading.rank:
            return spearman(first, second, weights)
        return partial_pearson(first, second, given, weights)

    estimate = bootstrap(statistic, len(rows), clusters=clusters, rng=rng, n_resamples=n_resamples)
    p_value = _p_value(estimate.value, len(rows) - 2 - given.shape[1])
    return Correlation(
        reading, estimate.value, p_value, estimate.interval or (np.nan, np.nan), len(rows), estimate.n or 0
    )


def _p_value(r: float, degrees_of_freedom: int) -> float:
    """Return the two-sided p-value of a correlation by Student's t."""
    t = r * np.sqrt(degrees_of_freedom / (1 - r**2))
    return float(2 * stats.t.sf(abs(t), degrees_of_freedom))


def _as_measurement(claim: str, found: Correlation, published: float | str | None) -> Measurement:
    """Return a supporting measurement of whether the correlation is negative."""
    reading = found.reading
    return Measurement(
        claim,
        Rendering.RECORDED,
        reading.quantity,
        found.value,
        found.verdict,
        condition={"rows": reading.rows, "resampled": reading.resampled},
        published=published,
        interval=found.interval,
        n=found.n,
        reason=found.reason,
        is_supporting=True,
    )


@measures("S18", rendering=Rendering.RECORDED, data_sets=("sjostrom2001",))
def stability_of_likely_releasers(context: Context) -> Evidence:
    """Correlate release probability before induction with the relative change of strength."""
    recordings = read_sjostrom2001()
    rng = np.random.default_rng(context.seed)
    n_resamples = 4_000 if context.is_quick else 20_000
    context.report_progress(0.1, "readings of the correlation")
    main, *others = (
        correlation(recordings, reading, rng=rng, n_resamples=n_resamples)
        for reading in (S18_MAIN, *S18_OTHERS)
    )
    context.report_progress(0.6, "what coupling alone gives")
    coupled = _coupling(recordings, main, n_resamples, rng)
    measurements = [*_s18(main), *(_as_measurement("S18", found, None) for found in others)]
    measurements += [null.measurement for null in coupled]
    figures = (
        ClaimFigure(_readings_figure(recordings, main, others), _S18_CAPTION.format(n=main.n)),
        ClaimFigure(_coupling_figure(main, coupled), _COUPLING_CAPTION.format(n=n_resamples)),
    )
    return Evidence(tuple(measurements), figures, _S18_REMARKS)


def _s18(main: Correlation) -> list[Measurement]:
    """Return the published correlation and its p-value, measured again."""
    holds_value = main.interval[0] <= PUBLISHED_R <= main.interval[1] and main.interval[1] < 0
    condition = {"rows": main.reading.rows}
    value = Measurement(
        "S18",
        Rendering.RECORDED,
        main.reading.quantity,
        main.value,
        Verdict.REPRODUCED if holds_value else Verdict.NOT_REPRODUCED,
        condition={**condition, "resampled": main.reading.resampled},
        published=PUBLISHED_R,
        interval=main.interval,
        n=main.n,
        reason=f"{main.reason}; differs from the published value by {abs(main.value - PUBLISHED_R):.4f}",
    )
    test = Measurement(
        "S18",
        Rendering.RECORDED,
        "p-value of that correlation (two-sided t test)",
        main.p_value,
        Verdict.REPRODUCED if main.p_value < 0.01 else Verdict.NOT_REPRODUCED,
        condition=condition,
        published="< 0.01",
        n=main.n,
        reason=f"takes the {main.n} rows for independent; they come from {main.n_units} recordings",
    )
    return [value, test]


@dataclass(frozen=True, eq=False)
class _Null:
    """Correlations that arise from one kind of coupling alone, and what they say of the recorded one."""

    label: str
    correlations: np.ndarray
    measurement: Measurement


_ADDITIVE = "change in mV independent of the synapse"


def _coupling(
    recordings: PlasticityRecordings, main: Correlation, n_draws: int, rng: np.random.Generator
) -> list[_Null]:
    """Return the distributions of r that arise without any relation of p and change."""
    additive = correlations_if_additive(recordings, n_draws, rng=rng)
    nulls = [(_ADDITIVE, additive)]
    for n_sweeps in (20, 50, 100):
        drawn = correlations_from_estimation(recordings, n_draws, n_sweeps=n_sweeps, rng=rng)
        nulls.append((f"relative change independent of it, estimated from {n_sweeps} sweeps", drawn))
    return [_Null(label, drawn, _null_measurement("S18", label, drawn, main)) for label, drawn in nulls]


def _null_measurement(claim: str, label: str, drawn: np.ndarray, main: Correlation) -> Measurement:
    """Return the mean of the distribution, and whether the recorded correlation lies below it."""
    low, high = np.quantile(drawn, [0.025, 0.975])
    fraction = (np.sum(drawn <= main.value) + 1) / (len(drawn) + 1)
    beyond = fraction < 0.025
    return Measurement(
        claim,
        Rendering.RECORDED,
        f"correlation of p before with {main.reading.change} expected without any relation",
        float(drawn.mean()),
        Verdict.REPRODUCED if beyond else Verdict.INCONCLUSIVE,
        condition={"rows": main.reading.rows, "supposed": label},
        published=f"recorded {main.value:.4f} should lie below",
        interval=(float(low), float(high)),
        n=main.n,
        reason=f"{100 * fraction:.2g} % of {len(drawn)} draws are at or below the recorded correlation: "
        + ("this coupling does not explain it" if beyond else "this coupling alone may explain it"),
        is_supporting=True,
    )


_S18_CAPTION = (
    "Left: each recorded connection before and after induction (n = {n} rows, Sjöström et al. 2001) with the "
    "least-squares line. Right: the correlation under every reading of the statement, with 95 % BCa "
    "bootstrap intervals over recordings; the dashed line is the published value."
)
_COUPLING_CAPTION = (
    "Correlations that arise when p and the change have no relation ({n} draws each), because p is a factor "
    "of the strength by which the change is divided, or because both are estimated from few sweeps. Line: "
    "recorded."
)
_S18_REMARKS = (
    "The published correlation is that of all 44 rows (30 LTP, 14 LTD) with the magnitude of the relative "
    "change, |w after - w before| / w before with w = p q: it rounds to the same three digits.",
    "Signed changes mix potentiation with depression and correlate less; within LTP alone the correlation is "
    "as strong (p = 0.01), within LTD alone it is not significant (n = 14).",
    "p before is a factor of w before. If changes in mV had nothing to do with the synapse, dividing by w "
    "alone would give a correlation as strong as the recorded one; q before, the other factor, correlates as "
    "strongly; and with w held fixed nothing is left. The recordings show that strong synapses change less "
    "relative to their strength; they do not show that release probability is what makes them stable. In mV "
    "the change even rises with p.",
    "Rows were selected: every LTP row grew and every LTD row shrank by more than 5 %, so the relative "
    "change is truncated from below. Twelve recordings occur under both inductions with different p and q; "
    "dropping the doubtful LTP rows, or resampling whole recordings, changes the correlation little.",
)


@measures("M08", rendering=Rendering.RECORDED, data_sets=("sjostrom2001",))
def potentiation_of_likely_releasers(context: Context) -> Evidence:
    """Correlate release probability before induction with the potentiation that follows."""
    recordings = read_sjostrom2001()
    rng = np.random.default_rng(context.seed)
    n_resamples = 4_000 if context.is_quick else 20_000
    main, *others = (
        correlation(recordings, reading, rng=rng, n_resamples=n_resamples)
        for reading in (M08_MAIN, *M08_OTHERS)
    )
    ltp = recordings.induced("LTP")
    measurements = [_m08(main), *(_as_measurement("M08", found, None) for found in others)]
    additive = correlations_if_additive(ltp, n_resamples, rng=rng)
    measurements.append(_null_measurement("M08", _ADDITIVE, additive, main))
    figure = _potentiation_figure(ltp, main, others)
    return Evidence(tuple(measurements), (ClaimFigure(figure, _M08_CAPTION.format(n=main.n)),), _M08_REMARKS)


def _m08(main: Correlation) -> Measurement:
    return Measurement(
        "M08",
        Rendering.RECORDED,
        main.reading.quantity,
        main.value,
        main.verdict,
        condition={"rows": main.reading.rows, "resampled": main.reading.resampled},
        published="below 0",
        interval=main.interval,
        n=main.n,
        reason=f"{main.reason}; reproduced if the interval lies below zero",
    )


_M08_CAPTION = (
    "Potentiated connections (n = {n}, Sjöström et al. 2001). Left: relative increase of expected strength; "
    "right: the same increase in mV, which rises with p. Lines: least squares."
)
_M08_REMARKS = (
    "The statement holds for the increase relative to the strength before. Taken literally, for the increase "
    "of the synaptic mean itself, the sign is the opposite: in mV, synapses with higher p grow more.",
    "Nearly all of it is presynaptic: the relative change of p falls with p before (p is bounded by one), "
    "that of q hardly depends on it.",
    "As for S18, an increase in mV that had nothing to do with the synapse would give a correlation of the "
    "relative increase as strong as the recorded one.",
)


# Figures


def _readings_figure(
    recordings: PlasticityRecordings, main: Correlation, others: Sequence[Correlation]
) -> Figure:
    """Draw the recorded connections, and the correlation under every reading."""
    figure = Figure((10, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.1])
    change = np.abs(recordings.relative_change)
    for induction in INDUCTIONS:
        chosen = recordings.induction == induction
        label = f"{induction}, n = {np.sum(chosen)}"
        left.plot(recordings.p_before[chosen], change[chosen], "o", color=COLOURS[induction], label=label)
    _draw_line(left, recordings.p_before, change)
    left.set(xlabel="release probability before induction", ylabel="|w after - w before| / w before")
    left.set_title(f"r = {main.value:.4f}, p = {main.p_value:.2g}", fontsize=10)
    left.legend(fontsize=8)
    found = {f"{one.reading.label} (n = {one.n})": (one.value, one.interval) for one in (main, *others)}
    draw_readings(right, found, PUBLISHED_R)
    right.set_xlabel("correlation, 95 % interval")
    return figure


def _draw_line(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    """Draw the least-squares line of y on x."""
    intercept, slope = linear_fit(np.column_stack([np.ones(len(x)), x]), y).coefficients
    ends = np.array([x.min(), x.max()])
    axes.plot(ends, intercept + slope * ends, color="black", linewidth=1)


def _coupling_figure(main: Correlation, nulls: Sequence[_Null]) -> Figure:
    """Draw the correlations that arise from coupling alone."""
    figure = Figure((7, 3.6), layout="constrained")
    axes = figure.subplots()
    colours = ("#D55E00", "#56B4E9", "#009E73", "#0072B2")
    edges = np.linspace(-0.9, 0.6, 76).tolist()
    for null, colour in zip(nulls, colours, strict=True):
        axes.hist(null.correlations, edges, density=True, histtype="step", color=colour, label=null.label)
    axes.axvline(main.value, color="black", label=f"recorded, r = {main.value:.3f}")
    axes.set(xlabel="correlation of p before with |dw| / w", ylabel="probability density")
    axes.set_ylim(0, 9)
    axes.legend(fontsize=7, loc="upper right")
    return figure


def _potentiation_figure(
    ltp: PlasticityRecordings, main: Correlation, others: Sequence[Correlation]
) -> Figure:
    """Draw relative and absolute potentiation against release probability."""
    figure = Figure((9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    absolute = next(one for one in others if one.reading.change == "|dw| (mV)")
    panels = (
        (left, ltp.relative_change, "(w after - w before) / w before", main),
        (right, _absolute_change(ltp), "w after - w before (mV)", absolute),
    )
    for axes, change, label, found in panels:
        axes.plot(ltp.p_before, change, "o", color=COLOURS["LTP"])
        _draw_line(axes, ltp.p_before, change)
        low, high = found.interval
        axes.set(xlabel="release probability before induction", ylabel=label)
        axes.set_title(f"r = {found.value:.2f} (95 %: {low:.2f} to {high:.2f}), n = {found.n}", fontsize=10)
    return figure
