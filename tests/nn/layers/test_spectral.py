"""Spectral normalisation: singular values, the bound on the slope that follows, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

import zoo
from zoo.model import Model
from zoo.nn.layers.modulation import Modulation

DECODERS: dict[str, dict[str, Any]] = {
    "mlp": {"decoder": {"name": "mlp", "widths": [16, 24]}},
    "conv": {"decoder": {"name": "conv", "channels": [8, 4], "hidden": 16}},
    "conv_map": {
        "encoder": {"name": "conv", "channels": [4, 6]},
        "posterior": "point_map",
        "decoder": {"name": "conv_map", "channels": [8, 4]},
    },
}


def make(parts: dict[str, Any], **changes: Any) -> Model:
    torch.manual_seed(0)
    decoder = {**parts["decoder"], "spectral_norm": True}
    return zoo.build("ae-mlp-2d", data_shape=(1, 8, 8), **{**parts, "decoder": decoder}, **changes)


def train(model: Model, steps: int = 30) -> Model:
    """Take large steps, so that the weights grow, then let the power iteration come to rest."""
    x, labels = torch.rand(16, 1, 8, 8), torch.arange(16) % 3 if model.classes else None
    optimizer = torch.optim.Adam(model.train().parameters(), lr=3e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        (model.loss(x, labels).total * 10).backward()
        optimizer.step()
    with torch.no_grad():
        for _ in range(30):
            model.loss(x, labels)
    return model.eval()


def layers(model: Model) -> list[nn.Module]:
    return [module for module in model.decoder.modules() if is_parametrized(module)]


@pytest.mark.parametrize("name", DECODERS)
def test_the_largest_singular_value_of_every_layer_is_one_after_training(name: str) -> None:
    model = train(make(DECODERS[name]))
    assert layers(model)
    assert not any(is_parametrized(module) for module in model.encoder.modules())
    for layer in layers(model):
        transposed = isinstance(layer, nn.ConvTranspose1d | nn.ConvTranspose2d)
        weight = layer.weight.transpose(0, 1) if transposed else layer.weight
        assert torch.linalg.matrix_norm(weight.flatten(1), 2).item() == pytest.approx(1.0, abs=0.02)
        assert layer.parametrizations.weight.original.norm() > 1.2 * layer.weight.norm()


def test_a_decoder_of_linear_layers_and_rectifiers_stretches_no_distance() -> None:
    model = train(make(DECODERS["mlp"]))
    z, other = torch.randn(200, 2) * 5, torch.randn(200, 2) * 5
    with torch.no_grad():
        moved = (model.decoder(z) - model.decoder(other)).flatten(1).norm(dim=1)
    assert (moved <= 1.02 * (z - other).norm(dim=1)).all()
    assert (moved > 0).all()


def test_what_the_labels_scale_and_shift_is_left_alone() -> None:
    model = train(make(DECODERS["mlp"], classes=3))
    found = [module for module in model.decoder.modules() if isinstance(module, Modulation)]
    assert found
    assert not any(is_parametrized(module) for each in found for module in each.modules())


def test_without_it_nothing_changes_and_with_it_a_model_is_loaded_to_the_same_outputs(tmp_path: Path) -> None:
    torch.manual_seed(0)
    plain = zoo.build("ae-mlp-2d", data_shape=(1, 8, 8), decoder={"spectral_norm": False})
    torch.manual_seed(0)
    untouched = zoo.build("ae-mlp-2d", data_shape=(1, 8, 8))
    assert list(plain.state_dict()) == list(untouched.state_dict())
    model, x = train(make(DECODERS["conv"]), steps=3), torch.rand(4, 1, 8, 8)
    assert torch.equal(zoo.load(zoo.save(model, tmp_path)).reconstruct(x), model.reconstruct(x))
