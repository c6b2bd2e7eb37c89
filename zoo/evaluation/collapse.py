"""Whether a model uses its latents at all."""

from __future__ import annotations

from zoo.analysis.codes import encode_split
from zoo.evaluation.context import EvaluationContext, evaluating
from zoo.spec.model import ModelSpec

_EXAMPLES = 1000
_THRESHOLD = 0.01
"""Of the variance of a posterior mean over the data, as in Burda, Grosse & Salakhutdinov (2016), section 5.2."""


def collapse_note(context: EvaluationContext) -> str | None:
    """Return what it means, and what helps, if no latent of a model varies with the data; None if one does.

    Looked at are the first thousand examples. A latent counts as active if the variance of its posterior mean over the
    data is above 0.01; a posterior without a density, whose latents have no unit, is not looked at, nor are discrete
    codes, whose use the metric ``codebook`` measures.
    """
    model, split = context.model, context.split
    if not model.has_density or model.posterior.discrete or len(split) < 2:
        return None
    with evaluating(context):
        variances = encode_split(model, split, _EXAMPLES).means.double().var(0)
    if bool((variances > _THRESHOLD).any()):
        return None
    count = f"none of the {len(variances)} latents is" if len(variances) > 1 else "the latent is not"
    return (
        f"the posterior has collapsed: {count} active, so q(z|x) is nearly the same for all data, and samples and "
        f"reconstructions ignore z. {_remedy(model.spec)}"
    )


def _remedy(spec: ModelSpec) -> str:
    """Name the options of the model that let latents pay for their KL term."""
    objective = spec.objective.options
    likelihood = spec.likelihood.options if spec.likelihood else {}
    ways = []
    if "scale" in likelihood and likelihood.get("scale_mode") == "fixed":
        ways.append("learn the scale of the likelihood (`model.likelihood.scale_mode: shared`) or set a smaller one")
    if objective.get("beta_warmup", 0) is None:
        ways.append("let the KL term grow (`model.objective.beta_warmup: {epochs: 5}`)")
    if "beta" in objective:
        ways.append("lower `model.objective.beta`")
    if objective.get("free_bits") == 0:
        ways.append("set `model.objective.free_bits`")
    ways.append("train longer")
    return (
        f"What may help: {', '.join(ways[:-1])}{',' if len(ways) > 2 else ''}{' or ' if ways[:-1] else ''}{ways[-1]}."
    )
