"""Latents of each example."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import zoo
from zoo.errors import DataError, InputError, NotApplicableError


def test_the_latents_are_those_of_the_model_in_the_order_of_the_data(model, digits):
    rows = zoo.embed(model, digits, split="test")
    with torch.no_grad():
        q = model.encode(digits.test.examples(len(digits.test)))
    np.testing.assert_allclose(rows["z"], q.mean.numpy(), rtol=1e-5, atol=1e-6)
    assert rows["row"].tolist() == digits.test.positions.tolist()
    assert rows["class"].tolist() == [digits.info.class_names[label] for label in digits.test.labels.tolist()]
    assert "split" not in rows


def test_all_splits_are_used_unless_one_is_named(model, digits):
    rows = zoo.embed(model, digits)
    assert sorted(rows["row"].tolist()) == list(range(1797))
    sizes = {name: int((rows["split"] == name).sum()) for name in ("train", "validation", "test")}
    assert sizes == {"train": 1374, "validation": 153, "test": 270}


def test_examples_of_files_have_their_names(model, photos):
    data = zoo.load_data({"name": "image_folder", "root": str(photos), "channels": 1}, like=model.data, whole=True)
    rows = zoo.embed(model, data)
    assert rows["name"].tolist() == [f"{kind}/{number}.png" for kind in "37" for number in range(4)]
    assert rows["class"].tolist() == ["3"] * 4 + ["7"] * 4


def test_discrete_codes_are_numbers():
    model = zoo.build("vqvae-conv-16d", data_shape=(1, 8, 8), posterior={"codes": 5}).eval()
    x = torch.rand(4, 1, 8, 8)
    codes = zoo.embed(model, x)["code"]
    assert codes.shape == (4, *model.posterior.grid)
    assert codes.dtype == np.int64
    assert (model.posterior.embed(torch.from_numpy(codes)) == model.encode(x).mean).all()


def test_a_class_is_named_for_a_conditional_model():
    torch.manual_seed(0)
    model = zoo.build("cvae-mlp-2d", data_shape=(1, 8, 8), classes=3).eval()
    x = torch.rand(4, 1, 8, 8)
    with torch.no_grad():
        assert (zoo.embed(model, x, label=2)["z"] == model.encode(x, torch.full((4,), 2)).mean.numpy()).all()
    with pytest.raises(DataError, match="needs labels"):
        zoo.embed(model, x)
    with pytest.raises(InputError, match="expected a class number from 0 to 2, got 3"):
        zoo.embed(model, x, label=3)


def test_a_model_without_latents_is_refused():
    with pytest.raises(NotApplicableError, match="expected a model with latents"):
        zoo.embed(zoo.load("denoiser-unet.digits"), 2 * torch.rand(2, 1, 8, 8) - 1)


def test_a_label_for_an_unconditional_model_and_an_unknown_split_are_refused(model, digits):
    with pytest.raises(InputError, match="not conditional"):
        zoo.embed(model, digits, label="3")
    with pytest.raises(InputError, match="Did you mean 'test'"):
        zoo.embed(model, digits, split="tests")


def test_the_caller_s_random_numbers_and_the_mode_of_the_noise_are_left_alone(model):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    zoo.score(model, torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0)), num_samples=3)
    assert torch.equal(torch.rand(3), expected)
