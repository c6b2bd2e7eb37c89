"""A limit on the memory that opening a checkpoint may take, by the size of its weights."""

from __future__ import annotations

from typing import NoReturn

from zoo.errors import CheckpointError
from zoo.utils.allocation import MOST_TENSORS, MemoryLimit
from zoo.utils.text import readable_size


class WeightsLimit(MemoryLimit):
    """A context in which tensors are refused that a file of weights does not account for.

    A checkpoint is loaded strictly, so that an honest configuration builds about what its file of weights holds. A
    configuration that asks for far more is damaged or hostile, and is refused before the memory is taken.

    Args:
        weights: size of the file of weights in bytes.
        tensors: the largest number of tensors.

    Raises:
        CheckpointError: the limit is passed.

    Example:
        >>> import torch
        >>> with WeightsLimit(weights=1000):
        ...     layer = torch.nn.Linear(1_000_000, 1_000_000)
        Traceback (most recent call last):
        zoo.errors.CheckpointError: the model asks for 4 TB of memory, more than 1 kB of weights can fill
        ...
    """

    FACTOR, SLACK = 16, 64 * 2**20
    """Factor over the file of weights, and bytes besides, for constants and for what is needed in passing."""

    def __init__(self, weights: int, tensors: int = MOST_TENSORS) -> None:
        super().__init__(self.FACTOR * weights + self.SLACK, tensors)
        self.weights = weights

    def check_example(self, data_shape: tuple[int, ...] | None) -> None:
        """Refuse data of which a single example would pass the limit."""
        size = 4
        for length in data_shape or ():
            size *= length
        if size > self.FACTOR * self.weights + self.SLACK:
            self.refuse(f"one example of shape {list(data_shape or ())} takes {readable_size(size)} of memory")

    def refuse(self, problem: str) -> NoReturn:
        """Raise the error that names the weights."""
        raise CheckpointError(
            f"{problem}, more than {readable_size(self.weights)} of weights can fill",
            remedy=f"The configuration does not belong to these weights. Allowed: {self.FACTOR} times their size "
            f"and {readable_size(self.SLACK)}.",
        )
