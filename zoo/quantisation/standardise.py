"""Standardisation of vectors before they are quantised."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F

from zoo.utils.distributed import ProcessGroup

_MOMENTUM = 0.1
_EPSILON = 1e-8
"""Added to the variance; small, because the features of an untrained encoder hardly vary."""


class Standardise(nn.Module):
    """Subtract the mean of each channel and divide by its standard deviation: batch normalisation without weights.

    In training the statistics are those of the batch, over all processes; in evaluation and under ``torch.no_grad``
    they are running averages. This prevents the encoder from making all vectors alike, the most common cause of a
    collapsed codebook.

    Shapes:
        vectors (N, D) → (N, D).

    Source:
        Łańcucki et al. (2020), Robust Training of Vector Quantized Bottleneck Models, section III.
        https://arxiv.org/abs/2005.08520

    Example:
        >>> vectors = 5 + 3 * torch.randn(1000, 2)
        >>> Standardise(2)(vectors).std(0)
        tensor([1.0005, 1.0005])
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("variance", torch.ones(dim))

    def forward(self, vectors: Tensor) -> Tensor:
        """Standardise each channel."""
        learns = self.training and torch.is_grad_enabled()
        if learns and ProcessGroup.here(vectors.device).count > 1:
            return self._over_processes(vectors)
        mean, variance = self.mean.to(vectors.dtype), self.variance.to(vectors.dtype)
        # One vector has no variance.
        standardised = F.batch_norm(
            vectors, mean, variance, training=learns and len(vectors) > 1, momentum=_MOMENTUM, eps=_EPSILON
        )
        if learns and mean is not self.mean:
            self.mean.copy_(mean)
            self.variance.copy_(variance)
        return standardised

    def _over_processes(self, vectors: Tensor) -> Tensor:
        count = _sum(vectors.new_tensor(float(len(vectors))))
        mean = _sum(vectors.sum(0)) / count
        centred = vectors - mean
        variance = _sum(centred.square().sum(0)) / count
        with torch.no_grad():
            self.mean.lerp_(mean.to(self.mean.dtype), _MOMENTUM)
            unbiased = variance * count / (count - 1)
            self.variance.lerp_(unbiased.to(self.variance.dtype), _MOMENTUM)
        return centred * (variance + _EPSILON).rsqrt()


class _SumOverProcesses(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        distributed.all_reduce(total)
        return total


def _sum(values: Tensor) -> Tensor:
    """Return the sum over all processes, whose gradient is the sum of theirs."""
    total: Tensor = _SumOverProcesses.apply(values)
    return total
