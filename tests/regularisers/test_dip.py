"""The covariance of the latents against that of a linear encoder, which is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

import zoo
from tests.minimise import minimise
from zoo.errors import ComponentError
from zoo.nn.delta import Delta
from zoo.regularisers.dip import Dip

V = torch.tensor([[0.8, 0.1, -0.3], [0.2, 0.9, 0.4]])
LOWER = torch.tensor([[0.5, 0.0], [0.2, 0.3]])


class Drawn:
    def __init__(self, q: Distribution) -> None:
        self.q, self.z = q, q.sample(torch.Size([1]))


def distance(covariance: Tensor, diagonal: float) -> float:
    own = (covariance.diagonal() - 1).square().sum()
    return ((covariance - torch.diag(covariance.diagonal())).square().sum() + diagonal * own).item()


def means(n: int = 50) -> tuple[Tensor, Tensor]:
    """Return μ = V x and V Cov(x) Vᵀ."""
    torch.manual_seed(0)
    x = torch.randn(n, 3) @ torch.randn(3, 3)
    return x @ V.T, V @ torch.cov(x.T, correction=0) @ V.T


def posteriors(mean: Tensor) -> list[tuple[Distribution, Tensor]]:
    """Return q(z|x) with its covariance Σ: of correlated latents, independent ones, and points."""
    full = MultivariateNormal(mean, scale_tril=LOWER)
    diagonal = Independent(Normal(mean, torch.tensor([0.5, 0.3])), 1)
    return [(full, LOWER @ LOWER.T), (diagonal, torch.diag(torch.tensor([0.25, 0.09]))), (Delta(mean), torch.zeros(2))]


@pytest.mark.parametrize("index", [0, 1, 2])
def test_the_first_variant_sees_the_means_and_the_second_the_latents(index: int) -> None:
    mean, of_means = means()
    q, own = posteriors(mean)[index]
    assert Dip(variant="I")(Drawn(q)).item() == pytest.approx(distance(of_means, 10.0), rel=1e-5)
    assert Dip(variant="II")(Drawn(q)).item() == pytest.approx(distance(of_means + own, 1.0), rel=1e-5)
    assert Dip(diagonal=0.0)(Drawn(q)).item() == pytest.approx(distance(of_means + own, 0.0), rel=1e-5)


def test_it_is_zero_where_the_covariance_is_the_identity() -> None:
    mean, of_means = means()
    white = mean @ torch.linalg.inv(torch.linalg.cholesky(of_means)).T
    assert Dip(variant="I")(Drawn(Delta(white))).item() == pytest.approx(0.0, abs=1e-9)
    turned = white @ torch.tensor([[0.6, -0.8], [0.8, 0.6]])
    assert Dip(variant="I")(Drawn(Delta(turned))).item() == pytest.approx(0.0, abs=1e-9)
    assert Dip(variant="I")(Drawn(Delta(1.1 * white))).item() > 0.5


def test_an_autoencoder_with_it_has_white_codes() -> None:
    torch.manual_seed(0)
    x = torch.rand(64, 1, 4, 4).round()
    regularisers = {"dip": {"name": "dip", "weight": 20.0}}
    model = zoo.build("ae-mlp-2d", data_shape=(1, 4, 4), encoder={"widths": [32]}, regularisers=regularisers)
    minimise(lambda: model.loss(x).total, model.parameters(), iterations=30)
    covariance = torch.cov(model.encode(x).mean.detach().T, correction=0)
    torch.testing.assert_close(covariance, torch.eye(2), atol=0.1, rtol=0)


def test_a_posterior_that_does_not_know_its_covariance_is_refused() -> None:
    with pytest.raises(ComponentError, match=r"'dip' .* posterior 'autoregressive_flow' .*\n?.*`mmd`"):
        zoo.build("vae-mlp-2d", posterior="autoregressive_flow", regularisers={"dip": "dip"})
