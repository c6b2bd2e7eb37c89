"""Arrays in memory: the values decide on range and scale, layouts and missing values are kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import zoo
from tests.data.examples import IMAGES, ROWS, Pairs
from zoo.data.in_memory import collect_given
from zoo.errors import DataError
from zoo.spec import DataSpec


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


def test_what_is_done_to_an_array_afterwards_does_not_change_the_data() -> None:
    for held in (IMAGES.copy(), ROWS.copy(), torch.tensor(ROWS)):
        data = zoo.load_data(held, scale="none", validation=0, test=0)
        before = data.train.examples(5).clone()
        like = zoo.load_data(held, like=data.info.description, whole=True)
        held[:] = 0
        assert torch.equal(data.train.examples(5), before)
        assert torch.equal(like.train.examples(5), before)


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
