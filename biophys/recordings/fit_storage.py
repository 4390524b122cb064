"""A fit as plain lists and numbers, and back."""

import json
import math
from dataclasses import asdict
from typing import Any

import numpy as np
import quantities as pq

from biophys.argument_types import check_kind
from biophys.recordings.likelihood import ReleaseModel, Responses
from biophys.recordings.recording import QuantalVariability, Recording
from biophys.recordings.release_fit import FittedParameter, ReleaseFit
from biophys.recordings.serial_dependence import SerialDependence
from biophys.recordings.site_profile import SiteProfile

_FORMAT = 3
_PROFILE = ("sites", "theta", "value", "curvature", "mode", "evidence", "spread")
_NUMBERS = ("log_likelihood", "log_likelihood_normal", "level", "scale")
_RESPONSES = ("x", "gaps", "condition", "noise", "within", "baseline_count", "noise_error")


def as_dict(fit: ReleaseFit) -> dict[str, Any]:
    """Return a fit as plain lists and numbers."""
    recording, model = fit.recording, fit.profile.model
    return {
        "format": _FORMAT,
        "estimates": {name: asdict(value) for name, value in fit.values.items()},
        **{name: getattr(fit, name) for name in (*_NUMBERS, "bic")},
        "warnings": fit.diagnostics["warnings"],
        "serial": None if fit.serial is None else asdict(fit.serial),
        "recording": {
            "sweeps": [s.tolist() for s in recording.sweeps],
            "intervals": None if recording.intervals is None else [g.tolist() for g in recording.intervals],
            "conditions": [c if isinstance(c, str | int | float) else str(c) for c in recording.conditions],
            "unit": recording.unit.dimensionality.string,
            "noise": recording.noise,
            "variability": asdict(recording.variability),
        },
        "model": asdict(model) | {"free": sorted(model.free), "shared": sorted(model.shared)},
        "profile": {name: getattr(fit.profile, name).tolist() for name in _PROFILE}
        | {"names": fit.profile.names, "families": fit.profile.families},
        "responses": {
            name: None if (part := getattr(fit.profile.data, name)) is None else part.tolist()
            for name in _RESPONSES
        },
    }


def as_json(values: Any) -> str:
    """Return lists and numbers as JSON that every reader takes: "NaN", "Inf" and "-Inf" are texts."""

    def strict(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: strict(part) for name, part in value.items()}
        if isinstance(value, list | tuple):
            return [strict(part) for part in value]
        if isinstance(value, float) and not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Inf" if value > 0 else "-Inf"
        return value

    return json.dumps(strict(values), allow_nan=False)


def _with_numbers(value: Any) -> Any:
    """Return what :func:`as_json` wrote with its numbers that are not finite."""
    if isinstance(value, dict):
        # Conditions are texts, whatever they are called.
        return {k: part if k == "conditions" else _with_numbers(part) for k, part in value.items()}
    if isinstance(value, list | tuple):
        return [_with_numbers(part) for part in value]
    return float(value) if isinstance(value, str) and value in ("NaN", "Inf", "-Inf") else value


def from_dict(stored: dict[str, Any]) -> ReleaseFit:
    """Build a fit from :func:`as_dict`; raise ValueError if it was stored in another format."""
    check_kind(stored, dict, "stored", "json.load(open('my.json'))['cell 1']")
    stored = _with_numbers(stored)
    several = [name for name, part in stored.items() if isinstance(part, dict) and "format" in part]
    if "format" not in stored and several:
        problem = f"stored has the fits of {', '.join(map(repr, several[:5]))}{', ...' * (len(several) > 5)}"
        raise ValueError(f"{problem}: give one of them, as in stored[{several[0]!r}]")
    if stored.get("format") != _FORMAT:
        raise ValueError(f"a stored fit has format {_FORMAT}, got {stored.get('format')!r}")
    kept = stored["recording"]
    noise = kept["noise"] if kept["noise"] == "free" else [tuple(part) for part in kept["noise"]]
    recording = Recording(
        [np.array(s, dtype=float) for s in kept["sweeps"]],
        None if kept["intervals"] is None else [np.array(g, dtype=float) for g in kept["intervals"]],
        kept["conditions"],
        pq.Quantity(1.0, kept["unit"]),
        noise,
        QuantalVariability(**kept["variability"]),
    )
    fields = stored["model"] | {key: frozenset(stored["model"][key]) for key in ("free", "shared")}
    plain = stored["responses"].items()
    parts: dict[str, Any] = {name: None if part is None else np.array(part) for name, part in plain}
    responses = Responses(**parts)
    arrays: dict[str, Any] = {name: np.array(stored["profile"][name], dtype=float) for name in _PROFILE}
    texts: dict[str, Any] = {name: stored["profile"][name] for name in ("names", "families")}
    profile = SiteProfile(ReleaseModel(**fields), responses, **texts, **arrays)
    values = {
        name: FittedParameter(**(part | {"credible": tuple(part["credible"])}))
        for name, part in stored["estimates"].items()
    }
    serial = None if stored["serial"] is None else SerialDependence(**stored["serial"])
    numbers = {name: stored[name] for name in _NUMBERS}
    return ReleaseFit(recording=recording, profile=profile, values=values, serial=serial, **numbers)
