"""Importance-weighted bounds and their gradients."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from einops import rearrange
from pydantic import PositiveInt
from torch import Tensor

from zoo.model.latents import LatentSamples
from zoo.nn.frozen import frozen
from zoo.nn.weight import ScheduledWeight
from zoo.objectives import LatentObjective, StepLoss, impossible, regularised
from zoo.objectives._checks import check_has_density
from zoo.registry import register
from zoo.spec.schedule import ShareWeight
from zoo.utils.precision import full_precision

if TYPE_CHECKING:
    from zoo.model import Inference, Model
    from zoo.spec.model import ModelSpec


@register("objective", "iwae")
class Iwae(LatentObjective):
    r"""Maximise an importance-weighted bound of log p(x), which is tighter than the ELBO.

    With w = p(x, z) / q(z|x), K = ``num_samples`` and M = ``groups``, M K draws of z for each x give the bound
    (1/M) Σ_m log (1/K) Σ_k w_mk: the ELBO for K = 1, IWAE for M = 1, MIWAE for both above 1. The bound becomes tighter
    as K grows, but the noise of the encoder's gradient outweighs its mean; M, ``encoder_groups`` and ``gradient``
    reduce this noise.

    Args:
        num_samples: K, draws in each group.
        groups: M, groups whose bounds are averaged.
        elbo: share of the ELBO, β of CIWAE: (1 − β) bound + β ELBO; a number or a schedule.
        encoder_groups: number of groups of the same M K draws for the encoder only (PIWAE); the decoder and the prior
            use M groups. null: the encoder has the same bound.
        gradient: ``plain``. ``stl``: log q without its own parameters, whose gradient has no variance if q is the true
            posterior; for K = 1 only, because it is biased for larger K. ``dreg``: the doubly reparameterised gradient
            of the encoder, unbiased for any K and with a smaller variance.

    Source:
        Burda, Grosse & Salakhutdinov (2016), Importance Weighted Autoencoders, equation 8.
        https://arxiv.org/abs/1509.00519
        Rainforth et al. (2018), Tighter Variational Bounds are Not Necessarily Better, section 4 (MIWAE, CIWAE, PIWAE).
        https://arxiv.org/abs/1802.04537
        Roeder, Wu & Duvenaud (2017), Sticking the Landing. https://arxiv.org/abs/1703.09194
        Tucker et al. (2019), Doubly Reparameterized Gradient Estimators, equation 8. https://arxiv.org/abs/1810.04152

    Example:
        >>> import torch, zoo
        >>> objective = {"name": "iwae", "num_samples": 5, "gradient": "dreg"}
        >>> model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), objective=objective)
        >>> sorted(model.loss(torch.rand(4, 1, 8, 8)).terms)
        ['bound', 'elbo', 'kl', 'reconstruction']
    """

    bounds: ClassVar[tuple[str, ...]] = ("bound", "elbo")

    def __init__(
        self,
        *,
        num_samples: PositiveInt = 5,
        groups: PositiveInt = 1,
        elbo: ShareWeight = 0.0,
        encoder_groups: PositiveInt | None = None,
        gradient: Literal["plain", "stl", "dreg"] = "plain",
    ) -> None:
        super().__init__()
        if gradient == "stl" and num_samples > 1:
            raise impossible(
                "`gradient: stl`",
                f"`num_samples: {num_samples}`",
                "its gradient is biased for more than one draw in a group",
                "Use `gradient: dreg`, or `num_samples: 1` with `groups`.",
            )
        if encoder_groups is not None and (num_samples * groups) % encoder_groups:
            raise impossible(
                f"`encoder_groups: {encoder_groups}`",
                f"{num_samples * groups} draws",
                "they cannot be divided evenly",
                "Choose a divisor of `num_samples` × `groups`.",
            )
        self.num_samples, self.groups, self.elbo = num_samples, groups, ScheduledWeight(elbo)
        self.encoder_groups, self.gradient = encoder_groups, gradient

    @property
    def uses_densities_of_draws(self) -> bool:
        """Whether the loss is made of log p(z) and log q(z|x) at single draws rather than of KL divergences."""
        return True

    def check(self, spec: ModelSpec, model: Model) -> None:
        """Require a posterior with a density that the gradient can use."""
        check_has_density(spec, model)
        if self.gradient != "plain" and model.posterior.density != "any":
            raise impossible(
                f"`gradient: {self.gradient}`",
                f"posterior {spec.posterior.name if spec.posterior else 'none'!r}",
                "it needs log q(z|x) at fixed parameters, which the posterior has for its own draws only",
                "Use `gradient: plain`.",
            )

    def loss(self, model: Model, inference: Inference) -> StepLoss:
        """Return the negative bound in nats, with ``bound``, ``elbo``, ``reconstruction`` and ``kl`` as terms."""
        drawn = inference.draw(self.num_samples * self.groups)
        weighed, surrogate = drawn, None
        if self.training and self.encoder_groups is not None:
            weighed, surrogate = self._apart(drawn)
        elif self.training and self.gradient != "plain":
            weighed = _along_path(drawn, inference)
            surrogate = self._reparameterised(weighed, self.groups) if self.gradient == "dreg" else None
        with full_precision(drawn.z):
            total = bound = self._bound(weighed.log_weights, self.groups).mean()
            reconstruction = -weighed.log_likelihood.detach().mean()
            kl = weighed.log_ratio.detach().mean()
        if surrogate is not None:
            total = bound.detach() + surrogate - surrogate.detach()
        terms = {"bound": bound.detach(), "elbo": -(reconstruction + kl), "reconstruction": reconstruction, "kl": kl}
        return regularised(drawn, -total, terms)

    def _bound(self, log_weights: Tensor, groups: int) -> Tensor:
        """Return the bound of each example, (B,), from log-weights (M K, B)."""
        grouped = rearrange(log_weights, "(m k) b -> m k b", m=groups)
        bound = (grouped.logsumexp(1) - math.log(grouped.shape[1])).mean(0)
        elbo = self.elbo.value
        return (1 - elbo) * bound + elbo * log_weights.mean(0)

    def _apart(self, drawn: LatentSamples) -> tuple[LatentSamples, Tensor]:
        """Return draws that are detached from the encoder, and a scalar whose gradient is that of all parts.

        The decoder and the prior are trained on these draws; the encoder is trained on draws that pass through a
        decoder and a prior with fixed parameters.
        """
        inference = drawn.inference
        model = inference.model
        with frozen(model.encoder, model.posterior):
            weighed = LatentSamples(inference.without_results(), drawn.z.detach(), drawn.log_q.detach())
            others = self._bound(weighed.log_weights, self.groups).mean()
        # The gradient of the label embeddings through the encoder already comes from the draws.
        shared = () if model.label_embedding is None else (model.label_embedding,)
        with frozen(model.decoder, model.likelihood, model.latent_prior, *shared):
            return weighed, others + self._of_encoder(drawn, inference.without_results())

    def _of_encoder(self, drawn: LatentSamples, inference: Inference) -> Tensor:
        assert self.encoder_groups is not None
        if self.gradient == "plain":
            log_weights = LatentSamples(inference, drawn.z, drawn.log_q).log_weights
            return self._bound(log_weights, self.encoder_groups).mean()
        weighed = _along_path(drawn, inference)
        if self.gradient == "dreg":
            return self._reparameterised(weighed, self.encoder_groups)
        return self._bound(weighed.log_weights, self.encoder_groups).mean()

    def _reparameterised(self, weighed: LatentSamples, groups: int) -> Tensor:
        """Return a scalar whose gradient estimates that of the bound; its value is meaningless."""
        z, log_weights = weighed.z, weighed.log_weights
        grouped = rearrange(log_weights.detach(), "(m k) b -> m k b", m=groups)
        share = rearrange(grouped.softmax(1), "m k b -> (m k) b")
        # d bound / d log w for the parameters of decoder and prior; for z, each share is squared.
        elbo = self.elbo.value
        constant = elbo / len(log_weights)
        weight = (1 - elbo) * share / groups + constant
        weight_of_z = (1 - elbo) * share * share / groups + constant
        if z.requires_grad:
            factor = (weight_of_z / weight.clamp_min(1e-38)).reshape(weight.shape + (1,) * (z.ndim - 2))
            z.register_hook(lambda gradient: gradient * factor)
        return (weight * log_weights).sum(0).mean()


def _along_path(drawn: LatentSamples, inference: Inference) -> LatentSamples:
    """Return the same draws, with log q(z|x) whose gradient reaches z but not the parameters of q."""
    # A view, so that a hook on it does not change other gradients through the draws.
    z = drawn.z.view_as(drawn.z)
    return LatentSamples(inference, z, drawn.inference.path_log_q(z))
