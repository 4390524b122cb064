"""Measure the optimal precision, the entropic bound, the gradient threshold and the realised synapses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import quantities as pq
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from biophys.absolute_costs import spike_costs
from biophys.entropic_bound import bound_gap
from biophys.gradient_threshold import GradientLaw, approximation_error, probability_above
from biophys.optimal_precision import (
    ReliabilityCost,
    linear_importance,
    optimal_sd,
    precision_slopes,
)
from biophys.quantal import QuantalSynapse, synapse_with
from biophys.quantal_analysis import recovery_by_moments
from validation.claims.claim import ClaimFigure, Context, Evidence, Measurement, Rendering, Verdict
from validation.claims.registry import measures

COST_EXPONENTS = {"calcium pump": 1 / 2, "vesicle membrane": 2 / 3, "actin": 4 / 3, "trafficking": 2.0}
"""The exponent rho of each cost (Malkin et al. 2023, figure 1)."""

COLOURS = {
    "calcium pump": "#0072B2",
    "vesicle membrane": "#E69F00",
    "actin": "#009E73",
    "trafficking": "#CC79A7",
}

_ROUNDING = 1e-9
# Two-sided probability at which a test of a true statement fails once in a thousand runs.
_SMALLEST_P = 1e-3
_SCALE = 0.1 * pq.mV


# ---- M09: slopes of the optimal variance ----


@dataclass(frozen=True, eq=False)
class _LinearModel:
    """Importance of the synapses of a simulated linear model by three routes, each of shape (synapses,)."""

    input_power: NDArray[np.float64]
    learning_rate: NDArray[np.float64]
    posterior_variance: NDArray[np.float64]
    importance: pq.Quantity


def _simulate_linear_model(n_synapses: int, n_times: int, rng: np.random.Generator) -> _LinearModel:
    """Draw inputs of different rates and targets, and take importance, gradients and posterior from them."""
    noise = 0.5
    amplitude = np.exp(rng.uniform(np.log(0.1), np.log(10.0), n_synapses))
    inputs = amplitude * rng.standard_normal((n_times, n_synapses))
    # At the optimum the residual is the noise, and the gradient of one time step is residual * x / noise^2.
    residual = noise * rng.standard_normal(n_times)
    gradient = residual[:, None] * inputs / noise**2
    covariance = np.linalg.inv(inputs.T @ inputs / noise**2)
    return _LinearModel(
        input_power=np.mean(inputs**2, axis=0),
        learning_rate=1.0 / np.sqrt(np.mean(gradient**2, axis=0)),
        posterior_variance=np.diag(covariance),
        importance=linear_importance(inputs, noise * pq.mV),
    )


@measures("M09", rendering=Rendering.ANALYTIC)
def slopes_of_optimal_variance(context: Context) -> Evidence:
    """Optimise the sd of every synapse of a linear model and fit the slopes of eq. 54."""
    n_synapses, n_times = (150, 4_000) if context.is_quick else (400, 40_000)
    model = _simulate_linear_model(n_synapses, n_times, np.random.default_rng(context.seed))
    measurements = [_minimum_by_search(model.importance[:20])]
    for mechanism, rho in COST_EXPONENTS.items():
        measurements += _slopes(model, mechanism, rho)
    caption = (
        f"Optimal variance of {n_synapses} synapses of one linear model ({n_times} time steps) under each "
        "cost, against three measures of importance; lines: eq. 54."
    )
    return Evidence(tuple(measurements), (ClaimFigure(_slopes_figure(model), caption),), _M09_REMARKS)


_M09_REMARKS = (
    "Eq. 29 is printed with square roots; eq. 28 and the minimum found by search show that the root of order "
    "rho + 2 is meant.",
    "The learning rate is 1 / root mean square gradient of the simulated data. It and the posterior variance "
    "of the full covariance are estimates: they scatter about the lines.",
)


def _minimum_by_search(importance: pq.Quantity) -> Measurement:
    """Return how far eq. 29 is from the minimum of the total cost found by golden-section search."""
    curvature = importance.rescale(1 / pq.mV**2).magnitude
    worst = 0.0
    for rho in COST_EXPONENTS.values():
        cost = ReliabilityCost(rho, _SCALE)
        best = optimal_sd(importance, cost).magnitude
        low, high = np.log(best) - 2.0, np.log(best) + 3.0
        ratio = (np.sqrt(5.0) - 1) / 2
        for _ in range(60):
            left, right = high - ratio * (high - low), low + ratio * (high - low)
            total_left, total_right = (
                0.5 * curvature * np.exp(2 * u) + cost(np.exp(u) * pq.mV) for u in (left, right)
            )
            is_left = total_left < total_right
            low, high = np.where(is_left, low, left), np.where(is_left, right, high)
        worst = max(worst, float(np.max(np.abs(np.exp((low + high) / 2) / best - 1))))
    # A minimum of a smooth function is located to the square root of the rounding error.
    return Measurement(
        "M09",
        Rendering.ANALYTIC,
        "largest relative difference of sigma by eq. 29 from the minimum found by search",
        worst,
        Verdict.REPRODUCED if worst < 1e-6 else Verdict.NOT_REPRODUCED,
        condition={"rho": "1/2, 2/3, 4/3, 2"},
        published=0.0,
        n=4 * importance.size,
        reason="golden-section search of H sigma^2 / 2 + (s / sigma)^rho / rho, good to 1e-6",
    )


def _slopes(model: _LinearModel, mechanism: str, rho: float) -> list[Measurement]:
    """Return the three slopes under one cost."""
    log_variance = 2.0 * np.log(optimal_sd(model.importance, ReliabilityCost(rho, _SCALE)).magnitude)
    slopes = precision_slopes(rho)
    regressors = {
        "log mean x^2": (model.input_power, slopes.on_input_power),
        "log learning rate": (model.learning_rate, slopes.on_learning_rate),
        "log posterior variance": (model.posterior_variance, slopes.on_posterior_variance),
    }
    return [
        _slope(mechanism, rho, name, np.log(x), log_variance, expected)
        for name, (x, expected) in regressors.items()
    ]


def _slope(
    mechanism: str,
    rho: float,
    regressor: str,
    x: NDArray[np.float64],
    log_variance: NDArray[np.float64],
    expected: float,
) -> Measurement:
    """Return one fitted slope with its interval and the test against eq. 54."""
    from scipy.special import stdtr, stdtrit

    # Errors are in the regressor (the variance follows from the importance exactly), so the inverse
    # regression is the unbiased one.
    dx, dy = x - x.mean(), log_variance - log_variance.mean()
    inverse = float(dx @ dy / (dy @ dy))
    residual = dx - inverse * dy
    error = float(np.sqrt(residual @ residual / (x.size - 2) / (dy @ dy))) / inverse**2
    slope = 1.0 / inverse
    half = float(stdtrit(x.size - 2, 0.975)) * error
    difference = abs(slope - expected)
    p_value = 1.0 if difference < _ROUNDING else 2 * float(stdtr(x.size - 2, -difference / error))
    return Measurement(
        "M09",
        Rendering.ANALYTIC,
        f"slope of log sigma^2 on {regressor}",
        slope,
        Verdict.REPRODUCED if p_value > _SMALLEST_P else Verdict.NOT_REPRODUCED,
        condition={"mechanism": mechanism, "rho": round(rho, 4)},
        published=expected,
        interval=(slope - half, slope + half),
        n=x.size,
        reason=f"t test against eq. 54: p = {p_value:.2g} (fails below 0.001)",
    )


def _slopes_figure(model: _LinearModel) -> Figure:
    figure = Figure((10, 3.8))
    panels = figure.subplots(1, 3, sharey=True)
    columns = (
        ("mean x²", model.input_power, "on_input_power"),
        ("learning rate (1 / rms gradient)", model.learning_rate, "on_learning_rate"),
        ("posterior variance (mV²)", model.posterior_variance, "on_posterior_variance"),
    )
    for axes, (label, x, name) in zip(panels, columns, strict=True):
        for mechanism, rho in COST_EXPONENTS.items():
            variance = optimal_sd(model.importance, ReliabilityCost(rho, _SCALE)).magnitude ** 2
            expected = getattr(precision_slopes(rho), name)
            axes.loglog(x, variance, ".", color=COLOURS[mechanism], markersize=3)
            ends = np.array([x.min(), x.max()])
            centre = np.exp(np.mean(np.log(x))), np.exp(np.mean(np.log(variance)))
            label_of = f"{mechanism}, slope {expected:g}"
            line = centre[1] * (ends / centre[0]) ** expected
            axes.loglog(ends, line, color=COLOURS[mechanism], linewidth=1, label=label_of)
        axes.set_xlabel(label)
        axes.legend(fontsize=6)
    panels[0].set_ylabel("optimal variance σ² (mV²)")
    figure.tight_layout()
    return figure


# ---- M12: the bound ----


@measures("M12", rendering=Rendering.ANALYTIC)
def entropic_bound(context: Context) -> Evidence:
    """Check the bound on drawn s, rho and sigma, and its two equalities."""
    n = 200_000 if context.is_quick else 10_000_000
    rng = np.random.default_rng(context.seed)
    ratio = np.exp(rng.uniform(-15, 15, n))
    rho = np.exp(rng.uniform(np.log(1e-6), np.log(20.0), n))
    with np.errstate(over="ignore"):
        gap = bound_gap(ratio, rho)
    n_violations = int(np.sum(~(gap >= 0)))
    at_scale = float(np.max(np.abs(bound_gap(1.0, rho[:1000]))))
    small = bound_gap(5.0, 1e-8) / (1e-8 * np.log(5.0) ** 2 / 2)
    measurements = (
        Measurement(
            "M12",
            Rendering.ANALYTIC,
            "drawn (s, rho, sigma) at which C_VI exceeds C_BI",
            float(n_violations),
            Verdict.REPRODUCED if n_violations == 0 else Verdict.NOT_REPRODUCED,
            condition={"s / sigma": "3e-7 to 3e6", "rho": "1e-6 to 20"},
            published=0.0,
            interval=(0.0, 3.0) if n_violations == 0 else None,
            n=n,
            reason="interval: of the expected number of violations among as many draws (rule of three)",
        ),
        _equality("C_BI - C_VI at sigma = s", at_scale, 0.0, {"sigma": "s"}),
        _equality(
            "(C_BI - C_VI) / (rho ln^2(s/sigma) / 2) as rho -> 0",
            float(small),
            1.0,
            {"rho": 1e-8, "s / sigma": 5},
        ),
    )
    caption = "The gap between the biological and the entropic cost under each cost. Computed, not sampled."
    return Evidence(measurements, (ClaimFigure(_bound_figure(), caption),))


def _equality(quantity: str, measured: float, expected: float, condition: dict) -> Measurement:
    difference = abs(measured - expected)
    return Measurement(
        "M12",
        Rendering.ANALYTIC,
        quantity,
        measured,
        Verdict.REPRODUCED if difference < 1e-7 else Verdict.NOT_REPRODUCED,
        condition=condition,
        published=expected,
        reason="equal up to rounding if within 1e-7",
    )


def _bound_figure() -> Figure:
    figure = Figure((6, 3.8))
    axes = figure.subplots()
    ratio = np.geomspace(0.05, 20, 300)
    for mechanism, rho in COST_EXPONENTS.items():
        label = f"{mechanism}, ρ = {rho:.3g}"
        axes.semilogx(ratio, bound_gap(1 / ratio, rho), color=COLOURS[mechanism], label=label)
    axes.semilogx(ratio, bound_gap(1 / ratio, 0.05), "--", color="black", linewidth=1, label="ρ = 0.05")
    axes.set_ylim(-0.2, 8)
    axes.set_xlabel("σ / s")
    axes.set_ylabel("C_BI − C_VI (nats)")
    axes.legend(fontsize=8)
    figure.tight_layout()
    return figure


# ---- S19: the gradient threshold ----


@measures("S19", rendering=Rendering.ANALYTIC)
def gradients_above_threshold(context: Context) -> Evidence:
    """Compare eq. 10 with drawn gradients whose mean is small, for normal and Laplace gradients."""
    n = 100_000 if context.is_quick else 3_000_000
    rng = np.random.default_rng(context.seed)
    sd = 1e-3 * np.geomspace(0.3, 5.0, 8)
    shares = {law: _share_above(law, sd, n, rng) for law in ("normal", "Laplace")}
    measurements = [_formula_against_draws(law, sd, shares[law], n) for law in ("normal", "Laplace")]
    measurements += [_rise(law) for law in ("normal", "Laplace")]
    measurements += [_neglected_mean(ratio) for ratio in (0.1, 0.3, 1.0)]
    caption = (
        f"Share of gradients beyond g_lim = 0.001: drawn (dots, {n} each, 95 % intervals smaller than the "
        "dots) and by formula (lines), for gradients whose mean is 1 % of their sd."
    )
    remark = (
        "The formula neglects the mean gradient. Where few gradients pass (sd = 0.3 g_lim) it is off by some "
        "6 % at a mean of 10 % of the sd and by a third at 30 %: mean << sd is needed, as stated."
    )
    return Evidence(tuple(measurements), (ClaimFigure(_threshold_figure(sd, shares), caption),), (remark,))


_THRESHOLD = 1e-3
_MEAN_SHARE = 0.01


def _share_above(
    law: GradientLaw, sd: NDArray[np.float64], n: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the share of drawn gradients beyond the threshold for each sd."""
    mean = _MEAN_SHARE * sd
    if law == "normal":
        gradients = rng.normal(mean, sd, (n, sd.size))
    else:
        gradients = rng.laplace(mean, sd / np.sqrt(2.0), (n, sd.size))
    return np.mean(np.abs(gradients) > _THRESHOLD, axis=0)


