"""A limit on the memory that building a model may take, kept before the memory is taken."""

from __future__ import annotations

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from zoo.errors import CheckpointError
from zoo.utils.text import readable_size

_FACTORIES = frozenset(
    getattr(torch, name)
    for name in (
        "arange", "empty", "empty_strided", "eye", "full", "linspace", "logspace", "ones", "rand", "randint", "randn",
        "randperm", "tril_indices", "triu_indices", "zeros",
    )
)  # fmt: skip
"""What makes a tensor from sizes alone, so that it costs nothing to ask on the meta device how large it would be."""

_UNCOUNTABLE = 2**63


class AllocationLimit(TorchFunctionMode):
    """A context in which tensors are refused that a file of weights does not account for.

    A checkpoint is loaded strictly, so that an honest configuration builds about what its file of weights holds. A
    configuration that asks for far more is damaged or hostile, and is refused before the memory is taken.

    Args:
        weights: size of the file of weights in bytes.
        tensors: the largest number of tensors, since each costs memory besides its numbers.

    Raises:
        CheckpointError: the limit is passed.

    Example:
        >>> with AllocationLimit(weights=1000):
        ...     layer = torch.nn.Linear(1_000_000, 1_000_000)
        Traceback (most recent call last):
        zoo.errors.CheckpointError: the model asks for 4 TB of memory, more than 1 kB of weights can fill
        ...
    """

    FACTOR, SLACK = 16, 64 * 2**20
    """Factor over the file of weights, and bytes besides, for constants and for what is needed in passing."""

    def __init__(self, weights: int, tensors: int = 20_000) -> None:
        super().__init__()
        self.weights, self.tensors = weights, tensors
        self.limit = self.FACTOR * weights + self.SLACK
        self.asked, self.made = 0, 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _FACTORIES:
            self.made += 1
            self.asked += _size(func, args, kwargs or {})
            if self.asked > self.limit:
                self._refuse(f"the model asks for {readable_size(self.asked)} of memory")
            if self.made > self.tensors:
                self._refuse(f"the model asks for more than {self.tensors:,} tensors")
        return func(*args, **(kwargs or {}))

    def check_example(self, data_shape: tuple[int, ...] | None) -> None:
        """Refuse data of which a single example would pass the limit."""
        size = 4
        for length in data_shape or ():
            size *= length
        if size > self.limit:
            self._refuse(f"one example of shape {list(data_shape or ())} takes {readable_size(size)} of memory")

    def _refuse(self, problem: str) -> None:
        raise CheckpointError(
            f"{problem}, more than {readable_size(self.weights)} of weights can fill",
            remedy=f"The configuration does not belong to these weights. Allowed: {self.FACTOR} times their size "
            f"and {readable_size(self.SLACK)}.",
        )


def _size(factory: Any, args: Any, kwargs: dict[str, Any]) -> int:
    """Return the bytes that a call would take; more than any limit where they cannot even be counted."""
    try:
        plain = {name: value for name, value in kwargs.items() if name != "generator"}
        return int(factory(*args, **{**plain, "device": "meta"}).nbytes)
    except (RuntimeError, OverflowError, TypeError):
        return _UNCOUNTABLE
