"""The spaces of latents, for figures: shortest paths, and coordinates without boundaries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.analysis.paths import linear_path, spherical_path
from zoo.model import Model
from zoo.nn.spaces.ball import from_origin, mobius_translate, to_origin


class LatentSpace(ABC):
    """The space of a model's latents.

    Attributes:
        shortest_path_name: the name of a shortest path.
        has_coordinates: whether :meth:`points` accepts any numbers, one for each latent dimension.
    """

    shortest_path_name: ClassVar[str]
    has_coordinates: ClassVar[bool] = True

    @abstractmethod
    def shortest_path(self, start: Tensor, end: Tensor, steps: int) -> Tensor:
        """Return latents at equal steps on the shortest path of the space, (steps, d), including both ends."""

    @abstractmethod
    def coordinates(self, z: Tensor) -> Tensor:
        """Return the coordinates (…, d) of latents (…, d)."""

    @abstractmethod
    def points(self, coordinates: Tensor) -> Tensor:
        """Return the latents (…, d) at coordinates (…, d), all of which lie in the space."""


class FlatSpace(LatentSpace):
    """All vectors.

    Example:
        >>> FlatSpace().shortest_path(torch.zeros(1), torch.ones(1), 3).T
        tensor([[0.0000, 0.5000, 1.0000]])
    """

    shortest_path_name = "linear"

    def shortest_path(self, start: Tensor, end: Tensor, steps: int) -> Tensor:
        """Return the straight line, (steps, d)."""
        return linear_path(start, end, steps)

    def coordinates(self, z: Tensor) -> Tensor:
        """Return the latents themselves."""
        return z

    def points(self, coordinates: Tensor) -> Tensor:
        """Return the coordinates themselves."""
        return coordinates


class Sphere(LatentSpace):
    """Unit vectors. Only the direction of a vector matters, so there is one more coordinate than dimensions.

    Example:
        >>> Sphere().points(torch.tensor([3.0, 4.0]))
        tensor([0.6000, 0.8000])
    """

    shortest_path_name = "great circle"
    has_coordinates = False

    def shortest_path(self, start: Tensor, end: Tensor, steps: int) -> Tensor:
        """Return the arc of the great circle, (steps, d); between opposite points, one of the shortest arcs."""
        start, end = self.points(start), self.points(end)
        if (start + end).norm() > 1e-3:
            return self.points(spherical_path(start, end, steps))
        # Every great circle leads to the opposite point: choose that of the axis on which the start is smallest.
        across = F.one_hot(start.abs().argmin(), len(start)).to(start)
        across = self.points(across - (across @ start) * start)
        angle = torch.linspace(0, torch.pi, steps, dtype=start.dtype)[:, None]
        return angle.cos() * start + angle.sin() * across

    def coordinates(self, z: Tensor) -> Tensor:
        """Return the latents themselves."""
        return z

    def points(self, coordinates: Tensor) -> Tensor:
        """Return the directions of vectors."""
        return F.normalize(coordinates, dim=-1)


class Ball(LatentSpace):
    """The Poincaré ball. The coordinates of a point are its tangent vector at the origin.

    Args:
        curvature: c > 0 of a space of curvature −c.

    Example:
        >>> ball = Ball(1.0)
        >>> ball.points(torch.tensor([20.0, 0.0])).norm() <= 1, ball.coordinates(torch.tensor([0.5, 0.0]))
        (tensor(True), tensor([1.0986, 0.0000]))
    """

    shortest_path_name = "hyperbolic line"

    def __init__(self, curvature: float) -> None:
        self.curvature = curvature

    def shortest_path(self, start: Tensor, end: Tensor, steps: int) -> Tensor:
        """Return the arc of a circle that meets the edge at right angles, (steps, d), at equal hyperbolic steps."""
        first, last = start.double(), end.double()
        direction = to_origin(mobius_translate(last, -first, self.curvature), self.curvature)
        share = torch.linspace(0, 1, steps, dtype=torch.float64)[:, None]
        path = mobius_translate(from_origin(share * direction, self.curvature), first.expand(steps, -1), self.curvature)
        path[0], path[-1] = first, last
        return path.to(start.dtype)

    def coordinates(self, z: Tensor) -> Tensor:
        """Return the tangent vectors of points at the origin, whose lengths are the distances from the origin."""
        return to_origin(z.double(), self.curvature).to(z.dtype)

    def points(self, coordinates: Tensor) -> Tensor:
        """Return the points of tangent vectors at the origin."""
        return from_origin(coordinates.double(), self.curvature).to(coordinates.dtype)


def space_of(model: Model) -> LatentSpace:
    """Return the space of a model's latents.

    Example:
        >>> import zoo
        >>> space_of(zoo.build("svae-mlp-3d", data_shape=(1, 8, 8))).shortest_path_name
        'great circle'
    """
    posterior = model.posterior
    if posterior.manifold == "sphere":
        return Sphere()
    return Ball(posterior.curvature) if posterior.manifold == "ball" else FlatSpace()
