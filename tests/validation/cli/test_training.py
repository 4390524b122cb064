"""The command line of sweeps: its table, its file, starting again, and wrong settings."""

import os
import re

import pytest

xr = pytest.importorskip("xarray")
pytest.importorskip("torch")

from validation.archive import archived_run  # noqa: E402
from validation.cli import exit_code_of  # noqa: E402
from validation.runs import EXPERIMENTS  # noqa: E402

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
        (["--over", "depth=3"], "no setting 'depth': it has "),
        (["--over", "l2"], "--over needs NAME=VALUE, got 'l2'"),
        (["--set", "consolidation=maybe"], "consolidation must be true or false, got 'maybe'"),
        (["--set", "p_up=much"], "p_up must be a number from 0 on, got 'much'"),
    ],
)
def test_wrong_settings_are_told_in_one_line(tmp_path, capsys, more, message):
    assert exit_code_of(arguments(tmp_path, *more)) == 2
    assert message in capsys.readouterr().err


PLUGIN = """
import torch
from rate_models import DeterministicSynapses, GradientDescent, Sgd
from rate_models.continual_methods import Learner, program, seeds_of, values_of
from rate_models.datasets import data_set, images_from, load_images
from rate_models.random_search import Interval


@data_set("half")
def half():
    d = load_images("digits")
    return images_from((d.train_images[::2], d.train_labels[::2]), (d.test_images, d.test_labels))


@program("plain", space={"learning_rate": Interval(1e-3, 1e-1, is_logarithmic=True)})
def build(replicas, network, training, execution):
    synapses = DeterministicSynapses(network.layout, seeds_of(replicas), execution=execution)
    rule = GradientDescent(Sgd(synapses, learning_rate=values_of(replicas, "learning_rate")))
    return Learner(network, synapses, rule)
"""


@pytest.fixture(params=["plugin", "announced"])
def own(request, tmp_path, monkeypatch):
    """The options that bring a method and data of one's own, in a file that is named or in a package."""
    monkeypatch.setenv("BRIANPRESYN_PLUGINS", "")
    # Names are given once in a process.
    mine = request.param + request.function.__name__.split("_")[-1]
    module = f"methods_{mine}"
    path = tmp_path / f"{module}.py"
    path.write_text(PLUGIN.replace("half", f"half{mine}").replace("plain", f"plain{mine}"))
    names = ["--method", f"plain{mine}", "--data", f"half{mine}"]
    if request.param == "plugin":
        return ["--plugin", str(path), *names]
    information = tmp_path / f"{module}-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[brianpresyn.plugins]\nmine = {module}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    return names


@pytest.mark.parametrize("command", [["ann", "lifelong"], ["sweep", "--over", "seed=1"]])
@pytest.mark.parametrize("option", ["--method", "--data"])
def test_an_unknown_method_or_data_set_is_told_of_plugins(command, option, tmp_path, capsys):
    assert exit_code_of([*command, option, "mine", "--out", str(tmp_path)]) != 0
    assert "those of your own are loaded by --plugin FILE" in " ".join(capsys.readouterr().err.split())


def test_the_help_names_every_experiment(capsys):
    assert exit_code_of(["ann", "--help"]) == 0
    assert set(EXPERIMENTS) <= set(re.findall(r"\w+", capsys.readouterr().out))


def test_method_and_data_are_settings_of_the_experiment(tmp_path, capsys):
    tiny = [
        part for each in ("seeds=1", "n_tasks=2", "n_epochs=1", "hidden_units=8") for part in ("--set", each)
    ]
    command = ["ann", "graceful_forgetting", "--method", "fading", "--data", "digits", *tiny]
    assert exit_code_of([*command, "--device", "cpu", "--out", str(tmp_path)]) == 0, capsys.readouterr().err
    run = archived_run(tmp_path / "graceful_forgetting.nc")
    assert (list(run.config["methods"]), run.config["data_set"]) == (["fading"], "digits")
    assert exit_code_of(["ann", "reliability", "--method", "fading", "--out", str(tmp_path)]) != 0
    assert "the experiment reliability has no --method" in " ".join(capsys.readouterr().err.split())


def test_a_method_and_data_of_ones_own_are_swept_in_two_processes(tmp_path, capsys, own):
    fixed = [part for setting in (*TINY[1:], "learning_rate=0.05") for part in ("--set", setting)]
    command = ["sweep", *own, *fixed, "--over", "seed=1,2", "--device", "cpu", "--processes", "2"]
    assert exit_code_of([*command, "--out", str(tmp_path / "sweep")]) == 0, capsys.readouterr().err
    result = xr.load_dataset(tmp_path / "sweep" / "result" / "sweep.nc", engine="scipy")
    assert result.accuracy.shape == (2,) and bool((result.accuracy > 0.1).all())
    assert result.attrs["data_set"] == own[-1]


def test_a_method_and_data_of_ones_own_learn_for_life(tmp_path, capsys, own):
    settings = ["seeds=1,2", "n_seeds_permuted=2", "hidden_units=8", "n_epochs=1", "n_permuted_tasks=2"]
    settings += ["n_trials_permuted=2", "search_seeds_permuted=101", "n_epochs_search_permuted=1"]
    options = [part for setting in settings for part in ("--set", setting)]
    command = ["ann", "lifelong", *own, *options, "--device", "cpu", "--out", str(tmp_path / "ann")]
    assert exit_code_of(command) == 0, capsys.readouterr().err
    result = xr.load_dataset(next((tmp_path / "ann").glob("*.nc")), engine="scipy")
    assert f"permuted_{own[-1]}" in str(result.coords) + str(result.attrs)
