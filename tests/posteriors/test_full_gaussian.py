"""The full-covariance posterior."""

from __future__ import annotations

import pytest
import torch

from tests.minimise import minimise
from zoo.posteriors.diagonal_gaussian import DiagonalGaussian
from zoo.posteriors.factor_gaussian import FactorGaussian
from zoo.posteriors.full_gaussian import FullGaussian


@pytest.mark.parametrize("d", [1, 2, 5, 32])
def test_the_factor_is_lower_triangular_with_a_positive_diagonal(d: int) -> None:
    lower = FullGaussian(features=8, latent_dim=d)(10 * torch.randn(6, 8)).scale_tril
    assert torch.equal(lower, lower.tril())
    assert (lower.diagonal(dim1=-2, dim2=-1) >= 1e-4).all()


def test_every_entry_of_the_factor_has_a_weight_of_its_own() -> None:
    d, features = 4, 8
    posterior = FullGaussian(features=features, latent_dim=d)
    assert posterior.head.weight.numel() == features * (d * d + 3 * d) // 2
    posterior.head.weight.data.zero_()
    posterior.head.bias.data = torch.arange(posterior.head.bias.numel(), dtype=torch.float32)
    lower = posterior(torch.zeros(1, features)).scale_tril[0]
    assert len(lower[lower != 0].unique()) == d * (d + 1) // 2


def test_draws_have_the_covariance_of_the_factor() -> None:
    torch.manual_seed(0)
    q = FullGaussian(features=8, latent_dim=3)(3 * torch.randn(1, 8))
    z = q.rsample(torch.Size([200_000]))[:, 0]
    assert torch.allclose(torch.cov(z.T), q.covariance_matrix[0], rtol=0.05, atol=0.02)


def test_without_entries_below_the_diagonal_it_is_the_diagonal_posterior() -> None:
    d, h = 3, torch.randn(5, 8)
    full, diagonal = FullGaussian(features=8, latent_dim=d), DiagonalGaussian(features=8, latent_dim=d)
    full.head.weight.data[2 * d :], full.head.bias.data[2 * d :] = 0.0, 0.0
    diagonal.head.weight.data, diagonal.head.bias.data = full.head.weight.data[: 2 * d], full.head.bias.data[: 2 * d]
    z = torch.randn(5, d)
    assert torch.allclose(full(h).log_prob(z), diagonal(h).log_prob(z), atol=1e-5)


@pytest.mark.parametrize(("kind", "options"), [(FullGaussian, {}), (FactorGaussian, {"rank": 3})])
def test_it_begins_as_the_diagonal_posterior_and_learns_to_correlate(kind: type, options: dict[str, int]) -> None:
    torch.manual_seed(0)
    posterior = kind(features=8, latent_dim=6, **options)
    h = torch.ones(1, 8)
    lower = posterior(h).scale_tril
    assert torch.equal(lower, torch.diag_embed(lower.diagonal(dim1=-2, dim2=-1)))
    # Correlated targets, as a decoder would pull at the codes: likely under a full covariance alone.
    mixing = torch.eye(6) + torch.ones(6, 6).tril(-1)
    z = torch.randn(2000, 1, 6) @ mixing.T
    minimise(lambda: -posterior(h).log_prob(z).mean(), posterior.parameters(), iterations=40)
    covariance = posterior(h).covariance_matrix[0]
    assert (covariance - mixing @ mixing.T).norm() < 0.1 * (mixing @ mixing.T).norm()


def test_it_begins_without_any_correlation_whatever_the_features() -> None:
    lower = FullGaussian(features=8, latent_dim=4)(10 * torch.randn(6, 8)).scale_tril
    assert torch.equal(lower, torch.diag_embed(lower.diagonal(dim1=-2, dim2=-1)))
