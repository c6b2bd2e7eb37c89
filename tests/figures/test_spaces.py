"""Figures of the sphere and the hyperbolic disc, and what the others make of such latents."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, Normal

import zoo
from zoo.analysis.codes import Codes
from zoo.analysis.spaces import Ball, space_of
from zoo.data import Data
from zoo.errors import NotApplicableError, why_not
from zoo.evaluation.context import EvaluationContext
from zoo.evaluation.evaluate import evaluation_context
from zoo.figures.interpolation import Interpolation
from zoo.figures.latent_grid import LatentGrid, prior_grid
from zoo.figures.poincare_disc import PoincareDisc, disc_grid, hyperbolic_lines, plot_disc
from zoo.figures.sphere import SphereMap, longitude_and_latitude, plot_sphere, sphere_grid
from zoo.figures.traversals import TraversalRows


@pytest.fixture(scope="module")
def data() -> Data:
    return zoo.load_data("digits", subset=120)


def context(data: Data, preset: str, **options: object) -> EvaluationContext:
    torch.manual_seed(0)
    sizes = {"encoder": {"widths": [16]}, "decoder": {"widths": [16]}}
    return evaluation_context(zoo.build(preset, data_shape=(1, 8, 8), **sizes, **options).eval(), data)


def record_decoded(shown: EvaluationContext) -> list[Tensor]:
    """Return a list to which every decoded batch of latents is added."""
    seen: list[Tensor] = []
    decode = shown.model.decode

    def recording(z: Tensor, *rest: object) -> object:
        seen.append(z.detach().reshape(-1, z.shape[-1]))
        return decode(z, *rest)

    shown.model.decode = recording  # type: ignore[method-assign, assignment]
    return seen


def test_the_map_has_the_poles_above_and_below_and_a_point_for_each_code() -> None:
    points = torch.eye(3)
    figure = plot_sphere(Codes(points, torch.tensor([4, 5, 4])), (), sphere_grid(5))
    (axes,) = figure.axes
    assert axes.name == "mollweide"
    offsets = axes.collections[0].get_offsets()
    drawn = sorted(tuple(round(float(value), 5) for value in offset) for offset in offsets)
    assert drawn == [(0.0, 0.0), (0.0, round(math.pi / 2, 5)), (round(math.pi / 2, 5), 0.0)]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["4", "5"]


def test_the_grid_covers_the_sphere_evenly() -> None:
    grid = sphere_grid(15)
    torch.testing.assert_close(grid.norm(dim=1), torch.ones(len(grid)))
    assert grid.mean(0).abs().max() < 1e-2
    torch.testing.assert_close(grid.square().mean(0), torch.full((3,), 1 / 3), atol=0.02, rtol=0)
    assert (longitude_and_latitude(grid).abs().amax(0) < torch.tensor([math.pi, math.pi / 2])).all()


@pytest.mark.parametrize("curvature", [1.0, 0.25])
def test_the_rings_of_the_disc_stand_at_equal_distances_with_equal_gaps(curvature: float) -> None:
    ball = Ball(curvature)
    grid = disc_grid(0.4, 5, ball)
    distances = ball.coordinates(grid).norm(dim=1) * math.sqrt(curvature)
    rings, counts = distances.mul(1e4).round().div(1e4).unique(return_counts=True)
    torch.testing.assert_close(rings, 0.4 * torch.arange(6.0), atol=1e-3, rtol=0)
    gaps = 2 * math.pi * rings[1:].sinh() / counts[1:]  # length of a hyperbolic circle
    assert ((gaps >= 0.4 - 1e-3) & (gaps < 0.5)).all()


@pytest.mark.parametrize("distance", [-2.0, -0.5, 0.0, 1.0, 3.0])
def test_hyperbolic_lines_are_geodesics_that_cross_the_axis_at_their_distance(distance: float) -> None:
    """Every point between two others of a line adds up their distances."""
    ball = Ball(1.0)
    for line, axis in zip(hyperbolic_lines(distance), (0, 1), strict=True):
        torch.testing.assert_close(line[[0, -1]].norm(dim=1), torch.ones(2))
        middle = line[50].double()
        assert ball.coordinates(middle)[axis].item() == pytest.approx(distance, abs=1e-4)
        one, other = line[20].double(), line[80].double()
        along = ball.shortest_path(one, other, 101)
        assert (along - middle).norm(dim=1).min() < 0.02


def test_images_stand_on_the_disc_smaller_towards_its_edge() -> None:
    places = torch.tensor([[0.0, 0.0], [0.8, 0.0]])
    figure = plot_disc(Codes(places, None), (), places, torch.rand(2, 1, 8, 8))
    boxes = [artist for artist in figure.axes[1].artists if hasattr(artist, "offsetbox")]
    zooms = [box.offsetbox.get_zoom() for box in boxes]
    assert zooms[1] == pytest.approx((1 - 0.8**2) * zooms[0])
    assert [tuple(box.xy) for box in boxes] == [(0.0, 0.0), pytest.approx((0.8, 0.0))]


@pytest.mark.parametrize(
    ("figure", "preset", "options", "reason"),
    [
        (SphereMap(), "svae-mlp-3d", {"latent_dim": 5}, "expected 3 latent dimensions, got 5"),
        (SphereMap(), "vae-mlp-2d", {}, "the latents are not points of a sphere"),
        (PoincareDisc(), "pvae-mlp-2d", {"latent_dim": 4}, "expected 2 latent dimensions, got 4"),
        (PoincareDisc(), "vae-mlp-2d", {}, "the latents are not points of a hyperbolic space"),
        (TraversalRows(), "svae-mlp-3d", {}, "a point of a sphere leaves it"),
        (LatentGrid(), "svae-mlp-3d", {"latent_dim": 2}, "points of a circle, which fill no plane"),
        (Interpolation(paths=["linear"]), "svae-mlp-3d", {}, "linear paths leave the space"),
    ],
)
def test_what_does_not_apply_says_why(
    figure: SphereMap, preset: str, options: dict[str, int], reason: str, data: Data
) -> None:
    assert reason in str(why_not(figure.check, context(data, preset, **options)))


@pytest.mark.parametrize("preset", ["svae-mlp-3d", "pvae-mlp-2d"])
def test_what_is_decoded_lies_in_the_latent_space(preset: str, data: Data) -> None:
    """No figure decodes a point off the sphere, or outside of the ball."""
    shown = context(data, preset)
    seen = record_decoded(shown)
    for figure in (SphereMap(), PoincareDisc(), Interpolation(steps=5), TraversalRows(), LatentGrid(size=7)):
        try:
            figure.check(shown)
        except NotApplicableError:
            continue
        figure.draw(shown)
    z = torch.cat(seen)
    assert len(seen) >= 3
    if preset == "svae-mlp-3d":
        torch.testing.assert_close(z.norm(dim=1), torch.ones(len(z)), atol=1e-5, rtol=0)
    else:
        assert z.norm(dim=1).max() < 1


def test_interpolation_names_and_draws_the_shortest_path_of_the_space(data: Data) -> None:
    shown = context(data, "pvae-mlp-2d")
    figure = Interpolation(steps=5, pairs=[[0, 1]], between="examples", paths=["shortest"]).draw(shown)
    (path,) = (line for line in figure.axes[0].lines if line.get_label() == "hyperbolic line")
    z = torch.tensor(path.get_xydata())
    space = space_of(shown.model)
    torch.testing.assert_close(z.float(), space.shortest_path(z[0], z[-1], 5).float(), atol=1e-4, rtol=0)


def test_every_path_that_is_asked_for_is_on_the_map(data: Data) -> None:
    kinds = ["linear", "spherical", "shortest", "geodesic"]
    drawn = Interpolation(steps=3, pairs=[[0, 1]], between="examples", paths=kinds).draw(context(data, "vae-mlp-2d"))
    codes, *paths = drawn.axes[0].lines
    assert len(paths) == len(kinds)
    assert len(codes.get_xdata()) > 3


def test_the_latent_grid_of_the_disc_has_equal_shares_of_the_prior(data: Data) -> None:
    """Coordinates of the wrapped normal around the centre are Gaussian."""
    shown = context(data, "pvae-mlp-2d")
    torch.manual_seed(0)
    grid = prior_grid(shown.model.prior, 4, space_of(shown.model))
    expected = Normal(0.0, 1.0).icdf((torch.arange(4) + 0.5) / 4)
    torch.testing.assert_close(grid[:4, 0], expected, atol=0.04, rtol=0)


def test_a_conditional_model_decodes_the_class_that_is_asked_for(data: Data) -> None:
    shown = context(data, "svae-mlp-3d", classes=10)
    asked: list[int] = []

    def decode(z: Tensor, labels: Tensor) -> Independent:
        asked.extend(labels.tolist())
        return Independent(Normal(torch.zeros(len(z), 1, 8, 8), 1.0), 3)

    shown.model.decode = decode  # type: ignore[method-assign, assignment]
    SphereMap(label=7).draw(shown)
    assert set(asked) == {7}
