"""Shortest paths and coordinates of the spaces in which latents lie."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import zoo
from zoo.analysis.spaces import Ball, FlatSpace, LatentSpace, Sphere, space_of

SPACES: list[LatentSpace] = [FlatSpace(), Sphere(), Ball(1.0), Ball(0.3)]
every_space = pytest.mark.parametrize("space", SPACES, ids=["flat", "sphere", "ball", "flatter ball"])


def two_points(space: LatentSpace) -> Tensor:
    torch.manual_seed(0)
    return space.points(torch.randn(2, 3, dtype=torch.float64))


def distance(space: LatentSpace, one: Tensor, other: Tensor) -> Tensor:
    """Written out anew: the chord, the angle, and the arcosh of the Poincaré metric."""
    chord = (one - other).norm(dim=-1)
    if isinstance(space, Sphere):
        return 2 * torch.arcsin(chord / 2)
    if isinstance(space, Ball):
        c = space.curvature
        inside = (1 - c * one.square().sum(-1)) * (1 - c * other.square().sum(-1))
        return torch.arccosh(1 + 2 * c * chord.square() / inside) / math.sqrt(c)
    return chord


@every_space
def test_the_steps_of_a_shortest_path_are_equal_and_add_up_to_the_distance(space: LatentSpace) -> None:
    start, end = two_points(space)
    path = space.shortest_path(start, end, 9)
    torch.testing.assert_close(path[[0, -1]], torch.stack([start, end]))
    steps = distance(space, path[1:], path[:-1])
    torch.testing.assert_close(steps, (distance(space, start, end) / 8).expand(8))


@every_space
def test_coordinates_lead_back_to_the_point(space: LatentSpace) -> None:
    points = two_points(space)
    torch.testing.assert_close(space.points(space.coordinates(points)), points)


def test_opposite_points_of_the_sphere_have_a_path_too() -> None:
    start = torch.tensor([0.6, 0.0, 0.8])
    path = Sphere().shortest_path(start, -start, 5)
    torch.testing.assert_close(path.norm(dim=1), torch.ones(5))
    torch.testing.assert_close(path[-1], -start)
    torch.testing.assert_close((path[1:] * path[:-1]).sum(1), torch.full((4,), math.cos(math.pi / 4)))


def test_coordinates_of_the_ball_are_as_long_as_the_distance_from_its_centre() -> None:
    ball = Ball(0.3)
    points = two_points(ball)
    torch.testing.assert_close(ball.coordinates(points).norm(dim=1), distance(ball, points, torch.zeros(3).double()))


@pytest.mark.parametrize(
    ("preset", "space"), [("vae-mlp-2d", FlatSpace), ("svae-mlp-3d", Sphere), ("pvae-mlp-2d", Ball)]
)
def test_a_model_has_the_space_of_its_posterior(preset: str, space: type) -> None:
    assert isinstance(space_of(zoo.build(preset, data_shape=(1, 8, 8))), space)