def _formula_against_draws(
    law: GradientLaw, sd: NDArray[np.float64], share: NDArray[np.float64], n: int
) -> Measurement:
    """Return the mean ratio of drawn share to formula and a chi-square test over the sds."""
    from scipy.special import chdtrc

    expected = probability_above(_THRESHOLD, sd, law=law)
    error = np.sqrt(expected * (1 - expected) / n)
    chi2 = float(np.sum(((share - expected) / error) ** 2))
    p_value = float(chdtrc(sd.size, chi2))
    ratio = float(np.mean(share / expected))
    half = 1.96 * float(np.sqrt(np.sum((error / expected) ** 2))) / sd.size
    return Measurement(
        "S19",
        Rendering.ANALYTIC,
        "share of drawn gradients beyond g_lim over the formula without mean",
        ratio,
        Verdict.REPRODUCED if p_value > _SMALLEST_P else Verdict.NOT_REPRODUCED,
        condition={"gradients": law, "sd / g_lim": "0.3 to 5", "mean / sd": _MEAN_SHARE},
        published=1.0,
        interval=(ratio - half, ratio + half),
        n=n * sd.size,
        reason=f"chi-square over {sd.size} sds {chi2:.1f}, p = {p_value:.2g} (fails below 0.001)",
    )


def _rise(law: GradientLaw) -> Measurement:
    """Return the smallest slope of the probability on the logarithm of the Fisher information."""
    fisher = np.geomspace(1e-7, 1e-2, 400)
    mean_share = 0.05
    sd = np.sqrt(fisher / (1 + mean_share**2))
    probability = probability_above(_THRESHOLD, sd, mean=mean_share * sd, law=law)
    slope = float(np.min(np.diff(probability) / np.diff(np.log10(fisher))))
    return Measurement(
        "S19",
        Rendering.ANALYTIC,
        "smallest slope of Pr(abs g > g_lim) on log10 Fisher information",
        slope,
        Verdict.REPRODUCED if slope > 0 else Verdict.NOT_REPRODUCED,
        condition={"gradients": law, "Fisher information": "1e-7 to 1e-2", "mean / sd": mean_share},
        published="above 0",
        n=fisher.size,
        reason="the probability rises with the Fisher information everywhere if the slope is above 0",
    )


