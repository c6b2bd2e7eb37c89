"""Mixtures of Gaussians: their density and draws, and their fit to latents."""

from __future__ import annotations

import math
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from zoo.errors import DataError
from zoo.utils.finite import is_finite

_FLOOR = 1e-4
"""Added to each variance, as a share of the mean variance of the latents, so that components do not become points."""
_PSEUDO_COUNT = 0.1
"""Pseudo-count of each class in every component, so that no class excludes a component."""
_NEGLIGIBLE = 1e-21
"""Responsibilities, relative to the largest one of a component, that change no digit of its covariance in float64."""
_LARGEST = 2**22
"""The largest number of values in a temporary tensor."""


class GaussianMixture(NamedTuple):
    """The parameters of a mixture of Gaussians.

    Attributes:
        weights: (K,), which sum to 1; or (classes, K), the weights of each class.
        means: (K, d).
        covariances: (K, d, d).
    """

    weights: Tensor
    means: Tensor
    covariances: Tensor


class MixtureDistribution(Distribution):
    """A mixture of Gaussians; or several with the same components, each with its own weights.

    Args:
        log_weights: (*batch, K), which need not be normalised; batch is () or (B,).
        means: (K, d).
        lower: (K, d, d), Cholesky factors of the covariances.
        shape: event shape, of d numbers.

    Example:
        >>> log_weights = torch.tensor([[0.0, -9.0], [-9.0, 0.0]])
        >>> p = MixtureDistribution(log_weights, torch.tensor([[-5.0], [5.0]]), torch.ones(2, 1, 1), (1,))
        >>> p.log_prob(torch.tensor([[-5.0], [-5.0]])).int()
        tensor([ 0, -9], dtype=torch.int32)
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, log_weights: Tensor, means: Tensor, lower: Tensor, shape: tuple[int, ...]) -> None:
        self.log_weights, self.means, self.lower = log_weights.log_softmax(-1), means, lower
        super().__init__(log_weights.shape[:-1], torch.Size(shape), validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """Any real values, as one event."""
        return constraints.independent(constraints.real, len(self.event_shape))

    @property
    def mean(self) -> Tensor:
        """E[z], (*batch, *event)."""
        return (self.log_weights.exp() @ self.means).reshape(self._extended_shape())

    @property
    def variance(self) -> Tensor:
        """Var[z] of each latent, (*batch, *event)."""
        weights = self.log_weights.exp()
        mean = weights @ self.means
        # Moments around the mean: around the origin, the difference of two large squares would lose its digits.
        between = (weights.unsqueeze(-1) * (self.means - mean.unsqueeze(-2)).square()).sum(-2)
        return (between + weights @ self.lower.square().sum(-1)).reshape(self._extended_shape())

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log p(z), (*S, *batch) nats, of latents (*S, *batch, *event)."""
        lead = value.shape[: value.ndim - len(self.event_shape)]
        flat = value.reshape(-1, self.means.shape[1])
        rows = max(1, _LARGEST // self.means.numel())
        densities = torch.cat([gaussian_log_densities(part, self.means, self.lower) for part in flat.split(rows)])
        return (densities.reshape(*lead, -1) + self.log_weights).logsumexp(-1)

    @torch.no_grad()
    def sample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draw (*sample_shape, *batch, *event)."""
        shape = torch.Size(sample_shape)
        weights = self.log_weights.exp().expand(*shape, *self.log_weights.shape).reshape(-1, len(self.means))
        chosen = torch.multinomial(weights, 1)[:, 0]
        noise = torch.randn(len(chosen), self.means.shape[1], dtype=self.means.dtype, device=self.means.device)
        z = torch.empty_like(noise)
        for k, (mean, lower) in enumerate(zip(self.means, self.lower, strict=True)):
            rows = chosen == k  # A factor for each draw would need too much memory.
            z[rows] = mean + noise[rows] @ lower.T
        return z.reshape(self._extended_shape(shape))


def gaussian_log_densities(points: Tensor, means: Tensor, lower: Tensor) -> Tensor:
    """Return log N(x; μ_k, L_k L_kᵀ), (N, K), of points (N, d)."""
    centred = (points - means.unsqueeze(1)).mT
    whitened = torch.linalg.solve_triangular(lower, centred, upper=False)
    log_determinants = lower.diagonal(dim1=-2, dim2=-1).log().sum(-1, keepdim=True)
    constant = 0.5 * points.shape[1] * math.log(2 * math.pi)
    return (-0.5 * whitened.square().sum(1) - log_determinants - constant).T


def fit_mixture(
    latents: Tensor,
    components: int,
    *,
    labels: Tensor | None = None,
    classes: int = 0,
    iterations: int = 200,
    tolerance: float = 1e-4,
    seed: int = 0,
) -> GaussianMixture:
    """Return a mixture of Gaussians with full covariances, fitted to latents (N, d) by expectation-maximisation.

    With labels each class has its own weights over the same components: p(z|y) = Σ_k π_k(y) N(z; m_k, S_k). Separate
    classes have their own components; classes that overlap, or have few latents, share components.

    Args:
        components: K; 1 gives the mean and the covariance of the latents.
        labels: (N,) class numbers.
        classes: number of classes; 0: one set of weights.
        iterations: the largest number of steps.
        tolerance: stop when a step adds less to the mean log-density, in nats.
        seed: the seed of the initial centres, which are latents far from each other (k-means++).

    Raises:
        DataError: fewer than 2 latents for each component, or latents that are not finite.

    Source:
        Dempster, Laird & Rubin (1977), Maximum Likelihood from Incomplete Data via the EM Algorithm.
        https://doi.org/10.1111/j.2517-6161.1977.tb01600.x
        Arthur & Vassilvitskii (2007), k-means++. https://dl.acm.org/doi/10.5555/1283383.1283494

    Example:
        >>> latents = torch.cat([torch.randn(100, 2) - 9, torch.randn(100, 2) + 9])
        >>> fit_mixture(latents, 2).weights
        tensor([0.5000, 0.5000])
        >>> labels = torch.arange(200) // 100
        >>> fit_mixture(latents, 2, labels=labels, classes=2).weights.max(1).values
        tensor([0.9995, 0.9995])
    """
    _check(latents, components)
    points = latents.double()
    # Squares of latents that are far from zero would lose digits.
    origin = points.mean(0)
    points = points - origin
    members = None if labels is None or not classes else one_hot(labels, classes, points)
    floor = _floor(points)
    products = _products(points) if points.numel() * points.shape[1] <= _LARGEST else None
    centres = _first_centres(points, components, seed)
    responsibilities = one_hot(torch.cdist(points, centres).argmin(1), components, points).T.contiguous()
    before = -math.inf
    for _ in range(iterations):
        counts = responsibilities.sum(1).clamp_min(1e-9)
        means = responsibilities @ points / counts[:, None]
        if products is None:
            covariances = _covariances(points, responsibilities, counts, means) + floor
        else:
            covariances = _covariances_of_products(products, responsibilities, counts, means) + floor
        weights = _weights(responsibilities, counts, members)
        log_weights = weights.log()[:, None] if members is None else (members @ weights.log()).T
        log_joint = log_weights + _log_densities(points, means, torch.linalg.cholesky(covariances))
        evidence = log_joint.logsumexp(0)
        responsibilities = (log_joint - evidence).exp()
        mean_evidence = evidence.mean().item()
        if mean_evidence - before < tolerance:
            break
        before = mean_evidence
    return GaussianMixture(*(values.to(latents.dtype) for values in (weights, means + origin, covariances)))


def one_hot(numbers: Tensor, count: int, like: Tensor) -> Tensor:
    """Return numbers (N,) as one-hot rows (N, count) with the dtype of another tensor."""
    return torch.nn.functional.one_hot(numbers.long(), count).to(like.dtype)


def _weights(responsibilities: Tensor, counts: Tensor, members: Tensor | None) -> Tensor:
    """Return the weights (K,), or (classes, K) for members (N, classes), of responsibilities (K, N)."""
    # The weights of all classes together are the pseudo-counts: a class without latents gets their weights.
    shares = counts if members is None else (responsibilities @ members).T + _PSEUDO_COUNT * counts / counts.sum()
    return shares / shares.sum(-1, keepdim=True)


def _products(points: Tensor) -> Tensor:
    """Return the products (N, d²) of the coordinates of each point (N, d)."""
    return (points.unsqueeze(2) * points.unsqueeze(1)).flatten(1)


def _covariances_of_products(products: Tensor, responsibilities: Tensor, counts: Tensor, means: Tensor) -> Tensor:
    """Return the covariances (K, d, d) of few points of few dimensions, as E[x xᵀ] - m mᵀ.

    The rounding errors of the difference are far below ``_FLOOR``.
    """
    second = (responsibilities @ products / counts[:, None]).unflatten(1, (means.shape[1], -1))
    return second - means.unsqueeze(2) * means.unsqueeze(1)


def _covariances(points: Tensor, responsibilities: Tensor, counts: Tensor, means: Tensor) -> Tensor:
    """Return the covariances (K, d, d), one component after another, which bounds the memory."""
    covariances = []
    for mean, own, count in zip(means, responsibilities, counts, strict=True):
        # With many dimensions, nearly every latent has one component, and does not count for the others.
        counted = own > _NEGLIGIBLE * own.max()
        centred = points[counted] - mean
        covariances.append((centred * own[counted, None]).T @ centred / count)
    return torch.stack(covariances)


def _log_densities(points: Tensor, means: Tensor, lower: Tensor) -> Tensor:
    """Return log N(x; m_k, L_k L_kᵀ), (K, N), by one matrix product for all components.

    The inverse factors lose no digits that matter, since ``_FLOOR`` bounds their size; a prior with learned covariances
    solves instead (`gaussian_log_densities`).
    """
    components, size = means.shape
    identity = torch.eye(size, dtype=lower.dtype).expand_as(lower)
    inverse = torch.linalg.solve_triangular(lower, identity, upper=False)
    shift = (inverse @ means.unsqueeze(2)).flatten(0, 1)  # (K d, 1)
    columns = max(1, _LARGEST // means.numel())
    distances = torch.cat(
        [
            torch.addmm(shift, inverse.flatten(0, 1), part.T, beta=-1).square_().view(components, size, -1).sum(1)
            for part in points.split(columns)
        ],
        dim=1,
    )
    log_determinants = lower.diagonal(dim1=-2, dim2=-1).log().sum(-1, keepdim=True)
    return -0.5 * distances - log_determinants - 0.5 * size * math.log(2 * math.pi)


def _first_centres(points: Tensor, components: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    centres = points[torch.randint(len(points), (1,), generator=generator)]
    for _ in range(components - 1):
        nearest = torch.cdist(points, centres).square().min(1).values
        chances = nearest if nearest.sum() > 0 else torch.ones_like(nearest)
        centres = torch.cat([centres, points[torch.multinomial(chances, 1, generator=generator)]])
    return centres


def _floor(points: Tensor) -> Tensor:
    spread = points.var(0, correction=0).mean().clamp_min(1e-12)
    return _FLOOR * spread * torch.eye(points.shape[1], dtype=points.dtype)


def _check(latents: Tensor, components: int) -> None:
    if latents.ndim != 2 or len(latents) < 2 * components:
        raise DataError(
            f"expected at least {2 * components} latents (N, d) for {components} Gaussians, got {tuple(latents.shape)}",
            where="latents",
        )
    if not is_finite(latents):
        raise DataError("expected finite latents, got NaN or infinity", where="latents")
