"""Whether a model uses its latents at all."""

from __future__ import annotations

import torch

from zoo.analysis.codebook import code_counts, perplexities
from zoo.analysis.codes import encode_split
from zoo.evaluation.context import EvaluationContext, evaluating
from zoo.posteriors import Quantiser
from zoo.spec.model import ModelSpec

_EXAMPLES = 1000
_THRESHOLD = 0.01
"""Of the variance of a posterior mean over the data, as in Burda, Grosse & Salakhutdinov (2016), section 5.2."""
_NATS = 0.1
"""Of KL(q(z|x) ‖ p(z)), below which latents whose mean has no closed form say next to nothing."""
_FEWEST_CODES, _SHARE_OF_CODES = 1.5, 0.01
"""Effective number of codes, and its share of all, of a codebook that has collapsed."""


def collapse_note(context: EvaluationContext) -> str | None:
    """Return a warning with remedies if a model does not use its latents or codes; None if it does.

    Looked at are the first thousand examples. A latent counts as active if the variance of its posterior mean over the
    data is above 0.01. Levels of a hierarchy and latents behind a flow, which have other units and no mean in
    closed form, are judged by their KL divergence; discrete codes by the effective number of codes, exp of the entropy
    of their frequencies. A posterior without a density, whose latents have no unit, is not judged.
    """
    model, split = context.model, context.split
    if not model.has_density or len(split) < 2:
        return None
    with evaluating(context), torch.no_grad():
        if isinstance(model.posterior, Quantiser):
            return _note_on_codes(context, model.posterior)
        batch = context.take(torch.arange(min(len(split), _EXAMPLES)))
        samples = context.infer(batch).draw()
        if samples.levels or samples.has_own_density:
            return _note_on_divergence(float(samples.kl().mean()), model.spec)
        variances = encode_split(model, split, _EXAMPLES).means.double().var(0)
    if bool((variances > _THRESHOLD).any()):
        return None
    count = f"none of the {len(variances)} latents is" if len(variances) > 1 else "the latent is not"
    return (
        f"the posterior has probably collapsed: {count} active, since the means of q(z|x) vary over the data with a "
        f"variance below {_THRESHOLD}. Samples and reconstructions then hardly depend on z. {_remedy(model.spec)}"
    )


def _note_on_divergence(nats: float, spec: ModelSpec) -> str | None:
    if nats > _NATS:
        return None
    return (
        f"the posterior has probably collapsed: KL(q(z|x) ‖ p(z)) is {max(0.0, nats):.2g} nats on average, so z says "
        f"next to nothing of x. {_remedy(spec)}"
    )


def _note_on_codes(context: EvaluationContext, posterior: Quantiser) -> str | None:
    """Say which codebooks have collapsed."""
    batch = context.take(torch.arange(min(len(context.split), _EXAMPLES)))
    indices = posterior.indices(context.infer(batch).draw(reparameterised=False).z)
    counts = code_counts(posterior, indices)
    effective = perplexities(counts)
    least = max(_FEWEST_CODES, _SHARE_OF_CODES * posterior.codes)
    collapsed = [number for number, found in enumerate(effective.tolist()) if found < least]
    if not collapsed or posterior.codes <= _FEWEST_CODES:
        return None
    worst = collapsed[int(effective[collapsed].argmin())]
    which = "the codebook has" if len(effective) == 1 else f"{len(collapsed)} of {len(effective)} codebooks have"
    used = int((counts[worst] > 0).sum())
    return (
        f"{which} collapsed: {used:,} of {posterior.codes:,} codes occur, as good as {effective[worst]:.1f} used "
        "equally often, so codes say little of x. What may help: fewer codes, a smaller learning rate, "
        "`model.posterior: finite_scalar`, which has no codebook to collapse, or train longer."
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
