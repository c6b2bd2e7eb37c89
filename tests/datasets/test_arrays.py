import contextlib
import io
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch_file

from zoo.datasets.arrays import Arrays
from zoo.errors import DataError, ZooWarning

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (12, 5, 7), dtype=np.uint8)
VECTORS = RANDOM.standard_normal((12, 3))


def write(path, **arrays):
    if path.suffix == ".npy":
        np.save(path, arrays["x"])
    elif path.suffix == ".npz":
        np.savez(path, **arrays)
    else:
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)
    return path


def load(path, **options):
    return Arrays(path=str(path), **options).load(lambda message: None)


@pytest.fixture(params=["npy", "npz", "safetensors"])
def path(request, tmp_path):
    return tmp_path / f"data.{request.param}"


def test_bytes_stay_bytes_and_grey_images_get_a_channel(path):
    collection = load(write(path, x=IMAGES))
    examples = collection.splits["train"].examples
    assert torch.equal(examples, torch.from_numpy(IMAGES).unsqueeze(1))
    assert collection.stored_range == (0, 255)
    assert collection.splits["train"].labels is None


def test_channels_last_images_are_turned(path):
    colour = RANDOM.integers(0, 256, (4, 5, 7, 3), dtype=np.uint8)
    examples = load(write(path, x=colour), channels_last=True).splits["train"].examples
    assert examples.shape == (4, 3, 5, 7)
    assert examples[2, 1, 4, 6] == colour[2, 4, 6, 1]


def test_arrays_that_are_no_colour_images_have_no_channels_last(path):
    for shape in ((4, 7), (4, 5, 7)):
        with pytest.raises(DataError, match=r"expected images \(N, H, W, C\), got 'x' of shape \(4") as caught:
            load(write(path, x=np.zeros(shape, np.uint8)), channels_last=True)
        assert caught.value.where == "channels_last"


def test_images_whose_channels_may_stand_last_are_refused_until_that_is_stated(path):
    for shape, stands_first in (((4, 28, 28, 1), (1, 28, 28)), ((4, 32, 30, 3), (3, 32, 30))):
        file = write(path, x=RANDOM.integers(0, 256, shape, dtype=np.uint8))
        with pytest.raises(DataError, match=r"which looks like \(N, H, W, C\)") as caught:
            load(file)
        assert caught.value.where == "channels_last"
        assert load(file, channels_last=True).splits["train"].examples.shape[1:] == stands_first
        assert load(file, channels_last=False).splits["train"].examples.shape == shape
    assert load(write(path, x=np.zeros((4, 3, 28, 2), np.uint8))).splits["train"].examples.shape == (4, 3, 28, 2)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.int16, np.int64])
def test_other_numbers_become_float32_without_a_range(path, kind):
    values = (VECTORS * 100).astype(kind)
    collection = load(write(path, x=values))
    assert collection.stored_range is None
    assert collection.splits["train"].examples.dtype == torch.float32
    assert torch.equal(collection.splits["train"].examples, torch.from_numpy(values.astype(np.float32)))


def test_booleans_are_zero_and_one(path):
    collection = load(write(path, x=IMAGES > 127))
    assert collection.stored_range == (0, 1)
    assert torch.equal(collection.splits["train"].examples[:, 0], torch.from_numpy(IMAGES > 127).byte())


def test_bfloat16_tensors_are_read(tmp_path):
    save_torch_file({"x": torch.ones(3, 2, dtype=torch.bfloat16)}, tmp_path / "x.safetensors")
    assert torch.equal(load(tmp_path / "x.safetensors").splits["train"].examples, torch.ones(3, 2))


