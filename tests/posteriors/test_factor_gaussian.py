"""The correlated posterior whose correlations are mixtures of shared matrices."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal

from zoo.divergences import kl_divergence
from zoo.posteriors.factor_gaussian import FactorGaussian, SharedFactorNormal


def shared(d: int = 12, batch: int = 5, rank: int = 3) -> SharedFactorNormal:
    """A posterior whose factor is mixed from few matrices, and far from diagonal."""
    torch.manual_seed(0)
    posterior = FactorGaussian(features=8, latent_dim=d, rank=rank).double()
    posterior.triangles.data.normal_()
    q = posterior(torch.randn(batch, 8, dtype=torch.float64))
    assert isinstance(q, SharedFactorNormal)
    return q


def test_a_shared_factor_is_the_gaussian_of_its_matrix() -> None:
    q = shared()
    whole = MultivariateNormal(q.mean, scale_tril=q.scale_tril)
    assert torch.equal(q.scale_tril, q.scale_tril.tril())
    z = torch.randn(7, 5, 12, dtype=torch.float64)
    for ours, theirs in (
        (q.log_prob(z), whole.log_prob(z)),
        (q.entropy(), whole.entropy()),
        (q.variance, whole.variance),
        (q.covariance_matrix, whole.covariance_matrix),
        (q.expand(torch.Size([7, 5])).log_prob(z), whole.log_prob(z)),
    ):
        torch.testing.assert_close(ours, theirs)


def test_gradients_flow_whoever_asked_first_for_the_matrix() -> None:
    q = shared()
    z = q.sample(torch.Size([4]))
    with torch.no_grad():
        assert q.variance.isfinite().all()
    gradients = torch.autograd.grad(q.log_prob(z).sum(), [q.scale, q.weights, q.triangles])
    assert all(gradient.norm() > 0 for gradient in gradients)


@pytest.mark.parametrize("sample_shape", [(), (1,), (4,), (2, 3)])
def test_draws_with_and_without_the_matrix_are_the_same(sample_shape: tuple[int, ...]) -> None:
    q = shared()
    torch.manual_seed(1)
    ours = q.rsample(sample_shape)
    torch.manual_seed(1)
    theirs = MultivariateNormal(q.mean, scale_tril=q.scale_tril).rsample(torch.Size(sample_shape))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("prior", ["standard", "scaled", "for each", "full"])
def test_its_divergence_and_gradients_are_those_of_the_matrix(prior: str) -> None:
    identity = torch.eye(12, dtype=torch.float64)
    p = {
        "standard": Independent(Normal(torch.zeros_like(identity[0]), 1.0), 1),
        "scaled": Independent(Normal(torch.ones_like(identity[0]), torch.linspace(0.5, 2.0, 12).double()), 1),
        "for each": Independent(Normal(torch.ones(5, 12, dtype=torch.float64), 2.0), 1),
        "full": MultivariateNormal(
            torch.ones_like(identity[0]), scale_tril=identity + 0.1 * torch.ones_like(identity).tril()
        ),
    }[prior]
    gradients = []
    for as_matrix in (False, True):
        q = shared()
        leaves = [each.detach().requires_grad_() for each in (q.mean, q.scale, q.weights, q.triangles)]
        q = SharedFactorNormal(*leaves)
        chosen = MultivariateNormal(q.mean, scale_tril=q.scale_tril) if as_matrix else q
        divergence = kl_divergence(chosen, p, method="closed_form")
        gradients.append([divergence, *torch.autograd.grad(divergence.sum(), leaves)])
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(
            ours.tril() if ours.ndim == 3 else ours, theirs.tril() if theirs.ndim == 3 else theirs
        )


def test_the_factor_is_the_mixture_that_its_formula_states() -> None:
    """L = diag(s) (I + S) with S = (B_0 + Σ_k c_k B_k / √rank) / √d."""
    d, rank = 5, 3
    posterior = FactorGaussian(features=2, latent_dim=d, rank=rank).double()
    torch.nn.init.zeros_(posterior.head.weight)
    weights, scales = torch.tensor([0.5, -1.0, 2.0]).double(), torch.linspace(-1, 1, d).double()
    posterior.head.bias.data = torch.cat([torch.zeros(d).double(), scales, weights])
    posterior.triangles.data.normal_()
    rows, columns = torch.tril_indices(d, d, -1)
    mixed = torch.zeros(d, d, dtype=torch.float64)
    mixed[rows, columns] = posterior.triangles.data[0] + weights @ posterior.triangles.data[1:] / rank**0.5
    expected = (torch.nn.functional.softplus(scales) + 1e-4)[:, None] * (torch.eye(d) + mixed / d**0.5)
    torch.testing.assert_close(posterior(torch.zeros(1, 2).double()).scale_tril[0], expected)


@pytest.mark.parametrize(("latent_dim", "matrices"), [(1, 1), (2, 1), (3, 3), (8, 16)])
def test_no_more_matrices_are_learned_than_there_are_entries_below_the_diagonal(latent_dim: int, matrices: int) -> None:
    posterior = FactorGaussian(features=2, latent_dim=latent_dim, rank=16)
    assert posterior.triangles.shape == (1 + matrices, latent_dim * (latent_dim - 1) // 2)
    assert posterior(torch.zeros(3, 2)).rsample().shape == (3, latent_dim)
