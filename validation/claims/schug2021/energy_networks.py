"""The networks of figures 1 to 3: their published settings, their names, and how two of them are compared."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import xarray as xr

from biophys.estimates import Estimate, mean_of
from validation.registry import Context, Run
from validation.runs import result_beside
from validation.statement import Claim, Clause, Measurement, row

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
    "seeds": (2019, 2020, 2021),
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
