"""One self-contained page for fits to recorded responses: estimates, figures, warnings, methods."""

from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from biophys.progress import Progress, ignore_progress
from biophys.recordings.fitting import FailedFit
from biophys.recordings.release_fit import FittedParameter, ReleaseFit
from biophys.whole_files import arriving
from validation.figure_urls import figure_as_data_url
from validation.versions import installed_versions

_LABELS = {
    "n": "release sites n",
    "p": "release probability p",
    "q": "quantal size q",
    "noise": "recording noise (sd)",
    "within": "quantal CV within sites",
    "mean": "mean response at rest n p q",
    "capacity": "response of all sites n q",
    "recovery": "time constant of recovery",
    "slow_recovery": "slow time constant of recovery",
    "fast_share": "share that recovers fast",
    "facilitation": "time constant of facilitation",
    "increment": "facilitation increment f",
    "depression": "depression per spike",
    "outliers": "share of outliers",
}

REFERENCES = {
    "Bird et al. 2016": (
        "Bird AD, Wall MJ, Richardson MJE (2016). Bayesian inference of synaptic quantal parameters from "
        "correlated vesicle release. Front Comput Neurosci 10:116. doi:10.3389/fncom.2016.00116"
    ),
    "Tsodyks et al. 1998": (
        "Tsodyks M, Pawelzik K, Markram H (1998). Neural networks with dynamic synapses. Neural Comput "
        "10:821-835. doi:10.1162/089976698300017502"
    ),
    "Gontier and Pfister 2020": (
        "Gontier C, Pfister J-P (2020). Identifiability of a binomial synapse. Front Comput Neurosci "
        "14:558477. doi:10.3389/fncom.2020.558477"
    ),
}
"""What the paragraph for methods may cite."""


def label_of(name: str) -> str:
    """Return what an estimate is, in words, with its condition."""
    kind, _, condition = name.partition("[")
    return _LABELS.get(kind, kind) + (f", {condition[:-1]}" if condition else "")


def interval_text(estimate: FittedParameter) -> str:
    """Return the ends of an interval; an open end in words.

    >>> interval_text(FittedParameter(5.0, 4.0, float("inf"), 0.1, False, (4.0, 40.0)))
    '4 to no upper end'
    """
    low = f"{estimate.low:.3g}" if np.isfinite(estimate.low) else "no lower end"
    high = f"{estimate.high:.3g}" if np.isfinite(estimate.high) else "no upper end"
    return f"{low} to {high}"


_DYNAMICS = {
    "two-rate": "depletion that recovers at two rates",
    "free facilitation": "facilitation by a free increment",
    "release-independent": "depression that does not depend on release",
}


def methods_text(fit: ReleaseFit, condition: str = "") -> str:
    """Return a paragraph for the methods of a paper; `condition` is what tells the conditions apart."""
    model, variability, labels = fit.profile.model, fit.recording.variability, fit.recording.labels
    version = f"brianpresyn {installed_versions().get('brianpresyn', '')}".strip()
    parts = [_DYNAMICS.get(part, part) for part in model.dynamics.split("+")]
    model_words = "independent responses, a mixture over the binomial number of vesicles released"
    if model.dynamics in ("facilitation", "release-independent"):
        model_words = f"trains with {parts[0]}, all sites full at every stimulus"
    elif model.dynamics != "none":
        # Their model recovers at one rate.
        source = " (Tsodyks et al. 1998)" * ("two-rate" not in model.dynamics)
        model_words = (
            f"trains with {' and '.join(parts)}{source}, by the exact forward likelihood over "
            "the number of full release sites (Bird et al. 2016)"
        )
    added = " The short-term dynamics were not fitted but given." * bool(model.held)
    added += " Up to a tenth of the responses were allowed to be artefacts." * model.is_robust
    if len(labels) > 1:
        kinds = dict.fromkeys(name.partition("[")[0] for name in fit.values if "[" in name)
        differing = [_LABELS[name] for name in kinds if name not in ("mean", "capacity")]
        named = f" ({condition})" if condition not in ("", "condition") else ""
        named_apart = [f'"{label}"' if "," in str(label) else str(label) for label in labels]
        added += f" The conditions{named} {', '.join(named_apart)} differed in "
        added += f"{' and '.join(differing) or 'nothing'}; all other parameters were shared."
    within = "fitted" if variability.within == "free" else f"taken as {variability.within:g}"
    quanta = (
        f"Quanta were {' or '.join(variability.families)}; the quantal coefficient of variation within sites "
        f"was {within}, that between sites {model.between:g}"
    )
    if variability.within == model.between == 0.0:
        quanta = "All quanta were taken as equal"
    most = fit.profile.sites[-1]
    largest = "the limit of infinitely many" if most >= 1e6 else f"{most:g}"
    sites = f"Numbers of sites up to {largest} were tried"
    if fit.profile.sites.size == 1:
        sites = f"The number of sites was not fitted but given, {most:g}"
    return (
        f"Quantal parameters were estimated from {fit.n_responses} responses with {version} by "
        f"maximum likelihood: {model_words}.{added} {quanta}; the standard deviation of the recording noise "
        f"was {_noise_words(fit)}. {sites}. Intervals ({100 * fit.level:g} %) are "
        "those of the profile likelihood and are open where it does not fall; a parameter is called "
        "identified if its credible interval under a prior flat in the number of sites and in the release "
        "probability spans less than a factor of 3 and BIC prefers quanta to normal responses "
        "(Gontier and Pfister 2020)."
    )


