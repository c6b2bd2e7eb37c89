"""Gauss–Legendre quadrature."""

import torch

from zoo.nn.spaces.quadrature import gauss_legendre


def test_polynomials_up_to_twice_the_nodes_are_exact() -> None:
    low, high = torch.tensor([0.0, -1.0]), torch.tensor([2.0, 3.0])
    nodes, weights = gauss_legendre(low, high, 5)
    exact = (high.double() ** 10 - low.double() ** 10) / 10
    torch.testing.assert_close((nodes**9 * weights).sum(-1), exact)


def test_a_gaussian_is_integrated_to_rounding() -> None:
    nodes, weights = gauss_legendre(torch.tensor(-14.0), torch.tensor(14.0), 96)
    total = ((-0.5 * nodes.square()).exp() * weights).sum()
    torch.testing.assert_close(total, torch.tensor(2 * torch.pi, dtype=torch.float64).sqrt(), rtol=1e-12, atol=0)
