"""S01, S15, S16, S20 and S24: information and energy of the networks of figure 1, and their comparison."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import xarray as xr

from biophys.estimates import Estimate, exactly, mean_of, means_along
from validation.criteria import above, in_every
from validation.registry import Context, Findings, Run, measures, panels
from validation.runs import result_beside
from validation.statement import SCHUG, Claim, Clause, Measurement, not_run, row

NAMES = {
    "soft_bound": "plastic release",
    "additive": "plastic release (additive rule)",
    "deterministic": "deterministic",
    "deterministic_slow": "deterministic (rate 0.05)",
    "fixed_release": "fixed release (p = 0.4)",
    "matched_release": "fixed release (p matched)",
}

STARTS = {
    "soft_bound": "p starts at p_min",
    "soft_bound_uniform": "p starts uniform",
    "additive": "p starts at p_min, additive rule",
    "additive_uniform": "p starts uniform, additive rule",
}
"""The program's rule has a soft bound and made the figures; the paper prints the additive one."""

FIGURES_RULE = "soft_bound"
"""The rule of p that made the figures: the program's."""

# Figures 2 and 3: more networks than the three of figure 1, and nothing but what these figures need.
_TEN_NETWORKS: dict[str, Any] = {
    "models": (FIGURES_RULE,),
    "l2": (0.01,),
    "seeds": tuple(range(2019, 2029)),
    "step_factors": (),
    "varied_l2": (),
    "variant_seeds": (2019,),
    "scanned_p": (0.4,),
    "scanned_learning_rates": (0.05,),
}
_TRAINED_ON: dict[str, Any] = {
    **_TEN_NETWORKS,
    "models": (FIGURES_RULE, "soft_bound_uniform"),
    "n_epochs": 100,
    "evaluate_every": 50,
    "scanned_p": (),
    "lesion_fractions": (0.0,),
}


def at_shown_l2(result: xr.Dataset, model: str = "soft_bound") -> xr.Dataset:
    """Return a model at the penalty at which single synapses were looked at: the paper names none."""
    return result.sel(model=model, l2=float(result.attrs["shown_l2"]))


def shown_networks(run: Run, context: Context) -> Run:
    """Return ten networks at the penalty at which single synapses were looked at; those of `run` in small."""
    return result_beside(run, context, "energy_lesions", **_TEN_NETWORKS)


def networks_trained_on(run: Run, context: Context) -> Run:
    """Return networks of the figures' rule that were trained twice as long as published; in small as long."""
    return result_beside(run, context, "energy_long", **_TRAINED_ON)


def plastic_networks(run: Run, context: Context) -> dict[str, xr.Dataset]:
    """Return the networks of each plastic model at the shown penalty, ten of them with the figures' rule.

    The rule that the paper prints is observed beside it.
    """
    ten = shown_networks(run, context)
    models = (str(model) for model in run.result.plastic_model.values)
    return {
        model: at_shown_l2((ten if model == FIGURES_RULE else run).result, model).sel(plastic_model=model)
        for model in models
    }


def quotient(
    subject: Clause | Claim, best: xr.DataArray, pair: tuple[str, str], quantity: str
) -> Measurement:
    """Return the quotient of two models' best information per energy, seed by seed."""
    words = f"{quantity}: {NAMES[pair[0]]} over {NAMES[pair[1]]}, each at its best L2"
    collapsed = [NAMES[model] for model in pair if model not in best.model.values]
    if collapsed:
        reason = f"{', '.join(collapsed)}: no penalty leaves an accuracy of one half"
        return row(subject, None, words, reason=reason)
    first, second = (best.sel(model=model) for model in pair)
    how = "t interval of the logarithm over paired seeds"
    ratio = mean_of(first / second, "ratio", unit="networks", how=how)
    condition = {"best L2 of the first": float(first.best_l2), "of the second": float(second.best_l2)}
    values = " and ".join(f"{1000 * float(each.mean()):.3g}" for each in (first, second))
    return row(subject, ratio, words, condition=condition, reason=f"means {values} bit per 1000 units")


