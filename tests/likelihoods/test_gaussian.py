"""The Gaussian likelihood."""

import math

import pytest
import torch

import zoo
from zoo.likelihoods.gaussian import Gaussian


def test_the_density_keeps_its_constant():
    p = Gaussian(data_shape=(3,), scale=0.5)(torch.zeros(1, 3))
    expected = -3 * (0.5 * math.log(2 * math.pi) + math.log(0.5))
    assert p.log_prob(torch.zeros(1, 3)).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("mode", ["fixed", "shared", "per_pixel"])
def test_every_scale_mode_begins_at_the_given_scale(mode):
    likelihood = Gaussian(data_shape=(2, 3, 3), scale=0.3, scale_mode=mode)
    p = likelihood(torch.zeros(1, *likelihood.parameter_shape))
    assert torch.allclose(p.stddev, torch.full((1, 2, 3, 3), 0.3), atol=1e-5)
    assert likelihood.learns_scale == (mode != "fixed")


def test_a_shared_scale_learns_the_deviation_of_the_data():
    torch.manual_seed(0)
    likelihood = Gaussian(data_shape=(4,), scale=1.0, scale_mode="shared")
    x = 0.2 * torch.randn(2000, 4)
    optimizer = torch.optim.Adam(likelihood.parameters(), lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        (-likelihood(torch.zeros(2000, 4)).log_prob(x).mean()).backward()
        optimizer.step()
    assert likelihood(torch.zeros(1, 4)).stddev[0, 0].item() == pytest.approx(0.2, abs=0.01)


def test_a_scale_never_falls_below_its_floor():
    likelihood = Gaussian(data_shape=(2,), scale_mode="per_pixel", floor=0.1)
    p = likelihood(torch.tensor([[0.0, 0.0, -1e4, 1e4]]))
    assert p.stddev.min() >= 0.1
    assert p.stddev.isfinite().all()


@pytest.mark.parametrize(
    ("data_range", "scale"), [((0.0, 1.0), 0.1), ((-1.0, 1.0), 0.2), ((0.0, 255.0), 25.5), (None, 1.0)]
)
@pytest.mark.parametrize("mode", ["fixed", "shared", "per_pixel"])
@pytest.mark.parametrize("name", ["gaussian", "laplace", "student_t"])
def test_the_default_scale_is_a_tenth_of_the_range_of_the_data(name, data_range, scale, mode):
    model = zoo.build(
        "vae-mlp-2d", data_shape=(1, 4, 4), data_range=data_range, likelihood={"name": name, "scale_mode": mode}
    )
    p = model.likelihood(torch.zeros(2, *model.likelihood.parameter_shape)).base_dist
    torch.testing.assert_close(p.scale, torch.full_like(p.scale, scale), rtol=1e-4, atol=0)
    rebuilt = zoo.build(model.spec).likelihood
    assert torch.equal(rebuilt(torch.zeros(2, *rebuilt.parameter_shape)).base_dist.scale, p.scale)


def test_a_scale_that_is_stated_is_kept_whatever_the_range():
    stated = {"name": "gaussian", "scale": 1.0}
    model = zoo.build("vae-mlp-2d", data_shape=(1, 4, 4), data_range=(0, 1), likelihood=stated)
    assert model.likelihood(torch.zeros(1, 1, 4, 4)).stddev.unique().tolist() == [1.0]
