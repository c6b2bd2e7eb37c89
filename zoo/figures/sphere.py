"""The codes of data on the sphere, and what is decoded all over it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from pydantic import PositiveInt
from torch import Tensor

from zoo.analysis.codes import Codes
from zoo.analysis.spaces import LatentSpace
from zoo.drawing.points import place_images, scatter_classes
from zoo.drawing.style import new_figure
from zoo.figures import MatplotlibFigure
from zoo.figures._space_map import Decode, SpaceMap
from zoo.registry import register

_ROWS = 9
_IMAGE_HEIGHT = 15.0


@register("figure", "sphere")
class SphereMap(SpaceMap):
    """A map of the sphere: mean directions of the data, coloured by class, and images decoded all over it.

    The Mollweide projection keeps areas, so that equally many draws of the uniform prior fall on equal areas of the
    map. Its left and right edges are the same line. The north pole is z₃ = 1, and the centre of the map z₁ = 1.

    Args:
        count: show at most this many examples.
        label: the class to decode, for a conditional model.

    Source:
        Davidson et al. (2018), Hyperspherical Variational Auto-Encoders, figure 2. https://arxiv.org/abs/1804.00891
    """

    manifold = "sphere"
    space_name = "a sphere"
    dimensions = 3

    def __init__(self, *, count: PositiveInt = 5000, label: int = 0) -> None:
        super().__init__(count=count, label=label)

    def plot(
        self, codes: Codes, class_names: Sequence[str], space: LatentSpace, decode: Decode | None
    ) -> MatplotlibFigure:
        """Plot mean directions, and below them images in rows of equal latitude."""
        places = sphere_grid(_ROWS)
        return plot_sphere(codes, class_names, places, None if decode is None else decode(places))


def sphere_grid(rows: int) -> Tensor:
    """Return points (N, 3) in rows of equal latitude, each with as many as its length has room for."""
    latitudes = (torch.arange(rows) + 0.5) / rows * math.pi - math.pi / 2
    points = []
    for latitude in latitudes.flip(0).tolist():
        count = max(1, round(1.9 * rows * math.cos(latitude)))
        longitudes = (torch.arange(count) + 0.5) / count * 2 * math.pi - math.pi
        flat = torch.stack([longitudes.cos(), longitudes.sin()], 1) * math.cos(latitude)
        points.append(torch.cat([flat, torch.full((count, 1), math.sin(latitude))], 1))
    return torch.cat(points)


def longitude_and_latitude(points: Tensor) -> Tensor:
    """Return the longitude in (−π, π] and the latitude of points (…, 3) of the unit sphere, (…, 2), in radians.

    Example:
        >>> longitude_and_latitude(torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])).rad2deg()
        tensor([[ 0.,  0.],
                [90.,  0.],
                [ 0., 90.]])
    """
    return torch.stack([torch.atan2(points[..., 1], points[..., 0]), torch.asin(points[..., 2].clamp(-1, 1))], -1)


def plot_sphere(
    codes: Codes, class_names: Sequence[str], places: Tensor, images: Tensor | None = None
) -> MatplotlibFigure:
    """Plot codes (N, 3) on a map, and images (M, C, H, W) at places (M, 3) on another one below it."""
    maps = 1 if images is None else 2
    figure = new_figure(6.4, 3.2 * maps)
    panels = figure.subplots(maps, 1, squeeze=False, subplot_kw={"projection": "mollweide"})[:, 0]
    scatter_classes(figure, panels[0], longitude_and_latitude(codes.means), codes.labels, class_names)
    _label(panels[0], "mean directions of $q(z|x)$")
    if images is not None:
        heights = torch.full((len(images),), _IMAGE_HEIGHT)
        place_images(panels[1], images, longitude_and_latitude(places), heights)
        _label(panels[1], "decoded")
    return figure


def _label(axes: Axes, title: str) -> None:
    axes.grid(alpha=0.3)
    axes.set_title(title, fontsize="small")
    # Degrees on the map would stand among the points.
    axes.set_xticklabels([])
    axes.tick_params(axis="y", labelsize="x-small")
    axes.set(xlabel="longitude of $(z_1, z_2)$", ylabel="latitude, of which $z_3$ is the sine")