def _neglected_mean(mean_share: float) -> Measurement:
    """Return the largest error of the formula without mean."""
    sd = _THRESHOLD * np.geomspace(0.3, 5.0, 200)
    worst = float(np.max(np.abs(approximation_error(_THRESHOLD, sd, mean_share * sd))))
    verdict, reason = (
        Verdict.INCONCLUSIVE,
        "outside the claim's condition sigma >> mean: shows what it is for",
    )
    if mean_share <= 0.1:
        verdict = Verdict.REPRODUCED if worst < 0.1 else Verdict.NOT_REPRODUCED
        reason = "small is taken as below 10 %"
    return Measurement(
        "S19",
        Rendering.ANALYTIC,
        "largest relative error of the formula from neglecting the mean gradient",
        worst,
        verdict,
        condition={"gradients": "normal", "mean / sd": mean_share, "sd / g_lim": "0.3 to 5"},
        published="small if sigma >> mean",
        reason=reason,
        is_supporting=True,
    )


def _threshold_figure(sd: NDArray[np.float64], shares: dict[str, NDArray[np.float64]]) -> Figure:
    figure = Figure((6, 3.8))
    axes = figure.subplots()
    fine = 1e-3 * np.geomspace(0.2, 6.0, 200)
    laws: tuple[GradientLaw, GradientLaw] = ("normal", "Laplace")
    for law, colour in zip(laws, ("#0072B2", "#D55E00"), strict=True):
        axes.semilogx(fine**2, probability_above(_THRESHOLD, fine, law=law), color=colour, label=law)
        axes.semilogx(sd**2, shares[law], "o", color=colour, markersize=4)
    axes.set_xlabel("Fisher information (mean squared gradient)")
    axes.set_ylabel("Pr(|g| > g_lim)")
    axes.legend()
    figure.tight_layout()
    return figure


