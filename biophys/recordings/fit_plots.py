"""Draw a fit to recorded responses: what was measured, what the model expects, and what stays open."""

from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure, SubFigure

from biophys.argument_types import check_kind
from biophys.palette import BLUE, ORANGE, VERMILION
from biophys.recordings.release_chain import released_before
from biophys.recordings.release_fit import ReleaseFit
from biophys.recordings.release_moments import train_moments
from biophys.recordings.response_density import log_density
from biophys.units import FloatArray

_DATA, _MODEL, _PARTS = "#666666", BLUE, ORANGE
_SITES = (1, 2, 3, 5, 7, 10, 20, 30, 50, 70, 100, 200, 300, 500, 1000)


def plot_fit(fit: ReleaseFit, figure: Figure | SubFigure | None = None) -> Figure | SubFigure:
    """Draw responses with the model's density, the profile of n, and residuals; of trains the positions too.

    `figure` is empty and about 10 by 6 inches; by default a new one.
    """
    if figure is not None:
        check_kind(figure, (Figure, SubFigure), "figure", "plt.figure()")
    else:
        figure = Figure(figsize=(10, 6))
        # Margins that do for all: to find them takes longer than to draw.
        figure.subplots_adjust(left=0.08, right=0.98, bottom=0.085, top=0.955, hspace=0.33, wspace=0.2)
    responses, profile, residuals, last = figure.subplots(2, 2).flat
    _draw_responses(fit, responses)
    _draw_profile(fit, profile)
    draw_order = _draw_positions if fit.recording.is_train else _draw_order
    draw_order(fit, residuals)
    _draw_residuals(fit, last)
    return figure


def _driven(fit: ReleaseFit) -> tuple[Any, FloatArray, Any]:
    """Return the likelihood at the maximum as that of trains, its coordinates, and what drives release."""
    likelihood = fit.profile.likelihood(fit.best_row).as_chain()
    theta = fit.profile.theta[fit.best_row]
    phi = likelihood.phi(theta, np.arange(1))
    return likelihood, phi, likelihood.drive(theta, phi)


