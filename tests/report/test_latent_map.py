"""The map of a latent space: coordinates that can be written down, and the codes they stand for."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zoo.report.latent_map import LatentMap, map_of


@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e4), st.integers(8, 200))
def test_every_coordinate_is_exact_when_written_and_the_grid_fills_the_range(low, span, count):
    (axis,) = LatentMap((low,), (low + span,), None).axes(count)
    coordinates = axis.coordinates()
    assert 2 <= len(coordinates) == axis.count <= count
    assert [float(f"{value:.{axis.decimals}f}") for value in coordinates] == coordinates
    assert low - 1e-6 * span <= coordinates[0] <= low + axis.step
    assert low + span - axis.step <= coordinates[-1] <= low + span + 1e-6 * span
    # Rounding up costs at most an eighth, and the ends of the range a place.
    assert axis.step <= 1.125 * span / (count - 2)


def test_with_two_dimensions_the_map_is_the_latent_space():
    codes = torch.tensor([[0.0, -1.0], [4.0, 2.0]])
    latent_map = map_of(codes, None)
    axes = latent_map.axes(20)
    grid = latent_map.grid(axes)
    assert torch.equal(latent_map.places(codes), codes)
    assert grid.shape == (axes[1].count, axes[0].count, 2)
    # z₁ grows to the right, z₂ upwards, which is towards the first row.
    assert grid[0, 0].tolist() == pytest.approx([axes[0].coordinates()[0], axes[1].coordinates()[-1]])
    assert grid[-1, -1].tolist() == pytest.approx([axes[0].coordinates()[-1], axes[1].coordinates()[0]])


def test_with_more_dimensions_it_is_the_plane_through_the_mean_of_the_codes():
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(500, 5, generator=generator) * torch.tensor([5.0, 3.0, 0.1, 0.1, 0.1]) + 7
    latent_map = map_of(codes, None)
    axes = latent_map.axes(30)
    grid = latent_map.grid(axes)
    back = latent_map.places(grid)
    assert back[..., 0].allclose(
        torch.tensor(axes[0].coordinates(), dtype=torch.float32).expand(len(grid), -1), atol=1e-4
    )
    assert latent_map.places(codes.mean(0, keepdim=True)).abs().max() < 1e-4
    assert "principal component 1, 7" in axes[0].name


def test_it_holds_all_codes_and_the_bulk_of_the_prior():
    codes = torch.tensor([[9.0, 0.0], [0.1, 0.2]])
    latent_map = map_of(codes, torch.randn(4096, 2, generator=torch.Generator().manual_seed(0)))
    assert latent_map.high[0] > 9
    assert all(low < -2.3 for low in latent_map.low)
    assert latent_map.high[1] < 4


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_codes_that_are_all_the_same_still_have_a_map(dimensions):
    latent_map = map_of(torch.full((4, dimensions), 2.5), None)
    grid = latent_map.grid(latent_map.axes(8))
    assert grid.isfinite().all()
    assert math.prod(grid.shape[:2]) > 1
