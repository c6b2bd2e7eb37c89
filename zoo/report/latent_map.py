"""The map of a latent space: a line or a plane of codes, and a grid of points on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.analysis.projection import Projection, principal_plane

_TAIL = 0.005
_MARGIN = 0.03
_ROUNDING = 1.125
"""The largest factor by which a step may become coarser to save a decimal."""


@dataclass(frozen=True)
class Axis:
    """Equally spaced coordinates along one direction of the map, each a multiple of a step with few decimals.

    Coordinates can therefore be displayed exactly as the model decoded them.

    Attributes:
        name: label of the axis.
        symbol: symbol of a coordinate, such as z₁.
        first: the first coordinate is ``first`` · ``step``.
        count: number of coordinates.
        decimals: number of decimals with which each coordinate is exact.
    """

    name: str
    symbol: str
    first: int
    count: int
    step: float
    decimals: int

    def coordinates(self) -> list[float]:
        """Return all coordinates, the smallest first."""
        return [round((self.first + index) * self.step, self.decimals) for index in range(self.count)]


@dataclass(frozen=True)
class LatentMap:
    """The part of a latent space that a map shows.

    Attributes:
        low: smallest value of each direction of the map, one for a line, two for a plane.
        high: the largest.
        projection: from codes to the plane; None for one latent dimension.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    projection: Projection | None

    def axes(self, count: int) -> list[Axis]:
        """Return the axes of the finest grid with at most ``count`` places along each direction."""
        names, symbols = self._words()
        return [
            _axis(name, symbol, low, high, count)
            for name, symbol, low, high in zip(names, symbols, self.low, self.high, strict=True)
        ]

    def grid(self, axes: list[Axis]) -> Tensor:
        """Return the codes (rows, columns, d) of the grid as it is drawn: the largest second coordinate first."""
        columns = torch.tensor(axes[0].coordinates(), dtype=torch.float64)
        if self.projection is None:
            return columns.float()[None, :, None]
        rows = torch.tensor(axes[1].coordinates(), dtype=torch.float64).flip(0)
        places = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1)
        return self.projection.inverse(places.float())

    def places(self, codes: Tensor) -> Tensor:
        """Return the places of codes (N, d) on the map, (N, 1) or (N, 2)."""
        return codes if self.projection is None else self.projection(codes)

    def _words(self) -> tuple[list[str], list[str]]:
        if self.projection is None:
            return ["z"], ["z"]
        shares = self.projection.shares
        if shares is None:
            return ["z₁", "z₂"], ["z₁", "z₂"]
        names = [
            f"u{'₁₂'[i]}: principal component {i + 1}, {share:.0%} of the variance" for i, share in enumerate(shares)
        ]
        return names, ["u₁", "u₂"]


def map_of(codes: Tensor, draws: Tensor | None) -> LatentMap:
    """Return the map that covers all codes (N, d) and the bulk of the prior, given by draws (M, d) if there is one.

    With two latent dimensions it is the latent space. With more it is the plane through the mean of the codes along
    their first two principal axes, with one it is a line.
    """
    projection = principal_plane(codes) if codes.shape[1] > 1 else None
    shown = codes if projection is None else projection(codes)
    low, high = shown.min(0).values, shown.max(0).values
    if draws is not None:
        bulk = (draws if projection is None else projection(draws)).quantile(torch.tensor([_TAIL, 1 - _TAIL]), dim=0)
        low, high = torch.minimum(low, bulk[0]), torch.maximum(high, bulk[1])
    span = (high - low).clamp_min(1e-3 * torch.maximum(low.abs(), high.abs()).clamp_min(1e-3))
    return LatentMap(
        tuple((low - _MARGIN * span).double().tolist()), tuple((high + _MARGIN * span).double().tolist()), projection
    )


def _axis(name: str, symbol: str, low: float, high: float, count: int) -> Axis:
    """Choose a step with one or two significant digits that needs no more than ``count`` coordinates."""
    wanted = (high - low) / max(count - 1, 1)
    exponent = math.floor(math.log10(wanted))
    if math.ceil(wanted / 10.0**exponent) > _ROUNDING * wanted / 10.0**exponent:
        exponent -= 1
    digits = math.ceil(wanted / 10.0**exponent)
    while math.floor(high / (digits * 10.0**exponent)) - math.ceil(low / (digits * 10.0**exponent)) + 1 > count:
        digits += 1
    decimals = max(0, -exponent)
    step = round(digits * 10.0**exponent, decimals)
    first = math.ceil(low / step)
    return Axis(name, symbol, first, math.floor(high / step) - first + 1, step, decimals)
