"""Recorded release probability against the change that induction leaves, under every reading of the two.

They correlate negatively without any relation: the release probability before, p, is a factor of the strength
before, w = p q, by which the change is divided; and both are estimates from a limited number of sweeps.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import quantities as pq
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from biophys.association import linear_fit, partial_pearson, pearson, spearman
from biophys.bootstrap import bootstrap
from biophys.estimates import Estimate
from biophys.palette import BLUE, GREEN, SKY, VERMILION
from biophys.recordings.readings import draw_readings
from biophys.recordings.recorded_connections import INDUCTIONS, N_SITES, PlasticityRecordings
from biophys.units import magnitude_in

COLOURS = {"LTP": BLUE, "LTD": VERMILION}

Change = Callable[[PlasticityRecordings], np.ndarray]


# The readings of "relative change of expected strength", and two changes that are not relative to strength.
CHANGES: dict[str, Change] = {
    "|dw| / w": lambda r: np.abs(r.relative_change),
    "dw / w": lambda r: r.relative_change,
    "|log(w after / w before)|": lambda r: np.abs(np.log1p(r.relative_change)),
    "log(w after / w before)": lambda r: np.log1p(r.relative_change),
    "|dw| (mV)": lambda r: np.abs(magnitude_in(r.w_after - r.w_before, r.q_before.units)),
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
    """One definition of what is correlated."""

    rows: str  # as in `_rows_of`
    change: str  # a key of `CHANGES`
    before: str = "p"  # what it is correlated with: "p" or "q" before induction
    rank: bool = False  # Spearman's correlation in place of Pearson's
    given: str = ""  # what is held fixed, a key of `_HELD_FIXED`
    resampled: str = "recordings"  # what the bootstrap draws: "recordings" or "rows"

    @property
    def quantity(self) -> str:
        """What is computed, in words."""
        name = "Spearman" if self.rank else "Pearson"
        fixed = f", {self.given} held fixed" if self.given else ""
        return f"{name} correlation of {self.before} before with {self.change}{fixed}"

    @property
    def condition(self) -> dict[str, str]:
        """What tells its row from those of other readings."""
        return {"rows": self.rows, "resampled": self.resampled}

    @property
    def label(self) -> str:
        """What distinguishes it, for a figure."""
        special = ["ranks"] if self.rank else []
        special += [f"{self.before} before"] if self.before != "p" else []
        special += [f"given {self.given}"] if self.given else []
        special += ["rows drawn"] if self.resampled == "rows" else []
        return ", ".join([self.rows, self.change, *special])


def _rows_of(recordings: PlasticityRecordings, rows: str) -> PlasticityRecordings:
    if rows in INDUCTIONS:
        return recordings.induced(rows)
    # Twelve recordings occur under both inductions with the same protocol, which is doubtful under LTP.
    is_depressed = np.isin(recordings.recording, recordings.induced("LTD").recording)
    is_doubtful = (recordings.induction == "LTP") & is_depressed & (recordings.timing.magnitude < 0)
    if rows == "one row for each recording":
        return recordings.where(~is_doubtful)
    if rows == "LTP, recorded under LTP only":
        return recordings.where(~is_doubtful).induced("LTP")
    return recordings


def correlation(
    recordings: PlasticityRecordings, reading: Reading, *, rng: np.random.Generator, n_resamples: int = 4000
) -> Estimate:
    """Return the correlation of p (or q) before with a change, under one reading of the two.

    Its interval is the bootstrap's, its p-value that of a two-sided t-test that takes rows for independent.
    """
    rows = _rows_of(recordings, reading.rows)
    first = rows.p_before if reading.before == "p" else rows.q_before.magnitude
    second = CHANGES[reading.change](rows)
    given = _HELD_FIXED[reading.given](rows)

    def statistic(weights: np.ndarray) -> np.ndarray:
        if reading.rank:
            return spearman(first, second, weights)
        return partial_pearson(first, second, given, weights)

    unit, clusters = reading.resampled, rows.recording if reading.resampled == "recordings" else None
    estimate = bootstrap(statistic, len(rows), clusters=clusters, rng=rng, n_resamples=n_resamples, unit=unit)
    df = len(rows) - 2 - given.shape[1]
    t = estimate.value * np.sqrt(df / (1 - estimate.value**2))
    p = float(2 * stats.t.sf(abs(t), df))
    return replace(estimate, p=p, how=f"{len(rows)} rows; t test of the rows p = {p:.2g}")


def correlations_under(
    recordings: PlasticityRecordings, readings: Iterable[Reading], rng: np.random.Generator, n_resamples: int
) -> dict[Reading, Estimate]:
    """Return the correlation under each of several readings, in their order."""
    return {
        reading: correlation(recordings, reading, rng=rng, n_resamples=n_resamples) for reading in readings
    }


def by_coupling(drawn: np.ndarray, recorded: float) -> Estimate:
    """Return the mean and the spread of correlations drawn without any relation, beside the recorded one."""
    share = (np.sum(drawn <= recorded) + 1) / (len(drawn) + 1)
    how = f"{100 * share:.2g} % of the draws are at or below the recorded {recorded:.4f}"
    ends = partial(central_range, drawn)
    return Estimate(float(drawn.mean()), ends, len(drawn), "draws", "range of draws", how)


def central_range(drawn: np.ndarray, alpha: float) -> tuple[float, float]:
    """Return the range that holds all but a share alpha of the draws, as much above as below."""
    low, high = np.quantile(drawn, [alpha / 2, 1 - alpha / 2])
    return float(low), float(high)


_STABLE, _POTENTIATED = Reading(BOTH, "|dw| / w"), Reading("LTP", "dw / w")
_IN_PARTS = ("|dw| (mV)", "|dp| / p", "|dq| / q")
_LOGARITHM = "log(w after / w before)"
STABILITY = (
    _STABLE,
    replace(_STABLE, resampled="rows"),
    replace(_STABLE, rank=True),
    *(replace(_STABLE, rows=rows) for rows in ("one row for each recording", *INDUCTIONS)),
    *(replace(_STABLE, change=change) for change in (f"|{_LOGARITHM}|", "dw / w", _LOGARITHM, *_IN_PARTS)),
    replace(_STABLE, before="q"),
    replace(_STABLE, given="log w"),
)
"""Readings of "reliable synapses change less", the published one first."""

POTENTIATION = (
    _POTENTIATED,
    replace(_POTENTIATED, rank=True),
    replace(_POTENTIATED, change=_LOGARITHM),
    replace(_POTENTIATED, rows="LTP, recorded under LTP only"),
    replace(_POTENTIATED, given="log frequency and timing"),
    *(replace(_POTENTIATED, change=change) for change in _IN_PARTS),
)
"""Readings of "reliable synapses are potentiated less", the published one first."""


# ---- figures ----


def draw_stability(
    figure: Figure,
    recordings: PlasticityRecordings,
    correlations: Mapping[Reading, Estimate],
    published: float,
) -> None:
    """Left: each recorded connection before and after induction (Sjöström et al. 2001) with the least-squares
    line. Right: the correlation under every reading of the statement, with 95 % BCa bootstrap intervals over
    recordings; the dashed line is the published value.
    """
    main = next(iter(correlations.values()))
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.1])
    change = np.abs(recordings.relative_change)
    for induction in INDUCTIONS:
        chosen = recordings.induction == induction
        label = f"{induction}, n = {np.sum(chosen)}"
        left.plot(recordings.p_before[chosen], change[chosen], "o", color=COLOURS[induction], label=label)
    _draw_line(left, recordings.p_before, change)
    left.set(xlabel="release probability before induction", ylabel="|w after - w before| / w before")
    left.set_title(f"r = {main.value:.4f}, p = {main.p:.2g}", fontsize=10)
    left.legend(fontsize=8)
    by_label = {f"{reading.label} (n = {r.n})": r for reading, r in correlations.items()}
    draw_readings(right, by_label, published)
    right.set_xlabel("correlation, 95 % interval")


def _draw_line(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    intercept, slope = linear_fit(np.column_stack([np.ones(len(x)), x]), y).coefficients
    ends = np.array([x.min(), x.max()])
    axes.plot(ends, intercept + slope * ends, color="black", linewidth=1)


def draw_coupling(figure: Figure, recorded: float, drawn: Mapping[str, np.ndarray]) -> None:
    """Draw correlations that arise when p and the change have no relation, because p is a factor of the
    strength by which the change is divided, or because both are estimated from few sweeps. Line: recorded.
    """
    axes = figure.subplots()
    colours = (VERMILION, SKY, GREEN, BLUE)
    edges = np.linspace(-0.9, 0.6, 76).tolist()
    for (label, correlations), colour in zip(drawn.items(), colours, strict=True):
        axes.hist(correlations, edges, density=True, histtype="step", color=colour, label=label)
    axes.axvline(recorded, color="black", label=f"recorded, r = {recorded:.3f}")
    n_draws = max(map(len, drawn.values()))
    axes.set(xlabel="correlation of p before with |dw| / w", ylabel=f"probability density, {n_draws} draws")
    axes.set_ylim(0, 9)
    axes.legend(fontsize=7, loc="upper right")


def draw_potentiation(
    figure: Figure, ltp: PlasticityRecordings, correlations: Mapping[Reading, Estimate]
) -> None:
    """Draw potentiated connections (Sjöström et al. 2001). Left: relative increase of expected strength;
    right: the same increase in mV, which rises with p. Lines: least squares.
    """
    left, right = figure.subplots(1, 2)
    by_change = {reading.change: r for reading, r in reversed(list(correlations.items()))}
    panels = (
        (left, "dw / w", "(w after - w before) / w before"),
        (right, "|dw| (mV)", "w after - w before (mV)"),
    )
    for axes, name, label in panels:
        change, r = CHANGES[name](ltp), by_change[name]
        axes.plot(ltp.p_before, change, "o", color=COLOURS["LTP"])
        _draw_line(axes, ltp.p_before, change)
        low, high = r.interval or (np.nan, np.nan)
        axes.set(xlabel="release probability before induction", ylabel=label)
        axes.set_title(f"r = {r.value:.2f} (95 %: {low:.2f} to {high:.2f}), n = {len(ltp)} rows", fontsize=10)


SMALLEST_CHANGE = 0.05
"""Every recorded connection changed by more than this fraction, in the direction of its induction."""


def correlations_if_additive(
    recordings: PlasticityRecordings, n_draws: int, *, rng: np.random.Generator
) -> np.ndarray:
    """Return `n_draws` r of p and relative change if the *absolute* change did not depend on the synapse.

    The recorded changes in mV are dealt out at random to the connections of the same induction; no strength
    falls below zero.
    """
    change = dealt_changes(recordings, n_draws, rng)
    return pearson(recordings.p_before, change, np.ones_like(change))


def correlations_without_relation(
    recordings: PlasticityRecordings, n_draws: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return `n_draws` r that coupling and estimation alone give, by what is supposed of the change."""
    drawn = {
        "change in mV independent of the synapse": correlations_if_additive(recordings, n_draws, rng=rng)
    }
    for n_sweeps in (20, 50, 100):
        supposed = f"relative change independent of it, estimated from {n_sweeps} sweeps"
        drawn[supposed] = correlations_from_estimation(recordings, n_draws, n_sweeps=n_sweeps, rng=rng)
    return drawn