# ---- X01: what the spiking synapses are compared with ----


@measures("X01", rendering=Rendering.ANALYTIC)
def analytic_failures_and_recovery(context: Context) -> Evidence:
    """Check the failure rate against drawn spikes, and that the moments give n, p and q back."""
    n_spikes = 20_000 if context.is_quick else 500_000
    n_repeats = 1_000 if context.is_quick else 20_000
    rng = np.random.default_rng(context.seed)
    measurements = [_failures(n_spikes, rng)]
    for n, p in [(1, 0.3), (5, 0.1), (5, 0.5), (10, 0.9)]:
        measurements += _coverage(n, p, n_repeats, rng)
    remark = (
        "The intervals of p from 200 responses at known n hold the truth about as often as they say; with n "
        "unknown, 200 responses mostly do not tell n and p apart (share of identifiable recordings)."
    )
    return Evidence(tuple(measurements), remarks=(remark,))


def _failures(n_spikes: int, rng: np.random.Generator) -> Measurement:
    """Return the drawn failure rate over (1 - p)^n and a chi-square test over synapses."""
    from scipy.special import chdtrc

    n, p = np.meshgrid([1, 2, 5, 10], [0.05, 0.2, 0.3, 0.5, 0.7])
    synapses = QuantalSynapse(n.ravel(), p.ravel(), 0.2 * pq.mV)
    expected = synapses.failure_probability
    drawn = np.mean(synapses.release_counts(n_spikes, rng=rng) == 0, axis=0)
    # A rate that is expected less than five times says nothing about a chi-square.
    is_frequent = expected * n_spikes > 5
    error = np.sqrt(expected * (1 - expected) / n_spikes)[is_frequent]
    ratio = (drawn / expected)[is_frequent]
    chi2 = float(np.sum(((drawn - expected)[is_frequent] / error) ** 2))
    p_value = float(chdtrc(ratio.size, chi2))
    relative = error / expected[is_frequent]
    mean = float(np.average(ratio, weights=relative**-2))
    half = 1.96 / float(np.sqrt(np.sum(relative**-2)))
    return Measurement(
        "X01",
        Rendering.ANALYTIC,
        "failure rate of drawn spikes over (1 - p)^n",
        mean,
        Verdict.REPRODUCED if p_value > _SMALLEST_P else Verdict.NOT_REPRODUCED,
        condition={"n": "1-10", "p": "0.05-0.7"},
        published=1.0,
        interval=(mean - half, mean + half),
        n=n_spikes * ratio.size,
        reason=f"chi-square over {ratio.size} synapses {chi2:.1f}, p = {p_value:.2g} (fails below 0.001)",
    )


