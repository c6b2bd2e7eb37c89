"""The likelihood of binary data."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Bernoulli as BernoulliDistribution
from torch.distributions import Independent
from torch.nn import functional as F

from zoo.likelihoods import Likelihood, Support
from zoo.registry import register
from zoo.utils.precision import at_least_float32


@register("likelihood", "bernoulli")
class Bernoulli(Likelihood):
    """Independent binary pixels, log p(x|z) = Σ x log π + (1 − x) log(1 − π), from logits.

    Choose it for binary data, for which it gives the exact log-probability. It also accepts greyscale pixels in [0, 1],
    as in most VAE papers: the result is then a cross-entropy, not a log-density of the pixels, and can only be compared
    with results of the same kind. For a density of greyscale pixels choose ``continuous_bernoulli``.

    Source:
        Kingma & Welling (2014), Auto-Encoding Variational Bayes, appendix C.1. https://arxiv.org/abs/1312.6114

    Example:
        >>> p = Bernoulli(data_shape=(1, 8, 8))(torch.zeros(5, 1, 8, 8))
        >>> p.log_prob(torch.ones(5, 1, 8, 8)).shape
        torch.Size([5])
    """

    support = Support(0.0, 1.0)
    discrete = True

    def __init__(self, *, data_shape: tuple[int, ...]) -> None:
        super().__init__(data_shape)

    @property
    def exact_support(self) -> Support:
        """Zero and one: values between them give a cross-entropy."""
        return Support(0.0, 1.0, step=1.0)

    def caution(self, x: Tensor) -> str | None:
        """Return the note that greyscale data give cross-entropies, if there are values between 0 and 1."""
        if self.is_exact(x):
            return None
        return (
            "pixels between black and white under a Bernoulli likelihood: the metrics in nats are cross-entropies, "
            "which can only be compared with those of other models of grey pixels (`data.binarise` makes them binary)."
        )

    def forward(self, raw: Tensor) -> Independent:
        """Map logits (*batch, *data_shape) to Bernoulli distributions with event shape ``data_shape``."""
        pixels = BernoulliDistribution(logits=at_least_float32(raw), validate_args=False)
        return Pixels(pixels, len(self.data_shape), validate_args=False)


class Pixels(Independent):
    """Independent Bernoulli variables from logits l; log-density Σ x l − log(1 + eˡ), in three passes over memory."""

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density of each example, in nats; values between 0 and 1 are taken as they are."""
        logits: Tensor = self.base_dist.logits
        surprise = torch.addcmul(F.softplus(logits), logits, value, value=-1)
        return -surprise.flatten(-self.reinterpreted_batch_ndims).sum(-1)
