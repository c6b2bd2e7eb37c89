"""Raw data in, raw data out: every form in which people have them, every scaling, size and layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from PIL import Image

from zoo.errors import DataError, InputError
from zoo.preparation.preprocessing import postprocess, preprocess
from zoo.spec.data_description import DataDescription

ROWS = np.array([[1.5, 50.0, -300.25], [2.5, 60.0, -290.75]], dtype=np.float32)
MEANS, SPREADS = (0.125, 55.0, -295.0), (2.0, 4.0, 8.0)


def table(**changes: Any) -> DataDescription:
    scaling = {"name": "standardise", "shift": MEANS, "span": SPREADS}
    stored = {"dtype": "float32", "shape": [3]}
    columns = [{"name": name} for name in ("age", "mass", "depth")]
    return DataDescription(**{"shape": (3,), "stored": stored, "scaling": scaling, "columns": columns, **changes})


def pictures(channels: int = 1, layout: str = "channels_first", **changes: Any) -> DataDescription:
    stored = {"dtype": "uint8", "shape": [channels, 4, 5], "range": [0, 255], "layout": layout}
    scaling = {"name": "unit", "span": 255}
    return DataDescription(
        **{"shape": (channels, 4, 5), "range": (0, 1), "stored": stored, "scaling": scaling, **changes}
    )


def bytes_of(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize(
    "form",
    [
        np.asarray,
        torch.from_numpy,
        np.ndarray.tolist,
        lambda rows: rows.astype(np.float64),
        lambda rows: rows.astype(">f4"),
        lambda rows: rows.astype(object),
        lambda rows: rows[::-1][::-1],
        lambda rows: np.broadcast_to(rows, (1, 2, 3))[0],
        lambda rows: pd.DataFrame(rows, columns=["age", "mass", "depth"]),
        lambda rows: pd.DataFrame(rows[:, ::-1], columns=["depth", "mass", "age"]).assign(name=["Ada", "Bo"]),
        lambda rows: pl.DataFrame(rows[:, [1, 2, 0]], schema=["mass", "depth", "age"]),
    ],
    ids=[
        "array",
        "tensor",
        "list",
        "float64",
        "big-endian",
        "objects",
        "strided",
        "read-only",
        "pandas",
        "reordered",
        "polars",
    ],
)
def test_rows_are_scaled_by_what_was_learned_in_training(form: Any) -> None:
    expected = (ROWS - np.float32(MEANS)) / np.float32(SPREADS)
    assert torch.equal(preprocess(form(ROWS.copy()), table()), torch.from_numpy(expected))


def test_a_row_alone_is_prepared_as_among_others() -> None:
    both = preprocess(ROWS, table())
    for form in (ROWS[1:], ROWS[1], ROWS[1].tolist(), pd.DataFrame(ROWS[1:], columns=["age", "mass", "depth"])):
        assert torch.equal(preprocess(form, table()), both[1:])


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (np.zeros((2, 4)), r"\(B, 3\).*got \(2, 4\)"),
        (np.zeros(()), r"got \(\)"),
        ([[1.0], [2.0, 3.0]], "expected data that form an array"),
        (np.array([["a", "b", "c"]]), "expected numbers, got ndarray"),
        (np.array([[1, 2, "c"]], dtype=object), "in column 2"),
        (np.zeros((2, 3), complex), "expected numbers"),
        (torch.zeros(2, 3, dtype=torch.complex64), "expected real numbers"),
        ([[0.0, np.inf, 0.0]], "NaN or infinity in example 0"),
        ([[0.0, 0.0, 0.0], [0.0, 1e300, 0.0]], "NaN or infinity in example 1"),
        (pd.DataFrame({"age": [1], "mas": [2], "depth": [3]}), "no column 'mass' in the DataFrame\nDid you mean 'mas'"),
        (pd.DataFrame({"age": [1], "mass": ["x"], "depth": [3]}), "the column 'mass'"),
        ("people.csv", r"expected examples of shape \(3,\), as in training, got images or file names"),
        (Image.new("L", (3, 1)), "got images or file names"),
        (None, "expected numbers"),
        ({"age": 1}, "expected numbers"),
        ([], r"got \(0,\)"),
    ],
)
def test_what_is_no_row_of_the_table_is_refused_in_words(raw: Any, said: str) -> None:
    with pytest.raises(InputError, match=f"(?s){said}"):
        preprocess(raw, table())


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_a_table_comes_back_with_its_columns_and_units(frame: type) -> None:
    form = "pandas" if frame is pd.DataFrame else "polars"
    made = postprocess(preprocess(ROWS, table()), table(), form)
    assert isinstance(made, frame)
    assert list(made.columns) == ["age", "mass", "depth"]
    assert np.array_equal(made.to_numpy(), ROWS)


def test_a_large_offset_loses_no_digits() -> None:
    rows = (np.random.default_rng(0).random((100, 3)) + 1e6).astype(np.float32)
    data = table(scaling={"name": "standardise", "shift": [1e6] * 3, "span": [0.3] * 3}, columns=[])
    made = postprocess(preprocess(rows, data), data)
    assert isinstance(made, np.ndarray)
    assert np.array_equal(made, rows)


@pytest.mark.parametrize(
    ("layout", "channels", "shape"),
    [
        ("channels_first", 1, (3, 1, 4, 5)),
        ("channels_first", 3, (3, 3, 4, 5)),
        ("channels_last", 3, (3, 4, 5, 3)),
        ("channels_last", 1, (3, 4, 5, 1)),
        ("no_channels", 1, (3, 4, 5)),
    ],
)
@pytest.mark.parametrize(
    ("scaling", "bounds"),
    [
        ({"name": "unit", "span": 255}, (0, 1)),
        ({"name": "symmetric", "shift": 127.5, "span": 127.5}, (-1, 1)),
        ({"name": "none"}, (0, 255)),
        ({"name": "standardise", "shift": 100.0, "span": 30.0}, None),
    ],
    ids=lambda value: value["name"] if isinstance(value, dict) else "",
)
def test_images_come_back_as_the_bytes_and_in_the_layout_that_they_had(
    layout: str, channels: int, shape: tuple[int, ...], scaling: dict[str, Any], bounds: Any
) -> None:
    data = pictures(channels, layout, scaling=scaling, range=bounds)
    raw = bytes_of(*shape)
    x = preprocess(raw, data)
    assert x.shape == (3, channels, 4, 5)
    assert x.dtype == torch.float32
    if bounds:
        assert bounds[0] <= x.min() <= x.max() <= bounds[1]
    made = postprocess(x, data)
    assert made.dtype == np.uint8
    assert np.array_equal(made, raw)
    assert torch.equal(postprocess(x, data, "tensor"), torch.from_numpy(raw))
    again = preprocess(postprocess(x, data, "images"), data)
    assert torch.equal(again, x)


def test_colour_images_are_taken_with_their_channels_first_or_last() -> None:
    raw = bytes_of(2, 3, 4, 5)
    x = preprocess(raw, pictures(3))
    assert torch.equal(preprocess(np.moveaxis(raw, 1, -1), pictures(3)), x)
    assert torch.equal(preprocess(np.moveaxis(raw, 1, -1)[0], pictures(3)), x[:1])
    assert torch.equal(preprocess(raw[0], pictures(3, "channels_last")), x[:1])


def test_images_of_pillow_and_files_are_read_alike(tmp_path: Path) -> None:
    raw = bytes_of(2, 4, 5)
    images = [Image.fromarray(each) for each in raw]
    files = [tmp_path / f"{number}.png" for number in range(2)]
    for image, file in zip(images, files, strict=True):
        image.save(file)
    x = preprocess(raw, pictures())
    for form in (images, files, [str(file) for file in files], tuple(images)):
        assert torch.equal(preprocess(form, pictures()), x)
    for form in (images[1], files[1], str(files[1])):
        assert torch.equal(preprocess(form, pictures()), x[1:])


def test_files_are_brought_to_the_size_and_channels_of_the_training_images(tmp_path: Path) -> None:
    Image.new("RGB", (50, 40), (30, 60, 90)).save(tmp_path / "large.png")
    data = pictures(reading={"channels": 1, "size": [4, 5]})
    made = postprocess(preprocess(tmp_path / "large.png", data), data)
    assert made.shape == (1, 1, 4, 5)
    assert len(np.unique(made)) == 1
    with pytest.raises(DataError, match=r"large\.png"):
        preprocess(tmp_path / "large.png", pictures())


def test_images_of_another_depth_are_brought_to_the_stored_range() -> None:
    data = pictures(
        stored={"dtype": "uint8", "shape": [1, 4, 5], "range": [0, 16]}, scaling={"name": "unit", "span": 16}
    )
    x = preprocess(Image.new("L", (5, 4), 255), data)
    assert (x == 1).all()
    assert np.array_equal(np.asarray(postprocess(x, data, "images")[0]), np.full((4, 5), 255))


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (np.full((1, 4, 5), 256, np.int64), r"in \[0, 255\].* got values from 256"),
        (np.full((1, 4, 5), -1, np.int16), "from -1"),
        (np.random.default_rng(0).random((1, 4, 5)), "look prepared already"),
        (np.ones((1, 4, 5), bool), "look prepared already"),
        (np.full((1, 4, 5), 65535, np.uint16), "65535"),
        (bytes_of(1, 28, 28), r"got \(1, 28, 28\)"),
    ],
    ids=["above", "below", "floats", "booleans", "16 bits", "size"],
)
def test_values_of_other_units_are_refused(raw: Any, said: str) -> None:
    with pytest.raises(InputError, match=f"(?s){said}"):
        preprocess(raw, pictures())


def test_whole_numbers_of_any_type_are_bytes() -> None:
    raw = bytes_of(2, 4, 5)
    x = preprocess(raw, pictures())
    for kind in (np.int16, np.int64, np.uint16, np.float32, np.float64):
        assert torch.equal(preprocess(raw.astype(kind), pictures()), x)


@pytest.mark.parametrize("geometry", [{"pad": 2}, {"resize": [8, 10]}, {"resize": [8, 10], "pad": 1}], ids=str)
def test_images_come_back_in_the_size_that_they_had(geometry: dict[str, Any]) -> None:
    height, width = geometry.get("resize", (4, 5))
    shape = (1, height + 2 * geometry.get("pad", 0), width + 2 * geometry.get("pad", 0))
    data = pictures(shape=shape, geometry=geometry)
    raw = np.full((2, 4, 5), 77, np.uint8)
    raw[1] = bytes_of(4, 5) // 8  # smooth enough to survive an enlargement and a reduction
    x = preprocess(raw, data)
    assert x.shape == (2, *shape)
    made = postprocess(x, data)
    assert made.shape == (2, 1, 4, 5)
    assert (made[0] == 77).all()
    if "resize" not in geometry:
        assert np.array_equal(made[:, 0], raw)


@pytest.mark.parametrize("binarise", ["threshold", "static", "dynamic"])
def test_pixels_are_binarised_alike_alone_and_among_others(binarise: str) -> None:
    data, raw = pictures(binarise=binarise, splitting={"split_seed": 3}), bytes_of(50, 4, 5)
    x = preprocess(raw, data)
    assert x.unique().tolist() == [0, 1]
    assert torch.equal(preprocess(raw[::-1], data).flip(0), x)
    assert torch.equal(preprocess(raw[17], data), x[17:18])
    assert set(np.unique(postprocess(x, data))) == {0, 255}
    if binarise == "threshold":
        assert torch.equal(x[:, 0], torch.from_numpy(raw > 127.5).float())
    else:
        assert not torch.equal(preprocess(raw, pictures(binarise=binarise)), x)


def test_pixels_are_drawn_with_their_value_as_probability() -> None:
    data = pictures(binarise="static")
    raw = np.full((4000, 4, 5), 51, np.uint8)
    raw[:, 0, 0] = np.arange(4000) % 256
    raw[:, 0, 1] = np.arange(4000) // 256  # no two alike: each has draws of its own
    mean = preprocess(raw, data)[:, :, 1:].mean().item()
    assert abs(mean - 0.2) < 4 * (0.16 / (4000 * 15)) ** 0.5


def test_values_beyond_the_stored_range_are_clipped_to_it() -> None:
    made = postprocess(torch.tensor([-0.5, 0.0, 0.4999, 1.0, 1.5]).expand(1, 1, 4, 5), pictures())
    assert made[0, 0, 0].tolist() == [0, 0, 127, 255, 255]
    bounded = table(stored={"dtype": "float32", "shape": [3], "range": [-1000, 100]})
    assert postprocess(torch.full((1, 3), 1e6), bounded, "array").tolist() == [[100, 100, 100]]


@pytest.mark.parametrize(
    ("prepared", "form", "said"),
    [
        (torch.zeros(2, 4), None, r"\(B, 3\), got \(2, 4\)"),
        (torch.zeros(3), None, r"got \(3,\)"),
        (np.zeros((2, 3)), None, "got ndarray"),
        (torch.zeros(2, 3), "csv", "unknown form 'csv'"),
        (torch.zeros(2, 3), "images", "expected .*images"),
    ],
    ids=str,
)
def test_what_is_no_prepared_example_is_refused(prepared: Any, form: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        postprocess(prepared, table(), form)


def test_images_are_no_rows_of_a_table() -> None:
    with pytest.raises(InputError, match=r"expected rows of a table, got examples of shape \(1, 4, 5\)"):
        postprocess(torch.zeros(2, 1, 4, 5), pictures(), "pandas")


def test_a_model_that_does_not_know_its_data_says_so() -> None:
    for act in (preprocess, postprocess):
        with pytest.raises(
            InputError, match=r"does not know how its data were prepared.*(?s:.)*\(B, 1, 8, 8\) in \[0, 1\]"
        ):
            act(torch.zeros(2, 1, 8, 8), DataDescription(shape=(1, 8, 8), range=(0, 1)))
