"""Training of small models to a known answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn


def minimise(loss: Callable[[], Tensor], parameters: Iterable[nn.Parameter], *, iterations: int = 60) -> None:
    """Minimise a loss by L-BFGS, with the same noise in every evaluation.

    The loss is then a smooth function of the parameters, whose minimum takes a tenth of the steps of Adam. The minimum
    is that of the draws of a single evaluation, so these must be many.
    """
    optimizer = torch.optim.LBFGS(parameters, max_iter=iterations, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        torch.manual_seed(0)
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    optimizer.step(closure)
