"""The structural dissimilarity as a term of the loss: its value, its unit, and images that are too small."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.minimise import minimise
from tests.regularisers.dissimilarities import compared_by
from zoo.errors import ComponentError
from zoo.model import Model
from zoo.nn.similarity import ms_ssim


def make(data_shape: tuple[int, ...] = (1, 12, 12), **options: Any) -> Model:
    return compared_by("ms_ssim", "similarity", "ae-mlp-2d", data_shape, **options)


def test_it_is_one_minus_the_similarity_of_data_and_reconstructions() -> None:
    model = make((1, 11, 11), weight=3.0)
    [*model.decoder.modules()][-1].bias.data.add_(0.5)
    x = (model.reconstruct(torch.rand(4, 1, 11, 11)) + 0.05 * torch.randn(4, 1, 11, 11)).clamp(0, 1)
    loss, terms = model.loss(x)
    expected = 1 - ms_ssim(x, model.reconstruct(x), scales=1).mean()
    assert 0.01 < expected < 0.9
    torch.testing.assert_close(terms["similarity"], expected)
    torch.testing.assert_close(loss.detach(), 3 * terms["similarity"])


def test_data_from_minus_one_to_one_are_as_similar_as_from_zero_to_one() -> None:
    model, other, x = make(), make(data_range=(-1, 1)), torch.rand(4, 1, 12, 12)
    first = model.regularisers["similarity"](model.inference(x).draw())
    samples = other.inference(2 * x - 1).draw()
    # Decoders of linear output: the same weights give 2y − 1 where they are doubled and shifted.
    last = [m for m in other.decoder.modules() if isinstance(m, torch.nn.Linear)][-1]
    encoded = model.inference(x).draw().z
    with torch.no_grad():
        last.weight.mul_(2)
        last.bias.mul_(2).sub_(1)
        samples.z = encoded
    torch.testing.assert_close(other.regularisers["similarity"](samples), first)


def test_the_loss_has_no_unit_and_the_term_has_its_own() -> None:
    model = make()
    assert [model.unit_of(term) for term in ("similarity", "squared_error", "loss")] == [
        "1 − MS-SSIM",
        "squared error",
        None,
    ]


def test_values_that_were_not_observed_do_not_count() -> None:
    model, x = make(), torch.rand(4, 1, 12, 12)
    mask = torch.zeros(x.shape, dtype=torch.bool)
    assert model.loss(x, mask=mask).terms["similarity"].item() == pytest.approx(0.0, abs=1e-6)


def test_it_takes_as_many_scales_as_fit() -> None:
    assert [make((1, side, side)).regularisers["similarity"].scales for side in (11, 22, 44)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("data_shape", "options", "message", "remedy"),
    [
        ((1, 8, 8), {}, "window: images of 8×8 pixels are smaller than the window of 11 at scale 1 of 1", "at most 7"),
        (
            (1, 28, 28),
            {"scales": 3},
            r"scales: images of 28×28 .* at scale 3 of 3",
            r"at most 2 scales, or a window.* 7",
        ),
        ((1, 28, 28), {"window": 4}, "window: expected an odd number of pixels, got 4", ""),
        ((1, 28, 28), {"scales": 6}, "scales", ""),
        ((5,), {}, r"expected images .* got data of shape \(5,\)", "data_critic"),
    ],
)
def test_what_does_not_fit_is_refused(
    data_shape: tuple[int, ...], options: dict[str, int], message: str, remedy: str
) -> None:
    with pytest.raises(ComponentError, match=rf"(?s)regularisers\.similarity.*{message}.*{remedy}"):
        make(data_shape, **options)


def test_data_without_a_range_are_refused() -> None:
    with pytest.raises(ComponentError, match="got data without a range"):
        make(data_range=None)


def test_training_by_it_alone_makes_reconstructions_similar() -> None:
    model, x = make(window=7), torch.rand(16, 1, 12, 12)
    before = model.loss(x).terms["similarity"].item()
    minimise(lambda: model.loss(x).total, model.parameters(), iterations=30)
    assert model.loss(x).terms["similarity"].item() < 0.75 * before