def _noise_words(fit: ReleaseFit) -> str:
    if fit.recording.noise == "free":
        return "fitted"
    told = [
        f"{f'measured in {count + 1} samples of the baseline' if count else 'given'}, {sd:.3g} "
        f"{fit.recording.unit_text}".strip()
        for sd, _, count in fit.recording.noises
    ]
    return " and ".join(dict.fromkeys(told))


def overview(fits: dict[str, ReleaseFit]) -> tuple[list[str], dict[str, list[str]]]:
    """Return the head of a table of many fits, and the cells of each by name; ? is not identified."""
    estimates = {key: one.estimates() for key, one in fits.items()}
    names = dict.fromkeys(name for each in estimates.values() for name in each)
    left_out = ("mean", "capacity", "noise", "outliers")
    shown = [name for name in names if name.partition("[")[0] not in left_out]

    def cell(estimate: FittedParameter | None) -> str:
        if estimate is None:
            return ""
        value = f"{estimate.value:.3g} {estimate.unit}".strip()
        return f"{value} ({interval_text(estimate)})" + " ?" * (not estimate.identified)

    rows = {key: [cell(each.get(name)) for name in shown] for key, each in estimates.items()}
    return shown, {key: [*row, str(_n_warnings(fits[key]))] for key, row in rows.items()}


def _n_warnings(fit: ReleaseFit) -> int:
    return len(fit.diagnostics["warnings"])


def fit_page(
    fits: dict[str, ReleaseFit | FailedFit],
    source: str,
    remarks: list[str],
    n_figures: int,
    condition: str = "",
    on_progress: Progress = ignore_progress,
) -> str:
    """Return the page for the fits of a table by the name of the synapse, with figures of so many."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("validation"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    fitted = {name: fit for name, fit in fits.items() if not isinstance(fit, FailedFit)}
    head, rows = overview(fitted)
    drawn = sorted(fitted, key=lambda name: -_n_warnings(fitted[name]))[:n_figures]
    sections = []
    for number, (name, fit) in enumerate(fits.items()):
        on_progress(number / len(fits), f"report: {name}")
        sections.append(_section(name, fit, name in drawn, condition) | {"cells": rows.get(name)})
    return environment.get_template("fit.html").render(
        source=source,
        remarks=remarks,
        head=head,
        n_drawn=len(drawn),
        n_fitted=len(fitted),
        sections=sections,
        label_of=label_of,
        interval_text=interval_text,
        versions=installed_versions(),
    )


def _section(name: str, fit: ReleaseFit | FailedFit, is_drawn: bool, condition: str) -> dict[str, Any]:
    """Return what the page shows of a fit beside its numbers; a fit that failed has its reason only."""
    if isinstance(fit, FailedFit):
        return {"name": name, "reason": fit.reason}
    methods = methods_text(fit, condition)
    references = [text for cited, text in REFERENCES.items() if cited in methods]
    picture = figure_as_data_url(fit.plot(), bbox_inches=None) if is_drawn else ""
    shown = {"picture": picture, "methods": methods, "references": references}
    return {"name": name, "fit": fit} | shown


def write_fit_report(fits: dict[str, ReleaseFit | FailedFit], path: Path, **page: Any) -> None:
    """Write the page to `path`, whole or not at all."""
    with arriving(path) as part:
        part.write_text(fit_page(fits, **page), encoding="utf-8")
