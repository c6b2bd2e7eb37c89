"""What priors over discrete codes share."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from zoo.quantisation.distributions import CodeVectors

if TYPE_CHECKING:
    from zoo.model.inference import Inference
    from zoo.posteriors import Quantiser


def quantiser_of(inference: Inference) -> Quantiser:
    """Return the model's posterior, which knows the vector of each code."""
    return cast("Quantiser", inference.model.posterior)


def fit_loss_of_codes(inference: Inference) -> Tensor:
    """Return −E log p(k) in nats, a scalar, of code numbers that the posterior draws for the batch.

    The posterior knows the numbers of its codes, so none has to be looked up from its vector.
    """
    with torch.no_grad():
        q = inference.posterior
    assert isinstance(q, CodeVectors)
    p = inference.prior
    assert isinstance(p, CodeVectors)
    log_prob: Tensor = p.codes.log_prob(q.codes.sample())
    return -log_prob.mean()
