"""Total correlation estimated from a batch, against closed forms."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, Normal

import zoo
from zoo.divergences import aggregate_log_densities
from zoo.errors import ComponentError
from zoo.regularisers.total_correlation import Estimator, TotalCorrelation, log_batch_weights


class Drawn:
    """A draw of each of some posteriors, as far as the regulariser looks at it."""

    def __init__(self, means: Tensor, scale: float) -> None:
        self.q = Independent(Normal(means, scale), 1)
        self.z = self.q.rsample(torch.Size([1]))


def estimate(means: Tensor, scale: float, train_examples: int, estimator: Estimator = "stratified") -> Tensor:
    torch.manual_seed(0)
    regulariser = TotalCorrelation(train_examples=train_examples, estimator=estimator)
    return regulariser(Drawn(means, scale))  # type: ignore[arg-type]


def test_it_is_that_of_a_gaussian() -> None:
    """q(z) = N(0, Σ) has the total correlation ½ (Σ_j log Σ_jj − log det Σ)."""
    torch.manual_seed(1)
    covariance, scale = torch.tensor([[1.0, 0.6], [0.6, 1.5]]), 0.5
    lower = torch.linalg.cholesky(covariance - scale**2 * torch.eye(2))
    means = torch.randn(2000, 2) @ lower.T
    expected = 0.5 * (covariance.diagonal().log().sum() - torch.logdet(covariance))
    assert estimate(means, scale, 10**6).item() == pytest.approx(expected.item(), abs=0.02)


@pytest.mark.parametrize("latents", [2, 3])
def test_of_clusters_far_apart_it_is_the_logarithm_of_their_number_for_each_further_latent(latents: int) -> None:
    means = 100 * torch.arange(100.0)[:, None].expand(100, latents)
    expected = (latents - 1) * math.log(1000)
    assert estimate(means, 0.1, 1000).item() == pytest.approx(expected, rel=1e-4)


def test_independent_latents_have_none_and_the_weighted_estimator_does_not_see_it() -> None:
    """Every posterior is the same: the weighted estimate is too large by (d − 1) log N."""
    means = torch.zeros(20, 3)
    assert estimate(means, 1.0, 1000).item() == pytest.approx(0.0, abs=1e-5)
    assert estimate(means, 1.0, 1000, "weighted").item() == pytest.approx(2 * math.log(1000), rel=1e-5)


def test_the_stratified_density_is_right_in_the_mean_over_all_batches() -> None:
    """N = 5, B = 3: the mean over every ordered batch with the draw's own example in a place is q(z)."""
    torch.manual_seed(0)
    everyone = Independent(Normal(torch.randn(5, 2), 0.7), 1)
    z = torch.randn(5, 2)
    exact, _ = aggregate_log_densities(everyone, z, -math.log(5))
    log_weights = log_batch_weights(3, 5, "stratified")
    sums, counts = torch.zeros(5), torch.zeros(5)
    for batch in itertools.permutations(range(5), 3):
        chosen = list(batch)
        some = Independent(Normal(everyone.base_dist.loc[chosen], 0.7), 1)
        estimates, _ = aggregate_log_densities(some, z[chosen], log_weights)
        sums.index_add_(0, torch.tensor(chosen), estimates.exp())
        counts.index_add_(0, torch.tensor(chosen), torch.ones(3))
    torch.testing.assert_close(sums / counts, exact.exp())


@pytest.mark.parametrize(("batch", "train_examples"), [(2, 2), (2, 9), (8, 8), (8, 1000), (8, 3)])
def test_the_stratified_weights_of_a_draw_sum_to_one_and_its_own_is_one_in_n(batch: int, train_examples: int) -> None:
    weights = log_batch_weights(batch, train_examples, "stratified").exp()  # type: ignore[union-attr]
    torch.testing.assert_close(weights.sum(1), torch.ones(batch))
    torch.testing.assert_close(weights.diagonal(), torch.full((batch,), 1 / max(batch, train_examples)))


def test_two_examples_far_apart_are_two_clusters() -> None:
    means = torch.tensor([[0.0, 0.0], [100.0, 100.0]])
    assert estimate(means, 0.1, 2).item() == pytest.approx(math.log(2), rel=1e-5)


@pytest.mark.parametrize("estimator", ["stratified", "weighted"])
def test_its_gradient_makes_latents_independent(estimator: Estimator) -> None:
    torch.manual_seed(1)
    means = (torch.randn(100, 2) @ torch.tensor([[1.0, 0.9], [0.0, 0.4]])).requires_grad_()
    optimizer = torch.optim.Adam([means], lr=0.05)
    before = torch.corrcoef(means.detach().T)[0, 1]
    for _ in range(40):
        optimizer.zero_grad()
        estimate(means, 0.3, 100, estimator).backward()
        optimizer.step()
    assert torch.corrcoef(means.detach().T)[0, 1].abs() < 0.6 * before


@pytest.mark.parametrize("posterior", ["full_gaussian", "autoregressive_flow", "hamiltonian"])
def test_a_posterior_of_dependent_latents_is_refused(posterior: str) -> None:
    with pytest.raises(ComponentError, match=f"density of each latent on its own, which the posterior '{posterior}'"):
        zoo.build("vae-mlp-2d", posterior=posterior, train_examples=10, regularisers={"tc": "total_correlation"})


def test_the_number_of_training_examples_must_be_known() -> None:
    with pytest.raises(ComponentError, match=r"Set `model\.train_examples`"):
        zoo.build("vae-mlp-2d", regularisers={"tc": "total_correlation"})


def test_maps_and_a_single_example() -> None:
    torch.manual_seed(0)
    parts = {"latent_dim": 3, "posterior": "gaussian_map", "decoder": {"name": "conv_map"}}
    regularisers = {"tc": {"name": "total_correlation"}}
    model = zoo.build("vae-conv-16d", data_shape=(1, 8, 8), train_examples=10, regularisers=regularisers, **parts)
    assert model.loss(torch.rand(5, 1, 8, 8)).terms["tc"] != 0
    assert model.loss(torch.rand(1, 1, 8, 8)).terms["tc"] == 0
