"""A pattern of files is one array, held or streamed."""

import multiprocessing
import pickle
import threading

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch_file

from zoo.data import load_data
from zoo.datasets.arrays import Arrays
from zoo.errors import DataError
from zoo.spec import DataSpec

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (40, 5, 7), dtype=np.uint8)
VECTORS = RANDOM.standard_normal((40, 3))
CUTS = [11, 11, 30]  # of different sizes, one of them empty


def save(path, **arrays):
    if path.suffix == ".npy":
        np.save(path, arrays["x"])
        np.save(path.with_name(path.name.replace("x-", "y-")), arrays["y"])
    elif path.suffix == ".npz":
        np.savez(path, **arrays)
    else:
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)


def save_shards(folder, suffix, x, y):
    for number, (part, labels) in enumerate(zip(np.split(x, CUTS), np.split(y, CUTS), strict=True)):
        save(folder / f"x-{number}.{suffix}", x=part, y=labels)


def load(path, **options):
    return Arrays(path=str(path), **options).load(lambda message: None)


def read(examples):
    return examples if isinstance(examples, torch.Tensor) else examples.read(range(len(examples)))[0]


@pytest.fixture(params=["npy", "npz", "safetensors"])
def suffix(request):
    return request.param


@pytest.fixture
def shards(tmp_path, suffix):
    save_shards(tmp_path, suffix, VECTORS, np.arange(40) % 3)
    return tmp_path / f"x-*.{suffix}"


@pytest.mark.parametrize("limit", [1024, 0], ids=["held", "streamed"])
@pytest.mark.parametrize("x", [IMAGES, VECTORS, VECTORS > 0], ids=["bytes", "float64", "booleans"])
def test_shards_give_the_examples_and_labels_of_the_one_file_in_its_order(tmp_path, suffix, x, limit):
    if suffix == "npz" and limit == 0:
        pytest.skip("archives are held in memory")
    y = np.arange(40) % 3
    (tmp_path / "whole").mkdir()
    save(tmp_path / "whole" / f"x-0.{suffix}", x=x, y=y)
    save_shards(tmp_path, suffix, x, y)
    splits = []
    for folder, name in ((tmp_path / "whole", "0"), (tmp_path, "*")):
        labels = str(folder / f"y-{name}.npy") if suffix == "npy" else None
        collection = load(folder / f"x-{name}.{suffix}", labels=labels, in_memory_limit_mb=limit)
        splits.append(collection.splits["train"])
        assert collection.stored_range == {"u1": (0, 255), "b1": (0, 1)}.get(x.dtype.str[1:])
    whole, shards = splits
    assert isinstance(shards.examples, torch.Tensor) is (limit > 0)
    assert torch.equal(read(shards.examples), read(whole.examples))
    assert torch.equal(read(shards.examples).flatten(1), torch.from_numpy(x.reshape(40, -1)).to(read(whole.examples)))
    assert torch.equal(shards.labels, whole.labels)


@pytest.mark.parametrize("suffix", ["npy", "safetensors"])
def test_any_rows_are_read_in_any_order(shards):
    examples = load(shards, in_memory_limit_mb=0).splits["train"].examples
    expected = torch.from_numpy(VECTORS.astype(np.float32))
    for indices in ([39, 0, 10, 11, 12, 29, 30, 0], [10, 11, 12, 13], [], list(range(39, -1, -1))):
        assert torch.equal(examples.read(indices)[0], expected[indices])
    for index in (-1, 40):
        with pytest.raises(IndexError):
            examples.read([0, index])


@pytest.mark.parametrize("suffix", ["npy", "safetensors"])
@pytest.mark.parametrize("workers", [0, 2])
def test_workers_read_the_shards(shards, suffix, workers):
    options = {"path": str(shards), "in_memory_limit_mb": 0, "workers": workers, "validation": 0.0, "test": 0.0}
    if suffix == "npy":
        options["labels"] = str(shards).replace("x-", "y-")
    train = load_data(DataSpec.model_validate({"name": "arrays", **options})).train
    for _ in range(2):
        order = torch.randperm(40)
        batches = list(train.batches(7, order=order))
        assert torch.equal(torch.cat([batch.x for batch in batches]), torch.from_numpy(VECTORS).float()[order])
        assert torch.equal(torch.cat([batch.labels for batch in batches]), order % 3)


@pytest.mark.parametrize("suffix", ["npy", "safetensors"])
def test_a_worker_receives_paths_and_no_data(shards):
    examples = load(shards, in_memory_limit_mb=0).splits["train"].examples
    read(examples)  # which opens the files
    sent = pickle.dumps(examples)
    assert len(sent) < 500 * 4
    assert torch.equal(read(pickle.loads(sent)), read(examples))


