"""With what versions something was made."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable

_PACKAGES = ("brianpresyn", "brian2", "numpy", "scipy", "torch", "scikit-learn", "xarray", "matplotlib")


def installed_versions(packages: Iterable[str] = _PACKAGES) -> dict[str, str]:
    """Return the installed versions of `packages`; those not installed are left out."""
    versions = {}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
