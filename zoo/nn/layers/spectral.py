"""Layers whose weights have a largest singular value of one."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from zoo.nn.layers.modulation import Modulation

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d)


def normalise_spectra(*modules: nn.Module) -> None:
    """Divide the weight of every linear and convolutional layer by its largest singular value, in each forward pass.

    A linear layer then changes no faster than its input. For a convolution, the largest singular value of the matrix
    (outputs, inputs × kernel) is one; the convolution itself may still stretch its input, at most by the root of the
    number of kernel elements. The singular value is estimated by one power iteration in each training step. Layers that
    map a condition to a scale and a shift are not normalised.

    Source:
        Miyato et al. (2018), Spectral Normalization for Generative Adversarial Networks, algorithm 1.
        https://arxiv.org/abs/1802.05957

    Example:
        >>> import torch
        >>> network = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))
        >>> normalise_spectra(network)
        >>> torch.linalg.matrix_norm(network.eval()[0].weight, 2).round(decimals=2)
        tensor(1., grad_fn=<RoundBackward1>)
    """
    for module in modules:
        for layer in _layers(module):
            spectral_norm(layer)


def _layers(module: nn.Module) -> Iterator[nn.Module]:
    if isinstance(module, _LAYERS):
        yield module
    elif not isinstance(module, Modulation):
        for child in module.children():
            yield from _layers(child)
