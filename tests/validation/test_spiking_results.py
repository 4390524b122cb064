"""Results in spikes are run in small, taken from an earlier run at full size, or refused."""

from dataclasses import dataclass, replace
from types import ModuleType

import pytest

xr = pytest.importorskip("xarray")

from validation.archive import ArchiveError, archive_run  # noqa: E402
from validation.claims.claim import Context  # noqa: E402
from validation.spiking_results import spiking_result  # noqa: E402


@dataclass(frozen=True)
class Config:
    n_inputs: int = 100
    seeds: tuple[int, ...] = (1, 2)


@pytest.fixture
def experiment():
    """Return an experiment whose result is the number of its inputs."""
    module = ModuleType("brianpresyn.experiments.toy")
    module.Config, module.QUICK = Config, Config(n_inputs=3)
    module.run = lambda config: xr.Dataset({"n": config.n_inputs})
    return module


def full(results=None):
    return Context(profile="full", results=results)


def test_without_a_kept_result_the_experiment_is_run_with_the_seeds_asked_for(experiment, tmp_path):
    for context, n in ((Context(), 3), (full(), 100), (full(tmp_path), 100)):
        config, result = spiking_result(experiment, context, {"seeds": (7, 8)})
        assert config == Config(n, (7, 8)) and result.n == n


def test_a_kept_result_may_differ_in_its_seeds_only(experiment, tmp_path):
    kept = Config(seeds=(5, 6, 7))
    archive_run(tmp_path / "toy.nc", "toy", xr.Dataset({"n": -1}), kept)
    config, result = spiking_result(experiment, full(tmp_path), {"seeds": (7, 8)})
    assert config == kept and result.n == -1
    assert spiking_result(experiment, Context(results=tmp_path), {"seeds": (7, 8)})[1].n == 3
    archive_run(tmp_path / "toy.nc", "toy", xr.Dataset({"n": -1}), replace(kept, n_inputs=3))
    with pytest.raises(ArchiveError, match="made with other settings than those of the full profile"):
        spiking_result(experiment, full(tmp_path), {"seeds": (7, 8)})
