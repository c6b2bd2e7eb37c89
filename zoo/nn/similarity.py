"""Structural similarity of images, at one scale and at several."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.utils.precision import at_least_float32, full_precision

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales of the paper, from fine to coarse."""

_LEAST = 1e-4
"""Smaller similarities are replaced by this value: the derivative of a power near 0 is unbounded."""


def ms_ssim(x: Tensor, y: Tensor, *, largest: float = 1.0, window: int = 11, scales: int = 5) -> Tensor:
    r"""Return the multi-scale structural similarity of images, (B,): 1 if they are equal.

    At each scale, luminance l, contrast c and structure s are compared within a Gaussian window, and averaged over all
    places where the window lies within the image; each further scale halves it. The similarity is l_M^{w_M}
    Π_j (c_j s_j)^{w_j} over M scales. With fewer than five, the weights of the first M are divided by their sum, so
    that one scale is the SSIM.

    Args:
        x: (B, C, H, W), with values from 0 to ``largest``.
        y: (B, C, H, W).
        largest: L, the largest value of a pixel.
        window: width of the window, odd; its standard deviation is 1.5 for the usual width of 11, and in proportion.
        scales: M, from 1 to 5; see :func:`scales_that_fit`.

    Source:
        Wang, Simoncelli & Bovik (2003), Multi-Scale Structural Similarity for Image Quality Assessment.
        https://doi.org/10.1109/ACSSC.2003.1292216
        Wang et al. (2004), Image Quality Assessment: From Error Visibility to Structural Similarity, equation 13.
        https://doi.org/10.1109/TIP.2003.819861

    Example:
        >>> x = torch.rand(2, 1, 28, 28)
        >>> torch.allclose(ms_ssim(x, x, scales=2), torch.ones(2))
        True
        >>> a, b = torch.full((1, 1, 11, 11), 0.3), torch.full((1, 1, 11, 11), 0.6)
        >>> round(ms_ssim(a, b, scales=1).item(), 4)  # (2ab + C₁) / (a² + b² + C₁)
        0.8
    """
    with full_precision(x):
        x, y = at_least_float32(x), at_least_float32(y)
        kernel = _gaussian(window, 1.5 * window / 11, x)
        weights = x.new_tensor(SCALE_WEIGHTS[:scales])
        weights = weights / weights.sum()
        product = x.new_ones(len(x))
        for scale, weight in enumerate(weights):
            if scale:
                x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
            luminance, structure = _similarities(x, y, kernel, largest)
            is_last = scale == scales - 1
            similarity = (luminance * structure if is_last else structure).flatten(1).mean(1)
            product = product * similarity.clamp_min(_LEAST) ** weight
        return product


def scales_that_fit(height: int, width: int, window: int = 11) -> int:
    """Return the number of scales, up to five, at which an image is at least as large as the window; it may be 0.

    Example:
        >>> scales_that_fit(176, 176), scales_that_fit(28, 28), scales_that_fit(8, 8), scales_that_fit(8, 8, window=7)
        (5, 2, 0, 1)
    """
    return sum(min(height, width) >> scale >= window for scale in range(len(SCALE_WEIGHTS)))


def _gaussian(window: int, deviation: float, like: Tensor) -> Tensor:
    places = torch.arange(window, dtype=like.dtype, device=like.device) - (window - 1) / 2
    weights = torch.exp(-places.square() / (2 * deviation**2))
    return weights / weights.sum()


def _similarities(x: Tensor, y: Tensor, kernel: Tensor, largest: float) -> tuple[Tensor, Tensor]:
    """Return l, and c s, at each place where the whole window lies within the image."""
    c1, c2 = (0.01 * largest) ** 2, (0.03 * largest) ** 2
    mean_x, mean_y, xx, yy, xy = _smoothed(torch.stack([x, y, x * x, y * y, x * y]), kernel)
    variances = xx - mean_x.square() + yy - mean_y.square()
    covariance = xy - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + c1) / (mean_x.square() + mean_y.square() + c1)
    return luminance, (2 * covariance + c2) / (variances + c2)


def _smoothed(images: Tensor, kernel: Tensor) -> Tensor:
    """Return averages (N, B, C, h, w) in a window, which is separable into one window along each axis."""
    flat = images.flatten(0, 2).unsqueeze(1)
    smooth = F.conv2d(F.conv2d(flat, kernel[None, None, :, None]), kernel[None, None, None, :])
    return smooth.squeeze(1).unflatten(0, images.shape[:3])
