"""Measure what synapses of high release probability are: Fisher information, neurons, gradients."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from scipy.stats import chi2, combine_pvalues, spearmanr

from biophys.gradient_threshold import GradientLaw, probability_above
from biophys.release_plasticity import ReleasePlasticity, updated_release_probability
from validation.claims.claim import ClaimFigure, Context, Evidence, Measurement, Rendering, Verdict
from validation.claims.over_seeds import SeedEstimate, seed_estimate
from validation.claims.panels import drawn_panels
from validation.registry import measures

if TYPE_CHECKING:
    from validation.archive import ArchivedRun

PUBLISHED_KS = 0.505
"""Figure 3a: inputs of the second hidden layer, one network."""
PUBLISHED_R = {1: 0.9390, 2: 0.7999}
"""Appendix 1 figure 2b: by hidden layer, one network."""

_ALPHA = 0.01
_CLEARLY_NOT = 0.1
_SMALLEST_P = 1e-3
_SIZE = (8, 4.2)
_SHUFFLES = {"matrix": "all entries of a weight matrix", "partners": "among the partners of each neuron"}


@measures("S05", "S06", "S07", "S08", "S19", rendering=Rendering.RATE, experiment="energy")
def importance_structure(run: ArchivedRun, context: Context) -> Evidence:
    """Look at the Fisher information, the neurons and the gradients of trained networks."""
    parts = (evidence_of(run.result), gradient_evidence(run.result, context))
    return Evidence(
        *(tuple(item for part in parts for item in getattr(part, field.name)) for field in fields(Evidence))
    )


def evidence_of(result: xr.Dataset) -> Evidence:
    """Return what a result of the energy experiment says of S05-S08."""
    measurements = [*_fisher(result), *_differs_from_shuffle(result), *_uneven_groups(result)]
    measurements += [m for layer in result.hidden_layer.values for m in _correlation(result, int(layer))]
    remarks = (
        f"Measured at an L2 penalty of {shown_l2(result):g}: the paper does not say which figures 2 and 3 "
        "use.",
        "The paper does not say how it shuffles. Main: all entries of a weight matrix change places; beside "
        "it: every neuron on the other side keeps its number of important synapses.",
    )
    return Evidence(tuple(measurements), _figures(result), remarks)


def shown_l2(result: xr.Dataset) -> float:
    """Return the penalty at which single synapses and neurons were looked at."""
    return float(result.attrs["shown_l2"])


def _is_published_size(result: xr.Dataset) -> bool:
    """Return whether published numbers apply: the paper's data set, network and number of epochs."""
    sizes = [int(size) for size in np.atleast_1d(result.attrs["sizes"])]
    return (
        result.attrs["data_set"] == "mnist" and sizes == [784, 200, 200, 10] and int(result.epoch[-1]) >= 50
    )


def _at(result: xr.Dataset, model: str = "soft_bound") -> xr.Dataset:
    return result.sel(model=model, l2=shown_l2(result))


def _condition(result: xr.Dataset, model: str = "soft_bound", **more: Any) -> dict[str, Any]:
    return {"data": result.attrs["data_set"], "p rule": model, "L2": shown_l2(result), **more}


# ---- S05: Fisher information ----


def _fisher(result: xr.Dataset) -> list[Measurement]:
    """Return how far the Fisher information of high-p synapses exceeds that of low-p ones."""
    found = []
    for model in (str(m) for m in result.plastic_model.values):
        at = _at(result, model)
        for expectation in (str(e) for e in result.expectation.values):
            estimate = seed_estimate(at.fisher_superiority.sel(expectation=expectation))
            is_main = model == "soft_bound" and expectation == "observed"
            found.append(_superiority(result, model, expectation, estimate, is_main))
    found.append(_ratio_of_means(result))
    found.append(_within_layers(result))
    return found


def _superiority(
    result: xr.Dataset, model: str, expectation: str, estimate: SeedEstimate, is_main: bool
) -> Measurement:
    correlation = seed_estimate(_at(result, model).fisher_pearson.sel(expectation=expectation)).mean
    return Measurement(
        "S05",
        Rendering.RATE,
        "probability that a synapse with p >= 0.9 has more Fisher information than one with p < 0.9",
        estimate.mean,
        estimate.verdict_above(0.5),
        condition=_condition(result, model, labels=expectation),
        published="> 0.5",
        interval=estimate.interval,
        n=estimate.n,
        reason="Mann-Whitney statistic over pairs (0.5: no difference), t interval over networks; "
        f"Pearson correlation of p and Fisher information {correlation:.2f}",
        is_supporting=not is_main,
    )


