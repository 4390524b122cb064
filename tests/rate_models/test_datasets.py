"""Images: the bundled digits, IDX files with and without gzip, and files that are not what they should be."""

import gzip
import os
import struct
import tracemalloc

import numpy as np
import pytest
import torch

from rate_models.datasets import IDX_FILES, load_images


def write_idx(folder, *, n_train=7, n_test=3, zipped=True):
    """Write four small IDX files and return the training images."""
    rng = np.random.default_rng(0)
    opener, ending = (gzip.open, ".gz") if zipped else (open, "")
    found = {}
    for part, n in (("train", n_train), ("test", n_test)):
        images = rng.integers(256, size=(n, 4, 5), dtype=np.uint8)
        labels = rng.integers(10, size=n, dtype=np.uint8)
        found[part] = images, labels
        with opener(folder / (IDX_FILES[f"{part}_images"] + ending), "wb") as file:
            file.write(struct.pack(">4I", 2051, n, 4, 5) + images.tobytes())
        with opener(folder / (IDX_FILES[f"{part}_labels"] + ending), "wb") as file:
            file.write(struct.pack(">2I", 2049, n) + labels.tobytes())
    return found


def test_digits_are_normalised_and_hold_every_class_on_either_side():
    data = load_images("digits")
    assert (data.n_pixels, data.n_classes) == (64, 10)
    assert abs(float(data.train_images.mean())) < 1e-5
    assert abs(float(data.train_images.std()) - 1) < 1e-4
    assert len(data.train_labels) + len(data.test_labels) == 1797
    assert set(data.train_labels.tolist()) == set(data.test_labels.tolist()) == set(range(10))


@pytest.mark.parametrize("zipped", [True, False])
def test_idx_files_are_read_and_normalised(tmp_path, zipped):
    written = write_idx(tmp_path, zipped=zipped)
    data = load_images("mnist", folder=tmp_path)
    images, labels = written["train"]
    expected = (images.reshape(7, 20) / 255 - 0.1307) / 0.3081
    np.testing.assert_allclose(data.train_images.numpy(), expected, atol=1e-6)
    assert data.train_labels.tolist() == labels.tolist()
    assert data.test_images.shape == (3, 20)
    assert data.to(torch.device("cpu"), torch.float64).train_images.dtype == torch.float64


def test_the_folder_follows_the_environment(tmp_path, monkeypatch):
    (tmp_path / "fashion_mnist").mkdir()
    write_idx(tmp_path / "fashion_mnist")
    monkeypatch.setenv("BRIANPRESYN_DATA", str(tmp_path))
    assert load_images("fashion_mnist").train_images.shape == (7, 20)
    monkeypatch.setenv("BRIANPRESYN_DATA", os.pathsep.join([str(tmp_path / "none"), str(tmp_path)]))
    assert load_images("fashion_mnist").train_images.shape == (7, 20)
    monkeypatch.delenv("BRIANPRESYN_DATA")
    with pytest.raises(FileNotFoundError, match="BRIANPRESYN_DATA"):
        load_images("mnist")


@pytest.mark.parametrize("damage", ["truncated", "labels", "empty"])
def test_files_that_are_not_complete_idx_are_named(tmp_path, damage):
    write_idx(tmp_path, zipped=False)
    victim = tmp_path / IDX_FILES["train_images"]
    content = victim.read_bytes()
    labels = (tmp_path / IDX_FILES["train_labels"]).read_bytes()
    victim.write_bytes({"truncated": content[:-1], "labels": labels, "empty": b""}[damage])
    message = {
        "truncated": "announces 140 bytes and holds 139",
        "labels": "damaged",
        "empty": "damaged",
    }
    with pytest.raises(ValueError, match=f"{victim.name} .*{message[damage]}"):
        load_images("mnist", folder=tmp_path)


@pytest.mark.parametrize("damage", ["cut", "flipped", "no gzip"])
def test_damaged_gzip_files_are_named(tmp_path, damage):
    write_idx(tmp_path)
    victim = tmp_path / f"{IDX_FILES['train_labels']}.gz"
    content = bytearray(victim.read_bytes())
    content[-12] ^= 255
    victim.write_bytes({"cut": content[:-9], "flipped": content, "no gzip": b"IDX" * 9}[damage])
    with pytest.raises(ValueError, match=f"{victim.name} is damaged or cut short"):
        load_images("mnist", folder=tmp_path)


@pytest.mark.parametrize("announced", [(7, 4, 5), (2**31, 28, 28)])
def test_a_file_that_unpacks_to_more_than_it_announces_is_not_unpacked(tmp_path, announced):
    write_idx(tmp_path)
    victim = tmp_path / f"{IDX_FILES['train_images']}.gz"
    with gzip.open(victim, "wb") as file:
        file.write(struct.pack(">4I", 2051, *announced))
        for _ in range(64):
            file.write(bytes(2**20))
    tracemalloc.start()
    with pytest.raises(
        ValueError, match=rf"{victim.name} (announces 140 bytes and holds more|is no IDX file)"
    ):
        load_images("mnist", folder=tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (bytes([99] * 7), r"train_labels must be classes 0\.\.9, got 99\.\.99"),
        (bytes([1] * 3), "train_labels must be one for each of 7 train_images"),
        (bytes([1] * 8), "train_labels must be one for each of 7 train_images"),
    ],
)
def test_labels_that_do_not_belong_to_the_images_are_named(tmp_path, labels, message):
    write_idx(tmp_path, zipped=False)
    header = struct.pack(">2I", 2049, len(labels))
    (tmp_path / IDX_FILES["train_labels"]).write_bytes(header + labels)
    with pytest.raises(ValueError, match=message):
        load_images("mnist", folder=tmp_path)


def test_missing_files_and_unknown_names_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte"):
        load_images("mnist", folder=tmp_path)
    with pytest.raises(ValueError, match="digits, mnist, fashion_mnist, got 'cifar'"):
        load_images("cifar")


@pytest.mark.data
def test_mnist_is_what_the_world_knows():
    try:
        data = load_images("mnist")
    except FileNotFoundError as error:
        pytest.skip(str(error))
    assert data.train_images.shape == (60_000, 784)
    assert data.test_labels.shape == (10_000,)
    assert abs(float(data.train_images.mean())) < 1e-3
    assert abs(float(data.train_images.std()) - 1) < 1e-3
    assert float(data.train_images.min()) == pytest.approx(-0.4242, abs=1e-4)
    parity = torch.bincount(data.train_labels // 2)
    assert parity.tolist() == [12665, 12089, 11263, 12183, 11800]
