"""The reverse chain: from noise to data, step by step."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Literal

import torch
from torch import Tensor

from zoo.diffusion.chain import NoiseChain, Variance
from zoo.errors import InputError

Method = Literal["ancestral", "ddim"]
"""The names that the sampling option ``method`` takes."""


def visited_steps(total: int, steps: int | None = None) -> list[int]:
    """Return the steps that sampling visits, from T = ``total`` down to 0: all, or ``steps`` evenly spaced ones.

    Raises:
        InputError: ``steps`` is not a whole number from 1 to ``total``.

    Example:
        >>> visited_steps(100, 4)
        [100, 67, 34, 1, 0]
    """
    count = total if steps is None else steps
    if not (isinstance(count, int) and 1 <= count <= total):
        raise InputError(f"expected a whole number from 1 to {total}, got {steps}", where="sample.steps")
    if count == 1:
        return [total, 0]
    return [*(total - round(index * (total - 1) / (count - 1)) for index in range(count)), 0]


def reverse_chain(
    chain: NoiseChain,
    denoise: Callable[[Tensor, int], Tensor],
    noise: Tensor,
    visited: list[int],
    *,
    method: Method = "ancestral",
    variance: Variance = "beta",
    last_noise: bool = False,
) -> Iterator[Tensor]:
    r"""Yield x_s for each visited step s after the first, down to x_0.

    ``ancestral``: x_s ~ N(E[x_s|x_t], σ² I) with E[x_s|x_t] linear in x_t and x̂_0, and no noise at the end.
    ``ddim``: x_s keeps the noise of x_t, so the sample is a function of x_T; it needs fewer steps.

    Args:
        denoise: maps x_t and t to x̂_0, the estimate of the data.
        noise: x_T, (n, *data_shape).
        visited: steps from T down to 0.
        variance: σ² of ``ancestral``; see :meth:`NoiseChain.step_back`.
        last_noise: end with a draw around the mean of x_0 instead of the mean.

    Source:
        Ho, Jain & Abbeel (2020), Denoising Diffusion Probabilistic Models, algorithm 2.
        https://arxiv.org/abs/2006.11239
        Song, Meng & Ermon (2021), Denoising Diffusion Implicit Models, section 4.2 (fewer steps).
        https://arxiv.org/abs/2010.02502

    Example:
        >>> chain = NoiseChain(torch.full((4,), 0.5, dtype=torch.float64))
        >>> *_, x0 = reverse_chain(chain, lambda x, t: x.clamp(-1, 1), torch.randn(3, 2), [4, 2, 0])
        >>> x0.shape
        torch.Size([3, 2])
    """
    x = noise
    for now, then in itertools.pairwise(visited):
        clean, state, deviation = chain.step_back(now, then, variance if method == "ancestral" else None)
        x = clean * denoise(x, now) + state * x
        if deviation and (then or last_noise):
            x = x + deviation * torch.randn_like(x)
        yield x
