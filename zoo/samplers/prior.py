"""Codes from the prior."""

from __future__ import annotations

from torch.distributions import Distribution

from zoo.data import Split
from zoo.model import Model
from zoo.registry import register
from zoo.samplers import Sampler


@register("sampler", "prior")
class Prior(Sampler):
    """Draws from p(z): what a VAE is trained for, and an autoencoder at its worst, since nothing put codes there.

    Source:
        Kingma & Welling (2014), Auto-Encoding Variational Bayes. https://arxiv.org/abs/1312.6114
    """

    def __init__(self) -> None: ...

    def fit(self, model: Model, train: Split | None) -> Distribution:
        """Return p(z)."""
        return model.prior
