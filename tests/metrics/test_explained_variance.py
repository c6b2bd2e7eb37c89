"""The share of variance explained, against models whose share is known."""

from __future__ import annotations

import pytest
import torch

import zoo
from zoo.model import Model


def linear(x: torch.Tensor, latents: int) -> Model:
    """Return the linear autoencoder of the first principal components."""
    model = zoo.build("linear-ae-8d", data_shape=(x.shape[1],), latent_dim=latents)
    components = torch.linalg.svd(x - x.mean(0), full_matrices=False).Vh[:latents]
    with torch.no_grad():
        model.posterior.head.weight.copy_(components)
        model.posterior.head.bias.copy_(-components @ x.mean(0))
        model.decoder.output.weight.copy_(components.T)
        model.decoder.output.bias.copy_(x.mean(0))
    return model


@pytest.mark.parametrize("latents", [1, 2, 4])
def test_principal_components_explain_their_share_of_the_variance(latents: int) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(900, 4, generator=generator) * torch.tensor([4.0, 3, 2, 1]) + 1000
    variances = torch.linalg.eigvalsh(torch.cov(x.T.double())).flip(0)
    expected = (variances[:latents].sum() / variances.sum()).item()
    assert zoo.evaluate(linear(x, latents), x, ["explained_variance"])["explained_variance"] == pytest.approx(
        expected, abs=1e-4
    )


def test_the_mean_example_explains_nothing() -> None:
    x = torch.randn(100, 4) + 3
    model = linear(x, 2)
    with torch.no_grad():
        model.decoder.output.weight.zero_()
    assert zoo.evaluate(model, x, ["explained_variance"])["explained_variance"] == pytest.approx(0, abs=1e-6)


def test_data_that_do_not_vary_have_none() -> None:
    x = torch.randn(1, 4).expand(50, 4)
    assert zoo.evaluate(linear(torch.randn(50, 4), 2), x, ["explained_variance"]) == {}
