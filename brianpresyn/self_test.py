"""A quick check of an installation, like the ``test`` function of Brian2 and its plugins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from brian2.utils.logger import catch_logs

from biophys.argument_types import checked_types
from biophys.quantal import QuantalSynapse
from brianpresyn.targets import TARGETS


@checked_types
def test(targets: Sequence[str] = TARGETS) -> bool:
    """Run the release models on each target, and compare them with their distributions and each other.

    Parameters
    ----------
    targets
        Code generation targets; cython and C++ standalone need a C++ compiler and take some seconds. An
        unknown one is a ValueError.

    Returns
    -------
    bool
        Whether everything agrees. What was found is printed.

    Examples
    --------
    >>> test(["numpy"])
    numpy: 16 release models agree with their moments
    True
    """
    from brianpresyn.experiments import release_statistics

    if not targets or set(targets) - set(TARGETS):
        raise ValueError(f"targets must be some of {', '.join(TARGETS)}, got {targets!r}")
    agrees, counts = True, []
    for target in targets:
        # Brian2 warns that what its own generator draws may depend on the order of the synapses: here it may.
        with catch_logs():
            result = release_statistics.run(replace(release_statistics.QUICK, target=target))
        counts.append(result.counts.where(result.draws == "counter", drop=True).to_numpy())
        n_right = int(np.sum(_agrees(result)))
        n_models = result.sizes["condition"]
        print(f"{target}: {n_right} release models agree with their moments" + _rest(n_models - n_right))
        agrees &= n_right == n_models
    if any(not np.array_equal(counts[0], other) for other in counts[1:]):
        print("the same seed gave different releases on different targets")
        agrees = False
    return agrees


def _agrees(result: Any) -> np.ndarray:
    """Return for each release model whether its mean is within five standard errors."""
    import quantities as pq

    q = result.attrs["quantal_size"] * pq.mV
    synapse = QuantalSynapse(result.n.to_numpy(), result.p.to_numpy(), q)
    error = np.abs(result["mean"].to_numpy() - synapse.mean.magnitude)
    return error < 5 * synapse.sd.magnitude / np.sqrt(result.attrs["n_events"])


def _rest(n_wrong: int) -> str:
    return f", {n_wrong} do not" if n_wrong else ""


# Collected by no test runner, whatever its name.
test.__test__ = False  # type: ignore[attr-defined]