def _coverage(n: int, p: float, n_repeats: int, rng: np.random.Generator) -> list[Measurement]:
    """Return the coverage of the intervals of p, and how often n is identifiable when it is not given."""
    synapse = QuantalSynapse(n, p, 0.2 * pq.mV)
    known = recovery_by_moments(synapse, n_trials=200, n_repeats=n_repeats, rng=rng)
    unknown = recovery_by_moments(synapse, n_trials=200, n_repeats=n_repeats, rng=rng, knows_n=False)
    half = 1.96 * float(np.sqrt(0.95 * 0.05 / n_repeats))
    low, high = known.p_coverage - half, known.p_coverage + half
    return [
        Measurement(
            "X01",
            Rendering.ANALYTIC,
            "coverage of 95 % intervals of p from 200 responses, n known",
            known.p_coverage,
            # Three per cent is what the normal approximation may lose at 200 responses.
            Verdict.REPRODUCED if low - 0.03 <= 0.95 <= high + 0.03 else Verdict.NOT_REPRODUCED,
            condition={"n": n, "p": p},
            published=0.95,
            interval=(low, high),
            n=n_repeats,
            reason="holds if 0.95 is within 0.03 of the interval",
            is_supporting=True,
        ),
        Measurement(
            "X01",
            Rendering.ANALYTIC,
            "share of recordings of 200 responses that tell n and p apart, n unknown",
            unknown.identifiable,
            Verdict.INCONCLUSIVE,
            condition={"n": n, "p": p},
            n=n_repeats,
            reason="describes the method; no published value",
            is_supporting=True,
        ),
    ]


