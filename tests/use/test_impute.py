"""What is missing, filled in; what was observed, as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import zoo
from zoo.errors import InputError, NotApplicableError

UPPER = np.arange(64).reshape(8, 8) < 32


def test_observed_pixels_stay_and_others_are_filled_in(model, digits):
    rows = zoo.impute(model, digits, mask=UPPER, split="test", count=20)
    stored = model.postprocess(digits.test.examples(20))
    assert (rows["x"][:, 0][:, UPPER] == stored[:, 0][:, UPPER]).all()
    assert rows["missing"].tolist() == [32] * 20
    lower = stored[:, 0][:, ~UPPER].astype(float)
    error = np.abs(rows["x"][:, 0][:, ~UPPER] - lower).mean()
    assert error < np.abs(lower.mean(0) - lower).mean(), "worse than the mean of the pixel"


def test_observed_columns_stay_bit_for_bit(table_model):
    model, data = table_model
    stored = data.train.stored(torch.arange(len(data.train)))
    mask = np.random.default_rng(1).random(stored.shape) < 0.5
    found = zoo.impute(model, data.train, mask=_by_row(mask, data.train))["x"]
    assert (found[mask] == stored.numpy()[mask]).all()
    assert (found[~mask] != stored.numpy()[~mask]).all()
    assert np.isfinite(found).all()


def test_images_of_another_range_keep_their_own_values(model, photos):
    data = zoo.load_data({"name": "image_folder", "root": str(photos), "channels": 1}, like=model.data, whole=True)
    rows = zoo.impute(model, data, mask=UPPER)
    stored = data.train.stored(torch.arange(8))[:, 0].numpy()
    assert (rows["x"][:, UPPER] == stored[:, UPPER]).all()
    assert (rows["x"][:, ~UPPER] != stored[:, ~UPPER]).any()


def test_a_mask_for_each_example_goes_by_its_row(model, digits):
    masks = np.ones((1797, 8, 8), bool)
    row = int(digits.test.positions[2])
    masks[row] = UPPER
    rows = zoo.impute(model, digits, mask=masks, count=5)
    assert {r: m for r, m in zip(rows["row"].tolist(), rows["missing"].tolist(), strict=True) if m} == {row: 32}


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.ones((4, 4), bool), r"expected a mask of shape \(1, 8, 8\)"),
        (np.full((8, 8), 7), "expected booleans, or 0 and 1"),
        (np.ones((3, 8, 8), bool), r"for N = 1797 examples, got \(3, 8, 8\)"),
    ],
)
def test_a_mask_of_another_form_is_refused(model, digits, mask, message):
    with pytest.raises(InputError, match=message):
        zoo.impute(model, digits, mask=mask)


def test_images_that_were_resized_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).integers(0, 255, (30, 12, 12), dtype=np.uint8))
    data = {"name": "arrays", "path": str(tmp_path / "x.npy"), "resize": [8, 8]}
    run = zoo.train(
        {"name": "small", "model": "vae-mlp-2d", "data": data},
        out=tmp_path / "run",
        overrides=["train.epochs=1", "model.encoder.widths=[4]", "evaluate={metrics: [], figures: []}"],
    )
    with pytest.raises(NotApplicableError, match="resized from 12 × 12 to 8 × 8"):
        zoo.impute(run.model, zoo.load_data(data), mask=np.ones((12, 12), bool))


def _by_row(mask: np.ndarray, split: zoo.data.Split) -> np.ndarray:
    """Return a mask of a split's examples as one of all rows of the file."""
    whole = np.ones((int(split.positions.max()) + 1, mask.shape[1]), bool)
    whole[split.positions.numpy()] = mask
    return whole
