"""For brian2/tests/test_functions.py, after ``test_binomial``; the imports are there.

To try it by itself, put this file into brian2/tests and run::

    python -c "import brian2; brian2.test(['cython', 'numpy'], test_codegen_independent=False,
        test_standalone='cpp_standalone', additional_args=['-k', 'binomial_moments'])"
"""

import pytest
from brian2 import *


@pytest.mark.standalone_compatible
@pytest.mark.parametrize("p", [0.2, 0.5, 0.7, 0.95])
def test_binomial_moments(p):
    # Mean and variance on both sides of p = 0.5, where the inversion changes
    n, n_draws = 5, 20000
    seed(1234)
    binomial_f = BinomialFunction(n, p, approximate=False)
    G = NeuronGroup(n_draws, "x : 1")
    G.run_regularly("x = binomial_f()")
    run(defaultclock.dt)
    x = G.x[:]
    assert np.min(x) >= 0
    assert np.max(x) <= n
    # Five standard errors; that of the variance follows from the fourth moment
    variance = n * p * (1 - p)
    fourth_moment = variance * (1 + 3 * (n - 2) * p * (1 - p))
    assert abs(np.mean(x) - n * p) < 5 * sqrt(variance / n_draws)
    assert abs(np.var(x) - variance) < 5 * sqrt((fourth_moment - variance**2) / n_draws)
