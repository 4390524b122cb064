"""A finished experiment on disk: nothing is lost, nothing foreign is trusted."""

from dataclasses import dataclass

import numpy as np
import pytest

from biophys.settings import as_plain
from validation.archive import ArchiveError, archive_run, archived_run

xarray = pytest.importorskip("xarray")


@dataclass(frozen=True)
class Config:
    seeds: tuple[int, ...] = (1, 2)
    l2: float = 0.01
    name: str = "digits"


@pytest.fixture
def result():
    return xarray.Dataset(
        {
            "accuracy": (("seed", "model"), np.array([[0.9, 0.8], [0.91, np.nan]]), {"units": "1"}),
            "is_plastic": ("model", np.array([True, False])),
        },
        coords={"seed": [1, 2], "model": ["plastic", "fixed"]},
        attrs={"note": "three words here"},
    )


def test_what_is_written_comes_back(tmp_path, result):
    path = archive_run(tmp_path / "a" / "run.nc", "energy", result, Config(), provenance={"seconds": 1.5})
    run = archived_run(path, "energy")
    xarray.testing.assert_identical(run.result, result)
    assert run.config == {"seeds": [1, 2], "l2": 0.01, "name": "digits"}
    assert run.provenance["seconds"] == 1.5 and run.provenance["python"]


def test_other_experiment_is_refused(tmp_path, result):
    path = archive_run(tmp_path / "run.nc", "energy", result, Config())
    with pytest.raises(ArchiveError, match="holds the experiment 'energy', expected 'lifelong'"):
        archived_run(path, "lifelong")


def test_every_damaged_byte_is_noticed(tmp_path, result):
    path = archive_run(tmp_path / "run.nc", "energy", result, Config())
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    for place in rng.choice(len(whole), 400, replace=False):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(ArchiveError):
            archived_run(path)


def test_newer_format_is_named(tmp_path, result):
    path = archive_run(tmp_path / "run.nc", "energy", result, Config())
    path.write_bytes(path.read_bytes().replace(b"brianpresyn experiment 2", b"brianpresyn experiment 9"))
    with pytest.raises(ArchiveError, match="has format 9, this version reads up to 2: update brianpresyn"):
        archived_run(path)


def test_old_results_are_read_by_present_names(tmp_path):
    old = xarray.Dataset({"accuracy": (("method",), [0.5])}, {"method": ["ewc"]})
    old.attrs = {
        "format": "brianpresyn experiment 1",
        "experiment": "lifelong",
        "config": '{"hidden": [100], "rate": 0.05, "keep_in": "", "n_hidden": 20}',
        "provenance": "{}",
    }
    old.to_netcdf(tmp_path / "old.nc", engine="scipy")
    run = archived_run(tmp_path / "old.nc")
    assert run.result.sel(algorithm="ewc").accuracy == 0.5
    assert run.config == {"hidden_units": [20], "learning_rate": 0.05}


@pytest.mark.parametrize("n_bytes", [0, 3, 100, 400])
def test_truncated_file_is_refused(tmp_path, result, n_bytes):
    path = archive_run(tmp_path / "run.nc", "energy", result, Config())
    path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(ArchiveError, match="truncated or was not written by brianpresyn"):
        archived_run(path)


def test_foreign_file_is_refused(tmp_path, result):
    path = tmp_path / "foreign.nc"
    result.to_netcdf(path, engine="scipy")
    with pytest.raises(ArchiveError, match="was not written by brianpresyn"):
        archived_run(path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no finished experiment at .*absent\.nc"):
        archived_run(tmp_path / "absent.nc")


def test_failed_write_keeps_the_earlier_run(tmp_path, result, monkeypatch):
    path = archive_run(tmp_path / "run.nc", "energy", result, Config())

    def full_disk(self, *arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(xarray.Dataset, "to_netcdf", full_disk)
    with pytest.raises(OSError, match="No space left"):
        archive_run(path, "energy", result, Config())
    monkeypatch.undo()
    xarray.testing.assert_identical(archived_run(path).result, result)
    assert [file.name for file in tmp_path.iterdir()] == ["run.nc"]


def test_nested_config_becomes_plain():
    nested = {"inner": Config(), "numbers": (np.float64(1.5), np.int64(2)), "where": None}
    assert as_plain(nested) == {
        "inner": {"seeds": [1, 2], "l2": 0.01, "name": "digits"},
        "numbers": [1.5, 2],
        "where": None,
    }
