"""Activations by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from torch import nn

ActivationName = Literal["relu", "gelu", "silu", "tanh", "elu", "leaky_relu", "sigmoid"]
"""The names that a component's option ``activation`` takes."""

_ACTIVATIONS: Mapping[ActivationName, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "elu": nn.ELU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "sigmoid": nn.Sigmoid,
}


def activation(name: ActivationName) -> nn.Module:
    """Return the pointwise nonlinearity called ``name``.

    ``relu`` is the fastest. ``silu``, ``gelu`` and ``elu`` are smooth, for decoders whose derivatives matter.
    ``leaky_relu`` has the slope 0.2 below zero, which is usual in convolutional generators. ``tanh`` and
    ``sigmoid`` are bounded.

    Source:
        Radford, Metz & Chintala (2016), Unsupervised Representation Learning with DCGANs, section 3.
        https://arxiv.org/abs/1511.06434

    Example:
        >>> activation("leaky_relu")
        LeakyReLU(negative_slope=0.2)
    """
    return _ACTIVATIONS[name]()
