"""The likelihood of binary data."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Bernoulli as BernoulliDistribution
from torch.distributions import Independent
from torch.nn import functional as F

from zoo.likelihoods import Likelihood
from zoo.registry import register
from zoo.utils.precision import at_least_float32


@register("likelihood", "bernoulli")
class Bernoulli(Likelihood):
    """Independent binary pixels, log p(x|z) = Σ x log π + (1 − x) log(1 − π), from logits.

    Exact for binary data. Greyscale pixels in [0, 1] are taken as they are, as in most VAE papers: the figure is
    then a cross-entropy, not a log-density of the pixels, and compares only with figures of the same kind.

    Source:
        Kingma & Welling (2014), Auto-Encoding Variational Bayes, appendix C.1. https://arxiv.org/abs/1312.6114

    Example:
        >>> import torch
        >>> p = Bernoulli(data_shape=(1, 8, 8))(torch.zeros(5, 1, 8, 8))
        >>> p.log_prob(torch.ones(5, 1, 8, 8)).shape
        torch.Size([5])
    """

    support: ClassVar[tuple[float, float] | None] = (0.0, 1.0)

    def __init__(self, *, data_shape: tuple[int, ...]) -> None:
        super().__init__(data_shape)

    def forward(self, raw: Tensor) -> Independent:
        """Map logits (*batch, *data_shape) to Bernoulli distributions with event shape ``data_shape``."""
        pixels = BernoulliDistribution(logits=at_least_float32(raw), validate_args=False)
        return Pixels(pixels, len(self.data_shape), validate_args=False)


class Pixels(Independent):
    """Independent Bernoulli variables from logits l, with log-density Σ x l − log(1 + eˡ) in three passes over them."""

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density of each example, in nats; values between 0 and 1 are taken as they are."""
        logits: Tensor = self.base_dist.logits
        surprise = torch.addcmul(F.softplus(logits), logits, value, value=-1)
        return -surprise.flatten(-self.reinterpreted_batch_ndims).sum(-1)