def dealt_changes(recordings: PlasticityRecordings, n_draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return relative changes, shape (n_draws, n), from absolute ones dealt out at random."""
    before = magnitude_in(recordings.w_before, pq.mV)
    change = np.abs(magnitude_in(recordings.w_after, pq.mV) - before)
    dealt = change[_permuted(recordings.induction, n_draws, rng)]
    return np.where(recordings.induction == "LTD", np.minimum(dealt, before), dealt) / before


def correlations_from_estimation(
    recordings: PlasticityRecordings, n_draws: int, *, n_sweeps: int, rng: np.random.Generator
) -> np.ndarray:
    """Return `n_draws` r of p and relative change if the *relative* change did not depend on the synapse.

    What is left is the error of the estimates. The recorded p and q are taken for true, the recorded ratios
    of strength (with the p after that goes with them) are dealt out at random to the connections of the same
    induction, and mean (normal) and variance (chi-square distributed) of the EPSP are drawn for `n_sweeps`
    sweeps before and after; p and w follow from them by p = 1 / (1 + N var / mean^2) and w = mean / N.
    Connections whose drawn change is below the smallest recorded one, or of the wrong sign, are left out, as
    they are from the recordings.
    """
    dealt = _permuted(recordings.induction, n_draws, rng)
    ratio = (1.0 + recordings.relative_change)[dealt]
    mean = N_SITES * magnitude_in(recordings.w_before, pq.mV)
    estimated_before, p = _estimates(mean, recordings.p_before, n_sweeps, dealt.shape, rng)
    estimated_after, _ = _estimates(mean * ratio, recordings.p_after[dealt], n_sweeps, dealt.shape, rng)
    change = estimated_after / estimated_before - 1.0
    is_kept = np.where(recordings.induction == "LTP", change, -change) > SMALLEST_CHANGE
    return pearson(p, np.abs(change), is_kept.astype(float))


def _estimates(
    mean: np.ndarray, p: np.ndarray, n_sweeps: int, shape: tuple[int, ...], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return drawn means and the release probabilities that follow from drawn means and variances."""
    variance = mean**2 * (1 - p) / (N_SITES * p)
    drawn_mean = mean + np.sqrt(variance / n_sweeps) * rng.standard_normal(shape)
    drawn_variance = variance * rng.chisquare(n_sweeps - 1, size=shape) / (n_sweeps - 1)
    return drawn_mean, 1.0 / (1.0 + N_SITES * drawn_variance / drawn_mean**2)


def _permuted(group: np.ndarray, n_draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return rows of positions, shape (n_draws, n), permuted within each group."""
    positions = np.tile(np.arange(len(group)), (n_draws, 1))
    for name in np.unique(group):
        members = np.flatnonzero(group == name)
        positions[:, members] = rng.permuted(positions[:, members], axis=1)
    return positions