def _ratio_of_means(result: xr.Dataset) -> Measurement:
    mean = _at(result).fisher_mean.sel(expectation="observed")
    ratio = seed_estimate(mean.sel(importance="high p") / mean.sel(importance="low p"), "ratio")
    return Measurement(
        "S05",
        Rendering.RATE,
        "mean Fisher information of synapses with p >= 0.9 over that of synapses with p < 0.9",
        ratio.mean,
        ratio.verdict_above(1.0),
        condition=_condition(result, labels="observed"),
        published="> 1",
        interval=ratio.interval,
        n=ratio.n,
        reason="geometric mean over networks, t interval of its logarithm",
    )


def _within_layers(result: xr.Dataset) -> Measurement:
    """Return the smallest superiority within one weight matrix, which no difference of layers explains."""
    by_layer = _at(result).fisher_superiority_in_layer.sel(expectation="observed")
    estimates = {int(layer): seed_estimate(by_layer.sel(layer=layer)) for layer in result.layer.values}
    layer, least = min(estimates.items(), key=lambda item: item[1].mean)
    return Measurement(
        "S05",
        Rendering.RATE,
        "the same within one weight matrix, the smallest of all matrices",
        least.mean,
        least.verdict_above(0.5),
        condition=_condition(result, matrix=layer),
        published="> 0.5",
        interval=least.interval,
        n=least.n,
        reason="no difference between layers can explain it",
        is_supporting=True,
    )


# ---- S06, S07: important synapses per neuron ----


def _differs_from_shuffle(result: xr.Dataset) -> list[Measurement]:
    found = [_second_layer_test(result, shuffle) for shuffle in _SHUFFLES]
    if _is_published_size(result):
        found.append(_published_distance(result))
    found += [_all_other_tests(result, shuffle) for shuffle in _SHUFFLES]
    found.append(_output_neurons(result))
    return found


def _second_layer_test(result: xr.Dataset, shuffle: str) -> Measurement:
    at = _at(result).sel(layer=2, side="inputs", shuffle=shuffle)
    distance, p = seed_estimate(at.neuron_ks_d), at.neuron_ks_p.values
    combined = float(combine_pvalues(np.maximum(p[np.isfinite(p)], 1e-300)).pvalue)
    return Measurement(
        "S06",
        Rendering.RATE,
        "KS distance of important inputs per neuron of the second hidden layer from their shuffle",
        distance.mean,
        _verdict_of_p(combined),
        condition=_condition(result, shuffled=_SHUFFLES[shuffle]),
        published="p < 0.01",
        interval=distance.interval,
        n=distance.n,
        reason=f"p from {np.nanmin(p):.2g} to {np.nanmax(p):.2g} over networks; by Fisher's method together "
        f"{combined:.2g} (reproduced below {_ALPHA}, not above {_CLEARLY_NOT})",
        is_supporting=shuffle != "matrix",
    )


def _verdict_of_p(p: float) -> Verdict:
    if p < _ALPHA:
        return Verdict.REPRODUCED
    return Verdict.NOT_REPRODUCED if p > _CLEARLY_NOT else Verdict.INCONCLUSIVE


def _published_distance(result: xr.Dataset) -> Measurement:
    """Compare D with the published one at every penalty, since the paper does not say which it used."""
    of = result.neuron_ks_d.sel(model="soft_bound", layer=2, side="inputs", shuffle="matrix")
    return _published_of_one_network(
        result, "S06", "KS distance D, inputs of the second hidden layer", of, PUBLISHED_KS, "plain"
    )


def _published_of_one_network(
    result: xr.Dataset, claim: str, quantity: str, values: xr.DataArray, published: float, scale: str
) -> Measurement:
    """Return whether one network at some penalty could have had the published value."""
    estimates = {float(l2): seed_estimate(values.sel(l2=l2), scale) for l2 in result.l2.values}
    possible = [l2 for l2, of in estimates.items() if of.could_give(published)]
    nearest = min(estimates, key=lambda l2: abs(estimates[l2].mean - published))
    of = estimates[nearest]
    means = ", ".join(f"{each.mean:.3f} at {l2:g}" for l2, each in estimates.items())
    where = ", ".join(f"{l2:g}" for l2 in possible) or "no penalty"
    return Measurement(
        claim,
        Rendering.RATE,
        quantity,
        of.mean,
        Verdict.REPRODUCED if possible else Verdict.NOT_REPRODUCED,
        condition={**_condition(result), "L2": nearest},
        published=published,
        interval=of.next_network,
        n=of.n,
        reason="the published value is of one network at an unnamed penalty; it lies in the 95 % prediction "
        f"interval of one network at {where} (means: {means})",
    )


