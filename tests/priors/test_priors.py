"""Laws of priors, and errors for a wrong mean or covariance."""

from __future__ import annotations

import copy

import pytest
import torch

import zoo
from tests.minimise import minimise
from tests.models import SIZES
from zoo.divergences import kl_divergence
from zoo.errors import ComponentError
from zoo.priors.gaussian import Gaussian
from zoo.priors.standard_gaussian import StandardGaussian
from zoo.registry import find_component
from zoo.spec.options import wiring_of


@pytest.mark.parametrize("name", zoo.list_components("prior"))
def test_it_is_one_distribution_over_latents(name: str) -> None:
    component = find_component("prior", name)
    sizes = {"latent_dim": 3, "latent_shape": (3,), "classes": 0}
    wanted = wiring_of(component)
    if not wanted <= sizes.keys():
        pytest.skip(f"it asks for {wanted - sizes.keys()} as well")
    p = component(**{size: sizes[size] for size in wanted})()
    assert p.batch_shape == ()
    assert p.event_shape == (3,)
    assert p.log_prob(torch.zeros(7, 3)).shape == (7,)


def test_the_standard_gaussian_is_built_once_and_again_when_its_buffers_move() -> None:
    prior = StandardGaussian(latent_shape=(2, 3))
    kept = prior()
    assert prior() is kept
    other = copy.deepcopy(prior).double()
    assert other().sample().dtype == torch.float64
    assert other().event_shape == (2, 3)
    assert prior().sample().dtype == torch.float32
    assert prior.to("meta")().mean.is_meta


def test_the_gaussian_prior_begins_as_the_standard_one() -> None:
    z = torch.randn(10, 4)
    assert torch.allclose(
        Gaussian(latent_dim=4)().log_prob(z), StandardGaussian(latent_shape=(4,))().log_prob(z), atol=1e-5
    )


def test_mean_and_covariance_are_those_that_were_given() -> None:
    covariance = [[2.0, 0.6], [0.6, 0.5]]
    p = Gaussian(latent_dim=2, mean=[1.0, -1.0], covariance=covariance)()
    assert torch.allclose(p.mean, torch.tensor([1.0, -1.0]))
    assert torch.allclose(p.covariance_matrix, torch.tensor(covariance), atol=1e-6)


def test_a_fixed_prior_has_no_parameters_and_a_learned_one_follows_the_posterior() -> None:
    assert not list(Gaussian(latent_dim=2, mean=[0.0, 1.0]).parameters())
    torch.manual_seed(0)
    prior = Gaussian(latent_dim=2, learned=True)
    target = torch.distributions.MultivariateNormal(torch.tensor([1.0, 2.0]), torch.tensor([[1.0, 0.8], [0.8, 2.0]]))
    minimise(lambda: kl_divergence(target, prior()), prior.parameters(), iterations=40)
    assert kl_divergence(target, prior()) < 1e-4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mean": [0.0]}, r"expected 2 numbers .*, got 1"),
        ({"mean": [0.0, float("nan")]}, "finite numbers"),
        ({"covariance": [[1.0]]}, "expected a 2×2 matrix .*, got 1 rows"),
        ({"covariance": [[1.0, 0.0], [0.0]]}, "2×2 matrix"),
        ({"covariance": [[1.0, 2.0], [2.0, 1.0]]}, "positive-definite"),
        ({"covariance": [[1.0, 0.5], [0.0, 1.0]]}, "symmetric"),
        ({"covariance": [[1.0, float("inf")], [float("inf"), 1.0]]}, "symmetric"),
    ],
)
def test_a_wrong_mean_or_covariance_is_refused(options: dict, message: str) -> None:
    with pytest.raises(ComponentError, match=message):
        Gaussian(latent_dim=2, **options)


@pytest.mark.parametrize("name", ["flow", "latent_denoiser", "mixture", "two_stage"])
def test_a_prior_that_is_not_conditioned_is_the_same_for_every_label(name: str) -> None:
    model = zoo.build(
        "cvae-mlp-2d",
        data_shape=(1, 4, 4),
        classes=3,
        conditioned=["encoder", "decoder"],
        fitted_prior={"name": name, **SIZES["prior"].get(name, {})},
    ).eval()
    p = model.inference(labels=torch.tensor([0, 2]), fitted=True).prior
    assert p.batch_shape == ()
    assert p.sample((5,)).shape == (5, 2)
    assert model.sample(2, torch.tensor([0, 2])).shape == (2, 1, 4, 4)
