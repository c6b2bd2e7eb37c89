"""The wrapped normal posterior, and the prior that takes its curvature."""

from __future__ import annotations

import pytest
import torch

import zoo
from zoo.errors import ComponentError
from zoo.posteriors.diagonal_gaussian import DiagonalGaussian
from zoo.posteriors.wrapped_normal import WrappedNormalPosterior
from zoo.priors.wrapped_normal import WrappedNormalPrior


def test_the_prior_has_the_curvature_of_the_posterior() -> None:
    model = zoo.build("pvae-mlp-2d", data_shape=(1, 8, 8), posterior={"curvature": 0.25})
    assert model.prior.curvature == 0.25
    assert model.prior.sample((1000,)).norm(dim=-1).max() > 1


@pytest.mark.parametrize("size", [0.0, 1.0, 1e4])
def test_centres_stay_within_the_reach_of_float32(size: float) -> None:
    q = WrappedNormalPosterior(features=3, latent_dim=2)(size * torch.randn(50, 3))
    assert q.centre.norm(dim=-1).max() < 8.001
    assert q.mean.norm(dim=-1).max() < 1


@pytest.mark.parametrize("prior", ["standard_gaussian", "uniform_sphere"])
def test_a_prior_over_another_space_is_refused(prior: str) -> None:
    with pytest.raises(ComponentError, match=r"model\.prior: .*the Poincaré ball(.|\n)*`wrapped_normal`"):
        zoo.build("pvae-mlp-2d", prior=prior)


def test_the_prior_refuses_a_posterior_elsewhere() -> None:
    with pytest.raises(ComponentError, match=r"a distribution over the Poincaré ball, .* one over all vectors"):
        zoo.build("vae-mlp-2d", prior="wrapped_normal")
    with pytest.raises(ComponentError, match="expected a posterior in the Poincaré ball, got DiagonalGaussian"):
        WrappedNormalPrior(latent_dim=2, posterior=DiagonalGaussian(features=3, latent_dim=2))