# ---- X06: a normal weight as a binomial synapse ----


@dataclass(frozen=True, eq=False)
class _Realised:
    """Synapses realised by one mechanism, and which of the weights it could not realise."""

    mechanism: str
    synapses: QuantalSynapse
    is_feasible: NDArray[np.bool_]


@measures("X06", rendering=Rendering.ANALYTIC)
def realised_weights(context: Context) -> Evidence:
    """Realise normal weights by calcium and by vesicle number, and compare moments and ATP."""
    n = 20_000 if context.is_quick else 1_000_000
    rng = np.random.default_rng(context.seed)
    mean = rng.normal(0.0, 0.1, n) * pq.mV
    importance = np.exp(rng.normal(8.0, 1.5, n)) / pq.mV**2
    sd = optimal_sd(importance, ReliabilityCost(2.0, 0.02 * pq.mV))
    realised = (_by_calcium(mean, sd, 5), _by_vesicles(mean, sd, 0.3))
    measurements: list[Measurement] = []
    for found in realised:
        measurements += _moments_kept(found, mean, sd)
        measurements.append(_atp(found, realised[1].is_feasible))
    caption = (
        f"{n} normal weights with variances optimised for rho = 2, realised by p at n = 5 and by n at p near "
        "0.3: ATP per spike against the weight's coefficient of variation (2000 drawn)."
    )
    remarks = (
        "Weights here are drawn (mean: normal, sd 0.1 mV; importance log-normal), not trained: accuracy in "
        "spikes is a matter of the other renderings.",
        "Vesicle number at fixed p cannot realise a weight noisier than one site, cv^2 > (1 - p) / p; such "
        "weights exist wherever a mean is near 0. Calcium (p at fixed n) realises every weight, at the price "
        "of a large quantal size.",
    )
    return Evidence(tuple(measurements), (ClaimFigure(_atp_figure(realised), caption),), remarks)


