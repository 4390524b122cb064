"""The command line of sweeps: its table, its file, starting again, and wrong settings."""

import pytest

xr = pytest.importorskip("xarray")
pytest.importorskip("torch")

from validation.cli import exit_code_of  # noqa: E402

TINY = ["data_set=digits", "hidden_units=8", "n_hidden_layers=1", "n_epochs=2", "batch_size=50"]


def arguments(folder, *more):
    fixed = [part for setting in TINY for part in ("--set", setting)]
    return ["sweep", *fixed, "--over", "seed=1,2", *more, "--device", "cpu", "--out", str(folder)]


def test_a_sweep_prints_a_table_and_keeps_its_result(tmp_path, capsys):
    assert exit_code_of(arguments(tmp_path, "--over", "l2=0,0.01")) == 0
    printed = capsys.readouterr().out
    assert "mean ± standard error over 2 seeds" in printed
    result = xr.load_dataset(tmp_path / "result" / "sweep.nc", engine="scipy")
    assert set(result.accuracy.dims) == {"seed", "l2"}
    assert result.attrs["data_set"] == "digits"
    stored = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.nc")}
    assert exit_code_of(arguments(tmp_path, "--over", "l2=0,0.01")) == 0
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.nc")} == stored


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--over", "depth=3"], "no setting 'depth': there are release, p_rule"),
        (["--over", "l2"], "--over needs NAME=VALUE, got 'l2'"),
        (["--set", "consolidation=maybe"], "consolidation must be true or false, got 'maybe'"),
        (["--set", "p_up=much"], "p_up must be a number from 0 on, got 'much'"),
    ],
)
def test_wrong_settings_are_told_in_one_line(tmp_path, capsys, more, message):
    assert exit_code_of(arguments(tmp_path, *more)) == 2
    assert message in capsys.readouterr().err
