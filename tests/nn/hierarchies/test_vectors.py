"""Hierarchies of latents as one distribution over one vector."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import MultivariateNormal

from zoo.nn.hierarchies.vectors import Hierarchy, TopDownDistribution, TopDownTrunk

SIZES = pytest.mark.parametrize("sizes", [[3], [1, 2], [2, 1, 3, 2]], ids=["one level", "two levels", "four levels"])


def hierarchy(sizes: list[int], widths: tuple[int, ...] = (8,)) -> Hierarchy:
    torch.manual_seed(0)
    made = Hierarchy(TopDownTrunk(sizes, widths, activation="tanh"))
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return made.double()


@SIZES
def test_it_begins_as_the_standard_normal(sizes: list[int]) -> None:
    z = torch.randn(5, sum(sizes))
    expected = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1)
    torch.testing.assert_close(TopDownDistribution(Hierarchy(TopDownTrunk(sizes, [8]))).log_prob(z), expected)


def test_the_network_of_a_level_has_a_layer_of_each_width() -> None:
    trunk = TopDownTrunk([2, 1, 3], [5, 6])
    shapes = [[tuple(block.layer.weight.shape) for block in network] for network in trunk.networks]
    assert shapes == [[(5, 2), (6, 5)], [(5, 7), (6, 5)]]
    assert trunk.state_dims == (0, 6, 6)


@SIZES
def test_levels_see_those_above_and_no_other(sizes: list[int]) -> None:
    """The Jacobian of the latents with respect to the noise is block lower triangular, and full below the diagonal."""
    p = TopDownDistribution(hierarchy(sizes))
    noise = torch.randn(1, sum(sizes), dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda n: p.transform_noise(n)[0], noise)[:, 0]
    level = torch.cat([torch.full((size,), index) for index, size in enumerate(sizes)])
    above = level[:, None] > level[None]
    assert (jacobian[above] != 0).all()
    torch.testing.assert_close(jacobian[~above], jacobian.diagonal().diag()[~above])


def test_linear_levels_are_one_gaussian() -> None:
    p = TopDownDistribution(hierarchy([1, 2, 2], widths=()))
    heads = p.hierarchy.heads
    with torch.no_grad():
        for head in heads:
            head.weight[len(head.weight) // 2 :] = 0.0
    noise = torch.zeros(1, 5, dtype=torch.float64)
    mean = p.transform_noise(noise)[0].detach()
    factor = torch.autograd.functional.jacobian(lambda n: p.transform_noise(n)[0], noise)[:, 0]
    whole = MultivariateNormal(mean, scale_tril=factor)
    z = torch.randn(7, 5, dtype=torch.float64)
    torch.testing.assert_close(p.log_prob(z), whole.log_prob(z))
    torch.testing.assert_close(p.mean, whole.mean)
    torch.testing.assert_close(p.variance, whole.variance)


def test_the_density_integrates_to_one() -> None:
    p = TopDownDistribution(hierarchy([1, 1]))
    line = torch.linspace(-8, 8, 401, dtype=torch.float64)
    mass = p.log_prob(torch.cartesian_prod(line, line)).exp().sum() * (line[1] - line[0]) ** 2
    assert mass.item() == pytest.approx(1.0, abs=1e-4)


@SIZES
def test_draws_come_from_the_density(sizes: list[int]) -> None:
    """E[−log p] of draws equals the entropies of the levels along the draws, averaged."""
    p = TopDownDistribution(hierarchy(sizes))
    places = p.descend((20_000,))
    z = torch.cat([place.z for place in places], -1)
    surprise = -p.log_prob(z)
    entropy = sum(place.p.entropy().mean() for place in places)
    assert abs(surprise.mean() - entropy) < 4 * surprise.std() / len(z) ** 0.5


@SIZES
def test_the_state_is_the_one_that_the_way_down_passed(sizes: list[int]) -> None:
    p = TopDownDistribution(hierarchy(sizes))
    places = p.descend((5,))
    state = p.hierarchy.trunk.state(torch.cat([place.z for place in places], -1))
    assert (state is None) == (len(sizes) == 1)
    if state is not None:
        torch.testing.assert_close(state, places[-1].state)


def test_expanded_it_draws_independently() -> None:
    p = TopDownDistribution(hierarchy([1, 2])).expand((4,))
    z = p.sample((3,))
    assert z.shape == (3, 4, 3)
    assert len(z[..., 0].unique()) == 12
    assert p.mean.shape == (4, 3)
