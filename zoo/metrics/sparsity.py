"""How many latents of a sparse code fire, and how many never do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from zoo.analysis.firing import firing_counts
from zoo.metrics import EvaluationContext, Measurement, Metric, Result, mean_of
from zoo.registry import register

L0 = Result("l0", "Number of latents of an example that are not zero.", better="lower", title="latents that fire")
DEAD_SHARE = Result(
    "dead_share", "Share of the latents that fire for none of the examples.", better="lower", title="dead latents"
)


@register("metric", "sparsity")
class Sparsity(Metric):
    """L0, the mean number of latents that fire for an example, and the share of latents that fire for none.

    Compare models at the same L0: a code with more latents reconstructs better. Whether a latent that fires rarely
    counts as dead depends on the number of examples; the figure ``firing_frequencies`` shows the whole distribution.

    Source:
        Gao et al. (2024), Scaling and Evaluating Sparse Autoencoders, sections 2 and 4.
        https://arxiv.org/abs/2406.04093
    """

    results: ClassVar[Sequence[Result]] = (L0, DEAD_SHARE)

    def __init__(self) -> None: ...

    def check(self, context: EvaluationContext) -> None:
        """Require sparse codes."""
        context.require_sparse_latents()

    def measure(self, context: EvaluationContext) -> Sequence[Measurement]:
        """Return ``l0`` and ``dead_share``."""
        for_example, of_latent = firing_counts(context.model, context.batches(512))
        of_latent = context.group.sum(of_latent)
        dead = (of_latent == 0).double().mean().item()
        return [mean_of(L0, context.collect([for_example])), Measurement(DEAD_SHARE, dead)]
