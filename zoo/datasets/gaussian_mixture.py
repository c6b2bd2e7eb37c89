"""Points drawn from a known mixture of Gaussians."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from zoo.datasets import SPLITS, Collection, Dataset, Stored
from zoo.errors import DataError
from zoo.registry import register
from zoo.utils.finite import is_finite
from zoo.utils.memory import check_memory

_RADIUS, _VARIANCE, _COUNT = 2.0, 0.04, 8


@register("dataset", "gaussian_mixture")
class GaussianMixture(Dataset):
    r"""Points from Σₖ wₖ N(μₖ, Σₖ) with known parameters; by default eight Gaussians on a circle.

    Choose it to compare a model with the exact density: log p(x) and the score ∇log p(x) have closed forms, and
    ``facts`` contains the parameters as ``weights``, ``means`` and ``covariances``.

    Args:
        weights: K positive numbers that sum to 1; None: equal weights.
        means: K points in D dimensions; None: eight points on a circle of radius 2.
        covariances: K symmetric positive-definite matrices D × D; None: 0.04 times the identity.
        size: number of training examples.
        held_out: number of validation examples, and number of test examples.
        seed: seed of the random numbers.

    Shapes:
        examples (size, D), float32; labels (size,): the number of the Gaussian from which each example was drawn.

    Raises:
        DataError: the parameters do not define a mixture.

    Source:
        Bishop (2006), Pattern Recognition and Machine Learning, section 2.3.9.

    Example:
        >>> mixture = GaussianMixture(weights=[0.3, 0.7], means=[[0.0], [5.0]], size=10)
        >>> mixture.load(print).splits["train"].examples.shape
        torch.Size([10, 1])
    """

    def __init__(
        self,
        *,
        weights: list[float] | None = None,
        means: list[list[float]] | None = None,
        covariances: list[list[list[float]]] | None = None,
        size: int = 10_000,
        held_out: int = 2_000,
        seed: int = 0,
    ) -> None:
        for name, number, least in (("size", size, 1), ("held_out", held_out, 1), ("seed", seed, 0)):
            if number < least:
                raise DataError(f"expected an integer of at least {least}, got {number}", where=name)
        self._sizes, self._seed = {"train": size, "validation": held_out, "test": held_out}, seed
        self._means = _matrix_of_means(means)
        count, dimensions = self._means.shape
        self._weights = _checked_weights(weights, count)
        self._covariances, self._factors = _checked_covariances(covariances, count, dimensions)

    def load(self, note: Callable[[str], None]) -> Collection:
        """Draw the three splits from independent random numbers."""
        dimensions = self._means.shape[1]
        row = 8 * (dimensions * dimensions + 3 * dimensions + 3)
        count = sum(self._sizes.values())
        check_memory(row * count, f"drawing {count:,} points", where="size", refusal=DataError)
        return Collection(
            splits={name: self._draw(name) for name in SPLITS},
            stored_range=None,
            class_names=tuple(str(number) for number in range(len(self._weights))),
            licence="CC0-1.0",
            facts={
                "weights": self._weights.tolist(),
                "means": self._means.tolist(),
                "covariances": self._covariances.tolist(),
            },
        )

    def _draw(self, split: str) -> Stored:
        generator = np.random.default_rng([self._seed, SPLITS.index(split)])
        size, (count, dimensions) = self._sizes[split], self._means.shape
        labels = torch.from_numpy(generator.choice(count, size=size, p=self._weights.numpy())).long()
        noise = torch.from_numpy(generator.standard_normal((size, dimensions)))
        points = self._means[labels] + torch.einsum("nij,nj->ni", self._factors[labels], noise)
        return Stored(points.float(), labels)


def _matrix_of_means(means: list[list[float]] | None) -> Tensor:
    if means is None:
        angles = torch.arange(_COUNT, dtype=torch.float64) * (2 * math.pi / _COUNT)
        return _RADIUS * torch.stack([angles.cos(), angles.sin()], dim=1)
    if not means or not means[0] or len({len(mean) for mean in means}) > 1:
        lengths = [len(mean) for mean in means]
        raise DataError(f"expected points of the same dimension, got lengths {lengths}", where="means")
    return _finite(means, "means")


def _checked_weights(weights: list[float] | None, count: int) -> Tensor:
    if weights is None:
        return torch.full((count,), 1 / count, dtype=torch.float64)
    values = _finite(weights, "weights")
    if len(values) != count:
        raise DataError(f"expected {count} weights, one for each mean, got {len(values)}", where="weights")
    if bool((values <= 0).any()):
        raise DataError(f"expected positive weights, got {min(weights)}", where="weights")
    total = float(values.sum())
    if abs(total - 1) > 1e-6:
        remedy = f"Divide each by {total:g}."
        raise DataError(f"expected weights that sum to 1, got the sum {total:g}", where="weights", remedy=remedy)
    return values / total


def _checked_covariances(
    covariances: list[list[list[float]]] | None, count: int, dimensions: int
) -> tuple[Tensor, Tensor]:
    """Return the covariances (K, D, D) and their Cholesky factors."""
    if covariances is None:
        identity = torch.eye(dimensions, dtype=torch.float64)
        return (_VARIANCE * identity).repeat(count, 1, 1), (math.sqrt(_VARIANCE) * identity).repeat(count, 1, 1)
    sizes = {(len(matrix), *map(len, matrix)) for matrix in covariances}
    if len(covariances) != count or sizes != {(dimensions,) * (dimensions + 1)}:
        shapes = [(len(matrix), *map(len, matrix[:1])) for matrix in covariances]
        raise DataError(
            f"expected {count} matrices of {dimensions} × {dimensions}, got the shapes {shapes}", where="covariances"
        )
    matrices = _finite(covariances, "covariances")
    for number, matrix in enumerate(matrices):
        _, failed = torch.linalg.cholesky_ex(matrix)
        if bool(failed) or not torch.allclose(matrix, matrix.T):
            raise DataError(
                f"expected a symmetric positive-definite matrix, got {matrix.tolist()}",
                where=f"covariances[{number}]",
            )
    return matrices, torch.linalg.cholesky(matrices)


def _finite(numbers: object, where: str) -> Tensor:
    values = torch.tensor(numbers, dtype=torch.float64)
    if not is_finite(values):
        raise DataError("expected finite numbers, got NaN or infinity", where=where)
    return values
