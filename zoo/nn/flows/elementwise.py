"""Increasing functions of one number, which an autoregressive map applies to each variable."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F


class Elementwise(Protocol):
    """An increasing function of one number.

    Attributes:
        parameters: number of parameters; if they are zero, the function is the identity, or a multiple of it.

    Shapes:
        z (…), raw (…, ``parameters``) → y (…) and log ∂y/∂z (…).
    """

    parameters: int

    def __call__(self, z: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return y and log ∂y/∂z."""

    def inverse(self, y: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and log ∂z/∂y."""


class Affine:
    r"""y = z exp(s) + m, with \|s\| at most ``bound``, so that the map stays invertible in float32.

    Example:
        >>> Affine()(torch.tensor(2.0), torch.tensor([1.0, 0.0]))
        (tensor(3.), tensor(0.))
    """

    parameters = 2

    def __init__(self, bound: float = 3.0) -> None:
        self.bound = bound

    def __call__(self, z: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return y and s."""
        shift, log_scale = self._split(raw)
        return torch.addcmul(shift, z, log_scale.exp()), log_scale

    def inverse(self, y: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and −s."""
        shift, log_scale = self._split(raw)
        return (y - shift) * torch.exp(-log_scale), -log_scale

    def _split(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        shift, log_scale = raw.unbind(-1)
        return shift, self.bound * torch.tanh(log_scale / self.bound)


class Gate:
    r"""y = σ z + (1 − σ) m: a gate σ mixes the variable with a value that replaces it.

    σ = e^−bound + (1 − e^−bound) sigmoid(s + ``openness``), so that the map never expands, and remains invertible in
    float32. The value m has little effect if the gate is open. Choose it over :class:`Affine` for a posterior with
    several maps, which it trains faster. With s = m = 0 the result is a multiple of z.

    Source:
        Kingma et al. (2016), Improved Variational Inference with Inverse Autoregressive Flow, algorithm 1.
        https://arxiv.org/abs/1606.04934

    Example:
        >>> Gate(bound=10.0, openness=0.0)(torch.tensor(2.0), torch.tensor([4.0, 0.0]))
        (tensor(3.0000), tensor(-0.6931))
    """

    parameters = 2

    def __init__(self, bound: float = 3.0, openness: float = 2.0) -> None:
        self.smallest, self.openness = math.exp(-bound), openness

    def __call__(self, z: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return y and log σ."""
        target, gate = self._split(raw)
        return torch.lerp(target, z, gate), gate.log()

    def inverse(self, y: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and −log σ."""
        target, gate = self._split(raw)
        return target + (y - target) / gate, -gate.log()

    def _split(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        target, logit = raw.unbind(-1)
        return target, self.smallest + (1 - self.smallest) * torch.sigmoid(logit + self.openness)


class Spline:
    """A monotonic rational-quadratic spline on [−bound, bound], and the identity outside.

    Choose it over :class:`Affine` if a variable has several modes given those before it: the density can change in each
    bin. Both directions have the same cost.

    Args:
        bins: K, number of pieces.
        bound: where the spline ends.

    Source:
        Durkan et al. (2019), Neural Spline Flows, section 3.1. https://arxiv.org/abs/1906.04032

    Example:
        >>> spline, z = Spline(bins=4), torch.tensor([-7.0, 0.5])
        >>> y, log_slope = spline(z, torch.randn(2, spline.parameters))
        >>> y[0].item(), log_slope[0].item()
        (-7.0, 0.0)
    """

    SMALLEST = 1e-3
    """The smallest share of a bin in the width and in the height, and the smallest slope."""

    def __init__(self, bins: int = 8, bound: float = 5.0) -> None:
        self.bins, self.bound, self.parameters = bins, bound, 3 * bins - 1

    def __call__(self, z: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return y and log ∂y/∂z."""
        x, y, slopes = self._knots(raw)
        inside = z.abs() <= self.bound
        (x0, x1), (y0, y1), (d0, d1) = _piece(torch.where(inside, z, 0.0), x, x, y, slopes)
        mean_slope = (y1 - y0) / (x1 - x0)
        place = (torch.where(inside, z, 0.0) - x0) / (x1 - x0)
        between = place * (1 - place)
        divisor = mean_slope + (d0 + d1 - 2 * mean_slope) * between
        value = y0 + (y1 - y0) * (mean_slope * place.square() + d0 * between) / divisor
        log_slope = self._log_slope(mean_slope, place, d0, d1, divisor)
        return torch.where(inside, value, z), torch.where(inside, log_slope, 0.0)

    def inverse(self, y: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and log ∂z/∂y: the root of a quadratic equation in the piece of y."""
        knots_x, knots_y, slopes = self._knots(raw)
        inside = y.abs() <= self.bound
        target = torch.where(inside, y, 0.0)
        (x0, x1), (y0, y1), (d0, d1) = _piece(target, knots_y, knots_x, knots_y, slopes)
        mean_slope = (y1 - y0) / (x1 - x0)
        above, excess = target - y0, d0 + d1 - 2 * mean_slope
        a = (y1 - y0) * (mean_slope - d0) + above * excess
        b = (y1 - y0) * d0 - above * excess
        c = -mean_slope * above
        place = (-2 * c / (b + (b.square() - 4 * a * c).clamp_min(1e-30).sqrt())).clamp(0, 1)
        divisor = mean_slope + excess * place * (1 - place)
        log_slope = self._log_slope(mean_slope, place, d0, d1, divisor)
        return torch.where(inside, x0 + place * (x1 - x0), y), torch.where(inside, -log_slope, 0.0)

    def _log_slope(self, mean_slope: Tensor, place: Tensor, d0: Tensor, d1: Tensor, divisor: Tensor) -> Tensor:
        rest = 1 - place
        numerator = d1 * place.square() + 2 * mean_slope * place * rest + d0 * rest.square()
        return 2 * mean_slope.log() + numerator.log() - 2 * divisor.log()

    def _knots(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return x and y of the K + 1 knots and the slopes there, (…, K + 1) each."""
        widths, heights, slopes = raw.split([self.bins, self.bins, self.bins - 1], dim=-1)
        offset = math.log(math.expm1(1 - self.SMALLEST))
        inner = self.SMALLEST + F.softplus(slopes + offset)
        return self._places(widths), self._places(heights), F.pad(inner, (1, 1), value=1.0)

    def _places(self, raw: Tensor) -> Tensor:
        share = self.SMALLEST + (1 - self.SMALLEST * self.bins) * raw.softmax(-1)
        inner = 2 * self.bound * share.cumsum(-1)[..., :-1] - self.bound
        return F.pad(F.pad(inner, (1, 0), value=-self.bound), (0, 1), value=self.bound)


def _piece(value: Tensor, edges: Tensor, *knots: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Return both ends of the bin that contains a value, (…), for each kind of knots (…, K + 1)."""
    index = (value.unsqueeze(-1) >= edges[..., 1:-1]).sum(-1, keepdim=True)
    lead = index.shape[:-1]
    ends = []
    for each in knots:
        each = each.expand(*lead, each.shape[-1])
        ends.append((each.gather(-1, index).squeeze(-1), each.gather(-1, index + 1).squeeze(-1)))
    return ends
