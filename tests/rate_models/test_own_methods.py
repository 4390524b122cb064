"""Methods, data and task sequences of one's own: registered, found by name, refused where they are wrong."""

import numpy as np
import pytest
import torch

from biophys.plugins import load_plugins
from rate_models.continual_learning import task_sequence
from rate_models.continual_methods import Replica, Training, learner_of, program
from rate_models.datasets import data_set, images_from, load_images
from rate_models.devices import Execution
from rate_models.layout import Layout
from rate_models.random_search import Interval

IMAGES, LABELS = torch.rand(6, 2, 2, generator=torch.Generator().manual_seed(1)), torch.tensor([0, 1, 2] * 2)


class Stream(torch.utils.data.IterableDataset):
    """Images that come one after the other, and cannot be asked for by number."""

    def __iter__(self):
        return zip(IMAGES, LABELS, strict=True)


@pytest.mark.parametrize(
    "given",
    [
        (IMAGES, LABELS),
        (IMAGES.numpy(), LABELS.numpy()),
        torch.utils.data.TensorDataset(IMAGES, LABELS),
        torch.utils.data.DataLoader(torch.utils.data.TensorDataset(IMAGES, LABELS), batch_size=4),
        Stream(),
    ],
)
def test_images_come_from_tensors_arrays_data_sets_and_loaders(given):
    data = images_from(given, (IMAGES, LABELS))
    assert torch.equal(data.train_images, IMAGES.flatten(1))
    assert torch.equal(data.train_labels, LABELS)
    assert data.n_classes == 3


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (IMAGES, TypeError, "train must be a pair of images and labels"),
        ((IMAGES, LABELS, LABELS), TypeError, "train must be a pair"),
        (("images", LABELS), TypeError, "got a pair of str and Tensor"),
        ((IMAGES, LABELS > 0), TypeError, "labels of train must be whole numbers"),
        ((IMAGES, LABELS[:5]), ValueError, "train_labels must be one for each of 6 train_images"),
        ((IMAGES, LABELS - 1), ValueError, "train_labels must be classes"),
    ],
)
def test_what_are_no_images_is_named(wrong, error, message):
    with pytest.raises(error, match=message):
        images_from(wrong, (IMAGES, LABELS))


def test_names_are_given_once():
    with pytest.raises(ValueError, match="there is a program named 'ewc' already"):
        program("ewc", "learning_rate")(lambda *given: None)
    with pytest.raises(ValueError, match="there is a data set named 'digits' already"):
        data_set("digits")(lambda: None)
    with pytest.raises(ValueError, match="space must hold an interval for strength"):
        program("mine", "strength", space={"learning_rate": Interval(0, 1)})


@pytest.mark.parametrize("register", [data_set, program, task_sequence])
def test_a_cell_of_a_notebook_may_run_again(register):
    """Define the same function twice under one name, and another one."""

    def cell():
        def mine(*given):
            """Make nothing."""

        return register("cell")(mine)

    assert cell() is not cell()
    with pytest.raises(ValueError, match="'cell' already: name yours otherwise"):
        register("cell")(test_names_are_given_once)


def test_what_a_plugin_makes_is_checked():
    program("of nothing", "learning_rate")(lambda *given: 3)
    data_set("of nothing")(lambda: 3)
    where = (Layout((4, 2)), Training(), Execution())
    with pytest.raises(TypeError, match="what builds the program of nothing must be of type Learner"):
        learner_of("of nothing", [Replica(1, {"learning_rate": 0.1})], *where)
    with pytest.raises(TypeError, match="what registers the data set of nothing must be of type ImageData"):
        load_images("of nothing")
    with pytest.raises(ValueError, match=r"settings of of nothing are learning_rate, got .'rate'"):
        learner_of("of nothing", [Replica(1, {"rate": 0.1})], *where)


def test_a_plugin_is_a_file_or_a_module_and_is_named_if_it_is_wrong(tmp_path, monkeypatch):
    monkeypatch.setenv("BRIANPRESYN_PLUGINS", "")
    path = tmp_path / "methods_of_a_test.py"
    path.write_text(
        "from rate_models.datasets import data_set, images_from, load_images\n"
        "@data_set('few digits')\n"
        "def few():\n"
        "    d = load_images('digits')\n"
        "    return images_from((d.train_images[:50], d.train_labels[:50]), (d.test_images, d.test_labels))\n"
    )
    assert load_plugins([str(path)]) == [str(path)]
    assert len(load_images("few digits").train_labels) == 50
    assert np.isfinite(load_images("few digits").train_images).all()
    path.with_name("broken_of_a_test.py").write_text("1 / 0")
    with pytest.raises(ValueError, match="cannot be imported: division by zero"):
        load_plugins([str(path.with_name("broken_of_a_test.py"))])
