"""Experiments by name: settings from text, running, keeping, finding again, refusing what does not match."""

import importlib
import json
import os
import sys
from dataclasses import replace

import numpy as np
import pytest

from biophys import source_digest
from validation import cli, runs
from validation.archive import ArchiveError, archive_run, archived_run
from validation.context import Context

xarray = pytest.importorskip("xarray")
pytest.importorskip("torch")

TOY = '''
import numpy as np
import xarray

from biophys.settings import Count, NotNegative, Seeds, settings

ran = []


@settings
class Config:
    seeds: Seeds = (1, 2, 3)
    l2: NotNegative = 0.01
    n_epochs: Count = 50
    shuffles: bool = True
    data_set: str = "digits"


QUICK = Config(n_epochs=1)


def work(config):
    return config.n_epochs


MAY_DIFFER = ("seeds",)


def run(config, *, execution=None, executor=None, on_progress=print, keep_in=None):
    """Return the settings."""
    ran.append((config, executor, keep_in))
    values = np.full(len(config.seeds), config.l2)
    return xarray.Dataset({"l2": ("seed", values)}, {"seed": list(config.seeds)})


FIGURES = {"fig1": lambda result, figure: figure.add_subplot().plot(result.seed, result.l2)}
'''


@pytest.fixture
def toy(monkeypatch, tmp_path):
    """An experiment in a file of its own, whose result is its settings."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "toy_experiment.py").write_text(TOY)
    monkeypatch.syspath_prepend(source)
    monkeypatch.setitem(runs.EXPERIMENTS, "toy", "toy_experiment")
    monkeypatch.setattr(runs, "_small_runs", {})
    yield importlib.import_module("toy_experiment")
    del sys.modules["toy_experiment"]
    _forget_digests()


def _forget_digests():
    for function in (source_digest.source_digest, source_digest.imported_modules):
        function.cache_clear()


def _edited(toy, old, new):
    """Change the source of the experiment, as its author would."""
    path = toy.__file__
    with open(path) as file:
        source = file.read()
    assert old in source
    with open(path, "w") as file:
        file.write(source.replace(old, new))
    _forget_digests()


def full(**changes):
    return Context(profile="full", **changes)


def test_profiles_choose_the_settings(toy):
    assert runs.configuration("toy", "full").n_epochs == 50
    assert runs.configuration("toy", "quick").n_epochs == 1


def test_settings_are_read_as_the_kind_they_are(toy):
    changes = {"seeds": "7, 8", "l2": "1e-3", "n_epochs": "2", "shuffles": "false", "data_set": "mnist"}
    assert runs.configuration("toy", "full", changes) == toy.Config((7, 8), 1e-3, 2, False, "mnist")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": "1"}, r"no setting 'seed': did you mean 'seeds'"),
        ({"n_epochs": "many"}, r"n_epochs must be a whole number from 1 on, got 'many'"),
        ({"n_epochs": "0"}, r"n_epochs must be a whole number from 1 on, such as 50, got 0"),
        ({"shuffles": "maybe"}, r"shuffles must be true or false"),
        ({"l2": "-1"}, r"l2 must be a number from 0 on, such as 0.01, got -1.0"),
    ],
)
def test_wrong_setting_is_named(toy, changes, message):
    with pytest.raises(ValueError, match=message):
        runs.configuration("toy", "full", changes)


def test_values_are_read_by_annotation_not_by_the_present_value():
    """A method is called "none"; what is none or empty at present may become a number."""
    changed = runs.configuration("lifelong", "quick", {"methods": "none,ewc@split,presynaptic"})
    assert changed.methods == ("none", "ewc@split", "presynaptic")
    assert runs.configuration("signatures", "quick", {"learning_rate": "none"}).learning_rate is None
    assert runs.configuration("signatures", "full", {"learning_rate": "0.001"}).learning_rate == 0.001
    assert runs.configuration("energy", "full", {"varied_l2": "0.01"}).varied_l2 == (0.01,)
    nested = runs.configuration("spikes", "full", {"presentation.duration": "0.2"}).presentation
    assert nested.duration == 0.2


def test_unknown_experiment_names_the_known_ones():
    with pytest.raises(ValueError, match=r"name must be one of energy, lifelong.*got 'enrgy'"):
        runs.experiment_module("enrgy")


def test_run_keeps_settings_source_machine_time_and_checksums(toy, tmp_path):
    path = runs.run_experiment("toy", toy.Config(l2=0.5), tmp_path, device="cpu")
    run = archived_run(path, "toy")
    assert run.result.l2.values.tolist() == [0.5, 0.5, 0.5]
    assert run.config == {
        "seeds": [1, 2, 3],
        "l2": 0.5,
        "n_epochs": 50,
        "shuffles": True,
        "data_set": "digits",
    }
    assert run.provenance["device"] == "cpu" and run.provenance["versions"]["torch"]
    assert run.provenance["source"] == source_digest.source_digest("toy_experiment")
    assert run.provenance["cpu_seconds"] >= 0 and "cores" in run.provenance["machine"]
    assert len(run.provenance["data"]["digits"]) == 64


def test_full_result_that_was_given_is_not_run_again(toy, tmp_path):
    archive_run(tmp_path / "toy.nc", "toy", xarray.Dataset({"l2": 0.25}), toy.Config(seeds=(7,)))
    with pytest.warns(UserWarning, match=r"toy.nc is used as it was made by other code"):
        run = runs.result_for("toy", full(results=tmp_path, seed=5))
    assert float(run.result.l2) == 0.25 and run.settings == toy.Config(seeds=(7,))
    assert not run.is_of_this_code and run.deviations == {} and toy.ran == []


def test_given_result_of_other_settings_is_named_field_by_field_and_refused(toy, tmp_path):
    archive_run(tmp_path / "toy.nc", "toy", xarray.Dataset({"l2": 0.25}), toy.Config(l2=0.25, n_epochs=1))
    with pytest.raises(ArchiveError, match=r"l2 is 0.25, asked for 0.01; n_epochs is 1, asked for 50"):
        runs.result_for("toy", full(results=tmp_path))
    accepted = tmp_path / runs.ACCEPTED
    accepted.write_text(json.dumps({"toy": {"l2": 0.25, "n_epochs": 2}}))
    with pytest.raises(ArchiveError, match=r"other settings: n_epochs is 1, asked for 50\. Move it away"):
        runs.result_for("toy", full(results=tmp_path))
    accepted.write_text(json.dumps({"toy": {"l2": 0.25, "n_epochs": 1}}))
    with pytest.warns(UserWarning, match=r"l2 = 0.25, published 0.01; n_epochs = 1, published 50"):
        run = runs.result_for("toy", full(results=tmp_path))
    assert run.deviations == {"l2": (0.01, 0.25), "n_epochs": (50, 1)}
    accepted.write_text("[1]")
    with pytest.raises(ArchiveError, match="must hold settings by experiment, as JSON"):
        runs.result_for("toy", full(results=tmp_path))


def test_quick_result_is_run_once_for_each_seed(toy, tmp_path):
    archive_run(tmp_path / "toy.nc", "toy", xarray.Dataset({"l2": 0.25}), toy.Config())
    for seed, seeds in ((2021, [1, 2, 3]), (2021, [1, 2, 3]), (2031, [11, 12, 13])):
        run = runs.result_for("toy", Context(results=tmp_path, seed=seed))
        assert run.result.seed.values.tolist() == seeds and run.settings.n_epochs == 1
    assert len(toy.ran) == 2


def test_full_result_is_kept_and_found_again(toy, tmp_path):
    context = full(keep=tmp_path / "kept")
    first = runs.result_for("toy", context)
    again = runs.result_for("toy", context)
    xarray.testing.assert_identical(first.result, again.result)
    assert len(toy.ran) == 1 and toy.ran[0][2] == tmp_path / "kept" / "toy-networks"
    assert again.is_of_this_code and again.provenance["source"] == first.provenance["source"]


def test_kept_result_of_other_seeds_settings_or_code_is_named_and_not_used(toy, tmp_path):
    context = full(keep=tmp_path)
    runs.result_for("toy", context)
    with pytest.warns(UserWarning, match=r"is not used: seeds is \[1, 2, 3\] instead of \[11, 12, 13\]"):
        runs.result_for("toy", replace(context, seed=2031))
    with pytest.warns(UserWarning, match=r"is not used: l2 is 0.01 instead of 0.5"):
        runs.result_for("toy", context, l2=0.5)
    _edited(toy, '"""Return the settings."""', '"""Return its settings."""  # said better')
    runs.result_for("toy", context)
    assert len(toy.ran) == 3
    _edited(toy, "config.l2)\n    return", "2 * config.l2)\n    return")
    with pytest.warns(UserWarning, match="it was made by other code"):
        runs.result_for("toy", context)
    assert len(toy.ran) == 4


def test_damaged_kept_result_is_set_aside_and_run_again(toy, tmp_path):
    context = full(keep=tmp_path)
    runs.result_for("toy", context)
    (path,) = tmp_path.glob("toy-*.nc")
    content = bytearray(path.read_bytes())
    content[content.index(b"digits")] ^= 1
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="is damaged.* renamed and the experiment is run again"):
        runs.result_for("toy", context)
    assert len(toy.ran) == 2 and len(list(tmp_path.glob("*.damaged"))) == 1
    archived_run(path, "toy")


def test_result_that_cannot_be_written_is_used_all_the_same(toy, tmp_path, monkeypatch):
    def no_room(*_arguments, **_options):
        raise OSError("cannot keep the result in there: No space left on device")

    monkeypatch.setattr(runs, "archive_run", no_room)
    with pytest.warns(UserWarning, match="No space left on device. The result is used"):
        run = runs.result_for("toy", full(keep=tmp_path))
    assert run.result.l2.values.tolist() == [0.01] * 3


def test_command_line_runs_keeps_and_draws(toy, tmp_path, capsys):
    code = cli.exit_code_of(["ann", "toy", "--set", "l2=0.125", "--device", "cpu", "--out", str(tmp_path)])
    assert code == 0
    assert archived_run(tmp_path / "toy.nc").config["l2"] == 0.125
    assert (tmp_path / "toy-fig1.svg").read_text().count("<svg") == 1
    assert "figure:" in capsys.readouterr().out


def test_command_line_refuses_a_setting_without_value(toy, tmp_path, capsys):
    assert cli.exit_code_of(["ann", "toy", "--set", "l2", "--out", str(tmp_path)]) == 2
    assert "--set needs NAME=VALUE, got 'l2'" in capsys.readouterr().err


def test_command_line_tells_the_cost_of_a_full_run_and_keeps_its_networks(toy, tmp_path, capsys):
    run = ["ann", "toy", "--profile", "full", "--device", "cpu", "--out", str(tmp_path)]
    assert cli.exit_code_of(run) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("cost: about ") and "CPU-hours on this machine" in printed
    assert [config.n_epochs for config, _, _ in toy.ran] == [1, 50]
    assert toy.ran[-1][2] == tmp_path / "toy-networks"


def test_experiments_that_are_one_batch_refuse_other_processes(tmp_path, capsys):
    assert cli.exit_code_of(["ann", "perceptron", "--processes", "2", "--out", str(tmp_path)]) != 0
    assert "perceptron is one batch: it runs in this process only" in capsys.readouterr().err


def test_other_processes_reach_the_experiments_that_take_them(toy, tmp_path):
    from biophys.sweeps.executors import DaskCluster, LocalProcesses

    for option in (["--processes", "2"], ["--scheduler", "tcp://127.0.0.1:1"], []):
        assert cli.exit_code_of(["ann", "toy", "--device", "cpu", *option, "--out", str(tmp_path)]) == 0
    assert [executor for _, executor, _ in toy.ran] == [
        LocalProcesses(2),
        DaskCluster("tcp://127.0.0.1:1"),
        None,
    ]


def test_images_are_found_where_the_datastore_has_them(monkeypatch):
    from validation.data.datastore import DataSetMissing

    monkeypatch.setattr(runs, "locate", lambda name: runs.Path("/cache") / name)
    assert runs.data_folder(["mnist", "fashion_mnist"]) == "/cache"
    assert runs.data_folder(["digits", ""]) == ""
    monkeypatch.setattr(runs, "locate", lambda name: runs.Path("/cache", name, name))
    several = os.pathsep.join(["/cache/fashion_mnist", "/cache/mnist"])
    assert runs.data_folder(["mnist", "fashion_mnist"]) == several

    def missing(name):
        raise DataSetMissing(f"{name} is nowhere")

    monkeypatch.setattr(runs, "locate", missing)
    with pytest.raises(DataSetMissing, match="mnist is nowhere"):
        runs.data_folder(["mnist"])


def test_stored_results_are_those_of_the_published_settings_but_for_what_is_accepted():
    folder = runs.Path(__file__).parents[2] / "docs" / "results"
    accepted = json.loads((folder / runs.ACCEPTED).read_text())
    names = [name for name in runs.EXPERIMENTS if (folder / f"{name}.nc").is_file()]
    assert len(names) == 12 and set(accepted) <= set(names)
    for name in names:
        run = archived_run(folder / f"{name}.nc", name)
        differing = runs.differences(name, runs.configuration(name, "full"), run.config)
        assert {field: here for field, (_, here) in differing.items()} == accepted.get(name, {}), name
        assert np.all([size > 0 for size in run.result.sizes.values()])
