"""Noise schedules: how much noise each step of the chain adds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from zoo.errors import ComponentError, ZooError

ScheduleName = Literal["linear", "cosine", "explicit"]
"""The names that the option ``schedule`` takes."""

_LARGEST = 0.999
_OFFSET = 0.008


def noise_schedule(
    name: ScheduleName,
    steps: int,
    *,
    beta_start: float | None = None,
    beta_end: float | None = None,
    betas: Sequence[float] | None = None,
) -> Tensor:
    r"""Return the variances β_1 … β_T of the noise that each step adds, (T,) in float64.

    ``linear`` rises evenly from ``beta_start`` to ``beta_end``, by default from 0.1 / T to 20 / T, so that any number
    of steps adds about as much noise as the usual thousand. With ``cosine``, √ᾱ_t falls like a cosine, which avoids
    many steps of nearly pure noise for small images. ``explicit`` uses the list ``betas``.

    Raises:
        ComponentError: there are no steps, a β is not in (0, 1), the list has another length, or an option is given
            that the schedule does not use.

    Source:
        Ho, Jain & Abbeel (2020), Denoising Diffusion Probabilistic Models, section 4 (linear).
        https://arxiv.org/abs/2006.11239
        Nichol & Dhariwal (2021), Improved Denoising Diffusion Probabilistic Models, section 3.2 (cosine).
        https://arxiv.org/abs/2102.09672

    Example:
        >>> noise_schedule("linear", 4, beta_start=0.1, beta_end=0.4)
        tensor([0.1000, 0.2000, 0.3000, 0.4000], dtype=torch.float64)
    """
    if steps < 1:
        raise ComponentError(f"expected a chain of at least 1 step, got {steps}", where="steps")
    _check_unused(name, {"beta_start": beta_start, "beta_end": beta_end}, "linear")
    _check_unused(name, {"betas": betas}, "explicit")
    if name == "explicit":
        return _explicit(steps, betas)
    return _cosine(steps) if name == "cosine" else _linear(steps, beta_start, beta_end)


def _linear(steps: int, start: float | None, end: float | None) -> Tensor:
    first = _checked(0.1 / steps if start is None else start, "beta_start")
    last = _checked(min(20 / steps, _LARGEST) if end is None else end, "beta_end")
    return torch.linspace(first, last, steps, dtype=torch.float64)


def _cosine(steps: int) -> Tensor:
    times = torch.arange(steps + 1, dtype=torch.float64) / steps
    signal = torch.cos((times + _OFFSET) / (1 + _OFFSET) * math.pi / 2).square()
    return (1 - signal[1:] / signal[:-1]).clamp(max=_LARGEST)


def _explicit(steps: int, betas: Sequence[float] | None) -> Tensor:
    if betas is None or len(betas) != steps:
        raise ComponentError(
            f"expected a list of {steps} numbers, one for each step, got {'none' if betas is None else len(betas)}",
            where="betas",
            remedy="Set `steps` to the length of the list.",
        )
    return torch.tensor([_checked(beta, f"betas[{index}]") for index, beta in enumerate(betas)], dtype=torch.float64)


def _checked(beta: float, where: str) -> float:
    if not 0 < beta < 1:
        raise _out_of_range(beta, where)
    return beta


def _out_of_range(beta: float, where: str) -> ZooError:
    return ComponentError(
        f"expected a variance between 0 and 1, both excluded, got {beta:g}",
        where=where,
        remedy="β is the share of the variance that a step replaces by noise.",
    )


def _check_unused(name: str, values: dict[str, object], schedule: str) -> None:
    for option, value in values.items():
        if value is not None and name != schedule:
            raise ComponentError(
                f"expected no value, because the schedule {name!r} does not use it",
                where=option,
                remedy=f"Leave it out, set it to null if a preset sets it, or use `{schedule}`.",
            )