def _by_calcium(mean: pq.Quantity, sd: pq.Quantity, n: int) -> _Realised:
    synapses = synapse_with(mean, sd, n=n)
    return _Realised(f"calcium (n = {n})", synapses, np.ones(mean.size, dtype=bool))


def _by_vesicles(mean: pq.Quantity, sd: pq.Quantity, p: float) -> _Realised:
    cv2 = (sd.magnitude / mean.magnitude) ** 2
    is_feasible = cv2 <= (1 - p) / p
    synapses = synapse_with(mean[is_feasible], sd[is_feasible], p=p, hold="sd")
    return _Realised(f"vesicle number (p near {p})", synapses, is_feasible)


def _moments_kept(found: _Realised, mean: pq.Quantity, sd: pq.Quantity) -> list[Measurement]:
    """Return the largest error of the moments, and the share of weights that could be realised."""
    chosen = found.is_feasible
    errors = [
        np.max(np.abs(found.synapses.mean.magnitude / mean[chosen].magnitude - 1)),
        np.max(np.abs(found.synapses.sd.magnitude / sd[chosen].magnitude - 1)),
    ]
    worst, share = float(max(errors)), float(np.mean(chosen))
    return [
        Measurement(
            "X06",
            Rendering.ANALYTIC,
            "largest relative error of mean and sd of the realised synapses",
            worst,
            Verdict.REPRODUCED if worst < _ROUNDING else Verdict.NOT_REPRODUCED,
            condition={"mechanism": found.mechanism},
            published=0.0,
            n=int(chosen.sum()),
            reason="exact up to rounding if below 1e-9",
        ),
        Measurement(
            "X06",
            Rendering.ANALYTIC,
            "share of weights that the mechanism can realise",
            share,
            Verdict.INCONCLUSIVE,
            condition={"mechanism": found.mechanism},
            n=chosen.size,
            reason="no published value",
            is_supporting=True,
        ),
    ]


def _atp(found: _Realised, is_common: NDArray[np.bool_]) -> Measurement:
    """Return the mean ATP per spike of the weights that every mechanism realises."""
    chosen = is_common[found.is_feasible]
    atp = spike_costs()(found.synapses).magnitude[chosen]
    mean, half = float(atp.mean()), 1.96 * float(atp.std(ddof=1) / np.sqrt(atp.size))
    low = float(spike_costs(estimate="low")(found.synapses).magnitude[chosen].mean())
    high = float(spike_costs(estimate="high")(found.synapses).magnitude[chosen].mean())
    return Measurement(
        "X06",
        Rendering.ANALYTIC,
        "mean ATP per presynaptic spike of the weights that both mechanisms realise",
        mean,
        Verdict.INCONCLUSIVE,
        condition={"mechanism": found.mechanism},
        interval=(mean - half, mean + half),
        n=atp.size,
        reason=f"no published value; with the constants at the ends of their ranges {low:.3g} to {high:.3g}",
        is_supporting=True,
    )


def _atp_figure(realised: tuple[_Realised, ...]) -> Figure:
    figure = Figure((6, 3.8))
    axes = figure.subplots()
    for found, colour in zip(realised, ("#0072B2", "#D55E00"), strict=True):
        atp = spike_costs()(found.synapses).magnitude
        shown = slice(0, 2000)
        label = f"{found.mechanism}: {found.is_feasible.mean():.0%} of weights"
        axes.loglog(found.synapses.cv[shown], atp[shown], ".", color=colour, markersize=2, label=label)
    axes.set_xlabel("coefficient of variation of the weight")
    axes.set_ylabel("ATP per spike")
    axes.legend(fontsize=8, markerscale=4)
    figure.tight_layout()
    return figure


# ---- X08: slopes for Poisson inputs ----

