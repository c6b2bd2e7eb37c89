"""The decoder that shares the networks of a hierarchical prior."""

from __future__ import annotations

import pytest
import torch

import zoo
from zoo.decoders.top_down import TopDownDecoder
from zoo.errors import ComponentError
from zoo.priors.top_down import TopDown


def make(levels: int) -> TopDownDecoder:
    torch.manual_seed(0)
    prior = TopDown(latent_dim=6, levels=levels)
    return TopDownDecoder(latent_dim=6, output_shape=(1, 8, 8), condition_dim=0, prior=prior)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_it_sees_the_latents_of_every_level(levels: int) -> None:
    decoder, z = make(levels), torch.randn(1, 6)
    jacobian = torch.autograd.functional.jacobian(lambda z: decoder(z).sum((1, 2, 3)), z)
    assert (jacobian != 0).all()


def test_its_networks_are_those_of_the_prior() -> None:
    model = zoo.build("hvae-mlp-12d")
    assert model.decoder.trunk is model.latent_prior.hierarchy.trunk
    names = [name for name, _ in model.named_parameters()]
    assert not any(name.startswith("decoder.trunk") for name in names)


def test_a_prior_without_levels_is_refused() -> None:
    with pytest.raises(ComponentError, match=r"model\.decoder: expected a prior with levels, got StandardGaussian"):
        zoo.build("vae-mlp-2d", decoder="top_down")
