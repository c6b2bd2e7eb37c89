"""Hierarchies of maps: sizes, the way down, and the way up to it."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Normal

from zoo.errors import ComponentError
from zoo.nn.hierarchies.maps import FlatMapHead, TopDownMapTrunk, bottom_up_blocks, level_sizes
from zoo.nn.hierarchies.vectors import Hierarchy, TopDownDistribution
from zoo.nn.layers.blocks import BlockOptions

SIZES = pytest.mark.parametrize(
    "sizes",
    [[(2, 3)], [(1, 1), (2, 1)], [(1, 2), (1, 2), (2, 3)], [(2,), (3,), (5,)]],
    ids=["one level", "two levels", "two of a size", "series"],
)


def trunk_of(sizes: list[tuple[int, ...]]) -> TopDownMapTrunk:
    torch.manual_seed(0)
    return TopDownMapTrunk(2, sizes, width=3)


def hierarchy(sizes: list[tuple[int, ...]]) -> Hierarchy:
    made = Hierarchy(trunk_of(sizes))
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return made.double()


@SIZES
def test_it_begins_as_the_standard_normal(sizes: list[tuple[int, ...]]) -> None:
    p = TopDownDistribution(Hierarchy(trunk_of(sizes)))
    z = torch.randn(5, *p.event_shape)
    torch.testing.assert_close(p.log_prob(z), Normal(0.0, 1.0).log_prob(z).sum(-1))


@SIZES
def test_levels_see_those_above_and_no_other(sizes: list[tuple[int, ...]]) -> None:
    """The Jacobian of the latents with respect to the noise is zero above the levels, and the diagonal within one.

    Kernels of 3 let each place of a map this small see all of the map above it.
    """
    p = TopDownDistribution(hierarchy(sizes))
    trunk = p.hierarchy.trunk
    noise = torch.randn(1, sum(trunk.sizes), dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda n: p.transform_noise(n)[0], noise)[:, 0]
    level = torch.cat([torch.full((size,), index) for index, size in enumerate(trunk.sizes)])
    above = level[:, None] > level[None]
    assert (jacobian[above] != 0).float().mean() > 0.9 if above.any() else len(sizes) == 1
    torch.testing.assert_close(jacobian[~above], jacobian.diagonal().diag()[~above])


def test_the_density_integrates_to_one() -> None:
    torch.manual_seed(0)
    made = Hierarchy(TopDownMapTrunk(1, [(1,), (1,)], width=3)).double()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    p = TopDownDistribution(made)
    line = torch.linspace(-9, 9, 401, dtype=torch.float64)
    mass = p.log_prob(torch.cartesian_prod(line, line)).exp().sum() * (line[1] - line[0]) ** 2
    assert mass.item() == pytest.approx(1.0, abs=1e-4)


@SIZES
def test_the_state_is_the_one_that_the_way_down_passed(sizes: list[tuple[int, ...]]) -> None:
    p = TopDownDistribution(hierarchy(sizes))
    places = p.descend((5, 2))
    state = p.hierarchy.trunk.state(torch.cat([place.z for place in places], -1))
    assert (state is None) == (len(sizes) == 1)
    if state is not None:
        assert state.shape == (5, 2, p.hierarchy.trunk.state_dims[-1])
        torch.testing.assert_close(state, places[-1].state)


def test_maps_keep_their_places_on_the_way_down() -> None:
    """What moves in the left half of a wide map moves nothing far to the right of it."""
    trunk = TopDownMapTrunk(1, [(2, 16), (4, 32)], width=3).double()
    z = torch.zeros(2, 32, dtype=torch.float64)
    z[1].view(2, 16)[:, :4] = 1.0
    first, second = trunk.step(0, None, z).view(2, 3, 4, 32)
    changed = (first != second).any(0).any(0)
    assert changed[:8].all()
    assert not changed[20:].any()


def test_a_head_is_the_same_at_every_place() -> None:
    head, maps = FlatMapHead(3, 2, (4, 5)), torch.randn(6, 3, 4, 5)
    expected = torch.einsum("oc, bchw -> bohw", head.weight, maps) + head.bias[:, None, None]
    torch.testing.assert_close(head(maps.flatten(1)), expected.flatten(1))


def test_the_way_up_arrives_at_the_size_of_every_level() -> None:
    sizes = level_sizes((6, 7, 5), [1, 2, 1])
    assert sizes == [(2, 2), (4, 3), (4, 3), (7, 5)]
    trunk = TopDownMapTrunk(2, sizes, width=3)
    h, found = torch.randn(4, 6, 7, 5), []
    for block in bottom_up_blocks((6, 7, 5), trunk, 8, BlockOptions()):
        h = block(h)
        found.append(h.shape[1:])
    assert found == [(8, *size) for size in reversed(sizes)]


def test_features_that_are_no_maps_are_refused() -> None:
    with pytest.raises(ComponentError, match=r"expected features that are maps, got features of shape \(64,\)"):
        level_sizes((64,), 2)


def test_no_more_levels_than_a_model_can_be_built_with() -> None:
    assert len(level_sizes((64, 7, 7), [1, 999])) == 1000
    for levels in (1001, [2, 999]):
        with pytest.raises(ComponentError, match="expected at most 1,000 levels, got 1,001"):
            level_sizes((64, 7, 7), levels)
