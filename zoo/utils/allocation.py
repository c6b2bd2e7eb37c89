"""A limit on the memory for building a model, checked before memory is allocated."""

from __future__ import annotations

import math
from typing import Any, NoReturn

import torch
from torch.overrides import TorchFunctionMode

from zoo.errors import ComponentError
from zoo.utils.memory import available_memory
from zoo.utils.once import once
from zoo.utils.text import readable_size

_FACTORIES = frozenset(
    getattr(torch, name)
    for name in (
        "arange", "empty", "empty_strided", "eye", "full", "linspace", "logspace", "ones", "rand", "randint", "randn",
        "randperm", "tril_indices", "triu_indices", "zeros",
    )
)  # fmt: skip
"""Functions that create a tensor from sizes only, so its size can be computed on the meta device without memory."""
_OF_SHAPES = frozenset((torch.empty, torch.ones, torch.zeros))
"""The factories of nearly all tensors of a model. The size of such a tensor follows from its shape and its dtype."""

_UNCOUNTABLE = 2**63
_SMALL = 2**24
"""Bytes that every machine with torch has. A model that needs less is built without asking the system for its free
memory, which takes longer than building it."""
MOST_TENSORS = 20_000
"""The largest number of tensors of a model; each has a cost in memory and time, also when it is loaded."""


class MemoryLimit(TorchFunctionMode):
    """A context that refuses tensors that would not fit into the memory of the machine, or too many tensors.

    Args:
        limit: bytes; None: the memory of the machine.
        tensors: the largest number of tensors.

    Raises:
        ComponentError: a limit is exceeded.

    Example:
        >>> with MemoryLimit():
        ...     layer = torch.nn.Linear(100_000_000, 100_000_000)
        Traceback (most recent call last):
        zoo.errors.ComponentError: the model asks for 40 PB of memory, ...
    """

    def __init__(self, limit: int | None = None, tensors: int = MOST_TENSORS) -> None:
        super().__init__()
        self._limit, self._unchecked = limit, 0 if limit is not None else _SMALL
        self.tensors = tensors
        self.bytes, self.count = 0, 0

    @once
    def limit(self) -> int | None:
        """The bytes that may be allocated; None: the system does not report its memory."""
        return available_memory() if self._limit is None else self._limit

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func not in _FACTORIES:
            return func(*args, **(kwargs or {}))
        self.bytes += _size(func, args, kwargs or {})
        if self.bytes > self._unchecked and self.limit is not None and self.bytes > self.limit:
            self.refuse(f"the model asks for {readable_size(self.bytes)} of memory")
        tensor = func(*args, **(kwargs or {}))
        self.count += 1  # Only now, so that an enclosing limit, whose error says more, refuses first.
        if self.count > self.tensors:
            self.refuse(f"the model asks for more than {self.tensors:,} tensors")
        return tensor

    def refuse(self, problem: str) -> NoReturn:
        """Raise the error for the limit that was exceeded."""
        available = f", {readable_size(self.limit)} are available" if self.limit is not None else ""
        raise ComponentError(f"{problem}{available}", remedy="Make the model smaller.")


def _size(factory: Any, args: Any, kwargs: dict[str, Any]) -> int:
    """Return the bytes that a call would allocate; more than any limit if they cannot be computed."""
    if factory in _OF_SHAPES and kwargs.keys() <= {"device", "dtype"}:
        shape = args[0] if len(args) == 1 and isinstance(args[0], tuple | list) else args
        if all(type(length) is int and length >= 0 for length in shape):
            size = math.prod(shape) * (kwargs.get("dtype") or torch.get_default_dtype()).itemsize
            if size <= _SMALL:
                return size
    try:
        plain = {name: value for name, value in kwargs.items() if name != "generator"}
        return int(factory(*args, **{**plain, "device": "meta"}).nbytes)
    except (RuntimeError, OverflowError, TypeError):
        return _UNCOUNTABLE
