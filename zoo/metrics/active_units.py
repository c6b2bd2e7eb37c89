"""How many latent dimensions a model uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from zoo.analysis.codes import encode_split
from zoo.metrics import EvaluationContext, Measurement, Metric, Result
from zoo.registry import register

ACTIVE_UNITS = Result(
    "active_units", "Number of latent dimensions whose posterior mean varies with the example by more than a threshold."
)
VARIANCE_OF_MEANS = Result(
    "variance_of_means", "Variance of the posterior mean over the examples, for each latent dimension."
)


@register("metric", "active_units")
class ActiveUnits(Metric):
    """The number of latent dimensions whose posterior mean varies over the data, Var_x(E_q[z_i]) > threshold.

    A dimension that does not vary carries no information about x; a VAE stops using dimensions that are not worth their
    KL divergence.

    Args:
        threshold: of the variance, in squared units of z.

    Source:
        Burda, Grosse & Salakhutdinov (2016), Importance Weighted Autoencoders, section 5.2.
        https://arxiv.org/abs/1509.00519
    """

    results: ClassVar[Sequence[Result]] = (ACTIVE_UNITS, VARIANCE_OF_MEANS)

    def __init__(self, *, threshold: Annotated[float, Field(gt=0)] = 0.01) -> None:
        self.threshold = threshold

    def check(self, context: EvaluationContext) -> None:
        """Require a latent space, and two examples for a variance."""
        context.require_latents()
        context.require_examples(2)

    def measure(self, context: EvaluationContext) -> Sequence[Measurement]:
        """Return ``active_units``, and ``variance_of_means`` with an entry for each dimension."""
        variances = encode_split(context.model, context.split).means.double().var(0)
        return [
            Measurement(ACTIVE_UNITS, int((variances > self.threshold).sum())),
            Measurement(VARIANCE_OF_MEANS, variances.tolist()),
        ]
