"""Random series of known shapes: sine, square and sawtooth waves."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from pydantic import PositiveInt

from zoo.datasets import SPLITS, Collection, Dataset, Stored
from zoo.errors import DataError
from zoo.registry import register
from zoo.utils.memory import check_memory

_SHAPES = ("sine", "square", "sawtooth")


@register("dataset", "waves")
class Waves(Dataset):
    """Series of noisy waves with random shape, frequency, phase and amplitude.

    Choose it to try a model of series on data whose factors of variation are known. Frequencies are from 1 to 4 periods
    in a series, amplitudes from 0.5 to 1.5. Each channel contains the wave of the previous channel, shifted by a
    quarter of a period.

    Args:
        length: number of steps T.
        channels: number of channels C.
        noise: standard deviation of the Gaussian noise that is added to each step.
        size: number of training series.
        held_out: number of validation series, and number of test series.
        seed: seed of the random numbers.

    Shapes:
        series (size, C, T), float32; labels (size,): sine, square or sawtooth.

    Raises:
        DataError: a size is not positive, or the noise is negative.

    Example:
        >>> collection = Waves(length=50, size=10, held_out=5).load(print)
        >>> collection.splits["train"].examples.shape, collection.class_names
        (torch.Size([10, 1, 50]), ('sine', 'square', 'sawtooth'))
    """

    def __init__(
        self,
        *,
        length: PositiveInt = 64,
        channels: PositiveInt = 1,
        noise: float = 0.1,
        size: PositiveInt = 4_000,
        held_out: PositiveInt = 500,
        seed: int = 0,
    ) -> None:
        for name, number in (("noise", noise), ("seed", seed)):
            if number < 0:
                raise DataError(f"expected a number of at least 0, got {number:g}", where=name)
        self._shape, self._noise, self._seed = (channels, length), noise, seed
        self._sizes = {"train": size, "validation": held_out, "test": held_out}

    def load(self, note: Callable[[str], None]) -> Collection:
        """Draw the three splits from independent random numbers."""
        values = math.prod(self._shape) * sum(self._sizes.values())
        check_memory(40 * values, f"drawing {sum(self._sizes.values()):,} series", where="size", refusal=DataError)
        return Collection(
            splits={split: self._draw(split) for split in SPLITS},
            stored_range=None,
            class_names=_SHAPES,
            licence="CC0-1.0",
        )

    def _draw(self, split: str) -> Stored:
        generator = np.random.default_rng([self._seed, SPLITS.index(split)])
        (channels, length), size = self._shape, self._sizes[split]
        labels = generator.integers(len(_SHAPES), size=size)
        frequency, phase, height = (
            generator.uniform(low, high, (size, 1, 1)) for low, high in ((1, 4), (0, 1), (0.5, 1.5))
        )
        steps = np.arange(length) / length
        turns = frequency * steps + phase + 0.25 * np.arange(channels)[:, None]
        sine = np.sin(2 * np.pi * turns)
        waves = np.stack([sine, np.sign(sine), 2 * (turns % 1) - 1])
        series = height * waves[labels, np.arange(size)] + self._noise * generator.standard_normal(sine.shape)
        return Stored(torch.from_numpy(series).float(), torch.from_numpy(labels))
