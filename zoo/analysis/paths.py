r"""Paths between two codes: straight, on a sphere, and along the geodesic of the decoder.

A decoder g maps the latent space into the data space and pulls the Euclidean metric back: a step dz has the squared
length ‖J dz‖², with J the Jacobian of g. The geodesic is the path along which the decoded data change least in total.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor

from zoo.errors import InputError

PathKind = Literal["linear", "spherical", "shortest", "geodesic"]
Decode = Callable[[Tensor], Tensor]


def find_path(kind: PathKind, start: Tensor, end: Tensor, steps: int, decode: Decode) -> Tensor:
    """Return a path, (steps, d), of a kind given by name, among all vectors, where the shortest path is the line.

    Args:
        decode: maps codes (N, d) to data (N, *data_shape); only the geodesic uses it.
    """
    if kind not in get_args(PathKind):
        raise InputError(f"expected one of {', '.join(get_args(PathKind))}, got {kind!r}", where="kind")
    if kind == "geodesic":
        return geodesic_path(decode, start, end, steps)
    return spherical_path(start, end, steps) if kind == "spherical" else linear_path(start, end, steps)


def linear_path(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Return codes at equal steps on the straight line, (steps, d), both ends included."""
    _check(start, end, steps)
    return torch.lerp(start, end, torch.linspace(0, 1, steps, dtype=start.dtype)[:, None])


def spherical_path(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Return codes at equal angles around the origin, the length changing evenly, (steps, d).

    Choose it in many dimensions, where codes of a Gaussian lie near a sphere and straight lines leave it.

    Source:
        White (2016), Sampling Generative Networks, section 2.1. https://arxiv.org/abs/1609.04468

    Example:
        >>> spherical_path(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), 3).norm(dim=1).round(decimals=5)
        tensor([1., 1., 1.])
    """
    _check(start, end, steps)
    first, last = start.norm(), end.norm()
    cosine = (start @ end / (first * last).clamp_min(1e-12)).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if angle < 1e-4 or angle > torch.pi - 1e-4 or min(first, last) < 1e-6:
        return linear_path(start, end, steps)  # the same direction, or opposite ones, between which no arc is defined
    share = torch.linspace(0, 1, steps, dtype=start.dtype)[:, None]
    directions = (torch.sin((1 - share) * angle) * start / first + torch.sin(share * angle) * end / last) / angle.sin()
    return directions * torch.lerp(first, last, share)


def geodesic_path(
    decode: Decode, start: Tensor, end: Tensor, steps: int, *, segments: int = 64, iterations: int = 100
) -> Tensor:
    r"""Return codes on the shortest path in the data space, at equal steps there, (steps, d).

    The energy of the polygon, Σ ‖g(z_{i+1}) − g(z_i)‖², is minimised over its inner corners by L-BFGS, starting
    from the straight line: a minimum has equal steps, and its length is that of the geodesic up to the square of
    the step. It is the local minimum next to the straight line.

    Args:
        decode: g, maps codes (N, d) to data (N, *data_shape), differentiable.
        segments: number of segments of the polygon; at least ``steps`` − 1 are used.
        iterations: maximum number of iterations of L-BFGS.

    Source:
        Shao, Kumar & Fletcher (2018), The Riemannian Geometry of Deep Generative Models.
        https://arxiv.org/abs/1711.08014
        Arvanitidis, Hansen & Hauberg (2018), Latent Space Oddity. https://arxiv.org/abs/1710.11379

    Example:
        >>> flat = geodesic_path(lambda z: 2 * z, torch.zeros(2), torch.ones(2), 3)
        >>> torch.allclose(flat, torch.tensor([[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]]), atol=1e-3)
        True
    """
    _check(start, end, steps)
    count = (steps - 1) * -(-segments // (steps - 1))
    line = linear_path(start, end, count + 1).detach()
    # The path is the line plus sine waves. A wave with k bends has k² times the energy of a wave with one bend. Scaling
    # the amplitudes by 1/k makes all directions equally steep, so that few iterations are enough.
    bends = torch.arange(1, count, dtype=start.dtype, device=start.device)
    waves = torch.sin(torch.pi / count * bends[:, None] * bends) / bends
    amplitudes = torch.zeros(count - 1, len(start), dtype=start.dtype, device=start.device, requires_grad=True)
    # Energies are relative to that of the straight line, so that one tolerance works for every decoder.
    with torch.no_grad():
        unit = _energy(decode, line).clamp_min(1e-30)
    optimizer = torch.optim.LBFGS(
        [amplitudes], max_iter=iterations, history_size=20, tolerance_grad=1e-7, line_search_fn="strong_wolfe"
    )

    def bent() -> Tensor:
        return torch.cat([line[:1], line[1:-1] + waves @ amplitudes, line[-1:]])

    def closure() -> Tensor:
        energy = _energy(decode, bent()) / unit
        amplitudes.grad = torch.autograd.grad(energy, amplitudes)[0]
        return energy.detach()

    with torch.enable_grad():
        optimizer.step(closure)
    return _at_equal_steps(decode, bent().detach(), steps)


@torch.no_grad()
def path_length(decode: Decode, path: Tensor) -> float:
    """Return the length of a path (N, d) in the data space: the sum of its decoded steps, in units of the data."""
    return decode(path).flatten(1).diff(dim=0).norm(dim=1).sum().item()


def pullback_metric(decode: Decode, codes: Tensor) -> Tensor:
    """Return Jᵀ J of the decoder at each code, (N, d, d), in squared units of the data per squared unit of z.

    Example:
        >>> pullback_metric(lambda z: torch.stack([3 * z[:, 0], z[:, 1]], dim=1), torch.zeros(1, 2))
        tensor([[[9., 0.],
                 [0., 1.]]])
    """
    directions = torch.eye(codes.shape[1], dtype=codes.dtype, device=codes.device)
    columns = [
        torch.autograd.functional.jvp(decode, codes, direction.expand_as(codes).contiguous())[1].flatten(1)
        for direction in directions
    ]
    jacobian = torch.stack(columns, dim=-1)
    return jacobian.mT @ jacobian


def _energy(decode: Decode, path: Tensor) -> Tensor:
    return decode(path).flatten(1).diff(dim=0).square().sum() * (len(path) - 1)


@torch.no_grad()
def _at_equal_steps(decode: Decode, polygon: Tensor, steps: int) -> Tensor:
    """Return points that divide a polygon into segments of equal decoded length."""
    lengths = decode(polygon).flatten(1).diff(dim=0).norm(dim=1).double()
    travelled = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
    if travelled[-1] <= 0:
        return linear_path(polygon[0], polygon[-1], steps)
    wanted = torch.linspace(0, 1, steps, dtype=torch.float64, device=travelled.device) * travelled[-1]
    left = (torch.searchsorted(travelled, wanted, right=True) - 1).clamp(0, len(lengths) - 1)
    share = ((wanted - travelled[left]) / lengths[left].clamp_min(1e-300)).clamp(0, 1).to(polygon.dtype)
    return torch.lerp(polygon[left], polygon[left + 1], share[:, None])


def _check(start: Tensor, end: Tensor, steps: int) -> None:
    if start.ndim != 1 or start.shape != end.shape:
        raise InputError(
            f"expected two codes of the same shape (d,), got {tuple(start.shape)} and {tuple(end.shape)}",
            where="path",
        )
    if steps < 2:
        raise InputError(f"expected at least 2 steps, got {steps}", where="path")
