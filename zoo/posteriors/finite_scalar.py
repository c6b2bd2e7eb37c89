"""Finite scalar quantisation: each number of the vector at a place is rounded to one of a few levels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from zoo.errors import ComponentError
from zoo.posteriors._quantised import Choice, CodebookQuantiser, straight_through
from zoo.registry import register

_LEVELS: Mapping[int, tuple[int, ...]] = {
    3: (8, 6, 5),
    4: (8, 5, 5, 5),
    5: (7, 5, 5, 5, 5),
    6: (8, 8, 8, 5, 5, 5),
}
"""Table 1 of the source: 2⁸, 2¹⁰, 2¹² and 2¹⁶ codes, approximately."""

_STRETCH = 1e-3


@register("posterior", "finite_scalar")
class FiniteScalar(CodebookQuantiser):
    r"""Each of d numbers at a place, rounded to one of L_i levels between −1 and 1: FSQ.

    Choose it where a codebook collapses or is hard to tune: the Π L_i codes are a fixed grid, there is no codebook to
    learn and no further loss, and nearly all codes are used. A linear map of the features gives :math:`v`, and

    .. math:: z_i = round(½ (L_i − 1) tanh(v_i + s_i) − o_i) / ⌊L_i / 2⌋,

    with :math:`o_i = ½` for even L_i and 0 for odd ones, and s_i such that v = 0 gives z = 0. Gradients pass straight
    through the rounding. Under the prior ``uniform_codes`` the KL divergence is n Σ log L_i nats for n places.

    Shapes:
        features (B, C, *places) → z (B, latent_dim, *places), code numbers (B, *places) below Π L_i.

    Args:
        levels: L_i, one number for each of the ``latent_dim`` channels; if not given, those of the source for 3 to 6
            channels, which make about 2⁸, 2¹⁰, 2¹² and 2¹⁶ codes. At least 5 levels each are advised.
        standardise: whether each channel of v is standardised over the batch, which keeps the encoder from making all
            of them alike.

    Raises:
        ComponentError: there are not as many levels as channels.

    Source:
        Mentzer et al. (2023), Finite Scalar Quantization: VQ-VAE Made Simple, section 3 and table 1.
        https://arxiv.org/abs/2309.15505

        Łańcucki et al. (2020), Robust Training of Vector Quantized Bottleneck Models, section III (standardised
        channels). https://arxiv.org/abs/2005.08520

    Example:
        >>> posterior = FiniteScalar(feature_shape=(64, 7, 7), latent_dim=3, levels=[8, 6, 5])
        >>> q = posterior(torch.randn(5, 64, 7, 7))
        >>> posterior.codes, q.mean.shape, posterior.indices(q.mean).shape
        (240, torch.Size([5, 3, 7, 7]), torch.Size([5, 7, 7]))
    """

    levels: Tensor
    radix: Tensor
    half_width: Tensor
    width: Tensor
    offset: Tensor
    shift: Tensor

    def __init__(
        self,
        *,
        feature_shape: tuple[int, ...],
        latent_dim: int,
        levels: Annotated[list[Annotated[int, Field(ge=2)]], Field(min_length=1)] | None = None,
        standardise: bool = True,
    ) -> None:
        chosen = list(levels or _LEVELS.get(latent_dim, ()))
        if len(chosen) != latent_dim:
            raise ComponentError(
                f"expected {latent_dim} numbers (latent_dim), got {len(chosen) if levels else 'none'}",
                where="levels",
                remedy="Give the number of levels of each channel, such as `levels: [8, 6, 5]` for `latent_dim: 3`.",
            )
        super().__init__(feature_shape, latent_dim, math.prod(chosen), 1, 0.0, standardise)
        self.register_buffer("levels", torch.tensor(chosen), persistent=False)
        radix = torch.tensor([1, *chosen[:-1]]).cumprod(0)
        self.register_buffer("radix", radix, persistent=False)
        # Computed once: with few numbers at a place, small operations are most of the work. The range is stretched a
        # little, so that the outermost levels of odd numbers of them are reached before infinity, but by less than half
        # a step, beyond which there are no levels.
        width = torch.minimum((self.levels - 1) * (1 + _STRETCH), self.levels - 0.5) / 2
        offset = torch.where(self.levels % 2 == 0, 0.5, 0.0)
        constants = {"half_width": self.levels // 2, "width": width, "offset": offset}
        for name, value in {**constants, "shift": torch.atanh(offset / width)}.items():
            self.register_buffer(name, value, persistent=False)

    def choose(self, vectors: Tensor) -> Choice:
        """Round vectors (N, D)."""
        bounded = torch.tanh(vectors + self.shift) * self.width - self.offset
        digits = bounded.detach().round()
        return Choice(self._numbers(digits + self.half_width), straight_through(digits, bounded) / self.half_width)

    def indices_of(self, vectors: Tensor) -> Tensor:
        """Return the code numbers (N, 1) of vectors (N, D)."""
        digits = (vectors * self.half_width).round() + self.half_width
        return self._numbers(digits.clamp_min(0).minimum(self.levels - 1))

    def vectors_of(self, indices: Tensor) -> Tensor:
        """Return the vectors (N, D) of code numbers (N, 1)."""
        digits = indices // self.radix % self.levels
        return (digits - self.half_width) / self.half_width

    def _numbers(self, digits: Tensor) -> Tensor:
        """Return the code numbers (N, 1) of digits (N, D), which are integers from 0 to L_i − 1."""
        # Sums of integers below 2⁵³ are exact.
        return (digits.double() @ self.radix.double()[:, None]).long()
