import contextlib
import gzip
import hashlib
import io
import pickle
import struct
import sys
import tarfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.datasets.idx_files import served
from zoo.datasets import cifar10
from zoo.datasets.cifar10 import Cifar10
from zoo.errors import DataError

FOLDER = "cifar-10-batches-py"
BATCHES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]


def pixels_of(number: int, count: int) -> np.ndarray:
    """Return images in which red is the row's number, green the column's, blue the batch's."""
    image = np.zeros((3, 32, 32), dtype=np.uint8)
    image[0], image[1], image[2] = np.arange(32)[:, None], np.arange(32)[None], number
    return np.repeat(image.reshape(1, -1), count, axis=0)


def batch_bytes(number: int, count: int = 4) -> bytes:
    """Pickle one batch as the source did, with the Python 2 and the NumPy of 2009."""

    def text(value: bytes) -> bytes:
        return b"U" + bytes([len(value)]) + value

    content = pixels_of(number, count).tobytes()
    kind = b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R"
    kind += b"(K\x03" + text(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R"
    array += b"(K\x01M" + struct.pack("<H", count) + b"M" + struct.pack("<H", 3072) + b"\x86" + kind
    array += b"\x89T" + struct.pack("<I", len(content)) + content + b"tb"
    labels = b"](" + b"".join(b"K" + bytes([index % 10]) for index in range(count)) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + text(b"labels") + labels + b"u."


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / FOLDER).mkdir()
    for number, name in enumerate(BATCHES):
        (tmp_path / FOLDER / name).write_bytes(batch_bytes(number))
    return tmp_path


def load(root: Path, **options):
    return Cifar10(root=str(root), **options).load(lambda message: None)


def test_images_keep_channels_rows_and_columns(root, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    splits = load(root).splits
    assert splits["train"].examples.shape == (20, 3, 32, 32)
    assert splits["train"].labels.tolist() == [0, 1, 2, 3] * 5
    image = splits["test"].examples[0]
    assert image[:, 7, 9].tolist() == [7, 9, 5]


def test_the_reader_agrees_with_the_pickle(root):
    file = root / FOLDER / "data_batch_2"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's own reader warns of names that have changed since 2009
        source = pickle.loads(file.read_bytes(), encoding="bytes")
    pixels = torch.from_numpy(source[b"data"]).reshape(-1, 3, 32, 32)
    assert torch.equal(load(root).splits["train"].examples[4:8], pixels)


def test_batches_that_were_written_again_are_read(root):
    again = {b"data": pixels_of(7, 2), b"labels": [3, 4]}
    (root / FOLDER / "test_batch").write_bytes(pickle.dumps(again, protocol=2))
    test = load(root).splits["test"]
    assert test.labels.tolist() == [3, 4]
    assert test.examples[1, :, 30, 2].tolist() == [30, 2, 7]


class Attack:
    def __reduce__(self):
        return Path.touch, (Path("attacked"),)


def test_code_in_a_file_is_not_run(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (root / FOLDER / "test_batch").write_bytes(pickle.dumps({b"data": Attack(), b"labels": []}, protocol=2))
    with pytest.raises(DataError, match="expected only arrays"):
        load(root)
    assert not Path("attacked").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>Log in</html>",
        batch_bytes(0)[:-300],
        pickle.dumps({b"data": np.zeros((2, 3072)), b"labels": [0, 1]}, protocol=2),
        pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0]}, protocol=2),
        pickle.dumps({b"data": np.zeros((1, 3072), np.uint8), b"labels": [10]}, protocol=2),
        pickle.dumps([1, 2], protocol=2),
    ],
    ids=["empty", "html", "truncated", "floats", "fewer labels", "strange label", "no batch"],
)
def test_a_damaged_file_is_named(root, content):
    (root / FOLDER / "data_batch_3").write_bytes(content)
    with pytest.raises(DataError) as caught:
        load(root)
    assert f"{root / FOLDER / 'data_batch_3'} is damaged" in caught.value.problem
    assert "`digits`" in caught.value.remedy


