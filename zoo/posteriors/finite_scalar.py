"""Finite scalar quantisation: each number of the vector at a place is rounded to one of a few levels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated

import torch
from einops import rearrange
from pydantic import Field, PositiveInt
from torch import Tensor
from torch.distributions import Distribution

from zoo.errors import ComponentError
from zoo.posteriors._quantised import Choice, CodebookQuantiser, QuantisedVectors, straight_through
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
    r"""Finite scalar quantisation (FSQ): each of the d numbers at a place is rounded to one of L_i levels in [−1, 1].

    Choose it if a codebook collapses or is hard to tune: the Π L_i codes are a fixed grid, there is neither a codebook
    to learn nor an additional loss, and nearly all codes are used. A linear map of the features gives :math:`v`, and

    .. math:: z_i = round(½ (L_i − 1) tanh(v_i + s_i) − o_i) / ⌊L_i / 2⌋,

    with :math:`o_i = ½` for even L_i and 0 for odd ones, and s_i such that v = 0 gives z = 0. Gradients pass straight
    through the rounding. Under the prior ``uniform_codes`` the KL divergence is n Σ log L_i nats for n places.

    With several ``codebooks`` this is residual FSQ: each further code divides the step of the one before into L_i
    parts, so that after M of them the step is :math:`L_i^{M−1}` times finer. Choose it for fine reconstructions with
    few codes at a time; the prior ``transformer`` models them, coarse before fine.

    Shapes:
        features (B, C, *places) → z (B, latent_dim, *places), code numbers (B, *places) below Π L_i, or (B, codebooks,
        *places).

    Args:
        levels: L_i, one number for each of the ``latent_dim`` channels; default for 3 to 6 channels: those of the
            source, which give about 2⁸, 2¹⁰, 2¹² and 2¹⁶ codes. At least 5 levels each are recommended.
        codebooks: M, codes at each place; each encodes the error of those before it.
        standardise: whether each channel of v is standardised over the batch, which prevents the encoder from making
            all vectors alike.

    Raises:
        ComponentError: there are not as many levels as channels.

    Source:
        Mentzer et al. (2023), Finite Scalar Quantization: VQ-VAE Made Simple, section 3 and table 1.
        https://arxiv.org/abs/2309.15505

        Lee et al. (2022), Autoregressive Image Generation using Residual Quantization, section 3.1 (residual codes).
        https://arxiv.org/abs/2203.01941

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
        codebooks: PositiveInt = 1,
        standardise: bool = True,
    ) -> None:
        chosen = list(levels or _LEVELS.get(latent_dim, ()))
        if len(chosen) != latent_dim:
            raise ComponentError(
                f"expected {latent_dim} numbers (latent_dim), got {len(chosen) if levels else 'none'}",
                where="levels",
                remedy="Give the number of levels of each channel, such as `levels: [8, 6, 5]` for `latent_dim: 3`.",
            )
        super().__init__(feature_shape, latent_dim, math.prod(chosen), codebooks, 0.0, standardise)
        self.register_buffer("levels", torch.tensor(chosen), persistent=False)
        radix = torch.tensor([1, *chosen[:-1]]).cumprod(0)
        self.register_buffer("radix", radix, persistent=False)
        # Computed once, because small operations dominate with few numbers at a place. The range is stretched a little,
        # so that the outermost levels of an odd number are reached at finite values, but by less than half a step,
        # because there are no levels beyond.
        width = torch.minimum((self.levels - 1) * (1 + _STRETCH), self.levels - 0.5) / 2
        offset = torch.where(self.levels % 2 == 0, 0.5, 0.0)
        constants = {"half_width": self.levels // 2, "width": width, "offset": offset}
        for name, value in {**constants, "shift": torch.atanh(offset / width)}.items():
            self.register_buffer(name, value, persistent=False)

    def choose(self, vectors: Tensor) -> Choice:
        """Round vectors (N, D)."""
        bounded = torch.tanh(vectors + self.shift) * self.width - self.offset
        digits = self._digits(bounded.detach())
        return Choice(self._numbers(digits), straight_through(self._sums(digits)[-1], bounded) / self.half_width)

    def indices_of(self, vectors: Tensor) -> Tensor:
        """Return the code numbers (N, M) of vectors (N, D)."""
        return self._numbers([self._clamped(each) for each in self._digits(vectors * self.half_width)])

    def vectors_of(self, indices: Tensor) -> Tensor:
        """Return the vectors (N, D) of code numbers (N, M)."""
        return self._sums(self._digits_of(indices))[-1] / self.half_width

    def coarse_to_fine(self, q: Distribution) -> Sequence[Tensor]:
        """Return the vectors (B, D, *places) of the first codes, from one of them to all; () with one code a place."""
        if not isinstance(q, QuantisedVectors) or self.codebooks == 1:
            return ()
        indices = q.codes.sample()
        flat = rearrange(indices.reshape(-1, self.codebooks, self.places), "b m p -> (b p) m")
        sums = self._sums(self._digits_of(flat))
        return [self._to_maps(vectors / self.half_width, indices.shape[:1]) for vectors in sums]

    def _digits(self, values: Tensor) -> list[Tensor]:
        """Return rounded values (N, D) for each code: integers around 0, of the values and then of their residuals."""
        digits = [values.round()]
        for _ in range(self.codebooks - 1):
            # The residual is at most half a step, and the levels of the next code divide this step.
            values = (values - digits[-1]) * self.levels - self.offset
            digits.append(self._clamped(values.round()))
        return digits

    def _sums(self, digits: Sequence[Tensor]) -> list[Tensor]:
        """Return the sums of the first digits (N, D), from one of them to all, in steps of the first code."""
        sums, step = [digits[0]], torch.ones_like(self.width)
        for each in digits[1:]:
            step = step / self.levels
            sums.append(sums[-1] + (each + self.offset) * step)
        return sums

    def _clamped(self, digits: Tensor) -> Tensor:
        return digits.maximum(-self.half_width).minimum(self.levels - 1 - self.half_width)

    def _numbers(self, digits: Sequence[Tensor]) -> Tensor:
        """Return the code numbers (N, M) of the digits (N, D) of M codes."""
        # Sums of integers below 2⁵³ are exact.
        radix = self.radix.double()[:, None]
        numbers = [((each + self.half_width).double() @ radix).long() for each in digits]
        return numbers[0] if len(numbers) == 1 else torch.cat(numbers, 1)

    def _digits_of(self, indices: Tensor) -> list[Tensor]:
        """Return the digits (N, D) of each of the code numbers (N, M)."""
        return [each // self.radix % self.levels - self.half_width for each in indices.split(1, dim=1)]