def shuffle_test(at: xr.Dataset) -> Estimate:
    """Return the mean distance over networks; p is the largest of theirs, for each must pass the test."""
    p = at.neuron_ks_p
    how = f"p from {float(p.min()):.2g} to {float(p.max()):.2g} over networks"
    return replace(mean_of(at.neuron_ks_d, unit="networks", how=how), p=float(p.max()))


def present(result: xr.Dataset, pairs: Mapping[tuple[str, str], Any]) -> dict[tuple[str, str], Any]:
    """Return the pairs of which both models were trained."""
    models = {str(model) for model in result.model.values}
    return {pair: subject for pair, subject in pairs.items() if set(pair) <= models}


PLASTIC = Clause("S01a", "plastic release transmits more than deterministic synapses", "fig 1b", above(1.0))
FIXED = Clause("S01b", "deterministic synapses transmit more than fixed release", "fig 1b", above(1.0))
_S01_SAID = (
    "Mutual information per energy: plastic stochastic release > deterministic > fixed stochastic release, "
    "each at its best L2 strength"
)
S01 = Claim("S01", _S01_SAID, SCHUG, (PLASTIC, FIXED))

PUBLISHED_PAIRS = (("soft_bound", "deterministic"), ("deterministic", "fixed_release"))
# The additive p rule, the paper's learning rate, and fixed p matched to the learned mean.
_OTHER_PAIRS = [("additive", "deterministic"), ("soft_bound", "deterministic_slow")]
_OTHER_PAIRS += [("deterministic", "matched_release"), ("soft_bound", "matched_release")]


def subjects_of(claim: Claim) -> dict[tuple[str, str], Clause | Claim]:
    """Return what each pair of models says something of: the first clauses of a claim, or itself."""
    return {**dict(zip(PUBLISHED_PAIRS, claim.clauses, strict=False)), **dict.fromkeys(_OTHER_PAIRS, claim)}


@measures(S01, experiment="energy")
def information_per_energy(run: Run, context: Context) -> Findings:
    """Compare the best information per synaptic energy of the models, seed by seed.

    Information is the authors' soft estimate from one draw of the synapses: it falls with confidence, even at
    unchanged accuracy. Synaptic energy is the sum of abs(w̄) over all synapses, biases excluded.
    """
    from rate_models.experiments.energy_figures import best_ratio, with_plug_in

    result = run.result
    best, best_of_answers = best_ratio(result), best_ratio(with_plug_in(result), information="plug_in")
    for pair, subject in present(result, subjects_of(S01)).items():
        yield quotient(subject, best, pair, "information per synaptic energy")
    for pair in PUBLISHED_PAIRS:
        yield quotient(S01, best_of_answers, pair, "plug-in information of the answers per energy")
    yield from panels(run, "fig1a fig1b app1-fig1a", S01)


_PLACE = "app 1 fig 1b"
_EVERY = in_every(above(1.0), "penalty")
_AT_BEST = "plastic release over deterministic synapses, each at its best"
BEST_PLASTIC = Clause("S15a", _AT_BEST, _PLACE, above(1.0))
BEST_FIXED = Clause("S15b", "deterministic synapses over fixed release, each at its best", _PLACE, above(1.0))
EVERY_PLASTIC = Clause("S15c", "plastic release over deterministic synapses at each penalty", _PLACE, _EVERY)
EVERY_FIXED = Clause("S15d", "deterministic synapses over fixed release at each penalty", _PLACE, _EVERY)
_SAID = "Energy as mean neuronal activity instead of synaptic strength: same ordering"
_DEVIATION = (
    "At full size the hidden units of the deterministic network are the most active ones at small penalties, "
    "so that each at its best penalty fixed release comes out ahead of it."
)
S15 = Claim("S15", _SAID, SCHUG, (BEST_PLASTIC, BEST_FIXED, EVERY_PLASTIC, EVERY_FIXED), _DEVIATION)
_AT_EACH = dict(zip(PUBLISHED_PAIRS, (EVERY_PLASTIC, EVERY_FIXED), strict=True))


