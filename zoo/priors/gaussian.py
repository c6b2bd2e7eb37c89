"""A Gaussian prior of any mean and covariance."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

from zoo.errors import ComponentError
from zoo.priors import Prior
from zoo.registry import register
from zoo.utils.finite import is_finite


@register("prior", "gaussian")
class Gaussian(Prior):
    """p(z) = N(μ*, Σ*) with any mean and full covariance, fixed or learned.

    Choose it to prescribe a mean, a scale or correlations of the latents, or with ``learned: true`` to learn them from
    the data. The parameter is the Cholesky factor of the covariance, with the logarithm of its diagonal.

    Args:
        mean: d numbers; zeros if not given.
        covariance: d rows of d numbers, symmetric and positive definite; the identity if not given.
        learned: whether both are trained, with the values above as initial values.

    Raises:
        ComponentError: a size is not that of the latent space, or the covariance is not positive definite.

    Source:
        Bishop (2006), Pattern Recognition and Machine Learning, section 2.3.

    Example:
        >>> prior = Gaussian(latent_dim=2, covariance=[[1.0, 0.5], [0.5, 1.0]])
        >>> prior().covariance_matrix
        tensor([[1.0000, 0.5000],
                [0.5000, 1.0000]])
    """

    mean: Tensor
    below: Tensor
    log_diagonal: Tensor

    def __init__(
        self,
        *,
        latent_dim: int,
        mean: list[float] | None = None,
        covariance: list[list[float]] | None = None,
        learned: bool = False,
    ) -> None:
        super().__init__()
        lower = _cholesky(covariance, latent_dim)
        tensors = {
            "mean": _mean(mean, latent_dim),
            "below": lower.tril(-1),
            "log_diagonal": lower.diagonal().log(),
        }
        for name, tensor in tensors.items():
            if learned:
                self.register_parameter(name, nn.Parameter(tensor))
            else:
                self.register_buffer(name, tensor)

    def forward(self) -> MultivariateNormal:
        """Return N(μ*, Σ*) with event shape (latent_dim,)."""
        lower = self.below.tril(-1) + self.log_diagonal.exp().diag()
        return MultivariateNormal(self.mean, scale_tril=lower, validate_args=False)


def _mean(mean: list[float] | None, latent_dim: int) -> Tensor:
    values = torch.zeros(latent_dim) if mean is None else torch.tensor(mean, dtype=torch.float32)
    if values.shape != (latent_dim,):
        raise ComponentError(f"expected {latent_dim} numbers (latent_dim), got {len(values)}", where="mean")
    if not is_finite(values):
        raise ComponentError("expected finite numbers, got NaN or infinity", where="mean")
    return values


def _cholesky(covariance: list[list[float]] | None, latent_dim: int) -> Tensor:
    if covariance is None:
        return torch.eye(latent_dim)
    widths = {len(row) for row in covariance}
    if len(covariance) != latent_dim or widths != {latent_dim}:
        found = f"{len(covariance)} rows of {'/'.join(map(str, sorted(widths))) or 'no'} numbers"
        raise ComponentError(
            f"expected a {latent_dim}×{latent_dim} matrix (latent_dim {latent_dim}), got {found}",
            where="covariance",
        )
    matrix = torch.tensor(covariance, dtype=torch.float64)
    lower, failure = torch.linalg.cholesky_ex(matrix)
    asymmetry = (matrix - matrix.T).abs().max().item()
    if not math.isfinite(asymmetry) or asymmetry > 1e-6 or failure.item():
        raise ComponentError(
            "expected a symmetric positive-definite matrix",
            where="covariance",
            remedy=f"Largest asymmetry: {asymmetry:.3g}; smallest eigenvalue: {_smallest_eigenvalue(matrix)}.",
        )
    return lower.float()


def _smallest_eigenvalue(matrix: Tensor) -> str:
    return f"{torch.linalg.eigvalsh(matrix).min().item():.3g}" if is_finite(matrix) else "not a number"