def test_big_endian_and_fortran_order_are_read(tmp_path):
    np.save(tmp_path / "x.npy", np.asfortranarray(VECTORS.astype(">f8")))
    assert np.allclose(load(tmp_path / "x.npy").splits["train"].examples, VECTORS, atol=1e-6)


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("x", "x_val", "x_test"),
        ("x_train", "x_validation", "x_test"),
        ("x_training", "x_valid", "x_testing"),
        ("X_train", "X_dev", "X_eval"),
        ("x_Train", "x_VALID", "x_Test"),
        ("train_x", "val_x", "test_x"),
        ("Train_X", "Dev_X", "Testing_X"),
    ],
)
def test_splits_are_found_by_their_usual_names_in_any_case(tmp_path, train, validation, test):
    arrays = {train: VECTORS[:6], validation: VECTORS[6:8], test: VECTORS[8:]}
    # As people write it: `X_train` with `y_train`.
    labels = {"y".join(name.replace("X", "x").rsplit("x", 1)): values for name, values in arrays.items()}
    arrays |= {name: np.arange(len(values)) % 2 for name, values in labels.items()}
    splits = load(write(tmp_path / "data.npz", **arrays)).splits
    assert {name: len(stored) for name, stored in splits.items()} == {"train": 6, "validation": 2, "test": 4}
    assert splits["test"].labels.tolist() == [0, 1, 0, 1]


def test_arrays_may_have_other_names(tmp_path):
    write(tmp_path / "data.npz", pixels=IMAGES, kind=np.arange(12))
    stored = load(tmp_path / "data.npz", examples="pixels", labels="kind").splits["train"]
    assert stored.labels.tolist() == list(range(12))


def test_labels_of_an_npy_file_are_another_file(tmp_path):
    np.save(tmp_path / "x.npy", VECTORS)
    np.save(tmp_path / "y.npy", np.arange(12) % 3)
    stored = load(tmp_path / "x.npy", labels=str(tmp_path / "y.npy")).splits["train"]
    assert stored.labels.tolist() == [0, 1, 2] * 4


@pytest.mark.parametrize(
    ("labels", "numbers", "names"),
    [
        (np.array(["b", "a"] * 6), [1, 0] * 6, ("a", "b")),
        (np.array([[9.0], [4.0]] * 6), [1, 0] * 6, ("4", "9")),
        (np.array([-1, 1] * 6), [0, 1] * 6, ("-1", "1")),
        (np.array([True, False] * 6), [1, 0] * 6, ("0", "1")),
        (np.array(["ä".encode(), b"a"] * 6), [1, 0] * 6, ("a", "ä")),
    ],
    ids=["texts", "whole floats in a column", "negative", "booleans", "bytes"],
)
def test_classes_are_numbered_in_order(tmp_path, labels, numbers, names):
    collection = load(write(tmp_path / "data.npz", x=VECTORS, y=labels))
    assert collection.splits["train"].labels.tolist() == numbers
    assert collection.class_names == names


@pytest.mark.parametrize("array", [IMAGES, VECTORS, VECTORS.astype(">f4")], ids=["images", "vectors", "big-endian"])
def test_a_large_npy_file_is_read_by_the_row(tmp_path, array):
    np.save(tmp_path / "x.npy", array)
    held = load(tmp_path / "x.npy").splits["train"].examples
    rows = load(tmp_path / "x.npy", in_memory_limit_mb=0).splits["train"].examples
    assert not isinstance(rows, torch.Tensor)
    assert len(rows) == len(held)
    assert len(pickle.dumps(rows)) < 1000
    again = pickle.loads(pickle.dumps(rows))
    order = torch.randperm(len(rows)).tolist()
    for read in (rows, again):
        assert torch.equal(read.read(order)[0], held[order])
        assert torch.equal(read.read(range(len(rows)))[0], held)


def test_a_row_that_is_not_finite_is_named_when_it_is_read(tmp_path):
    values = VECTORS.copy()
    values[7, 1] = np.inf
    np.save(tmp_path / "x.npy", values)
    rows = load(tmp_path / "x.npy", in_memory_limit_mb=0).splits["train"].examples
    with pytest.raises(DataError, match="example 7"):
        rows.read([3, 7])


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300], ids=["nan", "infinite", "beyond float32"])
def test_values_that_are_not_finite_are_refused(path, value):
    values = VECTORS.copy()
    values[7, 1] = value
    with pytest.raises(DataError, match="example 7 of"):
        load(write(path, x=values))


def test_a_stated_range_is_used_and_checked(path):
    values = RANDOM.random((12, 3))
    assert load(write(path, x=values), value_range=[0.0, 1.0]).stored_range == (0, 1)
    with pytest.raises(DataError, match=r"expected values from 0 to 0\.1, got") as caught:
        load(path, value_range=[0.0, 0.1])
    assert caught.value.where == "value_range"


