"""Grids of network settings: what they hold, what is measured, and going on after a kill of real training."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from rate_models.devices import Execution
from rate_models.experiments.network_sweep import NetworkSettings, grid, sweep_networks, train_group
from tests.programs import wait_until

TINY = {"data_set": "digits", "hidden_units": 12, "n_hidden_layers": 1, "n_epochs": 4, "batch_size": 50}


def test_a_grid_holds_every_combination_with_the_defaults():
    points = grid({"n_epochs": 3}, {"l2": [0.0, 0.1], "release": ["plastic", "reliable"]})
    assert [(p["l2"], p["release"]) for p in points] == [
        (0.0, "plastic"),
        (0.0, "reliable"),
        (0.1, "plastic"),
        (0.1, "reliable"),
    ]
    assert {p["n_epochs"] for p in points} == {3}
    assert NetworkSettings().plasticity().freezes is False


def test_a_network_learns_alike_alone_and_in_a_group(tmp_path):
    points = grid(TINY, {"l2": [0.0, 0.01], "seed": [1, 2]})
    together = train_group(points, Execution(dtype="float64"))
    alone = train_group(points[2:3], Execution(dtype="float64"))
    for name in together:
        np.testing.assert_allclose(alone[name][0], together[name][2], rtol=1e-7)


def test_the_three_kinds_of_release_learn_and_tell_their_p(tmp_path):
    points = grid(
        {**TINY, "n_epochs": 20, "learning_rate": 0.1},
        {"release": ["plastic", "fixed", "reliable"], "seed": [1, 2]},
    )
    found = sweep_networks(points, tmp_path)
    assert found.accuracy.dims == ("release", "seed")
    assert (found.accuracy.sel(release=["plastic", "reliable"]) > 0.8).all()
    np.testing.assert_allclose(found.mean_p.sel(release="fixed"), 0.4, rtol=1e-6)
    assert found.mean_p.sel(release="reliable").isnull().all()
    assert (found.share_high_p.sel(release="fixed") == 0).all()
    assert (found.information.sel(release="reliable") > found.information.sel(release="fixed")).all()


def test_a_diverged_network_is_nan_and_harms_no_other(tmp_path):
    found = sweep_networks(grid({**TINY, "l2": 0.0}, {"learning_rate": [0.05, 1e30]}), tmp_path / "both")
    single = sweep_networks(grid({**TINY, "l2": 0.0}, {"learning_rate": [0.05]}), tmp_path / "one")
    assert found.accuracy.isnull().values.tolist() == [False, True]
    np.testing.assert_allclose(found.accuracy[0], single.accuracy)


@pytest.mark.slow
def test_real_training_goes_on_after_a_kill(tmp_path):
    settings = {**TINY, "n_epochs": 25}
    code = (
        "from pathlib import Path; import sys\n"
        "from rate_models.experiments.network_sweep import grid, sweep_networks\n"
        f"points = grid({settings!r}, {{'seed': list(range(16))}})\n"
        "sweep_networks(points, Path(sys.argv[1]))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "killed")])
    wait_until(lambda: list((tmp_path / "killed").glob("*.nc")))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "killed").glob("*.nc")}
    assert 1 <= len(kept) < 4
    points = grid(settings, {"seed": list(range(16))})
    resumed = sweep_networks(points, tmp_path / "killed")
    assert all(path.stat().st_mtime_ns == written for path, written in kept.items())
    xr.testing.assert_allclose(resumed, sweep_networks(points, tmp_path / "whole"), rtol=1e-4)


@pytest.mark.parametrize(
    ("fixed", "message"),
    [
        ({"layers": 3}, "unknown setting layers: there are release, p_rule"),
        ({"release": "noisy"}, "release must be one of plastic, fixed, reliable, .* got 'noisy'"),
        ({"p_up": 2.0}, "p_up .* got 2.0"),
        ({"hidden_units": 0}, "hidden_units must be a whole number from 1 on, such as 200, got 0"),
        ({"l2": -1.0}, "l2 must be a number from 0 on, such as 0.001, got -1.0"),
    ],
)
def test_wrong_settings_are_named(fixed, message):
    with pytest.raises(ValueError, match=message):
        grid(fixed, {"seed": [1]})