def _draw_responses(fit: ReleaseFit, axes: Any) -> None:
    """Draw the histogram of the responses with the components of the model."""
    values = fit.recording.amplitudes
    values = values[np.isfinite(values)]
    likelihood, phi, driven = _driven(fit)
    n = int(likelihood.n[0])
    quanta = likelihood.quanta(phi)
    # Bins no wider than the peak of one quantum: wider ones would hide the peaks.
    peak = abs(fit.scale) * float(np.hypot(quanta.noise, quanta.within * quanta.q).min())
    n_bins = np.clip(np.ptp(values) / peak, min(60, max(15, values.size // 6)), 120)
    axes.hist(values, bins=int(n_bins), density=True, color="#cccccc")
    # How often each number is released in each sweep.
    released = released_before(fit.states[0], driven.u, n)[0]
    is_there = np.isfinite(likelihood.data.x[0])
    counts = np.array([part[there].sum(axis=0) for part, there in zip(released, is_there, strict=True)])
    low, high = np.percentile(values, [0.2, 99.8])
    pad = 0.15 * (high - low)
    x = np.linspace(low - pad, high + pad, 400)
    chosen, sweep_of = np.unique(likelihood.data.condition, return_index=True)
    grid = np.broadcast_to(x / fit.scale, (1, chosen.size, x.size))
    q, noise, within = (part[:, sweep_of] for part in (quanta.q, quanta.noise, quanta.within))
    quanta = replace(quanta, q=q, noise=noise, within=within)
    log_f, _ = log_density(grid, quanta, np.arange(n + 1).astype(float), n)
    total = np.zeros((x.size, n + 1))
    for c, of_condition in zip(chosen, log_f[0], strict=True):
        total += np.exp(of_condition) * counts[likelihood.data.condition == c].sum(axis=0)
    total /= counts.sum() * abs(fit.scale)
    is_seen = total.max(axis=0) > 0.01 * total.sum(axis=1).max()
    for line in axes.plot(x, total[:, is_seen], color=_PARTS, linewidth=1.1, zorder=3)[:1]:
        line.set_label("k vesicles")
    axes.plot(
        x, total.sum(axis=1), color=_MODEL, label="model" if fit.kind == "none" else f"model, {fit.kind}"
    )
    axes.set(xlabel=f"response ({fit.recording.unit_text or 'no unit'})", ylabel="density")
    axes.set_title(f"{values.size} responses", fontsize=10)
    axes.legend(fontsize=8)


def _draw_profile(fit: ReleaseFit, axes: Any) -> None:
    """Draw the log likelihood lost at every number of sites."""
    from scipy.stats import chi2

    sites, loss = fit.profile_of("n")
    finite = np.isfinite(sites)
    axes.plot(sites[finite], -loss[finite], "o-", color=_MODEL, markersize=3, label="profile likelihood")
    if not finite.all():
        axes.axhline(-loss[~finite][0], color=_PARTS, linestyle="--", linewidth=1, label="n infinite")
    loss_at_ends = 0.5 * chi2.ppf(fit.level, 1)
    label = f"ends of the {100 * fit.level:g} % interval"
    axes.axhline(-loss_at_ends, color=_DATA, linewidth=0.8, label=label)
    axes.set(xscale="log", ylim=(-12, 0.6), xlabel="number of sites n", ylabel="log likelihood lost")
    first, last = axes.get_xlim()
    ticks = [n for n in _SITES if first <= n <= last]
    # More would overlap.
    axes.set_xticks(ticks[:: 1 + (len(ticks) > 9)])
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")
    low, high = fit.n.low, fit.n.high
    above = f"to {high:g}" if np.isfinite(high) else "and more"
    axes.set_title(f"n = {fit.n.value:g} ({low:g} {above})", fontsize=10)
    axes.legend(fontsize=8, loc="lower right")


def _draw_positions(fit: ReleaseFit, axes: Any) -> None:
    """Draw mean and sd of the responses by position in the sweep, with those of the model."""
    likelihood, phi, driven = _driven(fit)
    quanta = likelihood.quanta(phi)
    x = fit.scale * likelihood.data.x[0]
    expected, sds = np.full(x.shape, np.nan), np.full(x.shape, np.nan)
    for s in range(x.shape[0]):
        mean, covariance = train_moments(
            float(likelihood.n[0]),
            float(quanta.q[0, s]),
            driven.u[0, s],
            driven.empty[0, s],
            float(quanta.within[0, s]),
            quanta.between,
        )
        expected[s] = fit.scale * mean
        sds[s] = abs(fit.scale) * np.sqrt(np.diag(covariance) + quanta.noise[0, s] ** 2)
    # Of the model too where something was measured: sweeps differ in length, intervals and condition.
    is_there = np.isfinite(x)
    position = 1 + np.flatnonzero(is_there.any(axis=0))
    parts = (np.where(is_there, part, np.nan)[:, position - 1] for part in (expected, sds, x))
    middle, half, mean = (np.nanmean(part, axis=0) for part in parts)
    axes.fill_between(position, middle - half, middle + half, color=_MODEL, alpha=0.2, label="model, ± sd")
    axes.plot(position, middle, color=_MODEL)
    axes.plot(position, x.T[position - 1], ".", color=_DATA, markersize=3)
    axes.plot(position, mean, "o", color="black", markersize=3, label="mean of sweeps")
    axes.set(xlabel="stimulus in the sweep", ylabel=f"response ({fit.recording.unit_text})")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_title(f"{x.shape[0]} sweeps", fontsize=10)
    axes.legend(fontsize=8)


def _draw_order(fit: ReleaseFit, axes: Any) -> None:
    values = fit.recording.amplitudes
    labels = np.array([str(label) for label in fit.recording.conditions])
    for label in dict.fromkeys(labels):
        is_of = labels == label
        # Dollars begin mathematics, and a label that begins with _ is not shown.
        shown = label.replace("$", r"\$")
        shown = f" {shown}" if shown.startswith("_") else shown
        axes.plot(np.flatnonzero(is_of), values[is_of], ".", markersize=4, label=shown or None)
    axes.set(xlabel="order of recording", ylabel=f"response ({fit.recording.unit_text or 'no unit'})")
    if len(set(labels)) > 1:
        axes.legend(fontsize=8)
    said = "too few to test for drift"
    if fit.serial is not None:
        said = "drift or dependence" if fit.serial.is_dependent else "no drift seen"
    axes.set_title(said, fontsize=10)


def _draw_residuals(fit: ReleaseFit, axes: Any) -> None:
    z = np.concatenate(fit.residuals)
    axes.axhspan(-1.96, 1.96, color="#eeeeee")
    axes.plot(z, ".", color=_DATA, markersize=4)
    starts = np.cumsum([0] + [row.size for row in fit.residuals])[:-1]
    if fit.recording.is_train:
        axes.plot(starts, z[starts], "o", color=VERMILION, markersize=4, label="first of a sweep")
        axes.legend(fontsize=8)
    axes.set(xlabel="response in order", ylabel="residual (sd)")
    axes.set_title(f"residuals: sd {np.nanstd(z):.2f} (model: 1)", fontsize=10)