def nested(depth: int) -> list[object]:
    """Lists of the same two lists: a few bytes, and more numbers than any memory holds."""
    labels: list[object] = [0]
    for _ in range(depth):
        labels = [labels, labels]
    return labels


def encoded_again(times: int) -> bytes:
    """A pickle that has one text encoded many times, as Python 3 writes bytes into an old format."""
    once = b"c_codecs\nencode\n(h\x00X\x06\x00\x00\x00latin1tR"
    return b"\x80\x02X\xe8\x03\x00\x00" + b"x" * 1000 + b"q\x00]" + b"".join(once + b"a" for _ in range(times)) + b"."


def with_content(content: bytes) -> bytes:
    """A batch whose array has other bytes than an array: what the instructions put there."""
    whole = batch_bytes(0, 1)
    begin = whole.index(b"\x89T") + 1
    return whole[:begin] + content + whole[begin + 5 + 3072 :]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (pickle.dumps({b"data": np.zeros((1, 3072), np.uint8), b"labels": nested(60)}, protocol=2), "list of numbers"),
        (encoded_again(2000), "expected at most 1,500,000 bytes"),
        (b"\x80\x02c" + b"m" * 10**6 + b"\nname\n.", "expected only arrays"),
        (b"\x80\x02Nr\xff\xff\xff\xff.", "expected the instructions"),
        (b"\x80\x02Np4294967295\n.", "expected the instructions"),
        (b"\x80\x02}N" + b"\x85" * 400_000 + b"Ns.", "expected the instructions"),
        (with_content(b"\x8a\x05" + (10**10).to_bytes(5, "little")), "expected bytes, got int"),
        (with_content(b"](K\x00e"), "expected bytes, got list"),
        (bytes(1_500_001), "at most 1.5 MB, got 1.5 MB"),
        (b"\x80\x04\x8e" + (2**45).to_bytes(8, "little") + b"x.", "is damaged"),
    ],
    ids=[
        "lists of lists",
        "a text again and again",
        "a long name",
        "a place far away",
        "a place in words",
        "tuples of tuples",
        "a number as content",
        "a list as content",
        "a large file",
        "a length that lies",
    ],
)
def test_a_small_file_that_grows_is_refused(root, content, said, monkeypatch):
    monkeypatch.setattr("zoo.datasets._cifar_batch.LARGEST", 1_500_000)
    (root / FOLDER / "data_batch_1").write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        load(root)
    assert len(str(caught.value)) < 2000


def test_missing_files_are_named(root):
    (root / FOLDER / "data_batch_4").unlink()
    with pytest.raises(DataError, match="data_batch_4 is missing"):
        load(root, download=False)


@pytest.fixture
def published(monkeypatch):
    return pytest.importorskip("torchvision.datasets").CIFAR10


def test_a_failed_download_leaves_nothing(tmp_path, published, monkeypatch):
    monkeypatch.setattr(published, "url", "http://127.0.0.1:9/cifar-10-python.tar.gz")
    with pytest.raises(DataError, match="could not be downloaded") as caught:
        load(tmp_path)
    assert "`digits`" in caught.value.remedy
    assert {file.name for file in tmp_path.rglob("*") if file.is_file()} <= {".download.lock"}


def write_archive(path: Path, names: list[str]) -> None:
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as members:
        for number, name in enumerate(names):
            member, content = tarfile.TarInfo(f"{FOLDER}/{name}"), batch_bytes(number)
            member.size = len(content)
            members.addfile(member, io.BytesIO(content))


def test_a_download_is_checked_and_unpacked(tmp_path, published, monkeypatch):
    archive = tmp_path / "server" / published.filename
    write_archive(archive, BATCHES)
    with served(archive.parent) as address:
        monkeypatch.setattr(published, "url", address + archive.name)
        with pytest.raises(DataError, match="checksum"):
            load(tmp_path / "root")
        monkeypatch.setattr(published, "tgz_md5", hashlib.md5(archive.read_bytes()).hexdigest())
        assert len(load(tmp_path / "root").splits["train"]) == 20
    names = {file.name for file in (tmp_path / "root").rglob("*") if file.is_file()}
    assert names <= {*BATCHES, ".download.lock"}


