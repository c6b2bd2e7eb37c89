"""A limit on the memory that building a model may take, kept before the memory is taken."""

from __future__ import annotations

from typing import Any, NoReturn

import torch
from torch.overrides import TorchFunctionMode

from zoo.errors import ComponentError
from zoo.utils.memory import available_memory
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
MOST_TENSORS = 20_000
"""Tensors that a model may consist of; each takes memory and time besides its numbers, also to load it again."""


class MemoryLimit(TorchFunctionMode):
    """A context in which tensors are refused that would not fit into the memory of the machine, or are too many.

    Args:
        limit: bytes; None: the memory of the machine.
        tensors: how many of them.

    Raises:
        ComponentError: the limit is passed.

    Example:
        >>> with MemoryLimit():
        ...     layer = torch.nn.Linear(100_000_000, 100_000_000)
        Traceback (most recent call last):
        zoo.errors.ComponentError: the model asks for 40 PB of memory, ...
    """

    def __init__(self, limit: int | None = None, tensors: int = MOST_TENSORS) -> None:
        super().__init__()
        self.limit = available_memory() if limit is None else limit
        self.tensors = tensors
        self.asked, self.made = 0, 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _FACTORIES:
            self.made += 1
            self.asked += _size(func, args, kwargs or {})
            if self.limit is not None and self.asked > self.limit:
                self.refuse(f"the model asks for {readable_size(self.asked)} of memory")
            if self.made > self.tensors:
                self.refuse(f"the model asks for more than {self.tensors:,} tensors")
        return func(*args, **(kwargs or {}))

    def refuse(self, problem: str) -> NoReturn:
        """Raise the error that says which limit was passed."""
        available = f", {readable_size(self.limit)} are available" if self.limit is not None else ""
        raise ComponentError(f"{problem}{available}", remedy="Make the model smaller.")


def _size(factory: Any, args: Any, kwargs: dict[str, Any]) -> int:
    """Return the bytes that a call would take; more than any limit where they cannot even be counted."""
    try:
        plain = {name: value for name, value in kwargs.items() if name != "generator"}
        return int(factory(*args, **{**plain, "device": "meta"}).nbytes)
    except (RuntimeError, OverflowError, TypeError):
        return _UNCOUNTABLE
