"""Data in memory: every form gives the same data, the values decide on range and scaling, errors name the place."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, SubsetRandomSampler, TensorDataset

import zoo
from zoo.data.in_memory import as_memory, collect_given, is_in_memory
from zoo.data.labels import labels_of
from zoo.errors import DataError, ZooWarning
from zoo.spec import DataSpec

ROWS = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
KINDS = np.array(["no", "yes"] * 20)
IMAGES = np.random.default_rng(1).integers(0, 256, size=(40, 1, 4, 5)).astype(np.uint8)


class Pairs(Dataset):
    """Rows with labels, one by one."""

    def __init__(self, inputs: Any, labels: Any) -> None:
        self.inputs, self.labels = inputs, labels

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> Any:
        return self.inputs[index], self.labels[index]


class Named(Pairs):
    """Rows as mappings, as many data sets give them."""

    def __getitem__(self, index: int) -> Any:
        return {"features": self.inputs[index], "label": self.labels[index]}


class Mixed(Pairs):
    """Items with two inputs that are no single numbers."""

    def __getitem__(self, index: int) -> Any:
        return {"a": "text", "b": self.inputs[index], "label": 0}


class Stream(IterableDataset):
    """Rows that can only be iterated over."""

    def __iter__(self) -> Any:
        yield from zip(torch.tensor(ROWS), KINDS.tolist(), strict=True)


class Nothing(IterableDataset):
    """Nothing to iterate over."""

    def __iter__(self) -> Any:
        return iter(())


class Columns:
    """What the package reads of a data set of Hugging Face."""

    column_names = ("a", "b", "c", "kind")
    features = None

    def __len__(self) -> int:
        return len(ROWS)

    def __getitem__(self, indices: list[int]) -> dict[str, Any]:
        return {"kind": KINDS[indices].tolist(), **{name: ROWS[indices, n].tolist() for n, name in enumerate("abc")}}


FRAME = pd.DataFrame(ROWS, columns=list("abc")).assign(kind=KINDS)
FORMS: dict[str, tuple[Any, Any]] = {
    "array": (ROWS, KINDS),
    "tensor": (torch.tensor(ROWS), KINDS.tolist()),
    "nested list": (ROWS.tolist(), KINDS),
    "list of tensors": (list(torch.tensor(ROWS)), KINDS),
    "pair": ((ROWS, KINDS), None),
    "pandas": (FRAME, "kind"),
    "polars": (pl.DataFrame(FRAME.to_dict("list")), "kind"),
    "series of labels": (FRAME.drop(columns="kind"), FRAME["kind"]),
    "objects": (ROWS.astype(object), KINDS.astype(object)),
    "Dataset": (Pairs(ROWS, KINDS.tolist()), None),
    "Dataset of mappings": (Named(ROWS, KINDS.tolist()), None),
    "Subset": (Subset(Pairs(ROWS, KINDS.tolist()), range(40)), None),
    "IterableDataset": (Stream(), None),
    "DataLoader": (DataLoader(Pairs(ROWS, KINDS.tolist()), batch_size=7, shuffle=True, drop_last=True), None),
    "DataLoader that collates": (
        DataLoader(
            Pairs(ROWS, KINDS.tolist()),
            collate_fn=lambda items: (torch.tensor(np.stack([row for row, _ in items])), [kind for _, kind in items]),
        ),
        None,
    ),
    "Hugging Face": (Columns(), "kind"),
    "a split alone": ({"training": ROWS}, {"training": KINDS}),
    "float64 with bytes in another order": (ROWS.astype(">f8"), KINDS),
}


@pytest.fixture(scope="module")
def expected() -> zoo.data.Data:
    return zoo.load_data(ROWS, y=KINDS)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_data(form: str, expected: zoo.data.Data) -> None:
    x, y = FORMS[form]
    data = zoo.load_data(x, y=y)
    assert data.info.class_names == ("no", "yes")
    assert torch.equal(data.test.labels, expected.test.labels)
    if data.info.description.columns:  # a table is stored in 64 bits
        assert torch.allclose(data.train.examples(40), expected.train.examples(40), atol=1e-6)
    else:
        assert data.train.digest() == expected.train.digest()
        assert data.test.digest() == expected.test.digest()
        assert torch.equal(data.train.examples(40), expected.train.examples(40))


@pytest.mark.parametrize(
    ("x", "bounds", "scale", "largest"),
    [
        (IMAGES, (0.0, 255.0), "unit", 1.0),
        (IMAGES.astype(np.int64), (0.0, 255.0), "unit", 1.0),
        (IMAGES // 128, (0.0, 255.0), "unit", 1 / 255),
        ((IMAGES // 128).astype(np.int32), (0.0, 1.0), "unit", 1.0),
        (IMAGES > 127, (0.0, 1.0), "unit", 1.0),
        (IMAGES / 255, (0.0, 1.0), "unit", 1.0),
        (IMAGES[:, 0, 0], (0.0, 255.0), "unit", 1.0),
        (IMAGES[:, 0, 0].astype(np.int64), None, "standardise", None),
        (IMAGES.astype(np.float32), None, "standardise", None),
        (IMAGES.astype(np.int64) * 3, None, "standardise", None),
        (ROWS, None, "standardise", None),
    ],
    ids=[
        "bytes", "integers", "dark bytes", "bits as integers", "booleans", "unit images", "rows of bytes",
        "rows of integers", "images of floats", "large integers", "rows of floats",
    ],
)  # fmt: skip
def test_the_values_decide_on_range_and_scale(x: Any, bounds: Any, scale: str, largest: float | None) -> None:
    spec = DataSpec(name="memory")
    collection, resolved = collect_given(x, spec, note=lambda text: None)
    assert collection.stored_range == bounds
    assert resolved.scale == scale
    train = zoo.load_data(x, validation=0, test=0).train
    values = train.examples(len(train))
    if largest is None:
        assert torch.allclose(values.mean(0), torch.zeros(()), atol=1e-5)
        assert torch.allclose(values.std(0, correction=0), torch.ones(()), atol=1e-4)
    else:
        assert values.max().item() == pytest.approx(largest * (x.max() / max(1, x.max())), rel=0.02)


def test_a_stated_range_and_scale_are_used() -> None:
    data = zoo.load_data(ROWS, value_range=[-10.0, 10.0])
    assert data.info.data_range == (0.0, 1.0)
    raw = zoo.load_data(ROWS, scale="none", validation=0, test=0)
    assert torch.equal(raw.train.examples(40), torch.tensor(ROWS))
    with pytest.raises(DataError, match=r"value_range: expected values from 0 to 1, got -"):
        zoo.load_data(ROWS, value_range=[0.0, 1.0])


def test_layouts_of_images() -> None:
    grey = IMAGES[:, 0]
    assert zoo.load_data(grey).info.data_shape == (1, 4, 5)
    last = np.random.default_rng(2).integers(0, 256, size=(10, 6, 7, 3)).astype(np.uint8)
    with pytest.raises(DataError, match=r"which look like \(H, W, C\)\nState it: `channels_last=True` with 3 channels"):
        zoo.load_data(last)
    data = zoo.load_data(last, channels_last=True, test=0, validation=0)
    assert torch.equal(data.train.examples(10), torch.tensor(last).movedim(-1, 1) / 255)
    model = zoo.build("vae-mlp-2d", data_shape=(3, 6, 7), data=data.info.description)
    assert np.array_equal(model.postprocess(model.preprocess(last)), last)


def test_pictures_of_pillow_are_images() -> None:
    from PIL import Image

    pictures = [Image.fromarray(image[0]) for image in IMAGES]
    data = zoo.load_data(Pairs(pictures, list(range(40))), test=0, validation=0)
    assert torch.equal(data.train.examples(40), torch.tensor(IMAGES) / 255)
    assert zoo.load_data(pictures).info.data_shape == (1, 4, 5)
    colour = zoo.load_data([picture.convert("RGB") for picture in pictures])
    assert colour.info.data_shape == (3, 4, 5)
    with pytest.raises(DataError, match="expected items of one shape"):
        zoo.load_data([pictures[0], pictures[1].resize((9, 9))])


def test_splits_that_are_given_stay_whole() -> None:
    data = zoo.load_data({"train": ROWS[:30], "val": ROWS[30:35], "test": ROWS[35:]}, scale="none")
    assert [len(split) for split in (data.train, data.validation, data.test)] == [30, 5, 5]
    assert torch.equal(data.test.examples(5), torch.tensor(ROWS[35:]))
    with pytest.raises(DataError, match="expected the split 'train' among the data, got 'test'"):
        zoo.load_data({"test": ROWS})
    with pytest.raises(DataError, match="labels for all splits or for none"):
        zoo.load_data({"train": (ROWS, KINDS), "test": ROWS})


def test_rows_are_remembered_by_number_and_by_the_index_of_a_frame() -> None:
    data = zoo.load_data(ROWS, scale="none")
    places = data.test.positions
    assert torch.equal(data.test.examples(len(places)), torch.tensor(ROWS)[places])
    assert data.test.names(torch.arange(2)) is None
    frame = pd.DataFrame(ROWS, index=[f"patient {number}" for number in range(40)])
    named = zoo.load_data(frame)
    assert named.test.names(torch.tensor([0])) == [f"patient {int(named.test.positions[0])}"]


def test_an_item_of_a_split_is_an_example_with_its_label() -> None:
    split = zoo.load_data(ROWS, y=KINDS).train
    x, label = split[3]
    assert torch.equal(x, split.examples([3])[0])
    assert label == int(split.labels[3])
    assert torch.equal(split[-1][0], split.examples([len(split) - 1])[0])
    assert len(list(split)) == len(split)
    (batch, labels) = next(iter(DataLoader(split, batch_size=4)))
    assert batch.shape == (4, 3)
    assert labels.tolist() == split.labels[:4].tolist()
    with pytest.raises(IndexError, match="expected an index from -"):
        split[len(split)]


def test_what_is_done_to_an_array_afterwards_does_not_change_the_data() -> None:
    for held in (IMAGES.copy(), ROWS.copy(), torch.tensor(ROWS)):
        data = zoo.load_data(held, scale="none", validation=0, test=0)
        before = data.train.examples(5).clone()
        like = zoo.load_data(held, like=data.info.description, whole=True)
        held[:] = 0
        assert torch.equal(data.train.examples(5), before)
        assert torch.equal(like.train.examples(5), before)


def test_items_beyond_the_limit_are_read_on_demand() -> None:
    large = Pairs(torch.rand(600, 1, 30, 30), [number % 3 for number in range(600)])
    notes: list[str] = []
    data = zoo.load_data(large, in_memory_limit_mb=1, workers=0, note=notes.append)
    assert not data.train.in_memory
    assert "more than 1 MB" in notes[-1]
    held = zoo.load_data(large)
    assert held.train.in_memory
    assert data.train.digest() == held.train.digest()
    assert torch.equal(data.train.labels, held.train.labels)
    with pytest.raises(DataError, match="an iterable data set is kept in memory"):
        zoo.load_data(Endless(), in_memory_limit_mb=1)


class Endless(IterableDataset):
    """A stream that never ends."""

    def __iter__(self) -> Any:
        while True:
            yield torch.zeros(100_000)


def test_items_that_change_each_time_are_noticed() -> None:
    class Noisy(Pairs):
        def __getitem__(self, index: int) -> Any:
            return torch.rand(3), 0

    with pytest.warns(ZooWarning, match=r"random transforms, but they are read only once\. .* use `data\.augment`"):
        zoo.load_data(Noisy(ROWS, KINDS))


def test_a_loader_chooses_items_but_not_their_order() -> None:
    pairs = Pairs(ROWS, KINDS.tolist())
    chosen = DataLoader(pairs, sampler=SubsetRandomSampler([5, 1, 9]))
    data = zoo.load_data(chosen, scale="none", test=0, validation=0)
    assert torch.equal(data.train.examples(3), torch.tensor(ROWS[[1, 5, 9]]))
    weighted = torch.utils.data.WeightedRandomSampler(torch.ones(40), 40)
    with pytest.raises(DataError, match="got one with a WeightedRandomSampler"):
        zoo.load_data(DataLoader(pairs, sampler=weighted))


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (None, None, r"^x: expected data, got NoneType\nPass a NumPy array"),
        ([], None, r"^x: expected examples \(N, D\)"),
        (ROWS[:, 0], None, r"got \(40,\)\nReshape a single feature to \(N, 1\)"),
        (ROWS.astype(complex), None, "expected (real )?numbers"),
        (np.array([["a", "b"]]), None, "^x: expected numbers"),
        ([[1.0], [1.0, 2.0]], None, "^x: expected data that form an array"),
        (ROWS * np.nan, None, "^x: expected numbers, got only missing values"),
        (np.array([[1.0], [1e300]]), None, "finite numbers in 32 bits, got infinity in example 1"),
        (ROWS[:, :, None] * np.nan, None, r"got NaN or infinity in example 0 \(40 of 40 examples\)\n"),
        (FRAME, "kin", r"unknown column 'kin' in the DataFrame\nDid you mean 'kind'"),
        ({"train": FRAME, "test": ROWS}, "kind", "expected DataFrames for all splits, got ndarray for 'test'"),
        (ROWS, "kind", "^y: expected labels, got the text 'kind'"),
        (ROWS, KINDS[:5], r"^labels: expected 40 labels, .* got y of shape \(5,\)"),
        (ROWS, ROWS[:, 0], "^labels: expected whole numbers or texts"),
        (ROWS, [None] * 40, "^y: expected whole numbers or texts as labels, got NoneType"),
        ((ROWS, KINDS), KINDS, "expected labels once"),
        (Pairs(ROWS, KINDS.tolist()), KINDS, "^x: expected labels once"),
        (TensorDataset(torch.zeros(3, 2), torch.zeros(3), torch.zeros(3)), None, r"expected items \(input,\) or"),
        (TensorDataset(torch.zeros(0, 2)), None, "got an empty torch Dataset"),
        (Mixed(ROWS, KINDS), None, "got the columns 'a', 'b'"),
        ({"train": ROWS, "test": ROWS[:, :2]}, None, "in the test split, as in train, got"),
        (3, None, "expected data, got int"),
        (torch.zeros(4, 2, dtype=torch.complex64), None, "^x: expected real numbers, got torch.complex64"),
        ([torch.zeros(2), torch.zeros(3)], None, r"one shape and type, got \(2,\) of torch.float32 and \(3,\) of"),
        (ROWS, [[1], [2, 3]] * 20, "^y: expected one label for each example"),
        (ROWS, [2**70] * 40, "^y: expected labels that fit into 64 bits"),
        (Pairs(torch.zeros(4, 2, dtype=torch.complex64), [0] * 4), None, "^x: expected real numbers, got torch.comple"),
        (Pairs([torch.zeros(2), torch.zeros(3)], [0, 1]), None, r"\(2,\).*\(3,\)"),
        (
            Pairs(torch.zeros(4, 2, 3, 4, 5), [0] * 4),
            None,
            r"expected items \(D,\), \(H, W\) or \(C, H, W\), got \(2, 3",
        ),
        (Pairs(torch.zeros(4, 2, 0), [0] * 4), None, r"expected items with values, got items of shape \(2, 0\)"),
        (Pairs(torch.tensor([[1.0], [torch.inf]]), [0, 1]), None, "finite numbers in 32 bits, .* infinity in item 1"),
        (Named(ROWS, KINDS), "kin", "^y: unknown column 'kin'"),
        (DataLoader(Stream()), None, "got one of an IterableDataset\nPass the data set itself"),
        (Nothing(), None, "^x: expected items, got an empty data set"),
    ],
)
def test_what_cannot_be_taken_is_named(x: Any, y: Any, message: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataError, match=message):
            zoo.load_data(x, y=y)


def test_missing_values_of_rows_are_kept_as_missing_and_said_so() -> None:
    rows, notes = ROWS.copy(), list[str]()
    rows[[3, 3, 9], [0, 2, 1]] = np.nan
    data = zoo.load_data(rows, test=0, validation=0, note=notes.append)
    assert notes == ["Missing values (NaN) are kept as missing: in 2 of 40 rows."]
    batch = data.train.take(torch.arange(40))
    assert torch.equal(batch.mask, ~torch.tensor(rows).isnan())
    assert torch.allclose(batch.x.nanmean(0), torch.zeros(3), atol=1e-5)
    frame = zoo.load_data(pd.DataFrame(rows), test=0, validation=0)
    assert torch.allclose(frame.train.examples(40), batch.x, equal_nan=True, atol=1e-6)
    other = zoo.load_data(rows[:4], like=data.info.description, whole=True)
    assert torch.equal(other.train.take(torch.arange(4)).mask, batch.mask[:4])
    complete = zoo.load_data(ROWS).info.description
    with pytest.raises(DataError, match="expected finite numbers, got NaN or infinity in example 3"):
        zoo.load_data(rows, like=complete)


def test_a_frame_of_mixed_columns_is_a_table() -> None:
    frame = pd.DataFrame({"age": [3.5, None, 5.0, 9.0] * 10, "pet": ["cat", "dog", "bird", "dog"] * 10, "kind": KINDS})
    data = zoo.load_data(frame, y="kind")
    columns = data.info.description.columns
    assert [(column.name, column.type) for column in columns] == [("age", "numeric"), ("pet", "categorical")]
    assert data.info.data_shape == (4,)
    assert data.info.missing
    other = zoo.load_data(frame[["kind", "pet", "age"]].iloc[:3], like=data.info.description, whole=True)
    assert torch.allclose(other.train.examples(3), data.info.scaling(torch.tensor(
        [[3.5, 0, 1, 0], [np.nan, 0, 0, 1], [5.0, 1, 0, 0]]
    )), equal_nan=True)  # fmt: skip
    assert other.info.class_names == ("no", "yes")
    hashed = zoo.load_data(frame, y="kind", columns={"pet": "ignore"})
    assert hashed.info.data_shape == (1,)


def test_a_name_is_no_data_in_memory_and_takes_no_labels() -> None:
    assert not is_in_memory("digits")
    assert not is_in_memory({"name": "digits"})
    assert not is_in_memory({"nam": 3})
    assert is_in_memory({"train": ROWS})
    with pytest.raises(DataError, match=r"^y: expected no labels, since a dataset has its own"):
        zoo.load_data("digits", y=KINDS)
    assert as_memory("digits") == {"name": "memory"}


def test_other_data_are_prepared_as_the_training_data_of_a_model() -> None:
    data = zoo.load_data(ROWS, y=KINDS)
    like = data.info.description
    other = zoo.load_data(FRAME.iloc[:4], y="kind", like=like, whole=True)
    assert torch.equal(other.train.examples(4), data.info.scaling(torch.tensor(ROWS[:4])))
    assert other.info.class_names == ("no", "yes")
    only_yes = zoo.load_data(ROWS[:2], y=["yes", "yes"], like=like, whole=True)
    assert only_yes.train.labels.tolist() == [1, 1]
    with pytest.raises(DataError, match=r"expected examples of shape \(B, 3\)"):
        zoo.load_data(ROWS[:, :2], like=like)


def test_real_data_sets_of_hugging_face() -> None:
    datasets = pytest.importorskip("datasets")
    source = datasets.Dataset.from_dict({"a": ROWS[:, 0], "b": ROWS[:, 1], "c": ROWS[:, 2], "label": [1, 0] * 20})
    features = source.features.copy()
    features["label"] = datasets.ClassLabel(names=["cat", "dog"])
    source = datasets.Dataset.from_dict(source.to_dict(), features=features)
    for form in (source, source.with_format("torch"), source.with_format("numpy"), DataLoader(source)):
        data = zoo.load_data(form, scale="none", test=0, validation=0)
        assert torch.allclose(data.train.examples(40), torch.tensor(ROWS))
        assert data.info.class_names == ("cat", "dog")
        assert data.train.labels.tolist() == [1, 0] * 20
    both = datasets.DatasetDict({"train": source, "validation": source.select(range(5))})
    assert len(zoo.load_data(both).validation) == 5
    stream = source.to_iterable_dataset()
    assert len(zoo.load_data(stream, test=0, validation=0).train) == 40


def test_rows_of_an_array_may_be_series_of_one_channel(tmp_path):
    rows = np.random.default_rng(0).normal(size=(40, 12)).astype("float32")
    np.save(tmp_path / "rows.npy", rows)
    held = zoo.load_data(rows, series=True)
    read = zoo.load_data({"name": "arrays", "path": str(tmp_path / "rows.npy"), "series": True})
    for data in (held, read):
        assert data.info.data_shape == (1, 12)
        model = zoo.build("vae-series-8d", data_shape=(1, 12), data=data.info.description, data_range=None).eval()
        x = model.preprocess(rows[:5])
        assert x.shape == (5, 1, 12)
        assert np.allclose(model.postprocess(x), rows[:5], atol=1e-5)
        assert model.preprocess(rows[0]).shape == (1, 1, 12)
        assert model.preprocess(rows[:5, None]).shape == (5, 1, 12)
    mask = rows[0] > 0
    filled = zoo.impute(model, rows[:4], mask=mask, num_samples=2)["x"]
    assert filled.shape == (4, 12)
    assert np.allclose(filled[:, mask], rows[:4][:, mask], atol=1e-5)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (torch.tensor([2, 0, 2]), [2, 0, 2]),
        (np.array(["b", "a", "b"], dtype=object), ["b", "a", "b"]),
        (np.array([2, True, np.int64(0)], dtype=object), [2, 1, 0]),
        ([[2], [0], [2]], [2, 0, 2]),
    ],
    ids=["tensor", "texts", "numbers", "a column"],
)
def test_labels_of_every_form_are_whole_numbers_or_texts(labels: Any, expected: list[Any]) -> None:
    found = labels_of(labels, 3, "x")
    assert found.tolist() == expected
    assert found.dtype.kind in "iU"


@pytest.mark.skipif(not hasattr(np, "dtypes") or not hasattr(np.dtypes, "StringDType"), reason="needs NumPy 2")
def test_texts_of_any_length_are_labels() -> None:
    labels = np.array(["b", "a", "b"], dtype=np.dtypes.StringDType())
    assert labels_of(labels, 3, "x").tolist() == ["b", "a", "b"]
    assert zoo.load_data(ROWS[:3], y=labels, test=0, validation=0).info.class_names == ("a", "b")