@pytest.mark.parametrize(
    ("values", "bounds", "doubted"),
    [
        (RANDOM.random((12, 3)), [0.0, 255.0], "range 0 … 255"),
        (RANDOM.random((12, 3)), [-1.0, 1.0], None),
        (RANDOM.integers(0, 2, (12, 8, 8), dtype=np.uint8), None, "from 0 to 1, and is scaled by the range 0 … 255"),
        (RANDOM.integers(0, 2, (12, 8, 8), dtype=np.uint8), [0.0, 1.0], None),
        (RANDOM.integers(0, 256, (12, 8, 8), dtype=np.uint8), None, None),
        (RANDOM.random((12, 3)), None, None),
    ],
)
def test_a_range_of_which_hardly_any_is_used_is_doubted(tmp_path, recwarn, values, bounds, doubted):
    load(write(tmp_path / "data.npz", x_train=values, x_test=values[:1]), value_range=bounds)
    said = [str(warning.message) for warning in recwarn if issubclass(warning.category, ZooWarning)]
    assert len(said) == (1 if doubted else 0)
    assert all(doubted in text for text in said)


@pytest.mark.parametrize("bounds", [[1.0], [1.0, 0.0], [0.0, 0.0]])
def test_a_range_is_two_rising_numbers(bounds):
    with pytest.raises(DataError, match="smallest, largest"):
        Arrays(path="x.npy", value_range=bounds)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.array(["a", "b"]), "expected an array of numbers, got 'x' of type"),
        (VECTORS.astype(complex), "expected an array of numbers, got 'x' of type"),
        (np.arange(4.0), r"shape \(4,\)"),
        (np.zeros((0, 3)), r"shape \(0, 3\)"),
        (np.zeros((2, 2, 2, 2, 2)), r"shape \(2, 2, 2, 2, 2\)"),
    ],
    ids=["texts", "complex", "one number each", "no examples", "five dimensions"],
)
def test_arrays_that_are_neither_vectors_nor_images_are_refused(tmp_path, array, said):
    with pytest.raises(DataError, match=said):
        load(write(tmp_path / "data.npz", x=array))


OBJECTS = {
    "texts": np.array(["yes", "no", "yes"], dtype=object),
    "missing texts": np.array(["yes", None, np.nan], dtype=object),
    "mixed columns": np.array([[1.0, "a"], [2.0, "b"], [3.0, "c"]], dtype=object),
    "rows of different lengths": np.array([[1.0], [1.0, 2.0], []], dtype=object),
    "records with objects": np.array([(1.0, "a")] * 3, dtype=[("size", "f8"), ("kind", "O")]),
}


@pytest.mark.parametrize("objects", OBJECTS.values(), ids=OBJECTS)
@pytest.mark.parametrize("name", ["x", "y", "x_train", "y_train", "x_test", "y_test"])
def test_an_array_of_objects_is_named_and_never_unpickled(tmp_path, objects, name):
    names = ("x", "y") if len(name) == 1 else ("x_train", "y_train", "x_test", "y_test")
    arrays = {each: np.eye(3) if each[0] == "x" else np.arange(3) for each in names}
    np.savez(tmp_path / "data.npz", **{**arrays, name: objects})
    with pytest.raises(DataError, match=f"got Python objects .* in '{name}' of .*data.npz") as caught:
        load(tmp_path / "data.npz")
    assert f"`{name}.astype(str)`" in caught.value.remedy
    assert "damaged" not in str(caught.value)


@pytest.mark.parametrize("name", ["x", "labels"])
def test_a_file_of_objects_is_named_and_never_unpickled(tmp_path, name):
    np.save(tmp_path / "x.npy", np.eye(3))
    np.save(tmp_path / "labels.npy", np.arange(3))
    np.save(tmp_path / f"{name}.npy", OBJECTS["texts"], allow_pickle=True)
    with pytest.raises(DataError, match=rf"got Python objects .* in '{name}' of .*{name}\.npy") as caught:
        load(tmp_path / "x.npy", labels=str(tmp_path / "labels.npy"))
    assert f"`{name}.astype(str)`" in caught.value.remedy


