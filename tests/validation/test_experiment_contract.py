"""Every experiment of the packages meets one protocol: settings, the same in seconds, run, figures."""

import ast
import dataclasses
import importlib
import inspect
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import xarray

from biophys.experiment import Experiment
from biophys.settings import as_plain, with_plain, with_shifted_seeds
from validation.runs import EXPERIMENTS, experiment_module

ROOT = Path(__file__).parents[2]
MEMBERS = [name for name in Experiment.__annotations__ if not name.startswith("_")]

# Parameters of xarray's own methods: a dimension of such a name cannot be selected by keyword.
KEYWORDS = {
    name
    for method in ("sel", "isel", "reindex", "interp", "mean", "sum", "std", "quantile", "rename", "stack")
    for name, parameter in inspect.signature(getattr(xarray.Dataset, method)).parameters.items()
    if parameter.kind is not inspect.Parameter.VAR_KEYWORD
} - {"self"}


@pytest.fixture(params=EXPERIMENTS)
def experiment(request):
    return experiment_module(request.param)


def test_experiment_has_what_the_protocol_names(experiment):
    assert MEMBERS == ["Config", "QUICK", "MAY_DIFFER", "FIGURES"]
    assert all(hasattr(experiment, name) for name in MEMBERS)
    assert isinstance(experiment.QUICK, experiment.Config)
    assert experiment.FIGURES and all(callable(draw) for draw in experiment.FIGURES.values())
    fields = {field.name for field in dataclasses.fields(experiment.Config)}
    assert set(experiment.MAY_DIFFER) < fields


def test_run_takes_settings_and_by_keyword_what_the_runner_offers(experiment):
    settings, *offered = inspect.signature(experiment.run).parameters.values()
    assert settings.name == "config"
    assert {each.name for each in offered} <= {"execution", "executor", "on_progress", "keep_in"}
    assert "on_progress" in {each.name for each in offered}
    assert all(each.kind is inspect.Parameter.KEYWORD_ONLY for each in offered)
    assert all(each.default is not inspect.Parameter.empty for each in offered)


def test_settings_check_their_defaults_and_come_back_from_json(experiment):
    for config in (experiment.Config(), experiment.QUICK):
        assert dataclasses.replace(config) == config
        assert with_plain(config, json.loads(json.dumps(as_plain(config)))) == config


def test_full_size_is_more_work_than_quick(experiment):
    full, quick = experiment.work(experiment.Config()), experiment.work(experiment.QUICK)
    assert full >= quick > 0 and np.isfinite(full)


def test_the_seed_of_the_command_line_reaches_the_settings(experiment):
    assert with_shifted_seeds(experiment.QUICK, 1) != experiment.QUICK


def test_numbers_and_names_out_of_range_are_refused_when_they_are_given(experiment):
    for field in dataclasses.fields(experiment.Config):
        value = getattr(experiment.Config(), field.name)
        for wrong in (object(), float("nan"), {"a": 1}, b"x"):
            with pytest.raises((TypeError, ValueError), match=field.name):
                experiment.Config(**{field.name: wrong})
        if field.name.startswith("n_") and isinstance(value, int):
            with pytest.raises(ValueError, match=rf"{field.name} must be .* got -1"):
                experiment.Config(**{field.name: -1})


def test_no_dimension_has_the_name_of_a_keyword():
    for path in sorted((ROOT / "docs" / "results").glob("*.nc")):
        from validation.archive import archived_run

        assert not KEYWORDS & set(map(str, archived_run(path).result.dims)), path.name


def test_every_module_with_settings_and_a_run_is_registered():
    for package in ("rate_models.experiments", "brianpresyn.experiments", "validation.experiments"):
        folder = Path(importlib.import_module(package).__file__).parent
        for path in sorted(folder.glob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            defined = {node.name for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
            if {"Config", "run"} <= defined:
                assert f"{package}.{path.stem}" in EXPERIMENTS.values(), path
