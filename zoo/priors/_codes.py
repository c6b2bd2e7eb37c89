"""What priors over discrete codes share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.quantisation.distributions import CodeVectors

if TYPE_CHECKING:
    from zoo.model.inference import Inference


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
