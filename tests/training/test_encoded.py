"""Data that are encoded once for a fit: the same prior comes of them, and only where nothing else would see them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import zoo
from tests.training.trainers import SMALL
from zoo.data import Data
from zoo.model import Model
from zoo.spec import TrainSpec
from zoo.training.encoded import encoded

FIT = {"epochs": 3, "batch_size": 256, "device": "cpu", "precision": "fp32", "optimizer": {"name": "adam", "lr": 1e-2}}


def model_with(preset: str, **fields: Any) -> Model:
    torch.manual_seed(0)
    return zoo.build(preset, data_shape=(1, 8, 8), **{**SMALL, **fields}).eval()


def fitted(model: Model, data: Data, prior: Any) -> dict[str, torch.Tensor]:
    """Return the weights of the fitted prior."""
    found = zoo.fit_prior(model, data, prior, FIT, quiet=True)
    return {k: v for k, v in found.state_dict().items() if k.startswith("fitted_prior.")}


@pytest.mark.parametrize(
    ("preset", "prior"),
    [
        ("ae-mlp-2d", {"name": "flow", "steps": 1, "widths": [8]}),
        ("vae-mlp-2d", {"name": "gaussian", "learned": True}),
        ("cvae-mlp-2d", "class_gaussian"),
    ],
)
def test_a_fit_to_features_is_that_to_the_data(
    preset: str, prior: Any, digits: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = fitted(model_with(preset), digits, prior)
    monkeypatch.setattr("zoo.runs.fit_prior.encoded", lambda *_: None)
    each_time = fitted(model_with(preset), digits, prior)
    assert once.keys() == each_time.keys()
    for name, tensor in each_time.items():
        torch.testing.assert_close(once[name], tensor, rtol=1e-3, atol=1e-4)


def test_features_are_those_of_each_example(digits: Data) -> None:
    model = model_with("vae-mlp-2d")
    found = encoded(model, digits, TrainSpec(epochs=2))
    assert found is not None
    assert found.validation is not None
    x = digits.validation.examples(20) if digits.validation else torch.zeros(0)
    torch.testing.assert_close(found.validation.examples(20), model.inference(x).features)
    assert torch.equal(found.train.take(torch.tensor([7])).labels, digits.train.take(torch.tensor([7])).labels)


def test_the_test_split_of_encoded_data_keeps_its_examples(digits: Data) -> None:  # a resumed fit compares their number
    found = encoded(model_with("vae-mlp-2d"), digits, TrainSpec(epochs=2))
    assert found is not None
    assert [len(found.train), len(found.test or ())] == [len(digits.train), len(digits.test or ())]
    assert digits.test is not None


def test_data_are_not_encoded_once_where_the_examples_are_needed(digits: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_with("vae-mlp-2d")
    assert encoded(model, digits, TrainSpec(epochs=2)) is not None
    assert encoded(model, digits, TrainSpec(epochs=1)) is None
    watched = TrainSpec.model_validate({"epochs": 2, "callbacks": {"units": "metrics"}})
    assert encoded(model, digits, watched) is None
    assert encoded(model, zoo.load_data("digits", binarise="dynamic"), TrainSpec(epochs=2)) is None
    assert encoded(model_with("vae-mlp-2d", posterior="hamiltonian"), digits, TrainSpec(epochs=2)) is None
    reads_data = model_with("vae-mlp-2d", fitted_prior="gaussian")
    assert encoded(reads_data, digits, TrainSpec(epochs=2)) is not None
    monkeypatch.setattr(type(reads_data.fitted_prior), "needs_data", True)
    assert encoded(reads_data, digits, TrainSpec(epochs=2)) is None
    monkeypatch.setattr("zoo.training.encoded._MOST_BYTES", 100)
    assert encoded(model, digits, TrainSpec(epochs=2)) is None
