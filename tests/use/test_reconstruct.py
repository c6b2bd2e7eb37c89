"""Each example as a model gives it back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import zoo
from zoo.errors import NotApplicableError


def test_reconstructions_are_in_the_units_of_the_data(model, table_model, digits):
    rows = zoo.reconstruct(model, digits, split="test", count=5)
    means = model.reconstruct(digits.test.examples(5))
    assert rows["x"].dtype == np.float32, "means of bytes have fractions, as those of `zoo-cli sample`"
    assert (rows["x"] == model.postprocess(means, rounded=False)).all()
    assert (rows["x"].round() == model.postprocess(means)).all()
    model, data = table_model
    found = zoo.reconstruct(model, data, split="test")["x"]
    np.testing.assert_allclose(found, model.postprocess(model.reconstruct(data.test.examples(len(data.test)))))
    assert abs(found.mean(0)[2] + 300) < 50


def test_data_of_another_range_are_given_back_in_their_own(model, photos):
    data = zoo.load_data({"name": "image_folder", "root": str(photos), "channels": 1}, like=model.data, whole=True)
    rows = zoo.reconstruct(model, data)
    assert rows["x"].shape == (8, 8, 8)  # grey images of a folder have no channels
    sixteenths = zoo.reconstruct(model, data.train.examples(8))["x"][:, 0]
    assert abs(rows["x"] / 255 - sixteenths / 16).max() < 1 / 31


def test_a_network_without_latents_is_refused():
    with pytest.raises(NotApplicableError, match="does not reconstruct"):
        zoo.reconstruct(zoo.load("denoiser-unet.digits"), 2 * torch.rand(2, 1, 8, 8) - 1)
