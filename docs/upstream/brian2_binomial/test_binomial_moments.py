"""Test to go into brian2/tests/test_functions.py: mean and variance of BinomialFunction on every target.

Run it on one target after the other::

    pytest test_binomial_moments.py
    BRIAN_TARGET=cython pytest test_binomial_moments.py
    BRIAN_TARGET=numpy pytest test_binomial_moments.py
"""

import os

import numpy as np
import pytest
from brian2 import (
    BinomialFunction,
    NeuronGroup,
    defaultclock,
    device,
    prefs,
    run,
    seed,
    set_device,
)

TARGET = os.environ.get("BRIAN_TARGET", "cython")


@pytest.fixture(autouse=True)
def chosen_target():
    if TARGET == "cpp_standalone":
        set_device("cpp_standalone", directory=None)
    else:
        prefs.codegen.target = TARGET
    yield
    if TARGET == "cpp_standalone":
        device.reinit()
        device.activate()


@pytest.mark.standalone_compatible
@pytest.mark.parametrize("p", [0.2, 0.5, 0.7, 0.95])
def test_binomial_moments(p):
    n, n_draws = 5, 20000
    seed(1234)
    binomial_f = BinomialFunction(n, p, approximate=False)
    G = NeuronGroup(n_draws, "x : 1", namespace={"binomial_f": binomial_f})
    G.run_regularly("x = binomial_f()")
    run(defaultclock.dt)
    x = np.asarray(G.x[:])

    variance = n * p * (1 - p)
    # Five standard errors of the mean; the standard error of the variance follows from the fourth moment.
    assert abs(x.mean() - n * p) < 5 * np.sqrt(variance / n_draws)
    fourth = variance * (1 + 3 * (n - 2) * p * (1 - p))
    assert abs(x.var() - variance) < 5 * np.sqrt((fourth - variance**2) / n_draws)
    assert x.min() >= 0 and x.max() <= n
