"""The planar flow: its maps, their inverses and determinants."""

from __future__ import annotations

import pytest
import torch

from tests import linear_gaussian
from tests.posteriors.maps import check_gradient_through_the_inverse, check_maps
from zoo.nn.flows.distributions import FlowDistribution
from zoo.posteriors.planar import Planar, PlanarMap


def flow(latent_dim: int) -> tuple[FlowDistribution, torch.Tensor]:
    """Return a random flow in float64, bent clearly, with the features that it was made of."""
    torch.manual_seed(0)
    posterior = Planar(features=6, latent_dim=latent_dim, steps=3).double()
    h = (2 * torch.randn(4, 6, dtype=torch.float64)).requires_grad_()
    return posterior(h), h


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
def test_log_determinants_are_those_of_the_jacobian_and_inverses_return(latent_dim: int) -> None:
    check_maps(flow(latent_dim)[0])


def test_gradients_pass_through_the_inverse() -> None:
    check_gradient_through_the_inverse(*flow(3))


def test_it_closes_most_of_the_gap_of_the_diagonal_posterior() -> None:
    x = linear_gaussian.data(128)
    model = linear_gaussian.build({"name": "planar", "steps": 4}, num_samples=16)
    linear_gaussian.fit(model, x)
    assert -0.01 < linear_gaussian.gap(model, x) < 0.318 - 0.1


def test_without_a_push_a_map_is_the_identity() -> None:
    w, z = torch.randn(5, 3), torch.randn(5, 3)
    y, log_det = PlanarMap(w, torch.zeros(5, 3), torch.randn(5))(z)
    torch.testing.assert_close(y, z)
    torch.testing.assert_close(log_det, torch.zeros(5), atol=1e-5, rtol=0)


def test_a_push_backwards_keeps_the_map_invertible() -> None:
    """Unconstrained, wᵀu < −1 folds space, and log |1 + wᵀu tanh′| is no density."""
    w = torch.randn(1000, 4, dtype=torch.float64)
    bent = PlanarMap(w, -5 * w, torch.zeros(1000, dtype=torch.float64))
    assert (bent.slope > -1).all()
    line = torch.linspace(-3, 3, 50, dtype=torch.float64)[:, None, None] * w / w.square().sum(-1, keepdim=True)
    along = (bent(line)[0] * w).sum(-1)
    assert (along.diff(dim=0) > 0).all()
