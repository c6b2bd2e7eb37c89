"""The Sylvester flow: its maps, their inverses and determinants."""

from __future__ import annotations

import pytest
import torch

from tests import linear_gaussian
from tests.posteriors.maps import check_gradient_through_the_inverse, check_maps
from zoo.nn.flows.distributions import FlowDistribution
from zoo.posteriors.sylvester import Sylvester, SylvesterMap


def flow(latent_dim: int) -> tuple[FlowDistribution, torch.Tensor]:
    """Return a random flow in float64, bent clearly, with the features that it was made of."""
    torch.manual_seed(0)
    posterior = Sylvester(features=6, latent_dim=latent_dim, steps=3, rank=3).double()
    h = (2 * torch.randn(4, 6, dtype=torch.float64)).requires_grad_()
    return posterior(h), h


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
def test_log_determinants_are_those_of_the_jacobian_and_inverses_return(latent_dim: int) -> None:
    check_maps(flow(latent_dim)[0])


def test_gradients_pass_through_the_inverse() -> None:
    check_gradient_through_the_inverse(*flow(3))


def test_it_closes_most_of_the_gap_of_the_diagonal_posterior() -> None:
    x = linear_gaussian.data(128)
    model = linear_gaussian.build({"name": "sylvester", "steps": 2, "rank": 2}, num_samples=16)
    linear_gaussian.fit(model, x)
    assert -0.01 < linear_gaussian.gap(model, x) < 0.318 - 0.1


def test_one_direction_is_a_planar_map() -> None:
    """With M = 1, z + r q tanh(r̃ qᵀz + b) is planar with w = r̃ q and u = r q."""
    q = torch.nn.functional.normalize(torch.randn(5, 1, 3, dtype=torch.float64), dim=-1)
    outer, inner, shift = (torch.rand(5, *shape, dtype=torch.float64) for shape in ((1, 1), (1, 1), (1,)))
    bent, z = SylvesterMap(q, outer, inner, shift), torch.randn(5, 3, dtype=torch.float64)
    y, log_det = bent(z)
    w, u = inner[:, 0] * q[:, 0], outer[:, 0] * q[:, 0]
    tanh = torch.tanh((w * z).sum(-1) + shift[:, 0])
    torch.testing.assert_close(y, z + u * tanh[:, None])
    torch.testing.assert_close(log_det, torch.log(1 + (w * u).sum(-1) * (1 - tanh.square())))


def test_axes_are_orthonormal() -> None:
    axes = flow(5)[0].maps[0].axes
    torch.testing.assert_close(axes @ axes.mT, torch.eye(3, dtype=torch.float64).expand(4, 3, 3))


def test_directions_that_no_map_bends_along_stay_as_they_are() -> None:
    bent = flow(5)[0].maps[0]
    z = torch.randn(4, 5, dtype=torch.float64)
    moved = bent(z)[0] - z
    across = moved - ((moved[:, None] * bent.axes).sum(-1, keepdim=True) * bent.axes).sum(1)
    torch.testing.assert_close(across, torch.zeros_like(across), atol=1e-12, rtol=0)


def test_entries_beside_the_diagonal_are_divided_by_the_root_of_their_number() -> None:
    """So that a layer with weights of one size bends by as much in any number of directions."""
    posterior = Sylvester(features=2, latent_dim=5, steps=1, rank=4)
    torch.nn.init.zeros_(posterior.head.weight)
    torch.nn.init.ones_(posterior.head.bias)
    bent = posterior(torch.zeros(1, 2)).maps[0]
    diagonal = (1 - 1e-3) ** 0.5 * torch.eye(4) * torch.tensor(1.0).tanh()
    for triangle in (bent.outer, bent.inner):
        torch.testing.assert_close(triangle[0], diagonal + torch.full((4, 4), 0.5).triu(1))
    torch.testing.assert_close(bent.shift, torch.ones(1, 4))
