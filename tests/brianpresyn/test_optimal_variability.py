"""Variability that synapses choose: the optimum is where both slopes cancel, and it goes with the rate."""

from dataclasses import replace

import numpy as np
import pytest

from brianpresyn.experiments import optimal_variability as experiment
from brianpresyn.experiments.optimal_variability import Config

pytest.importorskip("xarray")


def test_rates_are_spread_evenly_on_a_logarithmic_scale():
    rates = Config(rate_low=1.0, rate_high=16.0, n_inputs=5).rates
    assert rates == pytest.approx([1, 2, 4, 8, 16])


@pytest.mark.standalone
def test_variance_settles_at_the_analytic_optimum():
    config = replace(experiment.QUICK, rho=(0.5, 2.0), n_neurons=3, n_inputs=8, rate_low=8.0)
    result = experiment.run(config)
    middle = np.sqrt(config.rate_low * config.rate_high)
    for rho in config.rho:
        # s is such that sd_start is the best at the middle rate: sigma^(rho+2) is inverse to the rate.
        expected = config.sd_start * (middle / config.rates) ** (1 / (rho + 2))
        ratio = np.log(result.sd.sel(rho=rho).to_numpy() / expected)
        error = np.sqrt(ratio.var(axis=0, ddof=1).mean() / config.n_neurons)
        assert np.abs(ratio.mean(axis=0)).max() < 5 * error
        assert error < 0.05
    assert float(result.output_rate.min()) > 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rate_low": 0.0}, "rate_low must be a number above 0, such as 1.0, got 0.0"),
        ({"rate_low": 9.0, "rate_high": 3.0}, "inputs of different rates"),
        ({"n_inputs": 2}, "n_inputs must be a whole number from 3 on"),
        ({"tau": 0.0}, "tau must be a number above 0"),
    ],
)
def test_wrong_setting_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Config(**settings)
