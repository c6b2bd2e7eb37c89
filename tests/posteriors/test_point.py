"""Codes without noise, and what may follow their linear map."""

from __future__ import annotations

import pytest
import torch

from zoo.posteriors.point import Point


@pytest.mark.parametrize(
    ("activation", "function", "sparse", "bounds"),
    [
        ("none", lambda h: h, False, None),
        ("relu", torch.relu, True, None),
        ("sigmoid", torch.sigmoid, False, (0.0, 1.0)),
        ("tanh", torch.tanh, False, (-1.0, 1.0)),
    ],
)
def test_an_activation_follows_the_linear_map(activation, function, sparse, bounds) -> None:
    posterior, h = Point(features=5, latent_dim=3, activation=activation), 3 * torch.randn(20, 5)
    z = posterior(h).mean
    torch.testing.assert_close(z, function(h @ posterior.head.weight.T + posterior.head.bias))
    assert (posterior.sparse, posterior.bounds) == (sparse, bounds)
    if bounds is not None:
        assert bounds[0] <= z.min() < z.max() <= bounds[1]
    assert bool((z == 0).any()) == sparse
