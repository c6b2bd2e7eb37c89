"""Which latent dimensions a model uses."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from zoo.analysis.codes import encode_split
from zoo.metrics import EvaluationContext, Metric
from zoo.model import Model
from zoo.registry import register


@register("metric", "active_units")
class ActiveUnits(Metric):
    """The number of latent dimensions whose posterior mean varies over the data, Var_x(E_q[z_i]) > threshold.

    A dimension that does not carries nothing of x; a VAE switches off those that do not pay for their KL.

    Args:
        threshold: of the variance, in squared units of z.

    Source:
        Burda, Grosse & Salakhutdinov (2016), Importance Weighted Autoencoders, section 5.2.
        https://arxiv.org/abs/1509.00519
    """

    def __init__(self, *, threshold: Annotated[float, Field(gt=0)] = 0.01) -> None:
        self.threshold = threshold

    def unfit(self, model: Model) -> str | None:
        """A network has no code."""
        return None if model.has("encoder") else "it has no code"

    def lack(self, context: EvaluationContext) -> str | None:
        """A variance takes two examples."""
        return None if len(context.split) > 1 else "a variance needs at least 2 examples, 1 came"

    def measure(self, context: EvaluationContext) -> dict[str, Any]:
        """Return ``active_units``, and ``variance_of_means`` with an entry a dimension."""
        variances = encode_split(context.model, context.split).means.double().var(0)
        return {"active_units": int((variances > self.threshold).sum()), "variance_of_means": variances.tolist()}
