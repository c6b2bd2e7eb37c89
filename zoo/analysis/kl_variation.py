r"""How the KL divergence of a posterior from a prior changes with the posterior's mean and covariance.

The posterior is N(μ, Σ), or the Gaussian with the moments of another one. A variation maps a number t to
N(μ(t), Σ(t)). For each t the divergence is computed in closed form and by Monte Carlo, and its derivative by the
formulas

.. math:: ∂KL/∂μ = Σ*⁻¹ (μ − μ*),    ∂KL/∂Σ = ½ (Σ*⁻¹ − Σ⁻¹),

by automatic differentiation of the closed form, and as a Monte Carlo estimate from the derivatives of the draws. A
prior that is not Gaussian has no closed form, only the estimates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from zoo.divergences import kl_divergence
from zoo.errors import ComponentError, InputError

VariationKind = Literal["move", "scale", "rotate", "correlate"]
Variation = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Maps t (P,) to means (P, d) and covariances (P, d, d)."""

_LARGEST = 2**20
"""The largest number of values of the covariances, or of the draws, that are computed at a time."""


class Estimate(NamedTuple):
    """A Monte Carlo estimate and its standard error, both (P,)."""

    mean: Tensor
    standard_error: Tensor


class KlVariation(NamedTuple):
    """The divergence along a variation, in nats, and its derivative in t.

    Attributes:
        values: (P,) t.
        closed_form: (P,), or None where the pair has none.
        estimates: for each number of samples K.
        formula: (P,) the derivative by the formulas, or None for a prior that is not Gaussian.
        automatic: (P,) the derivative of the closed form by automatic differentiation, or None.
        gradient_estimates: for each K, of the derivative.
    """

    values: Tensor
    closed_form: Tensor | None
    estimates: dict[int, Estimate]
    formula: Tensor | None
    automatic: Tensor | None
    gradient_estimates: dict[int, Estimate]


class Path(NamedTuple):
    """Gaussians along a variation, or the derivatives of their parameters.

    Attributes:
        mean: (P, d).
        covariance: (P, d, d).
        lower: (P, d, d), Cholesky factors of the covariances.
    """

    mean: Tensor
    covariance: Tensor
    lower: Tensor

    @property
    def diagonal(self) -> Tensor:
        """The diagonals of the factors, (P, d)."""
        return self.lower.diagonal(dim1=-2, dim2=-1)


