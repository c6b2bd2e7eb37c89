"""The hierarchical prior: how levels share the latents."""

from __future__ import annotations

import pytest
import torch

import zoo
from zoo.errors import ComponentError
from zoo.priors.top_down import TopDown


@pytest.mark.parametrize(
    ("latent_dim", "levels", "sizes"),
    [(4, 2, (2, 2)), (7, 3, (2, 2, 3)), (5, 1, (5,)), (6, [1, 2, 3], (1, 2, 3)), (3, 3, (1, 1, 1))],
)
def test_levels_share_the_latents(latent_dim: int, levels: int | list[int], sizes: tuple[int, ...]) -> None:
    prior = TopDown(latent_dim=latent_dim, levels=levels)
    assert prior.hierarchy.trunk.sizes == sizes
    assert prior().event_shape == (latent_dim,)


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        (5, r"levels: expected at most as many levels as latents \(4\), got 5"),
        ([1, 2], r"levels: expected lengths that add up to `latent_dim` \(4\), got 1 \+ 2 = 3"),
    ],
)
def test_levels_that_do_not_fit_are_refused(levels: int | list[int], message: str) -> None:
    with pytest.raises(ComponentError, match=message):
        TopDown(latent_dim=4, levels=levels)


@pytest.mark.parametrize("posterior", ["top_down", "ladder"])
def test_a_posterior_with_levels_needs_a_prior_with_levels(posterior: str) -> None:
    with pytest.raises(ComponentError, match=r"model\.posterior: expected a prior with levels, got StandardGaussian"):
        zoo.build("vae-mlp-2d", posterior=posterior)


def test_it_can_be_fitted_to_any_posterior() -> None:
    """A posterior without levels, such as a diagonal Gaussian, learns a hierarchical prior by Monte Carlo."""
    torch.manual_seed(0)
    model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), prior="top_down")
    loss, _ = model.loss(torch.rand(8, 1, 8, 8))
    loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