@pytest.mark.parametrize("suffix", ["npy"])
@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_processes_and_threads_do_not_move_each_others_files(shards):
    examples = load(shards, in_memory_limit_mb=0).splits["train"].examples
    expected, wrong = read(examples), []

    def check():
        for _ in range(300):
            order = torch.randperm(40)
            if not torch.equal(examples.read(order.tolist())[0], expected[order]):
                wrong.append(order)
        return wrong

    child = multiprocessing.get_context("fork").Process(target=lambda: exit(len(check())))
    child.start()
    threads = [threading.Thread(target=check) for _ in range(2)]
    for thread in threads:
        thread.start()
    check()
    for thread in threads:
        thread.join()
    child.join()
    assert (wrong, child.exitcode) == ([], 0)


def test_more_shards_than_files_may_be_open(tmp_path):
    for number in range(150):
        np.save(tmp_path / f"{number:03}.npy", np.full((2, 1), number))
    examples = load(tmp_path / "*.npy", in_memory_limit_mb=0).splits["train"].examples
    order = torch.randperm(300).tolist()
    for _ in range(2):
        assert examples.read(order)[0][:, 0].tolist() == [index // 2 for index in order]


def test_shards_are_read_in_the_order_of_their_names_without_hidden_files(tmp_path):
    for name in ("b", "c", "a"):
        np.save(tmp_path / f"{name}.npy", np.full((1, 1), ord(name)))
    (tmp_path / "._a.npy").write_bytes(b"what a Mac leaves beside a file")
    assert load(tmp_path / "*.npy").splits["train"].examples[:, 0].tolist() == [97, 98, 99]


@pytest.mark.parametrize("system", [".ipynb_checkpoints", "__MACOSX", "@eaDir", ".git"])
def test_a_pattern_of_folders_does_not_match_those_of_systems(tmp_path, system):
    for folder in ("a", "b", system):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "x.npy", np.full((1, 1), len(folder)))
    assert load(tmp_path / "*" / "x.npy").splits["train"].examples[:, 0].tolist() == [1, 1]
    assert load(tmp_path / "**" / "*.npy").splits["train"].examples[:, 0].tolist() == [1, 1]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path):
    np.save(tmp_path / "x[1].npy", VECTORS)
    np.save(tmp_path / "x1.npy", VECTORS[:3])
    assert len(load(tmp_path / "x[1].npy").splits["train"]) == 40


def test_the_limit_holds_for_all_files_together(tmp_path):
    for number in range(3):
        np.save(tmp_path / f"{number}.npy", np.zeros((500_000, 1), dtype=np.uint8))
    assert isinstance(load(tmp_path / "0.npy", in_memory_limit_mb=1).splits["train"].examples, torch.Tensor)
    assert not isinstance(load(tmp_path / "*.npy", in_memory_limit_mb=1).splits["train"].examples, torch.Tensor)


def test_texts_of_different_length_are_labels(tmp_path):
    np.save(tmp_path / "x.npy", VECTORS[:4])
    np.save(tmp_path / "y-0.npy", np.array(["cat", "ox"]))
    np.save(tmp_path / "y-1.npy", np.array(["ox", "zebra"]))
    collection = load(tmp_path / "x.npy", labels=str(tmp_path / "y-*.npy"))
    assert collection.class_names == ("cat", "ox", "zebra")
    assert collection.splits["train"].labels.tolist() == [0, 1, 1, 2]


def test_streamed_bfloat16_is_read(tmp_path):
    tensor = torch.randn(40, 3).to(torch.bfloat16)
    save_torch_file({"y": torch.arange(40), "x": tensor}, tmp_path / "x.safetensors")
    examples = load(tmp_path / "x.safetensors", in_memory_limit_mb=0).splits["train"].examples
    assert torch.equal(read(examples), tensor.float())


@pytest.mark.parametrize("limit", [1024, 0], ids=["held", "streamed"])
@pytest.mark.parametrize(
    "damage", [lambda data: data[:-3], lambda data: data[:9], lambda data: b"", lambda data: b"<html>"]
)
def test_a_damaged_shard_in_the_middle_is_named_at_once(shards, suffix, damage, limit):
    broken = shards.with_name(f"x-2.{suffix}")
    broken.write_bytes(damage(broken.read_bytes()))
    with pytest.raises(DataError) as caught:
        load(shards, in_memory_limit_mb=limit)
    assert str(broken) in caught.value.problem
    assert caught.value.remedy