@pytest.mark.parametrize("content", [b"", b"<html></html>", b"\x93NUMPY\x01\x00", b"PK\x03\x04 broken"])
def test_a_damaged_file_is_named(path, content):
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        load(path)
    assert str(path) in caught.value.problem
    assert caught.value.where == "path"


def test_a_truncated_file_is_named(path):
    write(path, x=VECTORS, y=np.arange(12))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError) as caught:
        load(path)
    assert str(path) in caught.value.problem


@pytest.mark.parametrize(("name", "said"), [("nowhere.npz", "does not exist"), ("data.csv", r"suffix '\.csv'")])
def test_another_file_is_refused(tmp_path, name, said):
    (tmp_path / "data.csv").touch()
    with pytest.raises(DataError, match=said) as caught:
        load(tmp_path / name)
    assert ".safetensors" in caught.value.remedy


def test_an_unknown_name_gets_the_nearest(tmp_path):
    write(tmp_path / "data.npz", samples=VECTORS, label=np.arange(12))
    with pytest.raises(DataError) as caught:
        load(tmp_path / "data.npz", examples="sample")
    assert "Did you mean 'samples'?" in caught.value.remedy
    with pytest.raises(DataError) as caught:
        load(tmp_path / "data.npz", examples="samples", labels="labels")
    assert "Did you mean 'label'?" in caught.value.remedy


def test_labels_of_some_splits_alone_are_refused_by_the_name_of_the_others(tmp_path):
    write(tmp_path / "data.npz", x=VECTORS, x_test=VECTORS, y=np.arange(12))
    with pytest.raises(DataError, match="no array 'y_test'") as caught:
        load(tmp_path / "data.npz")
    assert "Either all splits or none need labels" in caught.value.remedy
    assert "Did you mean" not in caught.value.remedy


def test_two_training_arrays_are_refused(tmp_path):
    with pytest.raises(DataError, match="expected one array for the train split, got 'x' and 'x_train'"):
        load(write(tmp_path / "data.npz", x=VECTORS, x_train=VECTORS))


def test_splits_of_different_types_are_refused(tmp_path):
    with pytest.raises(DataError, match="expected splits of one type, got 'x_train' of uint8, 'x_test' of float64"):
        load(write(tmp_path / "data.npz", x_train=IMAGES, x_test=IMAGES / 255))


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.arange(11), r"expected 12 labels, one for each example in 'x' \(12, 3\), got 'y' in .* of shape"),
        (
            np.arange(24).reshape(12, 2),
            r"expected 12 labels, one for each example in 'x' \(12, 3\), got 'y' in .* of shape",
        ),
        (np.linspace(0, 1, 12), "whole numbers or texts as labels, got .* as number 1 of 'y'"),
        (np.array([1.0, np.nan] * 6), "got nan as number 1 of 'y'"),
        (np.array([1.0, np.inf] * 6), "got inf as number 1 of 'y'"),
        (np.array([1e30, 2e30] * 6), "got 1e[+]30 as number 0 of 'y'"),
        (np.array([2**63, 1] * 6, dtype="u8"), "got 9223372036854775808 as number 0 of 'y'"),
        (np.array(["2026-01-01"] * 12, dtype="M8[D]"), r"got 'y' in .* of type datetime64\[D\]"),
        (np.array([b"\xff"] * 12), "expected labels as UTF-8 text"),
    ],
)
def test_labels_that_do_not_fit_are_refused(tmp_path, labels, said):
    with pytest.raises(DataError, match=said) as caught:
        load(write(tmp_path / "data.npz", x=VECTORS, y=labels))
    assert caught.value.where == "labels"


def test_labels_for_one_split_alone_are_refused(tmp_path):
    with pytest.raises(DataError, match="y_test"):
        load(write(tmp_path / "data.npz", x_train=VECTORS, x_test=VECTORS, y_train=np.arange(12)))


