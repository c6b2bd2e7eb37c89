"""A context in which parameters get no gradient."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from torch import nn


@contextlib.contextmanager
def frozen(*modules: nn.Module) -> Iterator[None]:
    """Disable the gradients of the modules' parameters for everything that is computed inside the block.

    Gradients still flow through the modules to their inputs.

    Example:
        >>> import torch
        >>> layer, x = nn.Linear(1, 1), torch.ones(1, requires_grad=True)
        >>> with frozen(layer):
        ...     y = layer(x)
        >>> y.backward()
        >>> x.grad is None, layer.weight.grad is None
        (False, True)
    """
    parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
