"""Workers are sent the name of the images, and read them where they themselves have them."""

import dataclasses
import pickle

import pytest
import torch

from rate_models import datasets
from rate_models.datasets import images_for, load_images
from rate_models.devices import Execution
from rate_models.experiments import bayesian_signatures, energy_efficiency, posterior, reliability_tradeoff


class _Recorded(Exception):
    """Ends an experiment where its first group would be computed."""


class Recorder:
    """An executor that notes how large what it sends is."""

    n_workers = 2

    def __init__(self):
        self.n_bytes = []

    def results(self, function, groups, execution):
        self.n_bytes += [len(pickle.dumps((function, group, execution))) for group in groups]
        raise _Recorded


@pytest.mark.parametrize(
    "experiment", [energy_efficiency, posterior, reliability_tradeoff, bayesian_signatures]
)
def test_no_pixel_is_sent_to_a_worker(experiment):
    recorder = Recorder()
    small = dataclasses.replace(experiment.QUICK, n_epochs=1, hidden_units=(6,))
    with pytest.raises(_Recorded):
        experiment.run(small, executor=recorder)
    images = load_images("digits").train_images
    assert recorder.n_bytes and max(recorder.n_bytes) < 0.1 * images.nbytes


def test_images_are_read_once_and_come_in_the_precision_asked_for(monkeypatch):
    read = []
    monkeypatch.setattr(datasets, "load_images", lambda name, folder: read.append(name) or load_images(name))
    datasets._loaded.cache_clear()
    for dtype in ("float32", "float64", "float32"):
        assert images_for("digits", Execution(dtype=dtype)).train_images.dtype is getattr(torch, dtype)
    assert read == ["digits"]
    datasets._loaded.cache_clear()


def test_a_folder_that_another_machine_named_does_not_count_here(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(
        datasets, "load_images", lambda name, folder: asked.append(folder) or load_images("digits")
    )
    datasets._loaded.cache_clear()
    (tmp_path / "mnist").mkdir()
    images_for("mnist", Execution(data_folder=str(tmp_path)))
    images_for("mnist", Execution(data_folder="/of/another/machine"))
    assert asked == [str(tmp_path / "mnist"), None]
    datasets._loaded.cache_clear()
