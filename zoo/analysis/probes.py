"""A linear classifier of codes: how well planes separate the classes in a representation."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.errors import DataError


def linear_probe(points: Tensor, known: Tensor, labels: Tensor, *, penalty: float = 1e-4) -> Tensor:
    """Return the labels (N,), int64, that multinomial logistic regression on known points predicts for points.

    The features are standardised; the problem is convex and is solved by L-BFGS, so the solution is unique.

    Args:
        points: (N, d).
        known: (M, d) points with labels (M,).
        penalty: weight of the squared weights in the loss.

    Raises:
        DataError: the known points belong to a single class.

    Source:
        Alain & Bengio (2017), Understanding intermediate layers using linear classifier probes.
        https://arxiv.org/abs/1610.01644

    Example:
        >>> known = torch.tensor([[0.0], [1.0], [10.0], [11.0]])
        >>> linear_probe(torch.tensor([[0.5], [9.0]]), known, torch.tensor([3, 3, 7, 7]))
        tensor([3, 7])
    """
    classes, targets = labels.unique(return_inverse=True)
    if len(classes) < 2:
        raise DataError(f"expected at least 2 classes, got {len(classes)}", where="linear_probe")
    mean, scale = known.double().mean(0), known.double().std(0, correction=0).clamp_min(1e-12)
    features = _with_one((known - mean) / scale)
    weights = torch.zeros(features.shape[1], len(classes), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=200, tolerance_grad=1e-6, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        loss = F.cross_entropy(features @ weights, targets) + penalty * weights[:-1].square().sum()
        weights.grad = torch.autograd.grad(loss, weights)[0]
        return loss.detach()

    with torch.enable_grad():
        optimizer.step(closure)
    return classes[(_with_one((points - mean) / scale) @ weights.detach()).argmax(1)]


def folds(count: int, parts: int) -> Tensor:
    """Return the fold of each of ``count`` examples, (count,), of equal sizes and in a fixed random order.

    Example:
        >>> folds(10, 5).bincount()
        tensor([2, 2, 2, 2, 2])
    """
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    return (torch.arange(count) % parts)[order]


def _with_one(features: Tensor) -> Tensor:
    return torch.cat([features, features.new_ones(len(features), 1)], dim=1)
