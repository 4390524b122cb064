"""A quick check of an installation, like the ``test`` function of Brian2 and its plugins."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from brian2.utils.logger import catch_logs

from biophys.argument_types import checked_types
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
        ratio, error = release_statistics.over_formula(result, "mean")
        n_right, n_models = int(np.sum(np.abs(ratio - 1) < 5 * error)), ratio.size
        others = f", {n_models - n_right} do not" if n_right < n_models else ""
        print(f"{target}: {n_right} release models agree with their moments{others}")
        agrees &= n_right == n_models
    if any(not np.array_equal(counts[0], other) for other in counts[1:]):
        print("the same seed gave different releases on different targets")
        agrees = False
    return agrees


# Collected by no test runner, whatever its name.
test.__test__ = False  # type: ignore[attr-defined]