def kl_variation(
    variation: Variation, prior: Distribution, values: Tensor, *, num_samples: Sequence[int] = (10, 100, 1000)
) -> KlVariation:
    """Return KL(N(μ(t), Σ(t)) ‖ p) for each t.

    Args:
        variation: see :func:`gaussian_variation`.
        prior: p(z), any distribution with event shape (d,) whose log-density can be differentiated.
        values: (P,) t.
        num_samples: K of the Monte Carlo estimates, each at least 2.

    Raises:
        InputError: a K is below 2, so that there is no standard error.

    Example:
        >>> variation = gaussian_variation("scale", torch.zeros(2), torch.eye(2))
        >>> prior = MultivariateNormal(torch.zeros(2), torch.eye(2))
        >>> kl_variation(variation, prior, torch.tensor([0.5, 2.0])).formula.round(decimals=4)
        tensor([-1.0000,  0.5000])
    """
    if any(k < 2 for k in num_samples):
        raise InputError(f"expected at least 2 samples, got {min(num_samples)}", where="num_samples")
    d = variation(values[:1])[0].shape[1]
    noises = {k: torch.randn(k, 1, d, dtype=values.dtype) for k in num_samples}
    # The divergence at a t depends on no other t, so they may be taken a few at a time.
    rows = max(1, _LARGEST // (d * max(d, *num_samples, 1)))
    return _joined([_variation_at(variation, prior, t, noises) for t in values.split(rows)])


def gaussian_variation(
    kind: VariationKind,
    mean: Tensor,
    covariance: Tensor,
    *,
    direction: Tensor | None = None,
    plane: tuple[int, int] = (0, 1),
) -> Variation:
    r"""Return a variation of N(μ, Σ) by name.

    ``move``: μ + t u. ``scale``: t Σ, t > 0. ``rotate``: R(t) Σ R(t)ᵀ, by the angle t in a plane. ``correlate``:
    the correlation in a plane becomes t, the variances stay; t lies inside :func:`correlation_range`.

    Args:
        mean: (d,) μ.
        covariance: (d, d) Σ.
        direction: (d,) u; the first axis if not given.
        plane: the two dimensions in which ``rotate`` and ``correlate`` act.

    Raises:
        InputError: the kind is unknown, or the plane is not two of the dimensions.
    """
    d = len(mean)
    if kind not in get_args(VariationKind):
        raise InputError(f"expected one of {', '.join(get_args(VariationKind))}, got {kind!r}", where="kind")
    i, j = plane
    if kind in ("rotate", "correlate") and not (i != j and 0 <= i < d and 0 <= j < d):
        raise InputError(f"expected two of the {d} dimensions, got {plane}", where="plane")
    along = torch.eye(d, dtype=mean.dtype)[0] if direction is None else direction

    def vary(t: Tensor) -> tuple[Tensor, Tensor]:
        means, covariances = mean.expand(len(t), d), covariance.expand(len(t), d, d)
        if kind == "move":
            return means + t[:, None] * along, covariances
        if kind == "scale":
            return means, t[:, None, None] * covariances
        if kind == "rotate":
            half = _rotated(covariances, t, i, j)
            return means, _rotated(half.mT, t, i, j)
        return means, covariances + _entries(d, i, j, mean.dtype) * (
            t * (covariance[i, i] * covariance[j, j]).sqrt() - covariance[i, j]
        ).reshape(-1, 1, 1)

    return vary


def correlation_range(covariance: Tensor, plane: tuple[int, int] = (0, 1)) -> tuple[float, float]:
    r"""Return the smallest and the largest correlation that two dimensions can have if the rest of Σ (d, d) is fixed.

    In two dimensions these are −1 and 1. In more, the other dimensions restrict the correlation: with the part e of the
    covariance that they explain, and the unexplained variances v, the bounds of Σ_ij are e_ij ± √(v_i v_j).

    Example:
        >>> correlation_range(torch.eye(3))
        (-1.0, 1.0)
    """
    i, j = (axis % len(covariance) for axis in plane)
    rest = [k for k in range(len(covariance)) if k not in (i, j)]
    pair = covariance.double()[[i, j]]
    across, among = pair[:, rest], covariance.double()[rest][:, rest]
    explained = across @ torch.linalg.solve(among, across.T) if rest else torch.zeros(2, 2, dtype=torch.float64)
    own = pair[:, [i, j]]
    left = (own - explained).diagonal().clamp(min=0).prod().sqrt()
    scale = own.diagonal().prod().sqrt()
    return float((explained[0, 1] - left) / scale), float((explained[0, 1] + left) / scale)


def default_values(kind: VariationKind, count: int = 41) -> Tensor:
    """Return suitable values of t for a variation, (count,).

    Example:
        >>> default_values("correlate", 3)
        tensor([-0.9500,  0.0000,  0.9500])
    """
    low, high = {"move": (-3.0, 3.0), "scale": (0.1, 4.0), "rotate": (0.0, torch.pi), "correlate": (-0.95, 0.95)}[kind]
    return torch.linspace(low, high, count)


def first_of_batch(distribution: Distribution) -> Distribution:
    """Return the first Gaussian, with batch shape (), of a batch; other distributions are returned unchanged."""
    if not len(distribution.batch_shape) or not is_gaussian(distribution):
        return distribution
    if isinstance(distribution, MultivariateNormal):
        return MultivariateNormal(distribution.mean[0], scale_tril=distribution.scale_tril[0], validate_args=False)
    return Independent(Normal(distribution.mean[0], distribution.stddev[0], validate_args=False), 1)


def is_gaussian(distribution: Distribution) -> bool:
    """Whether a distribution is a full Gaussian, or one of independent Gaussians."""
    if isinstance(distribution, MultivariateNormal):
        return True
    return isinstance(distribution, Independent) and isinstance(distribution.base_dist, Normal)


@torch.enable_grad()
def _variation_at(
    variation: Variation, prior: Distribution, values: Tensor, noises: Mapping[int, Tensor]
) -> KlVariation:
    """Return the divergence for a few t, with the noise (K, 1, d) of each estimate."""
    t = values.detach().clone().requires_grad_()
    mean, covariance = variation(t)
    lower = torch.linalg.cholesky(covariance)
    closed_form, automatic = _closed_form(mean, lower, prior, t)
    path = Path(mean.detach(), covariance.detach(), lower.detach())
    # The result at t_p depends on no other t: one product with the Jacobian differentiates at all t.
    _, (mean_slopes, covariance_slopes) = torch.autograd.functional.jvp(variation, values, torch.ones_like(values))
    slopes = Path(mean_slopes, covariance_slopes, _slopes_of_factors(path.lower, covariance_slopes))
    estimates, gradients = {}, {}
    for k, noise in noises.items():
        estimates[k], gradients[k] = _monte_carlo(path, slopes, prior, noise)
    formula = _formula(path, slopes, prior) if is_gaussian(prior) else None
    return KlVariation(values, closed_form, estimates, formula, automatic, gradients)


def _slopes_of_factors(lower: Tensor, covariance_slopes: Tensor) -> Tensor:
    """Return the derivatives of Cholesky factors, dL = L Φ(L⁻¹ dΣ L⁻ᵀ), where Φ keeps the lower half of a matrix.

    Source:
        Murray (2016), Differentiation of the Cholesky decomposition, section 3.1. https://arxiv.org/abs/1602.07527
    """
    half = torch.linalg.solve_triangular(lower, covariance_slopes, upper=False)
    whole = torch.linalg.solve_triangular(lower, half.mT, upper=False)
    return lower @ (whole.tril() - 0.5 * whole.diagonal(dim1=-2, dim2=-1).diag_embed())


def _joined(parts: Sequence[KlVariation]) -> KlVariation:
    """Return one result for the values of all parts."""

    def join(tensors: Iterable[Tensor | None]) -> Tensor | None:
        found = [each for each in tensors if each is not None]
        return torch.cat(found) if found else None

    def join_estimates(estimates: Sequence[Mapping[int, Estimate]]) -> dict[int, Estimate]:
        return {k: Estimate(*map(torch.cat, zip(*(each[k] for each in estimates), strict=True))) for k in estimates[0]}

    return KlVariation(
        torch.cat([part.values for part in parts]),
        join(part.closed_form for part in parts),
        join_estimates([part.estimates for part in parts]),
        join(part.formula for part in parts),
        join(part.automatic for part in parts),
        join_estimates([part.gradient_estimates for part in parts]),
    )


def _monte_carlo(path: Path, slopes: Path, prior: Distribution, noise: Tensor) -> tuple[Estimate, Estimate]:
    """Return estimates of the divergence and of its derivative from the same K draws of the noise."""
    z = (path.mean + _times_noise(path.lower, noise)).requires_grad_()
    z_slopes = slopes.mean + _times_noise(slopes.lower, noise)
    log_p = prior.log_prob(z)
    # A uniform density does not depend on z.
    log_p_slopes = torch.autograd.grad(log_p.sum(), z)[0] if log_p.requires_grad else torch.zeros_like(z)
    # log q(z) from the noise of z: solving for the noise again would triple the time.
    log_q = -0.5 * (noise.square() + math.log(2 * math.pi)).sum(-1) - path.diagonal.log().sum(-1)
    log_scale_slopes = (slopes.diagonal / path.diagonal).sum(-1)
    return _estimate(log_q - log_p.detach()), _estimate(-log_scale_slopes - (log_p_slopes * z_slopes).sum(-1))


def _times_noise(lower: Tensor, noise: Tensor) -> Tensor:
    """Return the products of matrices (P, d, d) with the noise (K, 1, d), (K, P, d)."""
    return (noise.squeeze(1) @ lower.mT).transpose(0, 1)


def _estimate(draws: Tensor) -> Estimate:
    return Estimate(draws.mean(0), draws.std(0) / len(draws) ** 0.5)


def _closed_form(
    mean: Tensor, lower: Tensor, prior: Distribution, t: Tensor
) -> tuple[Tensor, Tensor] | tuple[None, None]:
    """Return the closed form and its derivative by automatic differentiation, or nothing if the pair has none."""
    q = MultivariateNormal(mean, scale_tril=lower, validate_args=False)
    try:
        divergence = kl_divergence(q, prior, method="closed_form")
    except ComponentError:
        return None, None
    (slopes,) = torch.autograd.grad(divergence.sum(), t)
    return divergence.detach(), slopes


def _formula(path: Path, slopes: Path, prior: Distribution) -> Tensor:
    """Return ⟨∂KL/∂μ, dμ/dt⟩ + ⟨∂KL/∂Σ, dΣ/dt⟩."""
    prior_lower = prior.scale_tril if isinstance(prior, MultivariateNormal) else torch.diag(prior.stddev)
    by_mean = torch.cholesky_solve((path.mean - prior.mean).T, prior_lower).T
    by_covariance = 0.5 * (torch.cholesky_inverse(prior_lower) - torch.cholesky_inverse(path.lower))
    return (by_mean * slopes.mean).sum(-1) + (by_covariance * slopes.covariance).sum((-2, -1))


def _rotated(matrices: Tensor, angles: Tensor, i: int, j: int) -> Tensor:
    """Return the products R(t) A with matrices A (P, d, d), of which only two rows change."""
    cosine, sine = angles.cos()[:, None], angles.sin()[:, None]
    first, second = matrices[:, i], matrices[:, j]
    rows = torch.stack([cosine * first - sine * second, sine * first + cosine * second], 1)
    return matrices.index_copy(1, torch.tensor([i, j]), rows)


def _entries(d: int, i: int, j: int, dtype: torch.dtype) -> Tensor:
    entries = torch.zeros(d, d, dtype=dtype)
    entries[i, j] = entries[j, i] = 1
    return entries
