"""Where codes are drawn from."""

from __future__ import annotations

import pytest
import torch

import zoo
from zoo.data import Split, split_of_tensor
from zoo.errors import ComponentError, DataError
from zoo.model import Model
from zoo.samplers import draw_samples, fit_sampler


@pytest.fixture(scope="module")
def model() -> Model:
    torch.manual_seed(0)
    return zoo.build("ae-mlp-2d", data_shape=(1, 8, 8)).eval()


@pytest.fixture(scope="module")
def train() -> Split:
    torch.manual_seed(1)
    return split_of_tensor(torch.rand(300, 1, 8, 8))


@pytest.mark.parametrize("name", zoo.list_components("sampler"))
def test_every_sampler_gives_a_distribution_over_codes(name: str, model: Model, train: Split) -> None:
    latents = fit_sampler(name, model, train)
    assert (latents.batch_shape, latents.event_shape) == ((), (2,))
    assert latents.sample((7,)).shape == (7, 2)
    assert model.sample(5, latents=latents).shape == (5, 1, 8, 8)
    state = torch.get_rng_state()
    fit_sampler(name, model, train)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_aggregate_is_where_the_codes_are_and_the_prior_is_not(model: Model, train: Split) -> None:
    codes = model.encode(train.examples(300)).mean
    latents = fit_sampler({"name": "aggregate", "components": 1}, model, train)
    assert torch.allclose(latents.mean, codes.mean(0), atol=1e-5)
    assert latents.log_prob(codes).mean() > fit_sampler("prior", model).log_prob(codes).mean()


def test_samples_are_decoded_codes(model: Model) -> None:
    torch.manual_seed(2)
    samples = draw_samples(model, 3, model.prior)
    torch.manual_seed(2)
    assert torch.equal(samples, model.decode(model.prior.sample((3,))).mean)


def test_many_samples_are_drawn_in_blocks_and_of_every_class() -> None:
    conditional = zoo.build("cvae-mlp-2d", data_shape=(1, 8, 8)).eval()
    assert draw_samples(conditional, 2050).shape == (2050, 1, 8, 8)


def test_what_cannot_be_sampled_like_this_says_so(model: Model) -> None:
    with pytest.raises(DataError, match=r"codes of the training data, and none came\n.*`prior`"):
        fit_sampler("aggregate", model)
    with pytest.raises(ComponentError, match="Did you mean 'aggregate'"):
        fit_sampler("agregate", model)
    denoiser = zoo.build("denoiser-mlp")
    with pytest.raises(ComponentError, match="not decoded codes"):
        fit_sampler("prior", denoiser)
