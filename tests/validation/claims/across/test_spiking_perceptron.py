"""The perceptron in spikes is judged against the reliable one, seed by seed; the others are shown."""

import numpy as np
import pytest

from validation.claims.across.networks_in_spikes import PLASTIC, X05, compared
from validation.experiments.same_patterns import PAIRED, SIGNED
from validation.statement import Verdict, combined_verdict

xr = pytest.importorskip("xarray")


def accuracy_with(advantage):
    """Return accuracies of ten seeds in which plastic release is ahead of reliable release by `advantage`."""
    noise = 0.01 * np.random.default_rng(1).standard_normal((3, 10, 1, 5))
    return xr.DataArray(
        0.8 + noise + np.array([advantage, 0.0, -0.2])[:, None, None, None],
        dims=("model", "seed", "after_task", "task"),
        coords={"model": [PLASTIC, "deterministic", "p = 0.5"]},
    )


@pytest.mark.parametrize(
    ("advantage", "verdict"),
    [(0.1, Verdict.HOLDS_HERE), (-0.1, Verdict.DOES_NOT_HOLD_HERE), (0.0, Verdict.OPEN_HERE)],
)
def test_verdict_follows_the_reliable_control(advantage, verdict):
    rows = list(compared(accuracy_with(advantage)))
    assert combined_verdict(X05, rows) is verdict
    assert sum(row.is_observation for row in rows) == 2


def test_rates_agree_or_explain():
    signed, paired = (list(compared(accuracy_with(0.1), inputs)) for inputs in (SIGNED, PAIRED))
    assert {row.verdict for row in signed if not row.is_observation} == {Verdict.AGREES}
    assert all(row.is_observation for row in paired)


def test_rate_perceptron_learns_the_patterns_of_the_spiking_one():
    from brianpresyn.experiments.spiking_perceptron import PLASTIC, Config, patterns_for
    from validation.experiments.same_patterns import DETERMINISTIC, rate_accuracy

    # Means over two patterns are whole numbers: a potential of zero is exactly zero however it is added up.
    config = Config(
        n_inputs=30, n_patterns=40, n_tasks=2, n_epochs=6, n_votes=3, n_per_batch=2, seeds=tuple(range(10))
    )
    accuracy = rate_accuracy(config)
    x, y = patterns_for(config, 6)
    w = np.zeros(30)
    for _ in range(6):
        for first in range(0, 40, 2):
            part = slice(first, first + 2)
            answer = np.where(x[part] @ w >= 0, 1.0, -1.0)
            w += ((y[part] - answer)[:, None] * x[part]).mean(axis=0)
    expected = np.mean(np.where(x[:40] @ w >= 0, 1, -1) == y[:40])
    assert float(accuracy.sel(model=DETERMINISTIC, seed=6)[0, 0]) == pytest.approx(expected)
    assert np.isnan(accuracy.sel(model=PLASTIC)[:, 0, 1]).all()
    assert float(accuracy.sel(model=PLASTIC)[:, 1, 1].mean()) > 0.6


def test_a_pair_of_lines_has_a_synapse_for_either_sign():
    from brianpresyn.experiments.spiking_perceptron import Config, patterns_for
    from validation.experiments.same_patterns import DETERMINISTIC, PAIRED, rate_accuracy

    config = Config(n_inputs=60, n_patterns=40, n_tasks=1, n_epochs=8, n_votes=3, n_per_batch=2, seeds=(6,))
    x, y = patterns_for(config, 6)
    lines = np.hstack([x > 0, x < 0]).astype(float)
    w = np.zeros(120)
    for _ in range(8):
        for first in range(0, 40, 2):
            part = slice(first, first + 2)
            w += ((y[part] - np.where(lines[part] @ w >= 0, 1.0, -1.0))[:, None] * lines[part]).mean(axis=0)
    expected = np.mean(np.where(lines @ w >= 0, 1, -1) == y)
    accuracy = rate_accuracy(config, inputs=PAIRED)
    assert float(accuracy.sel(model=DETERMINISTIC)[0, 0, 0]) == pytest.approx(expected)
    assert expected > 0.5
