"""Distances in the features of a pretrained encoder, which do not change, and travel with the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import zoo
from tests.regularisers.dissimilarities import compared_by
from zoo.errors import ComponentError
from zoo.model import Model


def make(data_shape: tuple[int, ...] = (1, 8, 8), **options: Any) -> Model:
    return compared_by("deep_features", "features", "vae-mlp-2d", data_shape, **options)


@pytest.mark.parametrize("pretrained", ["vae-conv-16d.digits", "vae-mlp-2d.digits"])
def test_it_is_the_distance_in_the_features_of_the_pretrained_encoder(pretrained: str) -> None:
    model, x = make(pretrained=pretrained, weight=2.0), torch.rand(4, 1, 8, 8)
    encoder = zoo.load(pretrained).encoder
    torch.manual_seed(1)
    loss, terms = model.loss(x)
    torch.manual_seed(1)
    reconstruction = model.inference(x).draw().data.mean[0]
    expected = 0.5 * (encoder(x) - encoder(reconstruction)).flatten(1).square().sum(1).mean()
    torch.testing.assert_close(terms["features"], expected.detach())
    torch.testing.assert_close(loss, 2 * expected + terms["kl"])


def test_data_of_another_range_are_mapped_to_that_of_the_encoder() -> None:
    x, y = torch.rand(2, 4, 1, 8, 8)
    values = []
    for model, scaled in ((make(), (x, y)), (make(data_range=(-1, 1)), (2 * x - 1, 2 * y - 1))):
        samples = model.inference(scaled[0]).draw()
        vars(samples)["data"] = torch.distributions.Normal(scaled[1][None], 1.0)
        values.append(model.regularisers["features"](samples))
    torch.testing.assert_close(*values)
    assert values[0] > 0


def test_a_convolutional_encoder_takes_images_of_another_size() -> None:
    assert make((1, 28, 20)).loss(torch.rand(4, 1, 28, 20)).total.isfinite()


def test_the_features_do_not_change_in_training_and_are_saved_with_the_model(tmp_path: Path) -> None:
    model, x = make().train(), torch.rand(4, 1, 8, 8)
    encoder = model.regularisers["features"].encoder
    assert not encoder.training
    assert not any(name.startswith("regularisers.") for name in model.training_parameters())
    model.loss(x).total.backward()
    assert all(p.grad is None for p in encoder.parameters())
    restored = zoo.load(zoo.save(model, tmp_path))
    for mine, other in zip(encoder.parameters(), restored.regularisers["features"].encoder.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_the_loss_has_no_unit_and_the_term_has_its_own() -> None:
    model = make()
    assert [model.unit_of(term) for term in ("features", "kl", "loss")] == [
        "squared distance of features",
        "nats",
        None,
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pretrained": "vae-conv-16d.digit"}, r"pretrained: unknown pretrained model .*\nDid you mean 'vae-conv-16d"),
        ({"pretrained": "denoiser-unet.digits"}, r"pretrained: expected a model with an encoder of data alone"),
        ({"data_shape": (3, 8, 8)}, r"was trained on data of shape \(1, 8, 8\), and does not take \(3, 8, 8\)"),
        ({"data_shape": (1, 9, 9), "pretrained": "vae-mlp-2d.digits"}, r"does not take \(1, 9, 9\)"),
        ({"data_range": None}, "got data without a range"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ComponentError, match=rf"(?s)regularisers\.features.*{message}"):
        make(**changes)