@measures(S15, experiment="energy")
def information_per_activity(run: Run, context: Context) -> Findings:
    """Compare information per summed activity of the hidden units: at the best penalty, and at each."""
    from rate_models.experiments.energy_figures import best_ratio, ratio_of

    result = run.result
    best, ratio = best_ratio(result, "neuronal_energy"), ratio_of(result, "neuronal_energy")
    for pair, subject in present(result, subjects_of(S15)).items():
        yield quotient(subject, best, pair, "information per neuronal activity")
    for (first, second), clause in present(result, _AT_EACH).items():
        # Penalties at which both models answered well.
        quotients = (ratio.sel(model=first) / ratio.sel(model=second)).dropna("l2", how="all")
        yield row(clause, means_along(quotients, "l2", "ratio"), clause.text, along="L2")
    activity = result.neuronal_energy.isel(epoch=-1)
    more = activity.sel(model="deterministic") / activity.sel(model="fixed_release")
    words = "summed activity of hidden units: deterministic over fixed release"
    yield row(S15, means_along(more, "l2", "ratio"), words, along="L2")
    if "scan_neuronal_energy" in result:
        by_p = result.scan_neuronal_energy.isel(learning_rate=0).dropna("fixed_p", how="all")
        more = by_p.sel(fixed_p=1.0) / by_p.sel(fixed_p=by_p.fixed_p[by_p.fixed_p < 1])
        words = "summed activity of hidden units at the shown penalty: p = 1 over a fixed p below one"
        yield row(S15, means_along(more, "fixed_p", "ratio"), words, along="fixed p")
    yield from panels(run, "app1-fig1b", S15)


_at_levels = partial(Clause, source="fig 1a", criterion=in_every(above(1.0), "level"))
S24_FIXED = _at_levels("S24a", "fixed release needs more energy than deterministic synapses")
S24_PLASTIC = _at_levels("S24b", "deterministic synapses need more energy than plastic release")
_S24_SAID = (
    "At equal information fixed release needs more energy than deterministic synapses, and these more than "
    "plastic release"
)
S24 = Claim("S24", _S24_SAID, SCHUG, (S24_FIXED, S24_PLASTIC))
_S24_PAIRS = {
    ("fixed_release", "deterministic"): S24_FIXED,
    ("deterministic", "soft_bound"): S24_PLASTIC,
    ("matched_release", "deterministic"): S24,
    ("deterministic", "additive"): S24,
}


@measures(S24, experiment="energy")
def energy_at_information(run: Run, context: Context) -> Findings:
    """Compare the energy of two models at five levels of information that both reach, seed by seed."""
    from rate_models.experiments.energy_figures import energy_at_equal_information, with_plug_in

    soft = with_plug_in(run.result).isel(epoch=-1).sortby("l2", ascending=False)
    pairs = present(run.result, _S24_PAIRS)
    cases = [(pair, soft, "", subject) for pair, subject in pairs.items()]
    # The soft estimate, the authors', rises with confidence at unchanged answers.
    cases += [(pair, soft.assign(information=soft.plug_in), " of the answers", S24) for pair in pairs]
    for pair, at, kind, subject in cases:
        ratios, lack = energy_at_equal_information(at, *pair)
        words = f"synaptic energy at equal information{kind}: {NAMES[pair[0]]} over {NAMES[pair[1]]}"
        yield row(subject, ratios, words, along="information", reason=lack)


_BELOW_ONE = "the best p below one over p = 1, as for single synapses (Harris et al. 2012)"
BELOW_ONE = Clause("S16a", _BELOW_ONE, "app 1 fig 1c", above(1.0), "a curve without numbers")
_S16_SAID = (
    "Fixed release probability: information per energy as a function of p (L2 0.01, best learning rate for "
    "each p) is largest below one, in line with single synapses"
)
S16 = Claim("S16", _S16_SAID, SCHUG, (BELOW_ONE,))


