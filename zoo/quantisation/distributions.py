"""Distributions over grids of code numbers, and over the vectors of the codes.

Densities are with respect to counting: log-probabilities, in nats. Importing this module registers the KL divergences
with a closed form: from the uniform distribution, for a single grid and for independent codes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, Independent, constraints
from torch.distributions.kl import register_kl

if TYPE_CHECKING:
    from zoo.posteriors import Quantiser

Shape = torch.Size | list[int] | tuple[int, ...]


class PointCodes(Distribution):
    """A point mass on one grid of code numbers: the result of a quantiser without noise.

    Args:
        indices: (*batch, *grid) int64.
        grid_dims: number of trailing dimensions that are the grid.

    Example:
        >>> q = PointCodes(torch.tensor([[0, 2], [1, 1]]), grid_dims=1)
        >>> q.log_prob(torch.tensor([[0, 2], [0, 2]]))
        tensor([0., -inf])
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, indices: Tensor, grid_dims: int) -> None:
        self.indices = indices
        batch_dims = indices.ndim - grid_dims
        super().__init__(indices.shape[:batch_dims], indices.shape[batch_dims:], validate_args=False)

    @property
    def mode(self) -> Tensor:
        """The grid, (*batch, *grid)."""
        return self.indices

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> PointCodes:
        """Return the same grids with a larger batch shape."""
        return PointCodes(self.indices.expand(*batch_shape, *self.event_shape), len(self.event_shape))

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Return the grid, repeated for each sample."""
        return self.indices.expand(self._extended_shape(torch.Size(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return 0 if ``value`` (…, *grid) is the grid, and −∞ otherwise."""
        same = value == self.indices
        same = same.reshape(*same.shape[: same.ndim - len(self.event_shape)], -1)
        return torch.where(same.all(-1), 0.0, -math.inf)

    def entropy(self) -> Tensor:
        """Return 0 for each grid, (*batch)."""
        return torch.zeros(self.batch_shape, device=self.indices.device)


class UniformCodes(Distribution):
    """All Kⁿ grids of n codes are equally probable; the batch shape is ().

    Args:
        codes: K.
        grid: shape of the grid, with n places.
        device: the device of samples.

    Example:
        >>> p = UniformCodes(4, (2, 3))
        >>> p.sample().shape, p.log_prob(p.sample()), 6 * math.log(4)
        (torch.Size([2, 3]), tensor(-8.3178), 8.317766166719343)
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, codes: int, grid: tuple[int, ...], device: torch.device | None = None) -> None:
        self.codes, self.device = codes, device
        super().__init__(torch.Size(), torch.Size(grid), validate_args=False)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Draw grids (*sample_shape, *grid)."""
        return torch.randint(self.codes, self._extended_shape(torch.Size(sample_shape)), device=self.device)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return −n log K for each grid (…, *grid)."""
        shape = value.shape[: value.ndim - len(self.event_shape)]
        return torch.full(shape, -_nats(self.codes, self.event_shape), device=value.device)

    def entropy(self) -> Tensor:
        """Return n log K, ()."""
        return torch.tensor(_nats(self.codes, self.event_shape))


class CodeVectors(Distribution):
    """The distribution of the vectors of codes, given a distribution over code numbers; priors over codes return it.

    Attributes:
        codes: the distribution over grids of code numbers.

    Args:
        quantiser: maps code numbers to vectors.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, codes: Distribution, quantiser: Quantiser) -> None:
        self.codes, self.quantiser = codes, quantiser
        super().__init__(codes.batch_shape, torch.Size(quantiser.latent_shape), validate_args=False)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Draw codes and return their vectors, (*sample_shape, *batch, *latent_shape)."""
        with torch.no_grad():
            return self.quantiser.embed(self.codes.sample(torch.Size(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-probability of the codes whose vectors are nearest to ``value`` (…, *latent_shape)."""
        if isinstance(self.codes, UniformCodes):  # Zero for any codes.
            batch = value.shape[: value.ndim - len(self.event_shape)]
            return torch.full(batch, -_nats(self.codes.codes, self.codes.event_shape), device=value.device)
        log_prob: Tensor = self.codes.log_prob(self.quantiser.indices(value))
        return log_prob

    def entropy(self) -> Tensor:
        """Return the entropy of the code numbers, if it has a closed form."""
        entropy: Tensor = self.codes.entropy()
        return entropy

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> CodeVectors:
        """Return the same distribution with a larger batch shape."""
        return CodeVectors(self.codes.expand(torch.Size(batch_shape)), self.quantiser)


@register_kl(PointCodes, UniformCodes)
def _kl_point_uniform(q: PointCodes, p: UniformCodes) -> Tensor:
    return torch.full(q.batch_shape, _nats(p.codes, p.event_shape), device=q.indices.device)


@register_kl(Independent, UniformCodes)
def _kl_categorical_uniform(q: Independent, p: UniformCodes) -> Tensor:
    if not isinstance(q.base_dist, Categorical) or q.event_shape != p.event_shape:
        raise NotImplementedError(f"no closed form for {type(q.base_dist).__name__} against uniform codes")
    return _nats(p.codes, p.event_shape) - q.entropy()


@register_kl(CodeVectors, CodeVectors)
def _kl_code_vectors(q: CodeVectors, p: CodeVectors) -> Any:
    # Equal vectors have equal codes, so the divergence is that of the code numbers.
    return torch.distributions.kl_divergence(q.codes, p.codes)


def _nats(codes: int, grid: Shape) -> float:
    return math.prod(grid) * math.log(codes)
