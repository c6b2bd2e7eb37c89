"""Structural dissimilarity of images and their reconstructions."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor

from zoo.errors import ComponentError
from zoo.model import LatentSamples, Model
from zoo.nn.similarity import ms_ssim, scales_that_fit
from zoo.registry import register
from zoo.regularisers import Regulariser, check_decodes, reconstructed
from zoo.spec.model import ModelSpec
from zoo.spec.schedule import NonNegativeWeight


@register("regulariser", "ms_ssim")
class MsSsim(Regulariser):
    r"""One minus the multi-scale structural similarity of images and their reconstructions, from 0 to 1.

    With the objective ``vae`` and ``reconstruction_weight: 0`` it replaces the log-likelihood (MS-SSIM VAE). With the
    objective ``autoencoder`` it replaces the squared error or is added to it. Choose it if edges and texture matter
    more than single pixels. It is not a log-density: the loss has no unit, and is not a bound. With a KL term in nats
    it needs a weight of the order of a log-likelihood; with a weight of 1 the latents collapse.

    Terms of contrast and structure below 1e-4 are replaced by 1e-4.

    Args:
        weight: weight of the term.
        window: width of the Gaussian window in pixels, odd.
        scales: M, number of scales, each at half the size of the one before; null: as many as fit, up to the five of
            the paper, which need 176 pixels a side with a window of 11. With fewer scales their weights are divided by
            their sum.

    Raises:
        ComponentError: the data are not images, have no range, or are smaller than the window at some scale.

    Source:
        Wang, Simoncelli & Bovik (2003), Multi-Scale Structural Similarity for Image Quality Assessment.
        https://doi.org/10.1109/ACSSC.2003.1292216
        Snell et al. (2017), Learning to Generate Images with Perceptual Similarity Metrics.
        https://arxiv.org/abs/1511.06409

    Example:
        >>> import torch, zoo
        >>> similarity = {"name": "ms_ssim", "weight": 100.0}
        >>> model = zoo.build(
        ...     "vae-conv-16d", objective={"reconstruction_weight": 0}, regularisers={"similarity": similarity}
        ... )
        >>> model.regularisers["similarity"].scales, model.unit_of("similarity"), model.unit_of("loss")
        (2, '1 − MS-SSIM', None)
    """

    unit: ClassVar[str] = "1 − MS-SSIM"
    compares_data: ClassVar[bool] = True

    def __init__(
        self,
        *,
        data_shape: tuple[int, ...],
        data_range: tuple[float, float] | None,
        weight: NonNegativeWeight = 100.0,
        window: Annotated[int, Field(ge=3, le=101)] = 11,
        scales: Annotated[int, Field(ge=1, le=5)] | None = None,
    ) -> None:
        super().__init__(weight)
        if len(data_shape) != 3 or data_range is None:
            what = f"data of shape {tuple(data_shape)}" if len(data_shape) != 3 else "data without a range"
            raise ComponentError(
                f"expected images (channels, height, width) with a largest and a smallest value, got {what}",
                remedy="Leave the regulariser out, or use `data_critic`, which takes any data.",
            )
        if not window % 2:
            raise ComponentError(f"expected an odd number of pixels, got {window}", where="window")
        fitting = scales_that_fit(*data_shape[1:], window=window)
        if fitting < (scales or 1):
            size, asked = "×".join(map(str, data_shape[1:])), scales or 1
            raise ComponentError(
                f"images of {size} pixels are smaller than the window of {window} at scale {fitting + 1} of {asked}",
                where="scales" if fitting else "window",
                remedy=(f"Use at most {fitting} scales, or a" if fitting else "Use a")
                + f" window of at most {_largest_window(min(data_shape[1:]) >> (asked - 1))}; or enlarge images by "
                "`data.resize`.",
            )
        self.low, self.high = data_range
        self.window, self.scales = window, scales or fitting

    def check(self, spec: ModelSpec, model: Model) -> None:
        """Require a model that decodes latents to images."""
        check_decodes(spec, model)

    def forward(self, samples: LatentSamples) -> Tensor:
        """Return 1 − MS-SSIM, the mean over the batch."""
        x, reconstruction = (image - self.low for image in reconstructed(samples))
        similarity = ms_ssim(x, reconstruction, largest=self.high - self.low, window=self.window, scales=self.scales)
        return 1 - similarity.mean()


def _largest_window(side: int) -> int:
    return side if side % 2 else side - 1
