"""Experiments by name: settings from text, running, keeping and drawing."""

import types
from dataclasses import dataclass

import numpy as np
import pytest

from validation import cli, runs
from validation.archive import archive_run, archived_run
from validation.claims.claim import Context

xarray = pytest.importorskip("xarray")
pytest.importorskip("torch")


@dataclass(frozen=True)
class Config:
    seeds: tuple[int, ...] = (1, 2, 3)
    l2: float = 0.01
    n_epochs: int = 50
    shuffles: bool = True
    data_set: str = "digits"
    keep_in: str = ""

    def __post_init__(self):
        if self.l2 < 0:
            raise ValueError(f"l2 must not be negative, got {self.l2}")


@pytest.fixture
def toy(monkeypatch):
    """An experiment whose result is its settings."""
    ran = []

    def run(config, *, execution, on_progress):
        ran.append(config)
        on_progress(1.0, "done")
        return xarray.Dataset(
            {"l2": ("seed", np.full(len(config.seeds), config.l2))}, {"seed": list(config.seeds)}
        )

    def draw(result, figure):
        figure.add_subplot().plot(result.seed, result.l2)

    module = types.SimpleNamespace(
        Config=Config, QUICK=Config(n_epochs=1), run=run, FIGURES={"fig1": draw}, ran=ran
    )
    monkeypatch.setitem(runs.EXPERIMENTS, "toy", "toy")
    monkeypatch.setattr(runs, "experiment_module", lambda name: module)
    return module


def test_profiles_choose_the_configuration(toy):
    assert runs.configuration("toy", "full").n_epochs == 50
    assert runs.configuration("toy", "quick").n_epochs == 1


def test_settings_are_read_as_the_kind_they_are(toy):
    changes = {"seeds": "7, 8", "l2": "1e-3", "n_epochs": "2", "shuffles": "false", "data_set": "mnist"}
    assert runs.configuration("toy", "full", changes) == Config((7, 8), 1e-3, 2, False, "mnist")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": "1"}, r"no setting 'seed': there are seeds, l2"),
        ({"n_epochs": "many"}, r"n_epochs must be of type int, like 50, got 'many'"),
        ({"shuffles": "maybe"}, r"shuffles must be true or false"),
        ({"l2": "-1"}, r"l2 must not be negative, got -1.0"),
    ],
)
def test_wrong_setting_is_named(toy, changes, message):
    with pytest.raises(ValueError, match=message):
        runs.configuration("toy", "full", changes)


def test_a_word_may_be_none():
    """A method without consolidation is called "none"; only what is no word may be absent."""
    changed = runs.configuration("lifelong", "quick", {"methods": "none,ewc@split,presynaptic"})
    assert changed.methods == ("none", "ewc@split", "presynaptic")
    assert runs.configuration("signatures", "quick", {"learning_rate": "none"}).learning_rate is None


def test_unknown_experiment_names_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown experiment 'enrgy': there are energy, lifelong"):
        runs.experiment_module("enrgy")


def test_run_keeps_result_configuration_and_provenance(toy, tmp_path):
    path = runs.run_experiment("toy", Config(l2=0.5), tmp_path, device="cpu")
    run = archived_run(path, "toy")
    assert run.result.l2.values.tolist() == [0.5, 0.5, 0.5]
    assert run.config["l2"] == 0.5
    assert run.provenance["device"] == "cpu" and run.provenance["versions"]["torch"]


def test_full_result_that_is_there_is_not_run_again(toy, tmp_path):
    archive_run(tmp_path / "toy.nc", "toy", xarray.Dataset({"l2": 0.25}), Config())
    found = runs.result_for("toy", Context(profile="full", results=tmp_path))
    assert float(found.result.l2) == 0.25
    assert toy.ran == []


def test_quick_result_is_always_run(toy, tmp_path):
    archive_run(tmp_path / "toy.nc", "toy", xarray.Dataset({"l2": 0.25}), Config())
    found = runs.result_for("toy", Context(results=tmp_path))
    assert found.result.l2.values.tolist() == [0.01, 0.01, 0.01]
    assert toy.ran == [toy.QUICK]


def test_command_line_runs_keeps_and_draws(toy, tmp_path, capsys):
    code = cli.exit_code_of(["ann", "toy", "--set", "l2=0.125", "--device", "cpu", "--out", str(tmp_path)])
    assert code == 0
    assert archived_run(tmp_path / "toy.nc").config["l2"] == 0.125
    assert (tmp_path / "toy-fig1.svg").read_text().count("<svg") == 1
    assert "figure:" in capsys.readouterr().out


def test_command_line_refuses_a_setting_without_value(toy, tmp_path, capsys):
    assert cli.exit_code_of(["ann", "toy", "--set", "l2", "--out", str(tmp_path)]) == 2
    assert "--set needs NAME=VALUE, got 'l2'" in capsys.readouterr().err


def test_command_line_keeps_the_networks_of_a_full_run_beside_the_result(toy, tmp_path):
    run = ["ann", "toy", "--profile", "full", "--device", "cpu", "--out", str(tmp_path)]
    assert cli.exit_code_of(run) == 0
    assert toy.ran[-1].keep_in == str(tmp_path / "toy-networks")
    assert cli.exit_code_of([*run, "--set", "keep_in=elsewhere"]) == 0
    assert toy.ran[-1].keep_in == "elsewhere"


def test_experiments_that_are_one_batch_refuse_other_processes(toy, tmp_path, capsys):
    assert cli.exit_code_of(["ann", "toy", "--processes", "2", "--out", str(tmp_path)]) != 0
    assert "toy is one batch: it runs in this process only" in capsys.readouterr().err


def test_other_processes_reach_the_experiments_that_take_them(toy, tmp_path, monkeypatch):
    from biophys.sweeps.executors import DaskCluster, LocalProcesses

    given = []

    def run(config, *, execution, executor=None, on_progress):
        given.append(executor)
        return xarray.Dataset({"l2": config.l2})

    monkeypatch.setattr(toy, "run", run)
    monkeypatch.setattr(toy, "FIGURES", {})
    for option in (["--processes", "2"], ["--scheduler", "tcp://127.0.0.1:1"], []):
        assert cli.exit_code_of(["ann", "toy", "--device", "cpu", *option, "--out", str(tmp_path)]) == 0
    assert given == [LocalProcesses(2), DaskCluster("tcp://127.0.0.1:1"), None]


def test_images_are_found_where_the_datastore_has_them(monkeypatch):
    import os

    from validation.data.datastore import DataSetMissing

    monkeypatch.delenv("BRIANPRESYN_DATA", raising=False)
    monkeypatch.setattr(runs, "locate", lambda name: runs.Path("/cache") / name)
    with runs.images_at_hand(Config(data_set="mnist")):
        assert os.environ["BRIANPRESYN_DATA"] == "/cache"
    assert "BRIANPRESYN_DATA" not in os.environ

    def missing(name):
        raise DataSetMissing(f"{name} is nowhere")

    monkeypatch.setattr(runs, "locate", missing)
    with (
        pytest.raises(DataSetMissing, match="mnist is nowhere"),
        runs.images_at_hand(Config(data_set="mnist")),
    ):
        pass
    with runs.images_at_hand(Config(data_set="digits")):
        assert "BRIANPRESYN_DATA" not in os.environ
