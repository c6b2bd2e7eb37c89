"""The hierarchical prior over maps: sizes of its levels, and what it refuses to work with."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import zoo
from zoo.errors import ComponentError, RecipeError
from zoo.priors.top_down_map import TopDownMap


@pytest.mark.parametrize(
    ("levels", "places"),
    [(1, [35]), (2, [12, 35]), ([1, 2, 1], [4, 12, 12, 35]), (5, [1, 1, 4, 12, 35])],
)
def test_each_size_is_half_of_the_one_below_it(levels: int | list[int], places: list[int]) -> None:
    prior = TopDownMap(feature_shape=(6, 7, 5), latent_dim=3, levels=levels, width=4)
    assert list(prior.hierarchy.trunk.sizes) == [3 * count for count in places]
    assert prior.latent_shape == prior().event_shape == (3 * sum(places),)


def test_ten_levels_pass_a_gradient_from_the_data_to_the_top() -> None:
    torch.manual_seed(0)
    prior = {"levels": [2, 4, 4], "width": 8}
    model = zoo.build("hvae-conv-4d", data_shape=(1, 8, 8), prior=prior, encoder={"channels": [8, 8]})
    samples = model.inference(torch.rand(4, 1, 8, 8)).draw()
    assert len(samples.levels) == 10
    first, last = torch.autograd.grad(samples.log_likelihood.sum(), [samples.levels[0].z, samples.levels[-1].z])
    assert first.norm() > 0.01 * last.norm() > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prior": "top_down"}, r"model\.posterior: expected a prior over several levels of maps, got TopDown, whose"),
        ({"prior": "standard_gaussian"}, r"model\.posterior: expected a prior with levels, got StandardGaussian"),
        ({"encoder": {"hidden": 16}}, r"model\.prior: expected features that are maps, got features of shape \(16,\)"),
        ({"encoder": "mlp"}, r"model\.prior: expected features that are maps"),
        (
            {"posterior": "diagonal_gaussian", "decoder": "mlp"},
            r"model\.prior: the prior has latents of shape \(24,\), the posterior latents of shape \(4,\)",
        ),
        (
            {"posterior": "diagonal_gaussian", "prior": "standard_gaussian"},
            r"model\.decoder: expected a prior over several",
        ),
        ({"decoder": {"channels": [8]}}, r"channels: expected latent maps of 4×4 places, .* got 2×2"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises((ComponentError, RecipeError), match=message):
        zoo.build("hvae-conv-4d", data_shape=(1, 8, 8), **changes)


def test_a_flow_is_fitted_to_the_latents_of_all_levels() -> None:
    torch.manual_seed(0)
    model = zoo.build("hvae-conv-4d", data_shape=(1, 8, 8), fitted_prior="flow")
    x = torch.rand(4, 1, 8, 8)
    samples = model.inference(x, fitted=True).draw(2)
    assert samples.levels == (), "under another prior levels have no divergences of their own"
    assert samples.log_weights.isfinite().all()
    assert model.sample(3).shape == (3, 1, 8, 8)
