"""Parameters of likelihoods: blocks of the decoder's output, and positive numbers that are fixed or learned."""

from __future__ import annotations

import math
from typing import Literal

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

Shape = torch.Size | list[int] | tuple[int, ...]
"""The types that torch accepts as a batch shape or a sample shape."""

Mode = Literal["fixed", "shared", "per_feature", "per_pixel"]
"""The source of a parameter: an option, one learned number, one for each value of an example, or the decoder."""

_OTHER_AXES = ("", " a", " a b", " a b c")


def blocks(raw: Tensor, count: int, data_dims: int) -> Tensor:
    """Return raw parameters (*batch, count · C, …) as (*batch, count, C, …), in blocks of the data's shape.

    Args:
        raw: the output of a decoder.
        count: parameters for each value of the data.
        data_dims: axes of one example.

    Example:
        >>> blocks(torch.zeros(5, 6, 8, 8), 2, data_dims=3).shape
        torch.Size([5, 2, 3, 8, 8])
    """
    others = _OTHER_AXES[data_dims - 1]
    return rearrange(raw, f"... (count channels){others} -> ... count channels{others}", count=count)


def times_channels(shape: tuple[int, ...], count: int) -> tuple[int, ...]:
    """Return a data shape with ``count`` times its channels.

    Example:
        >>> times_channels((3, 8, 8), 2)
        (6, 8, 8)
    """
    return (count * shape[0], *shape[1:])


class PositiveParameter(nn.Module):
    """A positive parameter of a distribution: softplus of a raw number, plus a floor.

    Args:
        initial: its value if fixed; otherwise the initial value, or the value for a raw number of 0 from the decoder.
        mode: its source.
        shape: the shape of the data, for ``per_feature``.
        floor: smallest value that can be learned.

    Example:
        >>> PositiveParameter(2.0, "per_pixel", (3,), floor=0.1)(torch.zeros(3))
        tensor([2., 2., 2.])
    """

    raw: Tensor

    def __init__(self, initial: float, mode: Mode, shape: tuple[int, ...], floor: float) -> None:
        super().__init__()
        self.initial, self.mode, self.floor = initial, mode, floor
        self.offset = inverse_softplus(max(initial - floor, 1e-6))
        if mode in ("shared", "per_feature"):
            self.raw = nn.Parameter(torch.full(shape if mode == "per_feature" else (), self.offset))

    @property
    def blocks(self) -> int:
        """The number of blocks of raw parameters from the decoder."""
        return int(self.mode == "per_pixel")

    def forward(self, raw: Tensor) -> Tensor:
        """Return the parameter: from its own block of raw parameters, or as a tensor that broadcasts to ``raw``."""
        if self.mode == "fixed":
            return raw.new_full((), self.initial)
        return F.softplus(raw + self.offset if self.mode == "per_pixel" else self.raw.to(raw.dtype)) + self.floor


def inverse_softplus(value: float) -> float:
    """Return the number whose softplus is ``value`` > 0.

    Example:
        >>> round(inverse_softplus(1.0), 6)
        0.541325
    """
    return value + math.log(-math.expm1(-value))


def default_scale(scale: float | None, data_range: tuple[float, float] | None) -> float:
    """Return the given scale; without one, a tenth of the data's range, or 1 if the range is not known.

    With a scale as large as the range, errors cost so little that latents are not worth their KL divergence.

    Example:
        >>> default_scale(None, (0, 255)), default_scale(None, None), default_scale(2.0, (0, 255))
        (25.5, 1.0, 2.0)
    """
    if scale is not None:
        return scale
    return 1.0 if data_range is None else (data_range[1] - data_range[0]) / 10


def log_softplus(raw: Tensor) -> Tensor:
    """Return log(softplus(raw)), finite and with a gradient where softplus itself rounds to zero.

    Example:
        >>> log_softplus(torch.tensor([-1e4, 0.0]))
        tensor([-1.0000e+04, -3.6651e-01])
    """
    return torch.where(raw <= -15, raw, F.softplus(raw.clamp(min=-15)).log())