def test_labels_without_a_row_and_sizes_below_zero_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((5, 3)))
    np.save(tmp_path / "y.npy", np.empty(0))
    with pytest.raises(DataError, match="labels"):
        Arrays(path=str(tmp_path / "x.npy"), labels=str(tmp_path / "y.npy")).load(print)
    damaged = (tmp_path / "x.npy").read_bytes().replace(b"(5, 3)", b"(-5,3)")
    (tmp_path / "z.npy").write_bytes(damaged)
    with pytest.raises(DataError, match=r"z.npy cannot be read: the shape \(-5, 3\) is not valid"):
        Arrays(path=str(tmp_path / "z.npy")).load(print)


def test_names_of_examples_and_labels_have_splits_too(tmp_path):
    arrays = {"train_images": IMAGES, "val_images": IMAGES[:4], "test_images": IMAGES[:5]}
    labels = {"train_labels": np.zeros(12), "val_labels": np.ones(4), "test_labels": np.zeros(5)}
    collection = load(write(tmp_path / "data.npz", **arrays, **labels), examples="images", labels="labels")
    assert {name: len(stored) for name, stored in collection.splits.items()} == {
        "train": 12,
        "validation": 4,
        "test": 5,
    }
    assert collection.splits["validation"].labels.tolist() == [1] * 4


def test_the_name_as_it_is_written_wins_over_other_capitals(tmp_path):
    write(tmp_path / "data.npz", x=VECTORS, X=VECTORS[:5])
    assert len(load(tmp_path / "data.npz").splits["train"]) == 12
    assert len(load(tmp_path / "data.npz", examples="X").splits["train"]) == 5


def test_arrays_that_are_not_used_are_named_in_one_note(tmp_path):
    write(tmp_path / "data.npz", x=VECTORS, y=np.arange(12), ids=np.arange(12), x_extra=VECTORS)
    notes = []
    Arrays(path=str(tmp_path / "data.npz")).load(notes.append)
    assert notes == [f"{tmp_path / 'data.npz'}: not used: the arrays ids, x_extra"]


def test_texts_in_one_split_and_numbers_in_another_are_refused(tmp_path):
    write(tmp_path / "data.npz", x=VECTORS, x_test=VECTORS, y=np.array(["1"] * 12), y_test=np.arange(12))
    with pytest.raises(DataError, match=r"got texts in 'y' in .* and numbers in 'y_test' in .*"):
        load(tmp_path / "data.npz")


@pytest.mark.parametrize("labels", ["y.npy", "../labels/y.npy", "y-*.npy"])
def test_relative_paths_start_from_a_folder_labels_of_a_file_too(tmp_path, labels):
    changed = Arrays.with_absolute_paths({"path": "x.npy", "labels": labels}, tmp_path)
    assert changed == {"path": str(tmp_path / "x.npy"), "labels": os.path.normpath(tmp_path / labels)}
    assert Arrays.with_absolute_paths({"path": "x.npz", "labels": "y"}, tmp_path)["labels"] == "y"


HEADERS = {
    "a flipped byte": "{'descr': '<f4', 'fortran_order': False, 'shape': (10, 4) ",
    "Python": "if x:\n  y\n z",
    "nested": "-" * 5000 + "1",
    "more rows than any file": "{'descr': '<f4', 'fortran_order': False, 'shape': (10**30, 0), }",
    "as many rows, written out": f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({10**30}, 0), }}",
    "more numbers than any file": f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({2**40}, {2**40}), }}",
    "texts of length 0": "{'descr': '<U0', 'fortran_order': False, 'shape': (10, 4), }",
    "bytes of length 0": "{'descr': 'S0', 'fortran_order': False, 'shape': (10, 4), }",
    "an array in each cell": "{'descr': ('<f4', (2,)), 'fortran_order': False, 'shape': (10, 4), }",
    "truth in place of a size": "{'descr': '<f4', 'fortran_order': False, 'shape': (True, 4), }",
    "a size below zero": "{'descr': '<f4', 'fortran_order': False, 'shape': (-10, 4), }",
    "a key too many": "{'descr': '<f4', 'fortran_order': False, 'shape': (10, 4), 'x': 1}",
    "another type": "{'descr': 'nonsense', 'fortran_order': False, 'shape': (10, 4), }",
}