@pytest.mark.parametrize("suffix", ["npy", "safetensors"])
def test_a_shard_that_is_cut_short_while_it_is_read_is_named(shards, suffix):
    examples = load(shards, in_memory_limit_mb=0).splits["train"].examples
    broken = shards.with_name(f"x-3.{suffix}")
    broken.write_bytes(broken.read_bytes()[:20])
    with pytest.raises(DataError, match=r"the file is \d+ bytes too short") as caught:
        examples.read([0, 39])
    assert str(broken) in caught.value.problem


@pytest.mark.parametrize("limit", [1024, 0], ids=["held", "streamed"])
def test_a_value_that_is_not_finite_is_named_by_its_file_and_row(tmp_path, limit):
    values = VECTORS.copy()
    values[13, 1] = np.nan
    save_shards(tmp_path, "npy", values, np.zeros(40))
    with pytest.raises(DataError, match=r"got NaN or infinity in example 2 of .*x-2\.npy"):
        read(load(tmp_path / "x-*.npy", in_memory_limit_mb=limit).splits["train"].examples)


def test_a_streamed_value_out_of_range_is_named_by_its_file_and_row(tmp_path):
    values = np.zeros((40, 3))
    values[13, 1] = 2
    save_shards(tmp_path, "npy", values, np.zeros(40))
    options = {"in_memory_limit_mb": 0, "value_range": [0.0, 1.0]}
    with pytest.raises(DataError, match=r"expected values from 0 to 1, got 0 to 2 in example 2 of .*x-2\.npy"):
        read(load(tmp_path / "x-*.npy", **options).splits["train"].examples)


@pytest.mark.parametrize("other", [VECTORS[:, :2], VECTORS.astype(np.float32), VECTORS[:, :, None]])
def test_shards_that_differ_are_both_named(shards, suffix, other):
    save(shards.with_name(f"x-2.{suffix}"), x=other, y=np.arange(40))
    with pytest.raises(DataError) as caught:
        load(shards)
    assert str(shards.with_name(f"x-0.{suffix}")) in caught.value.problem
    assert str(shards.with_name(f"x-2.{suffix}")) in caught.value.problem
    assert caught.value.remedy


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_shards_with_other_arrays_are_both_named(shards, suffix):
    save(shards.with_name(f"x-2.{suffix}"), x=VECTORS, z=VECTORS)
    with pytest.raises(DataError, match=r"\['x', 'y'\] in .*x-0.*\['x', 'z'\] in .*x-2"):
        load(shards)


def test_shards_of_two_formats_are_both_named(tmp_path):
    np.save(tmp_path / "a.npy", VECTORS)
    np.savez(tmp_path / "b.npz", x=VECTORS)
    with pytest.raises(DataError, match=r"expected files of one format, got .*a\.npy and .*b\.npz"):
        load(tmp_path / "*")


def test_labels_of_fewer_examples_are_refused(tmp_path):
    save_shards(tmp_path, "npy", VECTORS, np.arange(40))
    (tmp_path / "y-3.npy").unlink()
    with pytest.raises(
        DataError, match=r"expected 40 labels, one for each example in 'x' \(40, 3\), got .*y-.* of shape \(30,\)"
    ):
        load(tmp_path / "x-*.npy", labels=str(tmp_path / "y-*.npy"))


def test_a_pattern_without_a_match_is_named_with_its_folder(tmp_path):
    np.save(tmp_path / "x.npy", VECTORS)
    with pytest.raises(DataError) as caught:
        load(tmp_path / "train-*.npy")
    assert "train-*.npy" in caught.value.problem
    assert str(tmp_path) in caught.value.problem
    assert caught.value.where == "path"
    with pytest.raises(DataError, match=r"no file matches labels-\*\.npy") as caught:
        load(tmp_path / "x.npy", labels=str(tmp_path / "labels-*.npy"))
    assert caught.value.where == "labels"
    with pytest.raises(DataError, match="nowhere does not exist"):
        load(tmp_path / "nowhere" / "*.npy")
    with pytest.raises(DataError, match="is a folder") as caught:
        load(tmp_path)
    assert "*.npy" in caught.value.remedy


@pytest.mark.parametrize("form", ["archive", "by column"])
def test_a_file_that_cannot_be_streamed_is_refused_above_the_limit_with_the_remedy(tmp_path, form):
    if form == "archive":
        np.savez(tmp_path / "x.npz", x=VECTORS)
    else:
        np.save(tmp_path / "x.npy", np.asfortranarray(VECTORS))
    (path,) = tmp_path.iterdir()
    assert len(load(path).splits["train"]) == 40
    with pytest.raises(DataError, match="larger than 0 MB and cannot be read on demand") as caught:
        load(path, in_memory_limit_mb=0)
    assert caught.value.where == "in_memory_limit_mb"
    assert "ascontiguousarray" in caught.value.remedy
