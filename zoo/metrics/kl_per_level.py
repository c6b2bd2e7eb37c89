"""How much information each level of a hierarchy carries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from pydantic import PositiveInt

from zoo.errors import NotApplicableError
from zoo.metrics import EvaluationContext, Measurement, Metric, Result
from zoo.registry import register

KL_PER_LEVEL = Result(
    "kl_per_level",
    "KL divergence of the posterior from the prior in each level of the hierarchy, top first, given the levels above; "
    "one near zero is not used.",
    unit="nats",
    title="KL per level",
)


@register("metric", "kl_per_level")
class KlPerLevel(Metric):
    """KL(q(z_l|x, z_{>l}) ‖ p(z_l|z_{>l})) of each level of a hierarchy, mean over draws and data, in nats.

    The entries add up to the KL term of the ELBO.

    Args:
        num_samples: draws of z for each x.

    Source:
        Sønderby et al. (2016), Ladder Variational Autoencoders, section 3. https://arxiv.org/abs/1602.02282
    """

    results: ClassVar[Sequence[Result]] = (KL_PER_LEVEL,)

    def __init__(self, *, num_samples: PositiveInt = 10) -> None:
        self.num_samples = num_samples

    @torch.no_grad()
    def check(self, context: EvaluationContext) -> None:
        """Require latents with several levels."""
        context.require_density()
        if _levels(context) < 2:
            raise NotApplicableError("the latents have a single level")

    @torch.no_grad()
    def measure(self, context: EvaluationContext) -> Sequence[Measurement]:
        """Return ``kl_per_level``, a list with an entry for each level."""
        divergences = []
        for batch in context.batches(512):
            samples = context.infer(batch).draw(self.num_samples, reparameterised=False)
            divergences.append(samples.kl_of_levels().T)
        collected = context.collect(divergences, (_levels(context),))
        return [Measurement(KL_PER_LEVEL, collected.double().mean(0).tolist())]


def _levels(context: EvaluationContext) -> int:
    return len(context.infer(context.take(torch.zeros(1, dtype=torch.int64))).draw(1, reparameterised=False).levels)
