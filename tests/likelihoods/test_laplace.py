"""The Laplace likelihood."""

import math

import pytest
import torch

from zoo.likelihoods.laplace import Laplace


def test_the_density_keeps_its_constant():
    p = Laplace(data_shape=(3,), scale=0.5)(torch.zeros(1, 3))
    x = torch.tensor([[1.0, -2.0, 0.0]])
    assert p.log_prob(x).item() == pytest.approx(-3.0 / 0.5 - 3 * math.log(2 * 0.5))


@pytest.mark.parametrize("mode", ["fixed", "shared", "per_feature", "per_pixel"])
def test_every_scale_mode_begins_at_the_given_scale(mode):
    likelihood = Laplace(data_shape=(2, 3, 3), scale=0.3, scale_mode=mode)
    p = likelihood(torch.zeros(1, *likelihood.parameter_shape))
    torch.testing.assert_close(p.base_dist.scale, torch.full((1, 2, 3, 3), 0.3))


def test_a_learned_scale_becomes_the_mean_distance_of_each_feature():
    torch.manual_seed(0)
    true = torch.tensor([0.1, 1.0, 3.0])
    x = torch.distributions.Laplace(0.0, true).sample((4000,))
    likelihood = Laplace(data_shape=(3,), scale_mode="per_feature")
    optimizer = torch.optim.Adam(likelihood.parameters(), lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        (-likelihood(torch.zeros(4000, 3)).log_prob(x).mean()).backward()
        optimizer.step()
    found = likelihood(torch.zeros(1, 3)).base_dist.scale.detach()[0]
    torch.testing.assert_close(found, x.abs().mean(0), rtol=0.01, atol=0)
