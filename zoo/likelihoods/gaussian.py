"""The likelihood of real-valued data."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Independent, Normal
from torch.nn import functional as F

from zoo.likelihoods import Likelihood
from zoo.likelihoods._parameters import default_scale, inverse_softplus
from zoo.registry import register
from zoo.utils.precision import at_least_float32


@register("likelihood", "gaussian")
class Gaussian(Likelihood):
    """Independent Gaussian values, log p(x|z) = Σ log N(x; m(z), s²), with every constant.

    Args:
        scale: the standard deviation s, in units of the data; the initial value if it is learned. null: a tenth of the
            data's range, or 1 if the range is not known. With a large s, errors cost so little that latents are not
            worth their KL divergence: with s = 1, a VAE of images in [0, 1] ignores its latents.
        scale_mode: ``fixed``: s is ``scale``. ``shared``: one s, learned. ``per_feature``: an s for each value of an
            example, learned. ``per_pixel``: the decoder returns s(z) for each value.
        floor: smallest s that can be learned; without one the density of constant pixels is unbounded.

    Source:
        Kingma & Welling (2014), Auto-Encoding Variational Bayes, appendix C.2. https://arxiv.org/abs/1312.6114
        Rybkin, Daniilidis & Levine (2021), Simple and Effective VAE Training with Calibrated Decoders (``shared``).
        https://arxiv.org/abs/2006.13202

    Example:
        >>> p = Gaussian(data_shape=(3,), scale=0.5)(torch.zeros(5, 3))
        >>> p.mean.shape, float(p.stddev[0, 0])
        (torch.Size([5, 3]), 0.5)
    """

    raw_scale: Tensor

    def __init__(
        self,
        *,
        data_shape: tuple[int, ...],
        data_range: tuple[float, float] | None = None,
        scale: Annotated[float, Field(gt=0)] | None = None,
        scale_mode: Literal["fixed", "shared", "per_feature", "per_pixel"] = "fixed",
        floor: Annotated[float, Field(gt=0)] = 1e-3,
    ) -> None:
        super().__init__(data_shape)
        scale = default_scale(scale, data_range)
        self.scale, self.scale_mode, self.floor = scale, scale_mode, floor
        # softplus(offset) + floor is `scale`, the initial value.
        self.offset = inverse_softplus(max(scale - floor, 1e-6))
        if scale_mode in ("shared", "per_feature"):
            shape = self.data_shape if scale_mode == "per_feature" else ()
            self.raw_scale = nn.Parameter(torch.full(shape, self.offset))

    @property
    def learns_scale(self) -> bool:
        """Whether the scale is trained."""
        return self.scale_mode != "fixed"

    @property
    def parameter_shape(self) -> tuple[int, ...]:
        """The data's shape, with twice the channels if the decoder also returns the scale."""
        if self.scale_mode != "per_pixel":
            return self.data_shape
        return (2 * self.data_shape[0], *self.data_shape[1:])

    def forward(self, raw: Tensor) -> Independent:
        """Map raw parameters (*batch, *parameter_shape) to Gaussians with event shape ``data_shape``."""
        raw = at_least_float32(raw)
        if self.scale_mode == "per_pixel":
            mean, raw_scale = raw.chunk(2, dim=-len(self.data_shape))
            scale = F.softplus(raw_scale + self.offset) + self.floor
        elif self.learns_scale:
            mean, scale = raw, F.softplus(self.raw_scale) + self.floor
        else:
            mean, scale = raw, raw.new_full((), self.scale)
        return Independent(Normal(mean, scale, validate_args=False), len(self.data_shape), validate_args=False)
