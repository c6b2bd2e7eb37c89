"""What a model knows of its data, written to JSON and read back, also from a stranger."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from zoo.errors import InputError
from zoo.spec.data_description import DataDescription

STORED = {"dtype": "float32", "shape": [3]}


def through_json(data: DataDescription) -> DataDescription:
    return DataDescription.model_validate(json.loads(json.dumps(data.model_dump(mode="json"))))


@pytest.mark.parametrize("size", [1, 3, 1024, 1025, 5000])
def test_numbers_of_32_bits_survive_json_to_the_last_bit(size: int) -> None:
    torch.manual_seed(0)
    shift, span = torch.randn(size) * 1e6, torch.rand(size) * 1e-6 + 1e-12
    scaling = {"name": "standardise", "shift": shift.tolist(), "span": span.tolist()}
    data = through_json(DataDescription(shape=(size,), stored={"dtype": "float32", "shape": [size]}, scaling=scaling))
    assert torch.equal(torch.tensor(data.scaling.shift), shift)
    assert torch.equal(torch.tensor(data.scaling.span), span)


def test_many_numbers_take_less_than_eight_letters_each() -> None:
    size = 3 * 128 * 128
    scaling = {"name": "standardise", "shift": torch.randn(size).tolist(), "span": [1.0]}
    data = DataDescription(shape=(3, 128, 128), stored={"dtype": "uint8", "shape": [3, 128, 128]}, scaling=scaling)
    assert len(json.dumps(data.model_dump(mode="json"))) < 8 * size


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scaling": {"shift": [1.0, 2.0]}}, "expected one shift or 3 of them, got 2"),
        ({"scaling": {"span": [1.0, 0.0, 1.0]}}, "expected a positive span, got 0"),
        ({"scaling": {"span": float("nan")}}, "finite number"),
        ({"scaling": {"shift": {"float32": "?"}}}, "base64"),
        ({"columns": [{"name": "a"}]}, "expected columns of 3 values together, got columns of 1"),
        ({"columns": [{"name": "a"}, {"name": "b"}, {"name": "a"}]}, "columns of different names"),
        ({"classes": [{"name": "a"}, {"name": "a"}]}, "classes of different names"),
        ({"geometry": {"pad": 1}}, "expected images"),
        ({"stored": {"dtype": "float32", "shape": [4]}}, r"expected `shape` \(4,\), .* got \(3,\)"),
        ({"stored": {"dtype": "uint8", "shape": [3, 10**6, 10**6]}}, "expected examples of at most"),
        ({"splits": {"train": {"examples": 3, "digest": "../../etc"}}}, "pattern"),
    ],
    ids=str,
)
def test_a_description_that_contradicts_itself_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        DataDescription.model_validate({"shape": [3], "stored": STORED, **change})


@pytest.mark.parametrize("geometry", [{"resize": [5, 6]}, {"pad": 2}, {"resize": [5, 6], "pad": 1}])
def test_the_prepared_size_follows_from_the_stored_one(geometry: dict[str, Any]) -> None:
    height, width = geometry.get("resize", (3, 4))
    pad = 2 * geometry.get("pad", 0)
    stored = {"dtype": "uint8", "shape": [1, 3, 4]}
    DataDescription(shape=(1, height + pad, width + pad), stored=stored, geometry=geometry)
    with pytest.raises(ValidationError, match="to which stored examples are prepared"):
        DataDescription(shape=(1, height + pad, width + pad + 1), stored=stored, geometry=geometry)


def classes(*names: str) -> DataDescription:
    return DataDescription(shape=(3,), classes=[{"name": name} for name in names])


@pytest.mark.parametrize(
    ("names", "label", "number"),
    [
        (("cat", "dog"), "dog", 1),
        (("cat", "dog"), "1", 1),
        (("cat", "dog"), 0, 0),
        (("3", "7"), "7", 1),
        (("3", "7"), 3, 0),
        (("0", "1", "2"), "2", 2),
    ],
)
def test_a_class_goes_by_its_name_and_else_by_its_number(names: tuple[str, ...], label: str | int, number: int) -> None:
    assert classes(*names).class_number(label) == number


@pytest.mark.parametrize(
    ("names", "label"), [(("cat", "dog"), "dgo"), (("cat", "dog"), "2"), (("3", "7"), "1"), ((), "0"), (("a",), "-1")]
)
def test_another_class_is_refused_with_those_there_are(names: tuple[str, ...], label: str) -> None:
    with pytest.raises(InputError, match=f"unknown class '{label}'\n.*Available: {', '.join(names) or 'none'}"):
        classes(*names).class_number(label)