def test_an_archive_is_opened_once(tmp_path, published, monkeypatch):
    archive = tmp_path / "server" / published.filename
    write_archive(archive, BATCHES)
    opened, open_archive = [], tarfile.open
    monkeypatch.setattr(tarfile, "open", lambda *a, **b: opened.append(a) or open_archive(*a, **b))
    monkeypatch.setattr(published, "tgz_md5", hashlib.md5(archive.read_bytes()).hexdigest())
    with served(archive.parent) as address:
        monkeypatch.setattr(published, "url", address + archive.name)
        load(tmp_path / "root")
    assert len(opened) == 1


def test_an_archive_without_one_of_the_files_is_refused_with_its_name(tmp_path, published, monkeypatch):
    archive = tmp_path / "server" / published.filename
    write_archive(archive, BATCHES[:-1])
    monkeypatch.setattr(published, "tgz_md5", hashlib.md5(archive.read_bytes()).hexdigest())
    with served(archive.parent) as address:
        monkeypatch.setattr(published, "url", address + archive.name)
        with pytest.raises(DataError, match=f"expected {BATCHES[-1]} in {archive.name}"):
            load(tmp_path / "root")


def lying(kind: bytes, *, size: int = 0, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(f"{FOLDER}/{BATCHES[0]}")
    member.type, member.size, member.linkname = kind, size, target
    return member


@pytest.mark.parametrize(
    ("member", "said"),
    [
        (lying(tarfile.SYMTYPE, target=BATCHES[0]), "expected data_batch_1 in .*, got none"),
        (lying(tarfile.SYMTYPE, target="/etc/passwd"), "expected data_batch_1 in .*, got none"),
        (lying(tarfile.LNKTYPE, target=f"{FOLDER}/{BATCHES[0]}"), "expected data_batch_1 in .*, got none"),
        (lying(tarfile.CHRTYPE), "expected data_batch_1 in .*, got none"),
        (lying(tarfile.DIRTYPE), "expected data_batch_1 in .*, got none"),
        (lying(tarfile.REGTYPE, size=10**12), "damaged: "),
        (lying(tarfile.REGTYPE, size=30_000), "expected at most 20 kB of data_batch_1"),
    ],
    ids=["a circle", "a link out", "a hard link to itself", "a device", "a folder", "a size that lies", "a large file"],
)
def test_an_archive_that_lies_is_refused(tmp_path, published, monkeypatch, member, said):
    archive = tmp_path / "server" / published.filename
    archive.parent.mkdir()
    with gzip.open(archive, "wb") as file:
        file.write(member.tobuf(tarfile.GNU_FORMAT) + bytes(40_000))
    monkeypatch.setattr(cifar10, "LARGEST", 20_000)
    monkeypatch.setattr(published, "tgz_md5", hashlib.md5(archive.read_bytes()).hexdigest())
    with served(archive.parent) as address:
        monkeypatch.setattr(published, "url", address + archive.name)
        with pytest.raises(DataError, match=said):
            load(tmp_path / "root")
    assert not [file for file in (tmp_path / "root").rglob("*") if file.is_file() and file.name != ".download.lock"]


def test_what_another_process_downloads_meanwhile_is_not_downloaded_again(tmp_path, published, monkeypatch):
    @contextlib.contextmanager
    def exclusive(folder: Path) -> Iterator[None]:
        """Wait for the other process, which has the lock."""
        (folder / FOLDER).mkdir()
        for number, name in enumerate(BATCHES):
            (folder / FOLDER / name).write_bytes(batch_bytes(number))
        yield

    monkeypatch.setattr(cifar10, "exclusive", exclusive)
    monkeypatch.setattr(published, "url", "http://127.0.0.1:9/cifar-10-python.tar.gz")
    assert len(load(tmp_path).splits["train"]) == 20
