"""A decoder as a plain function of codes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from zoo.model import Model


def decoder_of(model: Model, label: int = 0) -> Callable[[Tensor], Tensor]:
    """Return the function from flat codes (N, d) to the mean of p(x|z), (N, *data_shape), on the CPU, differentiable.

    Args:
        label: the class to decode, for a conditional model.

    Example:
        >>> import zoo
        >>> decode = decoder_of(zoo.build("vae-mlp-2d", data_shape=(1, 8, 8)))
        >>> decode(torch.zeros(3, 2)).shape
        torch.Size([3, 1, 8, 8])
    """

    def decode(codes: Tensor) -> Tensor:
        labels = torch.full((len(codes),), label, device=model.device) if model.classes else None
        return model.decode(codes.to(model.device).unflatten(1, model.latent_shape), labels).mean.cpu()

    return decode
