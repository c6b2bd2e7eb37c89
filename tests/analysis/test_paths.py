"""Paths, and geodesics where they are known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from zoo.analysis.paths import (
    find_path,
    geodesic_path,
    linear_path,
    path_length,
    pullback_metric,
    spherical_path,
)
from zoo.errors import InputError


def cylinder(z: Tensor) -> Tensor:
    """Roll the plane up: nothing is stretched."""
    return torch.stack([z[:, 0].cos(), z[:, 0].sin(), z[:, 1]], dim=1)


def sphere(z: Tensor) -> Tensor:
    """Map colatitude and longitude to the unit sphere."""
    return torch.stack([z[:, 0].sin() * z[:, 1].cos(), z[:, 0].sin() * z[:, 1].sin(), z[:, 0].cos()], dim=1)


def polar(z: Tensor) -> Tensor:
    """Map radius and angle to the plane."""
    return torch.stack([z[:, 0] * z[:, 1].cos(), z[:, 0] * z[:, 1].sin()], dim=1)


def test_on_a_cylinder_the_geodesic_is_the_straight_line_of_the_unrolled_plane() -> None:
    start, end = torch.tensor([0.0, 0.0]), torch.tensor([2.0, 1.0])
    path = geodesic_path(cylinder, start, end, steps=9)
    assert torch.allclose(path, linear_path(start, end, 9), atol=1e-3)
    assert path_length(cylinder, geodesic_path(cylinder, start, end, 65)) == pytest.approx(math.sqrt(5), rel=1e-3)


def test_on_a_sphere_the_geodesic_is_the_great_circle() -> None:
    start, end = torch.tensor([math.pi / 3, 0.0]), torch.tensor([math.pi / 3, 2 * math.pi / 3])
    path = geodesic_path(sphere, start, end, steps=65)
    first, last = sphere(start[None])[0], sphere(end[None])[0]
    angle = torch.arccos(first @ last).item()
    assert path_length(sphere, path) == pytest.approx(angle, rel=1e-3)
    assert path_length(sphere, linear_path(start, end, 65)) > 1.05 * angle
    normal = torch.linalg.cross(first, last) / math.sin(angle)
    assert (sphere(path) @ normal).abs().max() < 0.01


def test_in_polar_coordinates_the_geodesic_is_the_chord() -> None:
    start, end = torch.tensor([1.0, 0.2]), torch.tensor([2.0, 1.4])
    path = polar(geodesic_path(polar, start, end, steps=9))
    chord = linear_path(polar(start[None])[0], polar(end[None])[0], 9)
    assert torch.allclose(path, chord, atol=5e-3)


def test_a_geodesic_takes_equal_steps_in_the_data_space() -> None:
    path = geodesic_path(polar, torch.tensor([0.5, 0.0]), torch.tensor([3.0, 2.0]), steps=11)
    lengths = polar(path).diff(dim=0).norm(dim=1)
    assert lengths.max() / lengths.min() < 1.01


def test_a_decoder_that_ignores_its_code_leaves_the_straight_line() -> None:
    start, end = torch.zeros(3), torch.ones(3)
    path = geodesic_path(lambda z: 0 * z, start, end, steps=5)
    assert torch.allclose(path, linear_path(start, end, 5))


def test_the_metric_is_the_one_that_calculus_gives() -> None:
    z = torch.tensor([[0.7, 0.3], [1.2, -1.0]])
    expected = torch.stack([torch.diag(torch.stack([torch.tensor(1.0), c.sin() ** 2])) for c in z[:, 0]])
    assert torch.allclose(pullback_metric(sphere, z), expected, atol=1e-6)


def test_a_spherical_path_keeps_the_length_and_the_angle() -> None:
    path = spherical_path(torch.tensor([2.0, 0.0, 0.0]), torch.tensor([0.0, 2.0, 0.0]), 5)
    assert torch.allclose(path.norm(dim=1), torch.full((5,), 2.0))
    steps = torch.nn.functional.cosine_similarity(path[1:], path[:-1]).arccos()
    assert torch.allclose(steps, torch.full((4,), math.pi / 8), atol=1e-3)


@pytest.mark.parametrize(("start", "end"), [([0.0, 0.0], [1.0, 0.0]), ([1.0, 0.0], [2.0, 0.0]), ([1.0, 0], [-1.0, 0])])
def test_where_no_angle_leads_the_spherical_path_is_straight(start: list[float], end: list[float]) -> None:
    first, last = torch.tensor(start), torch.tensor(end)
    assert torch.allclose(spherical_path(first, last, 4), linear_path(first, last, 4))


@pytest.mark.parametrize("kind", ["linear", "spherical", "geodesic"])
def test_every_path_holds_its_ends(kind: str) -> None:
    start, end = torch.tensor([1.0, 0.5]), torch.tensor([2.0, 1.5])
    path = find_path(kind, start, end, 4, polar)  # type: ignore[arg-type]
    assert path.shape == (4, 2)
    assert torch.allclose(path[[0, -1]], torch.stack([start, end]), atol=1e-5)


def test_what_is_no_path_is_refused() -> None:
    with pytest.raises(InputError, match="at least 2 steps"):
        linear_path(torch.zeros(2), torch.ones(2), 1)
    with pytest.raises(InputError, match=r"got \(2,\) and \(3,\)"):
        linear_path(torch.zeros(2), torch.ones(3), 5)
    with pytest.raises(InputError, match="got 'curved'"):
        find_path("curved", torch.zeros(2), torch.ones(2), 3, polar)  # type: ignore[arg-type]
