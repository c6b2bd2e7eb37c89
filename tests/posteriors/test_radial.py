"""The radial flow: its maps, their inverses and determinants."""

from __future__ import annotations

import pytest
import torch

from tests import linear_gaussian
from tests.posteriors.maps import check_gradient_through_the_inverse, check_maps
from zoo.nn.flows.distributions import FlowDistribution
from zoo.posteriors.radial import Radial, RadialMap


def flow(latent_dim: int) -> tuple[FlowDistribution, torch.Tensor]:
    """Return a random flow in float64, bent clearly, with the features that it was made of."""
    torch.manual_seed(0)
    posterior = Radial(features=6, latent_dim=latent_dim, steps=3).double()
    h = (2 * torch.randn(4, 6, dtype=torch.float64)).requires_grad_()
    return posterior(h), h


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
def test_log_determinants_are_those_of_the_jacobian_and_inverses_return(latent_dim: int) -> None:
    check_maps(flow(latent_dim)[0])


def test_gradients_pass_through_the_inverse() -> None:
    check_gradient_through_the_inverse(*flow(3))


def test_it_closes_most_of_the_gap_of_the_diagonal_posterior() -> None:
    x = linear_gaussian.data(128)
    model = linear_gaussian.build({"name": "radial", "steps": 4}, num_samples=16)
    linear_gaussian.fit(model, x)
    assert -0.01 < linear_gaussian.gap(model, x) < 0.318 - 0.1


def test_without_strength_a_map_is_the_identity() -> None:
    z = torch.randn(5, 3)
    y, log_det = RadialMap(torch.randn(5, 3), torch.ones(5), torch.zeros(5))(z)
    torch.testing.assert_close(y, z)
    torch.testing.assert_close(log_det, torch.zeros(5))


@pytest.mark.parametrize("ratio", [-0.999, -0.5, 3.0, 1e4])
def test_the_inverse_is_exact_from_the_centre_to_far_away(ratio: float) -> None:
    centre = torch.tensor([[0.3, -0.2]], dtype=torch.float64)
    bent = RadialMap(centre, torch.tensor([0.1], dtype=torch.float64), torch.tensor([ratio], dtype=torch.float64))
    z = centre + torch.tensor([[0.0, 1e-6], [0.0, 1e-3], [1.0, 0.0], [1e3, 1e3]], dtype=torch.float64)[:, None]
    torch.testing.assert_close(bent.inverse(bent(z)[0])[0], z)


def test_far_away_the_inverse_keeps_the_digits_of_float32() -> None:
    """There the sum of both halves of the root, rather than a quotient by their difference, tells r."""
    bent = RadialMap(torch.zeros(1, 2), torch.tensor([0.01]), torch.tensor([500.0]))
    z, _ = bent.inverse(torch.tensor([[1e6, 0.0]]))
    torch.testing.assert_close(z, torch.tensor([[1e6 - 5, 0.0]]), rtol=0, atol=0.1)


def test_the_reach_of_a_map_may_become_as_small_as_its_floor() -> None:
    posterior = Radial(features=6, latent_dim=3, steps=1)
    torch.nn.init.zeros_(posterior.head.weight)
    with torch.no_grad():
        posterior.head.bias.copy_(torch.tensor([0.0] * 9 + [-1e3, -1e3]))
    bent = posterior(torch.zeros(2, 6)).maps[0]
    torch.testing.assert_close(bent.alpha, torch.full((2,), 0.01))
    torch.testing.assert_close(bent.beta / bent.alpha, torch.full((2,), 1e-3 - 1))
