"""The likelihood of real-valued data with heavier tails than a Gaussian."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor
from torch.distributions import Independent
from torch.distributions import Laplace as LaplaceDistribution

from zoo.likelihoods import Likelihood
from zoo.likelihoods._parameters import Mode, PositiveParameter, blocks, default_scale, times_channels
from zoo.registry import register
from zoo.utils.precision import at_least_float32


@register("likelihood", "laplace")
class Laplace(Likelihood):
    r"""Independent Laplace values, log p(x|z) = Σ −|x − m(z)| / b − log 2b, with every constant.

    Choose it over ``gaussian`` for data with outliers, or for sharper reconstructions of images: the best m is a
    median, not a mean.

    Args:
        scale: b, the mean distance from m, in units of the data; the initial value if it is learned. null: a tenth of
            the data's range, or 1 if the range is not known.
        scale_mode: ``fixed``: b is ``scale``. ``shared``: one b, learned. ``per_feature``: one for each value of an
            example, learned. ``per_pixel``: the decoder returns b(z) for each value.
        floor: smallest b that can be learned; without one the density of constant values is unbounded.

    Source:
        Kotz, Kozubowski & Podgórski (2001), The Laplace Distribution and Generalizations.
        https://doi.org/10.1007/978-1-4612-0173-1

    Example:
        >>> import torch
        >>> p = Laplace(data_shape=(3,), scale=0.5)(torch.zeros(5, 3))
        >>> p.log_prob(torch.ones(5, 3))[0]
        tensor(-6.)
    """

    def __init__(
        self,
        *,
        data_shape: tuple[int, ...],
        data_range: tuple[float, float] | None = None,
        scale: Annotated[float, Field(gt=0)] | None = None,
        scale_mode: Mode = "fixed",
        floor: Annotated[float, Field(gt=0)] = 1e-3,
    ) -> None:
        super().__init__(data_shape)
        self.scale = PositiveParameter(default_scale(scale, data_range), scale_mode, self.data_shape, floor)

    @property
    def parameter_shape(self) -> tuple[int, ...]:
        """The data's shape, with twice the channels if the decoder also returns the scale."""
        return times_channels(self.data_shape, 1 + self.scale.blocks)

    def forward(self, raw: Tensor) -> Independent:
        """Map raw parameters (*batch, *parameter_shape) to distributions with event shape ``data_shape``."""
        dims = len(self.data_shape)
        location, *others = blocks(at_least_float32(raw), 1 + self.scale.blocks, dims).unbind(-dims - 1)
        scale = self.scale(others[0] if others else location)
        return Independent(LaplaceDistribution(location, scale, validate_args=False), dims, validate_args=False)