_TIME_CONSTANT = 10.0  # ms, of the exponential kernel through which inputs are seen


@measures("X08", rendering=Rendering.ANALYTIC)
def slopes_for_poisson_inputs(context: Context) -> Evidence:
    """Optimise the variance for Poisson inputs of different rates and fit its slope on the rate."""
    rate = np.geomspace(0.01, 0.3, 30)
    fast = np.geomspace(300, 3000, 30)
    measurements = []
    for mechanism, rho in COST_EXPONENTS.items():
        expected = precision_slopes(rho).on_input_power
        measurements.append(_rate_slope(mechanism, rho, rate, expected, "shot noise", is_supporting=False))
        measurements.append(_rate_slope(mechanism, rho, fast, 2 * expected, "mean drive", is_supporting=True))
    figure = Figure((6, 3.8))
    _plot_local_slopes(figure.subplots())
    figure.tight_layout()
    caption = (
        "Slope of log optimal variance on log rate for Poisson inputs seen through an exponential kernel of "
        "10 ms: -2/(rho+2) at low rates, where mean x² grows as the rate, twice that at high rates, where it "
        "grows as the rate squared. Computed, not sampled."
    )
    remark = (
        "Which of the two slopes applies depends on the presynaptic rate times the time constant. Cells that "
        "fire at a few hertz are in the first regime (mean x² within 10 % of proportional to the rate below "
        "5 Hz), where the published recorded slope of -0.62 implies rho = 1.23, nearest to actin's 4/3; in "
        "the second it would imply rho = 4.45."
    )
    return Evidence(tuple(measurements), (ClaimFigure(figure, caption),), (remark,))


def _mean_square_drive(rate_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return <x^2> of a Poisson input through the kernel exp(-t / tau), by Campbell's theorem."""
    events = rate_hz * _TIME_CONSTANT / 1000.0
    return events / 2.0 + events**2


def _optimal_variance(rate_hz: NDArray[np.float64], rho: float) -> NDArray[np.float64]:
    importance = _mean_square_drive(rate_hz) / pq.mV**2
    return optimal_sd(importance, ReliabilityCost(rho, _SCALE)).magnitude ** 2


def _rate_slope(
    mechanism: str,
    rho: float,
    rate_hz: NDArray[np.float64],
    expected: float,
    regime: str,
    *,
    is_supporting: bool,
) -> Measurement:
    """Return the slope over one range of rates against its limit."""
    slope = float(np.polyfit(np.log(rate_hz), np.log(_optimal_variance(rate_hz, rho)), 1)[0])
    local = np.diff(np.log(_optimal_variance(rate_hz, rho))) / np.diff(np.log(rate_hz))
    return Measurement(
        "X08",
        Rendering.ANALYTIC,
        "slope of log optimal variance on log presynaptic rate",
        slope,
        Verdict.REPRODUCED if abs(slope / expected - 1) < 0.05 else Verdict.NOT_REPRODUCED,
        condition={
            "mechanism": mechanism,
            "rho": round(rho, 4),
            "regime": regime,
            "rate": f"{rate_hz[0]:g} to {rate_hz[-1]:g} Hz",
        },
        published=expected,
        interval=(float(local.min()), float(local.max())),
        n=rate_hz.size,
        reason="interval: smallest and largest local slope; holds if within 5 % of the limit",
        is_supporting=is_supporting,
    )


def _plot_local_slopes(axes: Axes) -> None:
    rate = np.geomspace(0.1, 1000, 200)
    for mechanism, rho in COST_EXPONENTS.items():
        slope = np.gradient(np.log(_optimal_variance(rate, rho)), np.log(rate))
        axes.semilogx(rate, slope, color=COLOURS[mechanism], label=f"{mechanism}, ρ = {rho:.3g}")
    axes.axhline(-0.62, color="black", linestyle="--", linewidth=1, label="recorded (published), −0.62")
    axes.set_xlabel("presynaptic rate (Hz)")
    axes.set_ylabel("d log σ² / d log rate")
    axes.legend(fontsize=7)
