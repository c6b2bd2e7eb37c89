"""Likelihoods: normalised densities with every constant."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

import zoo
from zoo.errors import DataError
from zoo.likelihoods.bernoulli import Bernoulli
from zoo.likelihoods.gaussian import Gaussian
from zoo.registry import find_component


@pytest.mark.parametrize("name", zoo.list_components("likelihood"))
@pytest.mark.parametrize("shape", [(5,), (1, 8, 8), (3, 9, 11)])
def test_event_shape_is_that_of_the_data(name: str, shape: tuple[int, ...]) -> None:
    likelihood = find_component("likelihood", name)(data_shape=shape)
    p = likelihood(torch.randn(4, 2, *likelihood.parameter_shape))
    assert p.batch_shape == (4, 2)
    assert p.event_shape == shape
    assert p.mean.shape == (4, 2, *shape)


def test_the_probabilities_of_all_binary_vectors_sum_to_one() -> None:
    p = Bernoulli(data_shape=(4,))(torch.randn(1, 4))
    everything = torch.tensor(list(itertools.product([0.0, 1.0], repeat=4)))
    assert p.log_prob(everything).exp().sum().item() == pytest.approx(1.0, abs=1e-6)


def test_extreme_logits_keep_a_finite_log_probability() -> None:
    p = Bernoulli(data_shape=(2,))(torch.tensor([[1e4, -1e4]]))
    assert p.log_prob(torch.tensor([[1.0, 0.0]])).item() == pytest.approx(0.0)
    assert p.log_prob(torch.tensor([[0.0, 1.0]])).item() == pytest.approx(-2e4)


def test_the_gaussian_density_keeps_its_constant() -> None:
    p = Gaussian(data_shape=(3,), scale=0.5)(torch.zeros(1, 3))
    expected = -3 * (0.5 * math.log(2 * math.pi) + math.log(0.5))
    assert p.log_prob(torch.zeros(1, 3)).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("mode", ["fixed", "shared", "per_pixel"])
def test_every_scale_mode_begins_at_the_given_scale(mode: str) -> None:
    likelihood = Gaussian(data_shape=(2, 3, 3), scale=0.3, scale_mode=mode)
    p = likelihood(torch.zeros(1, *likelihood.parameter_shape))
    assert torch.allclose(p.stddev, torch.full((1, 2, 3, 3), 0.3), atol=1e-5)
    assert likelihood.learns_scale == (mode != "fixed")


def test_a_shared_scale_learns_the_deviation_of_the_data() -> None:
    torch.manual_seed(0)
    likelihood = Gaussian(data_shape=(4,), scale=1.0, scale_mode="shared")
    x = 0.2 * torch.randn(2000, 4)
    optimizer = torch.optim.Adam(likelihood.parameters(), lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        (-likelihood(torch.zeros(2000, 4)).log_prob(x).mean()).backward()
        optimizer.step()
    assert likelihood(torch.zeros(1, 4)).stddev[0, 0].item() == pytest.approx(0.2, abs=0.01)


def test_a_scale_never_falls_below_its_floor() -> None:
    likelihood = Gaussian(data_shape=(2,), scale_mode="per_pixel", floor=0.1)
    p = likelihood(torch.tensor([[0.0, 0.0, -1e4, 1e4]]))
    assert p.stddev.min() >= 0.1
    assert p.stddev.isfinite().all()


@pytest.mark.parametrize("name", zoo.list_components("likelihood"))
def test_densities_are_float32_also_from_bf16_parameters(name: str) -> None:
    p = find_component("likelihood", name)(data_shape=(6,))(torch.randn(4, 6).bfloat16())
    assert p.log_prob(torch.ones(4, 6)).dtype == torch.float32


def test_data_outside_the_support_are_refused_with_what_to_do() -> None:
    likelihood = Bernoulli(data_shape=(2,))
    likelihood.check_range((0.0, 1.0))
    for wrong in ((-1.0, 1.0), (0.0, 255.0), None):
        with pytest.raises(DataError, match=r"needs data in \[0, 1\]"):
            likelihood.check_range(wrong)
    Gaussian(data_shape=(2,)).check_range(None)


@pytest.mark.parametrize(
    ("data_range", "scale"), [((0.0, 1.0), 0.1), ((-1.0, 1.0), 0.2), ((0.0, 255.0), 25.5), (None, 1.0)]
)
@pytest.mark.parametrize("mode", ["fixed", "shared", "per_pixel"])
def test_the_default_scale_of_a_gaussian_is_a_tenth_of_the_datas_range(data_range, scale, mode):
    model = zoo.build(
        "vae-mlp-2d", data_shape=(1, 4, 4), data_range=data_range, likelihood={"name": "gaussian", "scale_mode": mode}
    )
    p = model.likelihood(torch.zeros(2, *model.likelihood.parameter_shape))
    assert torch.allclose(p.stddev, torch.tensor(scale), rtol=1e-4)
    rebuilt = zoo.build(model.spec).likelihood
    assert torch.equal(rebuilt(torch.zeros(2, *rebuilt.parameter_shape)).stddev, p.stddev)


def test_a_scale_that_is_stated_is_kept_whatever_the_range():
    stated = {"name": "gaussian", "scale": 1.0}
    model = zoo.build("vae-mlp-2d", data_shape=(1, 4, 4), data_range=(0, 1), likelihood=stated)
    assert model.likelihood(torch.zeros(1, 1, 4, 4)).stddev.unique().tolist() == [1.0]
