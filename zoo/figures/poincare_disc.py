"""The codes of data in the hyperbolic disc, and what is decoded all over it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.patches import Circle
from pydantic import PositiveInt
from torch import Tensor

from zoo.analysis.codes import Codes
from zoo.analysis.spaces import Ball, LatentSpace
from zoo.drawing.points import place_images, scatter_classes
from zoo.drawing.style import ink, new_figure
from zoo.figures import MatplotlibFigure
from zoo.figures._space_map import Decode, SpaceMap
from zoo.registry import register

_RINGS = 5
_FARTHEST = 3.5
"""Distance from the centre, in units of 1 / √c, up to which images are decoded at most: beyond, they are too small."""
_UNIT = 120.0
"""Points of the page for each radius of the disc."""
_LINES = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""Where hyperbolic lines cross the axes, in distances from the centre."""


@register("figure", "poincare_disc")
class PoincareDisc(SpaceMap):
    """The hyperbolic disc: centres of the posteriors of the data, coloured by class, and images decoded all over it.

    Distances grow towards the edge, which is infinitely far away: circles mark distances of 1, 2, 3, … from the
    centre, in units of 1 / √c. The arcs are hyperbolic lines, shortest paths, that cross an axis of the disc at right
    angles at such distances. Images shrink towards the edge as everything does.

    Args:
        count: show at most this many examples.
        label: the class to decode, for a conditional model.

    Source:
        Mathieu et al. (2019), Continuous Hierarchical Representations with Poincaré Variational Auto-Encoders,
        section 2 and figure 4. https://arxiv.org/abs/1901.06033
    """

    manifold = "ball"
    space_name = "a hyperbolic space"
    dimensions = 2

    def __init__(self, *, count: PositiveInt = 5000, label: int = 0) -> None:
        super().__init__(count=count, label=label)

    def plot(
        self, codes: Codes, class_names: Sequence[str], space: LatentSpace, decode: Decode | None
    ) -> MatplotlibFigure:
        """Plot centres, and beside them images on rings as far out as most codes lie."""
        assert isinstance(space, Ball)
        # The decoder was not trained on points beyond the codes of nearly all data.
        reach = space.coordinates(codes.means).norm(dim=1).quantile(0.99).item() * math.sqrt(space.curvature)
        step = max(0.1, min(reach, _FARTHEST)) / _RINGS
        places = disc_grid(step, _RINGS, space)
        images = None if decode is None else decode(places)
        return plot_disc(codes, class_names, places, images, curvature=space.curvature, step=step)


def disc_grid(step: float, rings: int, space: Ball) -> Tensor:
    """Return points (N, 2) on rings at distances of ``step`` / √c, with neighbours on a ring a step apart too."""
    points = [torch.zeros(1, 2)]
    for ring in range(1, rings + 1):
        radius = step * ring
        count = int(2 * math.pi * math.sinh(radius) / step)
        angles = (torch.arange(count) + 0.5 * (ring % 2)) / count * 2 * math.pi
        points.append(radius / math.sqrt(space.curvature) * torch.stack([angles.cos(), angles.sin()], 1))
    return space.points(torch.cat(points))


def plot_disc(
    codes: Codes,
    class_names: Sequence[str],
    places: Tensor,
    images: Tensor | None = None,
    *,
    curvature: float = 1.0,
    step: float = 0.4,
) -> MatplotlibFigure:
    """Plot codes (N, 2) in the disc of radius 1 / √c, and images (M, C, H, W) at places (M, 2) in another one.

    Args:
        step: distance between neighbouring images, in units of 1 / √c.
    """
    discs = 1 if images is None else 2
    figure = new_figure(4.3 * discs + 0.9, 4.6)
    panels = figure.subplots(1, discs, squeeze=False)[0]
    for axes in panels:
        _draw_disc(axes, 1 / math.sqrt(curvature))
    scatter_classes(figure, panels[0], codes.means, codes.labels, class_names)
    panels[0].set_title("centres of $q(z|x)$", fontsize="small")
    if images is not None:
        # A distance is shown 1 − c r² times as long as in the centre, where it is half as long as it is.
        place_images(panels[1], images, places, 0.9 * _UNIT * step / 2 * (1 - curvature * places.square().sum(1)))
        panels[1].set_title("decoded", fontsize="small")
    return figure


def _draw_disc(axes: Axes, radius: float) -> None:
    """Draw the edge, circles at distances of 1, 2, 3, … from the centre, and hyperbolic lines across the axes."""
    edge = Circle((0, 0), radius, fill=False, edgecolor=ink(), linewidth=1)
    axes.add_patch(edge)
    for distance in (1, 2, 3, 4):
        axes.add_patch(
            Circle((0, 0), radius * math.tanh(distance / 2), fill=False, edgecolor=ink(), linewidth=0.5, alpha=0.35)
        )
    for crossing in _LINES:
        for line in hyperbolic_lines(crossing):
            axes.plot(*(radius * line.T).numpy(), color=ink(), linewidth=0.5, alpha=0.35, linestyle=":", zorder=1)
    axes.set(xlim=(-1.02 * radius, 1.02 * radius), ylim=(-1.02 * radius, 1.02 * radius), aspect="equal")
    axes.set(xlabel="$z_1$", ylabel="$z_2$")


def hyperbolic_lines(distance: float, steps: int = 101) -> tuple[Tensor, Tensor]:
    """Return points (steps, 2) of the unit disc on the two lines that cross the axes at a distance, at right angles.

    Example:
        >>> first, second = hyperbolic_lines(1.0)
        >>> torch.allclose(first.norm(dim=1)[[0, -1]], torch.ones(2))  # they end at the edge
        True
    """
    crossing, angles = math.tanh(distance / 2), torch.linspace(-1, 1, steps)
    if crossing == 0:
        first = torch.stack([torch.zeros(steps), angles], 1)
    else:
        # A circle that meets the edge at right angles: centre² = 1 + radius².
        centre, radius = (1 + crossing**2) / (2 * crossing), (1 - crossing**2) / (2 * abs(crossing))
        turned = (math.pi if crossing > 0 else 0.0) + angles * math.atan(1 / radius)
        first = torch.stack([centre + radius * turned.cos(), radius * turned.sin()], 1)
    return first, first.flip(1)
