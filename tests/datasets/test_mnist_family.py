import gzip
import os
import sys
from pathlib import Path

import pytest
import torch

from tests.datasets.idx_files import NAMES, idx_bytes, pack, served, write_mnist
from zoo.errors import DataError
from zoo.registry import find_component

FAMILY = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "kmnist": "KMNIST"}
pytestmark = pytest.mark.parametrize("name", FAMILY)


def load(name, root, note=lambda message: None, **options):
    return find_component("dataset", name)(root=None if root is None else str(root), **options).load(note)


@pytest.fixture
def unreachable(monkeypatch, name):
    """Point the download at a port that nobody listens to."""
    datasets = pytest.importorskip("torchvision.datasets")
    monkeypatch.setattr(getattr(datasets, FAMILY[name]), "mirrors", ["http://127.0.0.1:9/"])


def test_files_in_place_are_read_as_they_are_without_network_or_torchvision(name, tmp_path, monkeypatch):
    written = write_mnist(tmp_path / FAMILY[name] / "raw")
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    collection = load(name, tmp_path)
    for split, prefix in (("train", "train"), ("test", "t10k")):
        stored = collection.splits[split]
        assert torch.equal(stored.examples[:, 0], written[f"{prefix}-images-idx3-ubyte"])
        assert torch.equal(stored.labels, written[f"{prefix}-labels-idx1-ubyte"].long())
        assert stored.examples.dtype == torch.uint8
    assert collection.stored_range == (0, 255)
    assert len(collection.class_names) == 10


def test_rows_are_rows(name, tmp_path):
    write_mnist(tmp_path / FAMILY[name] / "raw")
    image = load(name, tmp_path).splits["train"].examples[3, 0]
    assert image[0, 27] == 255
    assert image[27, 0] == 3


def test_gzipped_files_in_place_are_read(name, tmp_path):
    written = write_mnist(tmp_path / FAMILY[name] / "raw")
    pack(tmp_path / FAMILY[name] / "raw")
    stored = load(name, tmp_path, download=False).splits["train"]
    assert torch.equal(stored.examples[:, 0], written["train-images-idx3-ubyte"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "0 bytes"),
        (b"<!DOCTYPE html><html>Log in</html>", "DOCTYPE"),
        (
            idx_bytes(torch.zeros(60, 28, 28, dtype=torch.uint8))[:-1],
            "47,056 bytes, according to its header, got 47,055",
        ),
        (idx_bytes(torch.zeros(60, 28, 28, dtype=torch.uint8)) + b"x", "got 47,057"),
        (idx_bytes(torch.zeros(60, dtype=torch.uint8)), "3 dimensions"),
        (b"\x00\x00\x0d\x03" + bytes(12), "begins with b'\\x00\\x00\\r"),
        (idx_bytes(torch.zeros(0, 28, 28, dtype=torch.uint8)), "empty"),
        (idx_bytes(torch.zeros(59, 28, 28, dtype=torch.uint8)), "a label for each of 59 images, got 60"),
    ],
    ids=["empty", "html", "truncated", "longer", "wrong dimensions", "wrong type", "no images", "fewer images"],
)
def test_a_damaged_file_is_named(name, tmp_path, content, said):
    raw = tmp_path / FAMILY[name] / "raw"
    write_mnist(raw)
    (raw / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(DataError) as caught:
        load(name, tmp_path)
    assert str(raw) in caught.value.problem
    assert "damaged" in caught.value.problem
    assert said in caught.value.problem
    assert "`digits`" in caught.value.remedy
    assert caught.value.where == "root"


def test_a_label_beyond_the_classes_is_damage(name, tmp_path):
    raw = tmp_path / FAMILY[name] / "raw"
    write_mnist(raw)
    (raw / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(torch.full((20,), 10, dtype=torch.uint8)))
    with pytest.raises(DataError, match="labels from 0 to 9, got 10"):
        load(name, tmp_path)


def test_a_truncated_gzip_is_damage(name, tmp_path):
    raw = tmp_path / FAMILY[name] / "raw"
    write_mnist(raw)
    pack(raw)
    packed = raw / "train-images-idx3-ubyte.gz"
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(DataError, match="cannot be decompressed"):
        load(name, tmp_path)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((60, 28, 28), "expected 47,040 values, according to its header, got more"),
        ((60, 280, 280), "expected at most 100,000 bytes, got 4,704,016"),
        ((2**32 - 1,) * 3, "expected at most 100,000 bytes"),
        ((0, 2**32 - 1, 28), "it is empty"),
    ],
)
def test_a_gzip_that_is_not_as_large_as_it_says_is_damage(name, tmp_path, shape, said, monkeypatch):
    monkeypatch.setattr("zoo.formats.idx._LARGEST", 100_000)
    raw = tmp_path / FAMILY[name] / "raw"
    write_mnist(raw)
    pack(raw)
    header = bytes([0, 0, 8, 3]) + b"".join(size.to_bytes(4, "big") for size in shape)
    (raw / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + bytes(1_000_000)))
    with pytest.raises(DataError, match=said):
        load(name, tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="a file with holes")
