"""Samples from each prior beside data."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import zoo
from zoo.data import Data, split_of_tensor
from zoo.errors import NotApplicableError
from zoo.evaluation import sampling
from zoo.evaluation.context import EvaluationContext
from zoo.evaluation.evaluate import evaluation_context
from zoo.figures.samples_by_prior import SamplesByPrior
from zoo.priors.mixture import Mixture

MIXTURE = {"name": "mixture", "components": 2}


def context_of(preset: str, **options: object) -> EvaluationContext:
    torch.manual_seed(0)
    model = zoo.build(preset, data_shape=(1, 8, 8), **options).eval()
    labels = torch.arange(40) % 10
    x = torch.rand(40, 1, 8, 8) * labels.view(-1, 1, 1, 1) / 10
    split = split_of_tensor(x, labels, data_range=(0, 1))
    return evaluation_context(model, Data(split.info, split, None, split))


@pytest.mark.parametrize(
    ("preset", "options", "fitted"),
    [
        ("vae-mlp-2d", {}, "mixture"),
        ("ae-mlp-2d", {"fitted_prior": "two_stage"}, "two stage"),
        ("cvae-mlp-2d", {"fitted_prior": MIXTURE}, "mixture"),
    ],
)
def test_each_prior_has_a_panel(preset: str, options: dict, fitted: str) -> None:
    figure = SamplesByPrior(count=9).draw(context_of(preset, **options))
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["data", "from the prior\nstandard gaussian", f"fitted prior\n{fitted}"]
    assert len({axes.images[0].get_size() for axes in figure.axes}) == 1


def test_where_both_priors_are_alike_so_are_the_samples_and_only_then() -> None:
    context = context_of("vae-mlp-2d", fitted_prior={"name": "gaussian", "learned": True})
    panels = [axes.images[0].get_array() for axes in SamplesByPrior(count=4).draw(context).axes]
    np.testing.assert_allclose(panels[1], panels[2], atol=1e-3)
    with torch.no_grad():
        context.model.fitted_prior.mean.fill_(50.0)
    panels = [axes.images[0].get_array() for axes in SamplesByPrior(count=4).draw(context).axes]
    assert np.abs(panels[1] - panels[2]).max() > 0.01


def test_a_row_of_data_is_of_the_class_of_the_row_of_samples() -> None:
    context = context_of("cvae-mlp-2d", fitted_prior=MIXTURE)
    data = SamplesByPrior(count=100).draw(context).axes[0].images[0].get_array()
    means = [rows.mean() for rows in np.array_split(np.asarray(data[..., 0]), 10)]
    assert abs(np.corrcoef(means, np.arange(10))[0, 1]) > 0.95


def test_a_model_without_latents_has_no_prior_to_compare() -> None:
    denoiser = zoo.build("denoiser-unet", data_shape=(1, 8, 8), objective={"steps": 2}).eval()
    split = split_of_tensor(torch.rand(40, 1, 8, 8) * 2 - 1, data_range=(-1, 1))
    with pytest.raises(NotApplicableError, match="not decoded latents"):
        SamplesByPrior().check(evaluation_context(denoiser, Data(split.info, split, None, split)))


@pytest.mark.parametrize(("latent_dim", "count", "components"), [(2, 200, 10), (16, 80, 4), (32, 32, 2)])
def test_the_fit_for_a_comparison_is_bounded(
    latent_dim: int, count: int, components: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With many dimensions there are fewer latents, for N d numbers, and fewer Gaussians, for K N d² products."""
    for name, value in {"_LATENTS": 200, "_VALUES": 2**10, "_PRODUCTS": 80 * 2**10}.items():
        monkeypatch.setattr(sampling, name, value)
    counts, fit = [], Mixture.fit
    monkeypatch.setattr(Mixture, "fit", lambda self, z, labels=None: counts.append(len(z)) or fit(self, z, labels))
    prior = sampling._fit_mixture(context_of("vae-mlp-2d", latent_dim=latent_dim))
    assert (counts, prior.components) == ([count], components)
    assert count * components * latent_dim**2 <= 80 * 2**10
