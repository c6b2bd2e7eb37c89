"""What metrics require of the distributions of the latents."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.distributions import Distribution

from zoo.errors import NotApplicableError
from zoo.evaluation.context import EvaluationContext
from zoo.model import Inference


def require_of_both(context: EvaluationContext, holds: Callable[[Distribution], bool], what: str) -> Inference:
    """Require something of prior and posterior, which both need a density and no codes; looks at one example.

    Args:
        holds: whether a distribution is as it should be.
        what: the words for one that is not: "the prior is not …".

    Raises:
        NotApplicableError: the model has no density, its latents are codes, or one of the two is not as it should be.
    """
    context.require_density()
    context.require_continuous_latents()
    with torch.no_grad():
        inference = context.infer(context.take(torch.zeros(1, dtype=torch.int64)))
        for name, distribution in (("prior", inference.prior), ("posterior", inference.posterior)):
            if not holds(distribution):
                raise NotApplicableError(f"the {name} is not {what}")
    return inference