@pytest.mark.parametrize(
    ("header", "said"),
    [
        (b"", "expected an IDX file of 3 dimensions"),
        (idx_bytes(torch.zeros(60, 28, 28, dtype=torch.uint8)), "expected 47,056 bytes, .*, got 30,000,000,016"),
        (bytes([0, 0, 8, 3, 0, 0, 0, 30]) + 2 * (10**9 // 31623).to_bytes(4, "big"), "got 30,000,000,016"),
        (
            b"".join([bytes([0, 0, 8, 3]), *(n.to_bytes(4, "big") for n in (30_000, 1000, 1000))]),
            "at most 1,000,000,000",
        ),
    ],
    ids=["no header", "a small size", "another size", "the same size"],
)
def test_a_file_of_many_gigabytes_is_refused_by_its_header(name, tmp_path, header, said):
    raw = tmp_path / FAMILY[name] / "raw"
    write_mnist(raw)
    images = raw / "train-images-idx3-ubyte"
    images.write_bytes(header)
    os.truncate(images, 30_000_000_016)
    with pytest.raises(DataError, match=said):
        load(name, tmp_path)


def test_a_root_that_is_not_there_is_refused_without_download(name, tmp_path):
    with pytest.raises(DataError, match="does not exist") as caught:
        load(name, tmp_path / "nowhere", download=False)
    assert "`digits`" in caught.value.remedy
    assert not (tmp_path / "nowhere").exists()


def test_a_root_that_is_a_file_is_refused(name, tmp_path):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(DataError, match="is a file"):
        load(name, file)


def test_a_wrong_folder_says_what_was_looked_for_and_where(name, tmp_path):
    raw = tmp_path / FAMILY[name] / "raw"
    write_mnist(raw)
    (raw / NAMES[2]).unlink()
    with pytest.raises(DataError) as caught:
        load(name, tmp_path, download=False)
    assert str(raw) in caught.value.problem
    assert NAMES[2] in caught.value.problem
    assert NAMES[0] not in caught.value.problem


@pytest.mark.usefixtures("unreachable")
def test_a_failed_download_says_what_was_tried_and_leaves_nothing(name, tmp_path):
    with pytest.raises(DataError) as caught:
        load(name, tmp_path)
    assert "http://127.0.0.1:9/train-images-idx3-ubyte.gz" in caught.value.problem
    assert str(tmp_path) in caught.value.problem
    assert "`digits`" in caught.value.remedy
    left = [file.name for file in tmp_path.rglob("*") if file.is_file()]
    assert set(left) <= {".download.lock"}


def test_a_torchvision_that_does_not_import_is_said(name, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    with pytest.raises(DataError, match="torchvision, which cannot be imported") as caught:
        load(name, tmp_path)
    assert "`digits`" in caught.value.remedy


def publish(name, folder, monkeypatch, address, resources):
    datasets = pytest.importorskip("torchvision.datasets")
    published = getattr(datasets, FAMILY[name])
    monkeypatch.setattr(published, "mirrors", ["http://127.0.0.1:9/", address])
    monkeypatch.setattr(published, "resources", resources)


def test_a_download_to_the_cache_is_complete_and_happens_once(name, tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.datasets._download.user_cache_path", lambda *_, **__: tmp_path / "cache")
    written = write_mnist(tmp_path / "server")
    resources = pack(tmp_path / "server")
    notes = []
    with served(tmp_path / "server") as address:
        publish(name, tmp_path, monkeypatch, address, resources)
        first = load(name, None, notes.append)
    assert torch.equal(first.splits["test"].examples[:, 0], written["t10k-images-idx3-ubyte"])
    assert len([note for note in notes if address in note]) == 4
    notes.clear()
    again = load(name, None, notes.append)
    assert torch.equal(again.splits["train"].examples, first.splits["train"].examples)
    assert notes == []


def test_what_another_server_sends_is_not_taken_and_the_next_try_is_clean(name, tmp_path, monkeypatch):
    write_mnist(tmp_path / "server")
    resources = pack(tmp_path / "server")
    packed = tmp_path / "server" / resources[1][0]
    right = packed.read_bytes()
    packed.write_bytes(gzip.compress(b"<html>Log in</html>"))
    root = tmp_path / "root"
    with served(tmp_path / "server") as address:
        publish(name, tmp_path, monkeypatch, address, resources)
        with pytest.raises(DataError, match="checksum"):
            load(name, root)
        names = {file.name for file in (root / FAMILY[name] / "raw").iterdir()}
        assert names <= {*NAMES, ".download.lock"}
        packed.write_bytes(right)
        assert len(load(name, root).splits["train"]) == 60


def test_a_folder_that_cannot_be_written_is_said(name, tmp_path):
    (tmp_path / FAMILY[name]).touch()
    with pytest.raises(DataError, match="cannot be written"):
        load(name, tmp_path)


def test_the_published_files(name):
    root = os.environ.get("ZOO_TEST_DATA")
    if root is None:
        pytest.skip("ZOO_TEST_DATA is not set: it names a folder with published datasets")
    if not (Path(root) / FAMILY[name] / "raw").is_dir():
        pytest.skip(f"the folder that ZOO_TEST_DATA names holds no {FAMILY[name]}")
    splits = load(name, root, download=False).splits
    assert splits["train"].examples.shape == (60_000, 1, 28, 28)
    assert splits["test"].examples.shape == (10_000, 1, 28, 28)
    if name == "mnist":
        assert splits["train"].labels[:5].tolist() == [5, 0, 4, 1, 9]
