"""Parts that priors over discrete codes share."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

import torch
from torch import Tensor

from zoo.priors import Prior
from zoo.quantisation.autoregressive import AutoregressiveCodes, AutoregressiveNetwork, AutoregressiveVectors
from zoo.quantisation.distributions import CodeVectors

if TYPE_CHECKING:
    from zoo.model.inference import Inference
    from zoo.posteriors import Quantiser


class AutoregressivePrior(Prior):
    """p(k) = Π_i p(k_i | k_<i, y) over the codes of a quantiser, with a network that returns the logits of each code.

    Args:
        posterior: the quantiser.
        network: returns the logits of each code from the codes before it, and from the condition if there is one.
        condition_dim: length of the condition vector; 0: the codes do not depend on the labels.
    """

    discrete: ClassVar[bool] = True

    def __init__(self, posterior: Quantiser, network: AutoregressiveNetwork, condition_dim: int) -> None:
        super().__init__()
        self.grid, self.condition_dim, self.network = posterior.grid, condition_dim, network

    def forward(self, inference: Inference) -> AutoregressiveVectors:
        """Return p(z), with batch shape (), or p(z|y), with batch shape (B,)."""
        condition = inference.condition if self.condition_dim else None
        codes = AutoregressiveCodes(self.network, self.grid, condition)
        return AutoregressiveVectors(codes, quantiser_of(inference))

    def fit_loss(self, inference: Inference, z: Tensor) -> Tensor:
        """Return −E log p(k) in nats, a scalar, of code numbers that the posterior draws for the batch.

        The posterior provides the numbers of its codes, so they need not be searched from vectors.
        """
        with torch.no_grad():
            q = inference.posterior
        assert isinstance(q, CodeVectors)
        p = inference.prior
        assert isinstance(p, CodeVectors)
        log_prob: Tensor = p.codes.log_prob(q.codes.sample())
        return -log_prob.mean()


def quantiser_of(inference: Inference) -> Quantiser:
    """Return the model's posterior, which must be a quantiser."""
    return cast("Quantiser", inference.model.posterior)
