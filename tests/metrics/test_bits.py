"""Bits per dimension are code lengths of the stored values, or are left out."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import zoo
from zoo.data import load_data


@pytest.fixture
def file(tmp_path: Path) -> str:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).integers(0, 2, (20, 4, 4)).astype(bool))
    return str(tmp_path / "x.npy")


def measured(file: str, likelihood: Any = "bernoulli", **options: Any) -> dict[str, Any]:
    data = load_data("arrays", path=file, validation=0.0, test=0.0, **options)
    torch.manual_seed(0)
    info = data.info
    model = zoo.build(
        "vae-mlp-2d", data_shape=info.data_shape, data_range=info.data_range, data=info.description,
        likelihood=likelihood,
    )  # fmt: skip
    return zoo.evaluate(model, data, ["log_likelihood"], split="train")


def test_of_binary_data_they_are_the_negative_log_probability_of_a_value(file: str) -> None:
    found = measured(file)
    assert found["bits_per_dimension"] == pytest.approx(-found["log_likelihood"] / 16 / math.log(2))


def test_padding_adds_no_values_that_are_stored(file: str) -> None:
    found = measured(file, pad=2)
    assert found["bits_per_dimension"] == pytest.approx(-found["log_likelihood"] / 16 / math.log(2))


@pytest.mark.parametrize(
    ("likelihood", "options"),
    [
        ("gaussian", {}),
        ({"name": "gaussian", "scale_mode": "shared"}, {"scale": "symmetric"}),
        ("bernoulli", {"resize": [8, 8], "binarise": "threshold"}),
        ("bernoulli", {"resize": [8, 8]}),  # greyscale between the pixels
    ],
    ids=str,
)
def test_densities_cross_entropies_and_resized_images_have_none(
    file: str, likelihood: Any, options: dict[str, Any]
) -> None:
    found = measured(file, likelihood, **options)
    assert "log_likelihood" in found
    assert "bits_per_dimension" not in found
