"""The curves of the loss name the unit of each term, where it has one."""

from __future__ import annotations

import zoo
from zoo.figures.loss import plot_loss


def test_each_term_has_its_own_unit_and_a_mixture_has_none() -> None:
    regularisers = {"similarity": {"name": "ms_ssim", "window": 7}, "gan": {"name": "data_critic"}}
    model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), regularisers=regularisers)
    terms = ["loss", "kl", "similarity", "gan.features"]
    history = [{"epoch": epoch, "train": dict.fromkeys(terms, 1.0), "adversaries": {"gan": 0.7}} for epoch in (1, 2)]
    labels = [axes.get_ylabel() for axes in plot_loss(history, model.unit_of).axes]
    assert labels == ["loss", "kl [nats]", "similarity [1 − MS-SSIM]", "gan features", "loss of the adversary gan"]


def test_a_term_that_is_called_like_its_unit_is_labelled_once() -> None:
    model = zoo.build("ae-mlp-2d", data_shape=(1, 8, 8))
    history = [{"epoch": 1, "train": {"loss": 1.0, "squared_error": 1.0}}]
    labels = [axes.get_ylabel() for axes in plot_loss(history, model.unit_of).axes]
    assert labels == ["loss [squared error]", "squared error"]
