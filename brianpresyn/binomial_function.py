"""``binomial(n, p)`` as a Brian2 function, with n and p of every synapse of its own.

Brian2's own ``BinomialFunction`` takes constants only, approximates by default, and its cython code is wrong
for p > 0.5 (n = 5, p = 0.7 gives a mean of 4.17 instead of 3.5). This one is exact on numpy, cython and C++
standalone. It draws from Brian2's generator, so it follows ``seed()``; for draws that are reproducible across
targets see :mod:`brianpresyn.counter_random`.
"""

from typing import Any

import numpy as np
from brian2.core.functions import DEFAULT_FUNCTIONS
from numpy.typing import ArrayLike, NDArray

from brianpresyn.counter_random import NamedFunction, cpp_text, cython_wrapper, on_all_targets, probability

# Inversion starts from (1 - p)^n, which for p <= 1/2 and this many sites stays far above the underflow.
_SITES_PER_DRAW = 64

_BINOMIAL_CYTHON = (
    cython_wrapper(cpp_text("inverse_binomial"), "int _presyn_inverse_binomial(double, int, double)")
    + f"""
cdef int binomial(int n, double p, int _vectorisation_idx):
    cdef int released = 0
    if p >= 1.0:
        return n
    if not p > 0.0:
        return 0
    while n > 0:
        released += _presyn_inverse_binomial(_rand(_vectorisation_idx), min(n, {_SITES_PER_DRAW}), p)
        n -= {_SITES_PER_DRAW}
    return released
"""
)


def _binomial_numpy(n: ArrayLike, p: ArrayLike, vectorisation_idx: Any) -> NDArray[np.int32]:
    shape = np.broadcast_shapes(np.shape(n), np.shape(p), np.shape(vectorisation_idx))
    # Brian2's numpy target draws from numpy's global generator, the one that brian2.seed() sets.
    return np.random.binomial(np.maximum(n, 0), probability(p), size=shape).astype(np.int32)  # noqa: NPY002


binomial = on_all_targets(
    NamedFunction(
        __name__,
        "binomial",
        _binomial_numpy,
        arg_units=[1, 1],
        arg_types=["integer", "float"],
        return_unit=1,
        return_type="integer",
        # It has a state, that of rand(), but which synapse draws which number is of no consequence: declared
        # stateful, Brian2 would warn at every release that the outcome depends on the order of execution.
        # As it is vectorised it is still called for every synapse, also where n and p are shared.
        stateless=True,
        auto_vectorise=True,
    ),
    cpp_text("inverse_binomial") + cpp_text("binomial"),
    _BINOMIAL_CYTHON,
    "<stdint.h>",
    "<math.h>",
    dependencies={"_rand": DEFAULT_FUNCTIONS["rand"]},
)
"""``binomial(n, p)``: number of successes in n trials, each with probability p."""