def npy_bytes(header):
    text = header.encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + bytes(160)


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
@pytest.mark.parametrize("limit", [1024, 0], ids=["held", "streamed"])
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_an_odd_header_is_refused_by_the_name_of_the_file(tmp_path, header, limit, suffix):
    file = tmp_path / f"x.{suffix}"
    if suffix == "npy":
        file.write_bytes(npy_bytes(header))
    else:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("x.npy", npy_bytes(header))
    with pytest.raises(DataError, match=f"{file.name} cannot be read"):
        load(file, in_memory_limit_mb=limit)


@pytest.mark.parametrize("how", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("place", range(40, 150, 10))
def test_a_damaged_archive_is_read_or_refused_by_name(tmp_path, how, place):
    file, content = tmp_path / "x.npz", io.BytesIO()
    values = np.random.default_rng(0).standard_normal((50, 4))
    np.save(content, values)
    with zipfile.ZipFile(file, "w", how) as archive:
        archive.writestr("x.npy", content.getvalue())
    damaged = bytearray(file.read_bytes())
    damaged[place] ^= 0xFF
    file.write_bytes(bytes(damaged))
    with contextlib.suppress(DataError):
        assert torch.equal(load(file).splits["train"].examples, torch.from_numpy(values).float())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
@pytest.mark.parametrize("which", ["path", "labels"])
def test_a_pipe_is_not_waited_for(tmp_path, which):
    np.save(tmp_path / "x.npy", VECTORS)
    os.mkfifo(tmp_path / "pipe.npy")
    options = {"path": tmp_path / "x.npy", "labels": str(tmp_path / "x.npy")} | {which: str(tmp_path / "pipe.npy")}
    with pytest.raises(DataError, match=r"expected a file, .* is a pipe") as caught:
        load(**options)
    assert caught.value.where == which


def test_labels_are_refused_by_their_header_before_they_are_read(tmp_path):
    np.save(tmp_path / "x.npy", VECTORS)
    claims = {"many": ("|S1", f"({10**10},)", 10**10), "long": (f"|S{10**9}", "(12,)", 12 * 10**9)}
    for name, problem in (("many", "expected 12 labels"), ("long", "expected labels of at most 4 GB")):
        kind, shape, size = claims[name]
        file = tmp_path / f"{name}.npy"
        file.write_bytes(npy_bytes(f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"))
        os.truncate(file, size + 1000)  # sparse: it takes no space
        with pytest.raises(DataError, match=problem):
            load(tmp_path / "x.npy", labels=str(file))


@pytest.mark.parametrize("shape", [(12, 50), (10**12, 16), (10**9, 4)], ids=["a little more", "terabytes", "gigabytes"])
def test_an_archive_that_claims_more_than_it_holds_is_refused_before_memory_is_taken(tmp_path, shape):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    with zipfile.ZipFile(tmp_path / "data.npz", "w") as archive:
        archive.writestr("x.npy", npy_bytes(header) + bytes(800))
    with pytest.raises(DataError, match=r"data.npz cannot be read: expected [\d,]+ bytes in 'x', got [\d,]+"):
        load(tmp_path / "data.npz", in_memory_limit_mb=10**9)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_with_two_arrays_of_a_name_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "data.npz", "w") as archive:
        for rows in (3, 5):
            with archive.open("x.npy", "w") as file:
                np.save(file, np.zeros((rows, 2)))
    with pytest.raises(DataError, match="it contains the array 'x' more than once"):
        load(tmp_path / "data.npz")


@pytest.mark.parametrize(("place", "value"), [(24, 10), (42, 2**30), (8, 1), (10, 99)],
                         ids=["size", "offset", "encrypted", "method"])  # fmt: skip
def test_an_archive_whose_directory_lies_is_named(tmp_path, place, value):
    file = tmp_path / "data.npz"
    np.savez(file, x=VECTORS)
    content = bytearray(file.read_bytes())
    entry = content.rfind(b"PK\x01\x02")
    width = 4 if place in (24, 42) else 2
    content[entry + place : entry + place + width] = value.to_bytes(width, "little")
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"data\.npz cannot be read"):
        load(file)
