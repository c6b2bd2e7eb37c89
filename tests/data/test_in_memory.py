"""Data in memory: every form gives the same data, and errors name the place."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from torch.utils.data import DataLoader, Subset, TensorDataset

import zoo
from tests.data.examples import FRAME, KINDS, ROWS, Columns, Mixed, Named, Nothing, Pairs, Stream
from zoo.data.in_memory import as_memory, is_in_memory
from zoo.errors import DataError

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