def _all_other_tests(result: xr.Dataset, shuffle: str) -> Measurement:
    """Return the share of significant tests over matrices, sides and networks, but for the output neurons."""
    p = _at(result).neuron_ks_p.sel(shuffle=shuffle)
    last = int(result.layer[-1])
    others = p.where(~((p.layer == last) & (p.side == "inputs")))
    is_significant = (others < _ALPHA).where(others.notnull())
    share = is_significant.mean("seed").stack(test=["layer", "side"]).dropna("test")
    names = [
        f"{side} of matrix {layer}"
        for (layer, side), s in zip(share.test.values, share.values, strict=True)
        if s < 1
    ]
    if not names:
        verdict = Verdict.REPRODUCED
    else:
        verdict = Verdict.NOT_REPRODUCED if float(share.min()) < 0.5 else Verdict.INCONCLUSIVE
    return Measurement(
        "S06",
        Rendering.RATE,
        "share of significant KS tests (p < 0.01) over all matrices and sides but the output neurons",
        float(is_significant.mean()),
        verdict,
        condition=_condition(result, shuffled=_SHUFFLES[shuffle]),
        published=1.0,
        n=int(is_significant.notnull().sum()),
        reason="not always significant: " + ", ".join(names) if names else "significant in every network",
        is_supporting=shuffle != "matrix" or not _is_published_size(result),
    )


def _output_neurons(result: xr.Dataset) -> Measurement:
    p = _at(result).neuron_ks_p.sel(layer=int(result.layer[-1]), side="inputs", shuffle="matrix").values
    return Measurement(
        "S06",
        Rendering.RATE,
        "KS test of the important inputs of the output neurons: median p",
        float(np.nanmedian(p)),
        Verdict.REPRODUCED if (p >= _ALPHA).all() else Verdict.NOT_REPRODUCED,
        condition=_condition(result, shuffled=_SHUFFLES["matrix"]),
        published="not significant (p = 0.41)",
        n=int(np.isfinite(p).sum()),
        reason=f"p from {np.nanmin(p):.2g} to {np.nanmax(p):.2g} over networks; ten neurons are few",
    )


def _uneven_groups(result: xr.Dataset) -> list[Measurement]:
    found = []
    for shuffle in _SHUFFLES:
        at = _at(result).sel(layer=2, side="inputs", shuffle=shuffle)
        for group in ("low", "high"):
            difference = (at.neuron_group_share - at.neuron_shuffled_group_share).sel(group=group)
            estimate = seed_estimate(difference)
            share = seed_estimate(at.neuron_group_share.sel(group=group)).mean
            found.append(
                Measurement(
                    "S07",
                    Rendering.RATE,
                    f"share of {group}-importance neurons of the second hidden layer less the shuffled one",
                    estimate.mean,
                    estimate.verdict_above(0.0),
                    condition=_condition(result, shuffled=_SHUFFLES[shuffle]),
                    published="> 0",
                    interval=estimate.interval,
                    n=estimate.n,
                    reason=f"2 sd from the shuffled mean; mean share {share:.2f}; t interval over networks",
                    is_supporting=shuffle != "matrix",
                )
            )
    return found


# ---- S08: inputs and outputs ----


def _correlation(result: xr.Dataset, layer: int) -> list[Measurement]:
    of = result.input_output_r.sel(model="soft_bound", hidden_layer=layer)
    estimate = seed_estimate(of.sel(l2=shown_l2(result)), "correlation")
    quantity = f"correlation of important inputs and outputs, hidden layer {layer}"
    found = [
        Measurement(
            "S08",
            Rendering.RATE,
            quantity,
            estimate.mean,
            estimate.verdict_above(0.0),
            condition=_condition(result),
            published="> 0",
            interval=estimate.interval,
            n=estimate.n,
            reason="Pearson's r over the neurons of a layer, t interval over networks",
        )
    ]
    if _is_published_size(result) and layer in PUBLISHED_R:
        found.append(
            _published_of_one_network(result, "S08", quantity, of, PUBLISHED_R[layer], "correlation")
        )
    return found


def _figures(result: xr.Dataset) -> tuple[ClaimFigure, ...]:
    from rate_models.experiments.energy_figures import FIGURES

    captions = {
        "fig2d": ("S05", "Fisher information (observed labels, mean network, test images) of synapses by p."),
        "fig3a": ("S06", "Important inputs per neuron of the second hidden layer, learned and shuffled."),
        "app1-fig2a": ("S06", "Important inputs and outputs per neuron of every weight matrix."),
        "fig3b": ("S07", "Neurons of low, medium and high importance."),
        "app1-fig2b": ("S08", "Important outputs against important inputs of hidden neurons."),
    }
    return drawn_panels(FIGURES, result, captions, _SIZE)


# ---- S19: gradients and the threshold ----


