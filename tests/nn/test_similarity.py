"""Structural similarity against closed forms and against torchmetrics."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    structural_similarity_index_measure,
)

from zoo.nn.similarity import SCALE_WEIGHTS, ms_ssim, scales_that_fit


def images(*shape: int) -> tuple[Tensor, Tensor]:
    """Return smooth images and the same with noise."""
    torch.manual_seed(0)
    x = F.avg_pool2d(torch.rand(shape), 3, stride=1, padding=1)
    return x, (x + 0.1 * torch.randn(shape)).clamp(0, 1)


def of_torchmetrics(x: Tensor, y: Tensor, scales: int, window: int) -> Tensor:
    """Return the product over scales of torchmetrics' terms, where its window lies within the image.

    Its own multi-scale function takes the last scale also where the window passes the edge.
    """
    options = {"sigma": 1.5 * window / 11, "data_range": 1.0, "reduction": "none"}
    weights = torch.tensor(SCALE_WEIGHTS[:scales])
    product, edge = torch.ones(len(x)), window // 2
    for scale, weight in enumerate(weights / weights.sum()):
        if scale:
            x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
        _, contrast = structural_similarity_index_measure(y, x, return_contrast_sensitivity=True, **options)
        _, image = structural_similarity_index_measure(y, x, return_full_image=True, **options)
        whole = image[..., edge:-edge, edge:-edge].flatten(1).mean(1)
        product = product * (whole if scale == scales - 1 else contrast) ** weight
    return product


@pytest.mark.parametrize(
    ("shape", "scales", "window"),
    [((3, 1, 28, 28), 2, 11), ((2, 3, 30, 41), 1, 11), ((3, 1, 28, 28), 3, 7), ((2, 1, 176, 180), 5, 11)],
)
def test_it_is_that_of_torchmetrics(shape: tuple[int, ...], scales: int, window: int) -> None:
    x, y = images(*shape)
    expected = of_torchmetrics(x, y, scales, window)
    torch.testing.assert_close(ms_ssim(x, y, scales=scales, window=window), expected, atol=1e-5, rtol=1e-4)


def test_in_a_large_image_it_is_the_multi_scale_value_of_torchmetrics() -> None:
    x, y = images(1, 1, 400, 400)
    expected = multiscale_structural_similarity_index_measure(y, x, data_range=1.0)
    assert ms_ssim(x, y).item() == pytest.approx(expected.item(), abs=2e-3)  # but for the edges of the last scale


def test_equal_images_have_similarity_one_and_others_less() -> None:
    x, y = images(3, 1, 28, 28)
    torch.testing.assert_close(ms_ssim(x, x, scales=2), torch.ones(3))
    assert (ms_ssim(x, y, scales=2) < 0.95).all()


def test_of_constant_images_it_is_the_luminance_term() -> None:
    """(2ab + C₁) / (a² + b² + C₁) for a = 0.3, b = 0.6, to the power of the last scale's share of the weights."""
    a, b = torch.full((1, 1, 22, 22), 0.3), torch.full((1, 1, 22, 22), 0.6)
    assert ms_ssim(a, b, scales=1).item() == pytest.approx(0.800044, abs=1e-6)
    share = SCALE_WEIGHTS[1] / sum(SCALE_WEIGHTS[:2])
    assert ms_ssim(a, b, scales=2).item() == pytest.approx(0.800044**share, abs=1e-6)


def test_each_image_has_its_own_whatever_stands_beside_it() -> None:
    x, y = images(4, 1, 28, 28)
    together = ms_ssim(x, y, scales=2)
    apart = torch.cat([ms_ssim(x[k : k + 1], y[k : k + 1], scales=2) for k in range(4)])
    torch.testing.assert_close(together, apart)


def test_it_does_not_depend_on_the_unit_of_pixels() -> None:
    x, y = images(2, 1, 28, 28)
    torch.testing.assert_close(ms_ssim(255 * x, 255 * y, largest=255.0, scales=2), ms_ssim(x, y, scales=2))


def test_the_gradient_is_finite_for_opposite_images_and_for_equal_ones() -> None:
    x, _ = images(2, 1, 28, 28)
    for start in (1 - x, x):
        y = start.clone().requires_grad_()
        ms_ssim(x, y, scales=2).sum().backward()
        assert y.grad is not None
        assert y.grad.isfinite().all()


@pytest.mark.parametrize(("side", "expected"), [(10, 0), (11, 1), (28, 2), (175, 4), (176, 5), (1000, 5)])
def test_scales_that_fit(side: int, expected: int) -> None:
    assert scales_that_fit(side, 2 * side) == scales_that_fit(2 * side, side) == expected
