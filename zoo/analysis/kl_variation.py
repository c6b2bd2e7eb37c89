r"""How the KL divergence of a posterior from a prior changes with the posterior's mean and covariance.

The posterior is N(μ, Σ), or the Gaussian with the moments of another one. A variation maps a number t to
N(μ(t), Σ(t)). For each t the divergence is computed in closed form and by Monte Carlo, and its derivative by the
formulas

.. math:: ∂KL/∂μ = Σ*⁻¹ (μ − μ*),    ∂KL/∂Σ = ½ (Σ*⁻¹ − Σ⁻¹),

by automatic differentiation of the closed form, and by automatic differentiation of the Monte Carlo estimate. A
prior that is not Gaussian has no closed form, only the estimates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from zoo.divergences import kl_divergence
from zoo.errors import ComponentError, InputError

VariationKind = Literal["move", "scale", "rotate", "correlate"]
Variation = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Maps t (P,) to means (P, d) and covariances (P, d, d)."""


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
    estimates, gradients = {}, {}
    for k in num_samples:
        estimates[k], gradients[k] = _monte_carlo(variation, prior, values, k)
    try:
        closed_form, automatic = _with_slopes(
            lambda t: kl_divergence(_gaussian(*variation(t)), prior, method="closed_form"), values
        )
    except ComponentError:
        closed_form = automatic = None
    formula = _formula(variation, prior, values) if is_gaussian(prior) else None
    return KlVariation(values, closed_form, estimates, formula, automatic, gradients)


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
            rotation = _rotation(t, i, j, d)
            return means, rotation @ covariances @ rotation.mT
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


def _monte_carlo(variation: Variation, prior: Distribution, values: Tensor, k: int) -> tuple[Estimate, Estimate]:
    """Return estimates of the divergence and of its derivative from the same K draws of the noise."""
    noise = torch.randn(k, 1, variation(values)[0].shape[1], dtype=values.dtype)

    def log_ratio(t: Tensor) -> Tensor:
        means, covariances = variation(t)
        lower = torch.linalg.cholesky(covariances)
        z = means + torch.einsum("pij,kpj->kpi", lower, noise.expand(-1, len(t), -1))
        # log q(z) from the noise of z: solving for the noise again would triple the time.
        log_scale = lower.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        log_q = -0.5 * (noise.square() + math.log(2 * math.pi)).sum(-1) - log_scale
        return log_q - prior.log_prob(z)

    ratios, slopes = _with_slopes(log_ratio, values)
    return _estimate(ratios), _estimate(slopes)


def _with_slopes(function: Callable[[Tensor], Any], values: Tensor) -> tuple[Any, Any]:
    """Return a function's result and its derivative, if the result at t_p depends on no other t.

    Then one product with the Jacobian differentiates at all t.
    """
    result, slopes = torch.autograd.functional.jvp(function, values, torch.ones_like(values))
    return result, slopes


def _estimate(draws: Tensor) -> Estimate:
    return Estimate(draws.mean(0), draws.std(0) / len(draws) ** 0.5)


def _formula(variation: Variation, prior: Distribution, values: Tensor) -> Tensor:
    """Return ⟨∂KL/∂μ, dμ/dt⟩ + ⟨∂KL/∂Σ, dΣ/dt⟩."""
    (means, covariances), (mean_slopes, covariance_slopes) = _with_slopes(variation, values)
    prior_lower = prior.scale_tril if isinstance(prior, MultivariateNormal) else torch.diag(prior.stddev)
    lower = torch.linalg.cholesky(covariances)
    by_mean = torch.cholesky_solve((means - prior.mean).T, prior_lower).T
    d = means.shape[1]
    prior_trace = torch.cholesky_solve(covariance_slopes, prior_lower.expand(len(values), d, d))
    trace = torch.cholesky_solve(covariance_slopes, lower)
    by_covariance = 0.5 * (prior_trace - trace).diagonal(dim1=-2, dim2=-1).sum(-1)
    return (by_mean * mean_slopes).sum(-1) + by_covariance


def _gaussian(means: Tensor, covariances: Tensor) -> MultivariateNormal:
    return MultivariateNormal(means, scale_tril=torch.linalg.cholesky(covariances), validate_args=False)


def _rotation(angles: Tensor, i: int, j: int, d: int) -> Tensor:
    identity = torch.eye(d, dtype=angles.dtype)
    within = torch.zeros(d, d, dtype=angles.dtype)
    within[i, i] = within[j, j] = 1
    turn = torch.zeros(d, d, dtype=angles.dtype)
    turn[i, j], turn[j, i] = -1, 1
    cosine, sine = angles.cos()[:, None, None], angles.sin()[:, None, None]
    return identity - within + cosine * within + sine * turn


def _entries(d: int, i: int, j: int, dtype: torch.dtype) -> Tensor:
    entries = torch.zeros(d, d, dtype=dtype)
    entries[i, j] = entries[j, i] = 1
    return entries
