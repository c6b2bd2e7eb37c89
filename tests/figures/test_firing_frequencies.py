"""The histogram of firing frequencies holds every latent."""

from __future__ import annotations

import torch

import zoo
from zoo.data import Data, split_of_tensor
from zoo.evaluation.evaluate import evaluation_context
from zoo.figures.firing_frequencies import FiringFrequencies, plot_firing


def test_every_latent_is_in_a_bar() -> None:
    counts = torch.tensor([0.0, 0, 1, 5, 50, 100])
    axes = plot_firing(counts, examples=100, bins=10).axes[0]
    assert sum(bar.get_height() for bar in axes.patches) == len(counts)
    assert max(bar.get_height() for bar in axes.patches) == 2  # the two that never fire


def test_it_draws_a_sparse_model_with_and_without_dead_latents() -> None:
    model = zoo.build("sparse-ae-top-k-512d", data_shape=(5,), latent_dim=12, posterior={"k": 3}).eval()
    for shift in (0.0, -100.0):
        with torch.no_grad():
            model.posterior.head.bias[3:] = shift
        split = split_of_tensor(torch.randn(60, 5), None)
        figure = FiringFrequencies(examples=50).draw(evaluation_context(model, Data(split.info, split, None, split)))
        assert sum(bar.get_height() for bar in figure.axes[0].patches) == 12


def test_all_latents_may_be_dead() -> None:
    assert plot_firing(torch.zeros(4), examples=10).axes