def gradient_evidence(result: xr.Dataset, context: Context) -> Evidence:
    """Compare how often p moves up with equation 10, for drawn gradients and those of trained networks."""
    rng = np.random.default_rng(context.seed)
    n = 50_000 if context.is_quick else 1_000_000
    drawn = [_drawn_gradients(law, n, rng) for law in ("normal", "Laplace")]
    return Evidence((*drawn, *_network_gradients(result)), _gradient_figure(result))


def _drawn_gradients(law: GradientLaw, n: int, rng: np.random.Generator) -> Measurement:
    """Return whether the p rule of the rate networks moves p up as often as the formula says."""
    import torch

    sigma = np.geomspace(0.3, 10, 8)
    draws: dict[str, Any] = {
        "normal": rng.standard_normal,
        "Laplace": lambda size: rng.laplace(scale=np.sqrt(0.5), size=size),
    }
    gradient = torch.from_numpy(sigma[:, None] * draws[law](size=(len(sigma), n)))
    rule = ReleasePlasticity(g_lim=1.0, form="soft_bound")
    start = torch.full_like(gradient, 0.5)
    moved_up = (updated_release_probability(start, gradient, rule) > start).sum(dim=1).numpy()
    expected = probability_above(1.0, sigma, law=law)
    statistic = float(np.sum((moved_up - n * expected) ** 2 / (n * expected * (1 - expected))))
    p = float(chi2.sf(statistic, len(sigma)))
    return Measurement(
        "S19",
        Rendering.RATE,
        f"share of {law} gradients after which p rises, over the formula",
        float(np.mean(moved_up / n / expected)),
        Verdict.REPRODUCED if p > _SMALLEST_P else Verdict.NOT_REPRODUCED,
        condition={"gradients": law, "sd / g_lim": f"{sigma[0]:g}-{sigma[-1]:g}"},
        published=1.0,
        n=n * len(sigma),
        reason=f"chi-square {statistic:.1f}, {len(sigma)} df, p = {p:.2g} (fails below {_SMALLEST_P:g})",
    )


def _network_gradients(result: xr.Dataset) -> list[Measurement]:
    """Return whether the share above the threshold rises with the Fisher information in trained networks."""
    found = []
    for size in (int(s) for s in result.images_per_gradient.values):
        at = result.sel(plastic_model="soft_bound", images_per_gradient=size)
        flat = {
            name: at[name].stack(all=["layer", "synapse"])
            for name in ("share_above", "mean_squared_gradient")
        }
        ranks = [
            float(
                spearmanr(
                    flat["mean_squared_gradient"].sel(seed=s), flat["share_above"].sel(seed=s)
                ).statistic
            )
            for s in result.seed.values
        ]
        estimate = seed_estimate(ranks, "correlation")
        found.append(
            Measurement(
                "S19",
                Rendering.RATE,
                "rank correlation of Fisher information and share of gradients above g_lim, over synapses",
                estimate.mean,
                estimate.verdict_above(0.0),
                condition={**_condition(result), "images per gradient": size},
                published="> 0",
                interval=estimate.interval,
                n=estimate.n,
                reason="the formula rises with the Fisher information; t interval over networks",
                is_supporting=size != 1,
            )
        )
        found.append(_distance_from_formula(result, at, size))
    return found


def _distance_from_formula(result: xr.Dataset, at: xr.Dataset, size: int) -> Measurement:
    """Return how far the shares of single synapses lie from erfc of their own second moment."""
    rms = np.sqrt(at.mean_squared_gradient.values)
    predicted = np.where(
        rms > 0, probability_above(float(result.attrs["g_lim"]), np.maximum(rms, 1e-30)), 0.0
    )
    difference = (at.share_above - predicted).mean(["layer", "synapse"])
    estimate = seed_estimate(difference)
    low, high = estimate.interval
    agrees = low <= 0.0 <= high
    return Measurement(
        "S19",
        Rendering.RATE,
        "share of gradients above g_lim less erfc(g_lim / (rms sqrt 2)), mean over synapses",
        estimate.mean,
        Verdict.REPRODUCED if agrees else Verdict.NOT_REPRODUCED,
        condition={**_condition(result), "images per gradient": size},
        published=0.0,
        interval=estimate.interval,
        n=estimate.n,
        reason="whether real gradients are normal: most images give almost none, a few large ones",
        is_supporting=True,
    )


def _gradient_figure(result: xr.Dataset) -> tuple[ClaimFigure, ...]:
    from rate_models.experiments.energy_figures import FIGURES

    caption = (
        "Share of gradients above the threshold against their root mean square, one dot per synapse of a "
        "trained network, with equation 10 for normal and Laplace gradients."
    )
    return drawn_panels(FIGURES, result, {"eq10": ("S19", caption)}, _SIZE)