@measures(S16, experiment="energy")
def fixed_release(run: Run, context: Context) -> Findings:
    """Find the fixed p that transmits most per energy, and what it gains over reliable synapses."""
    from rate_models.experiments.energy_figures import best_ratio

    result = run.result
    if "scan_information" not in result or result.sizes["fixed_p"] < 3:
        yield not_run(BELOW_ONE, "this run of the experiment left these networks out")
        return
    ratio = best_ratio(result, prefix="scan_")
    mean, n = ratio.mean("variant_seed"), result.sizes["variant_seed"]
    curve = ", ".join(f"{1000 * float(v):.3g} at {float(v.fixed_p):g}" for v in mean)
    largest = exactly(mean.fixed_p[int(mean.argmax("fixed_p"))], n=n, unit="networks")
    yield row(S16, largest, "fixed release probability with the largest information per energy")
    below = ratio.sel(fixed_p=ratio.fixed_p[ratio.fixed_p < 1])
    best = below.isel(fixed_p=int(below.mean("variant_seed").argmax("fixed_p")))
    gain = best.drop_vars("fixed_p") / ratio.sel(fixed_p=1.0).drop_vars("fixed_p")
    quantity = "information per energy: the best fixed p below one over p = 1"
    condition, gained = {"fixed p": float(best.fixed_p)}, mean_of(gain, "ratio", unit="networks")
    yield row(BELOW_ONE, gained, quantity, condition=condition, reason=f"bit per 1000 units: {curve}")
    for name in ("information", "synaptic_energy"):
        over = [
            result[f"scan_{name}"].sel(fixed_p=float(each.fixed_p), learning_rate=float(each.best_rate))
            for each in (best, ratio.sel(fixed_p=1.0))
        ]
        words, part = name.replace("_", " "), mean_of(over[0] / over[1], "ratio", unit="networks")
        yield row(S16, part, f"{words}: the best fixed p below one over p = 1", condition=condition)
    yield from panels(run, "app1-fig1c", S16)


_S20_PLACE = 'methods, "Model robustness"'
CLAUSES = {
    "deterministic": Clause("S20a", "plastic release over deterministic synapses", _S20_PLACE, above(1.0)),
    "fixed_release": Clause("S20b", "plastic release over fixed release", _S20_PLACE, above(1.0)),
}
_S20_SAID = "P_up, p_down changed by ±25 %: the ordering of S01 stands"
S20 = Claim("S20", _S20_SAID, SCHUG, tuple(CLAUSES.values()))


@measures(S20, experiment="energy")
def other_steps_of_p(run: Run, context: Context) -> Findings:
    """Compare plastic release with steps of p a quarter larger and smaller with the other models."""
    from rate_models.experiments.energy_figures import best_ratio

    result = run.result
    if "step_size_information" not in result:
        yield from (
            not_run(each, "this run of the experiment left these networks out") for each in S20.clauses
        )
        return
    best, reference = best_ratio(result, prefix="step_size_"), best_ratio(result)
    for steps in (str(name) for name in result.step_size.values if name in best.step_size.values):
        for model, clause in ((m, c) for m, c in CLAUSES.items() if m in reference.model.values):
            variant = best.sel(step_size=steps).rename(variant_seed="seed").drop_vars("best_l2")
            quotients, how = variant / reference.sel(model=model).drop_vars("best_l2"), "paired seeds"
            gain = mean_of(quotients, "ratio", unit="networks", how=f"t interval of the logarithm, {how}")
            # The paper does not say whether both steps changed together or one by one.
            subject = clause if steps.startswith("both") else S20
            quantity = f"best information per synaptic energy: plastic release over {NAMES[model]}"
            yield row(subject, gain, quantity, condition={"steps of p": steps})
    yield from panels(run, "robustness", S20)
