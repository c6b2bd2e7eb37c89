"""The evidence lower bound and its relatives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt
from torch import Tensor

from zoo.divergences import KlMethod
from zoo.nn.weight import ScheduledWeight
from zoo.objectives import LatentObjective, StepLoss, impossible, regularised
from zoo.objectives._checks import check_decoder_is_trained, check_has_density
from zoo.registry import register
from zoo.spec.schedule import NonNegativeWeight, WeightSchedule, as_schedule
from zoo.spec.training import Duration
from zoo.utils.precision import full_precision

if TYPE_CHECKING:
    from zoo.model import Inference, LatentSamples, Model
    from zoo.spec.model import ModelSpec


@register("objective", "vae")
class Vae(LatentObjective):
    r"""Minimise −E_q[log p(x|z)] + β KL(q(z|x) ‖ p(z)): the negative ELBO at β = 1.

    Args:
        beta: weight of the KL term, a number or a schedule. Below 1 it favours reconstructions, above 1 independent
            latents (β-VAE).
        beta_warmup: short for a linear schedule of ``beta`` from 0, ``{epochs: 5}`` or ``{steps: 500}``; it prevents
            latents from collapsing early. Validation always uses the full weight.
        num_samples: K, draws of z for each x.
        kl: ``closed_form``, ``monte_carlo`` with the K draws, or ``auto``: the closed form if the pair has one.
        bound: ``elbo``, or ``importance_weighted``: −log (1/K) Σ_k p(x|z_k) p(z_k) / q(z_k|x), tighter for K > 1.
            The objective ``iwae`` has more bounds of this kind, and gradients with less variance.
        free_bits: λ, nats of each group of latents that cost nothing: in training, the KL term is Σ_g max(λ, E KL_g); a
            number or a schedule. Groups are the levels of a hierarchy, the dimensions of a diagonal posterior, the
            channels of its maps, or otherwise all latents together. In distributed training, each process has its own
            mean.
        capacity: C, nats at which the KL term is held, β |KL − C| in place of β KL; a number, or a schedule that lets
            latents become active one after the other. ``beta`` is the γ of the paper: it must be larger than the
            improvement of the reconstruction term per additional nat of KL divergence, but not much larger. null: no
            capacity.
        capacity_of: the KL divergence that is held at C: the mean over a ``batch``, or that of each ``example``.
        reconstruction_weight: weight of −E_q[log p(x|z)], a number or a schedule. With 0, a regulariser that compares
            data with their reconstructions must replace it, such as ``ms_ssim``, ``deep_features`` or ``data_critic``;
            the loss is then not a bound, and has no unit.

    Source:
        Kingma & Welling (2014), Auto-Encoding Variational Bayes. https://arxiv.org/abs/1312.6114
        Higgins et al. (2017), β-VAE. https://openreview.net/forum?id=Sy2fzU9gl
        Burda, Grosse & Salakhutdinov (2016), Importance Weighted Autoencoders. https://arxiv.org/abs/1509.00519
        Kingma et al. (2016), Improving Variational Inference with Inverse Autoregressive Flow, appendix C.8 (free
        bits). https://arxiv.org/abs/1606.04934
        Burgess et al. (2018), Understanding disentangling in β-VAE, equation 8 (capacity).
        https://arxiv.org/abs/1804.03599

    Example:
        >>> import torch, zoo
        >>> model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), objective={"beta": 4.0})
        >>> loss, terms = model.loss(torch.rand(4, 1, 8, 8))
        >>> sorted(terms)
        ['elbo', 'kl', 'reconstruction']
    """

    bounds: ClassVar[tuple[str, ...]] = ("elbo",)

    def __init__(
        self,
        *,
        beta: NonNegativeWeight = 1.0,
        beta_warmup: Duration | None = None,
        num_samples: PositiveInt = 1,
        kl: KlMethod = "auto",
        bound: Literal["elbo", "importance_weighted"] = "elbo",
        free_bits: NonNegativeWeight = 0.0,
        capacity: NonNegativeWeight | None = None,
        capacity_of: Literal["batch", "example"] = "batch",
        reconstruction_weight: NonNegativeWeight = 1.0,
    ) -> None:
        super().__init__()
        self.beta = ScheduledWeight(_warmed_up(as_schedule(beta), beta_warmup))
        self.free_bits = ScheduledWeight(free_bits)
        self.capacity = None if capacity is None else ScheduledWeight(capacity)
        self.reconstruction_weight = ScheduledWeight(reconstruction_weight)
        self.num_samples, self.kl, self.bound, self.capacity_of = num_samples, kl, bound, capacity_of
        self._check_options()

    def _check_options(self) -> None:
        is_weighted = self.reconstruction_weight.changes or self.reconstruction_weight.final != 1
        if self.bound == "importance_weighted" and is_weighted:
            raise impossible(
                "`bound: importance_weighted`",
                "`reconstruction_weight`",
                "the weights of its draws are ratios of densities",
                "Leave `reconstruction_weight` at 1.",
            )
        options = {"`free_bits`": self.free_bits.is_used, "`capacity`": self.capacity is not None}
        chosen = [option for option, is_chosen in options.items() if is_chosen]
        if self.bound == "importance_weighted" and (self.kl == "closed_form" or chosen):
            raise impossible(
                "`bound: importance_weighted`",
                "`kl: closed_form`" if self.kl == "closed_form" else chosen[0],
                "the weights are densities of draws",
                "Leave `kl` at `auto`, `free_bits` at 0 and `capacity` at null.",
            )
        if len(chosen) == 2:
            raise impossible(chosen[0], chosen[1], "each replaces the KL term", "Leave one of them out.")

    @property
    def uses_densities_of_draws(self) -> bool:
        """Whether the loss uses log p(z) and log q(z|x) at single draws instead of KL divergences."""
        return self.bound == "importance_weighted" or self.kl == "monte_carlo"

    def check(self, spec: ModelSpec, model: Model) -> None:
        """Require a posterior with a density, and a loss that trains the decoder."""
        check_has_density(spec, model)
        check_decoder_is_trained(spec, model, self.reconstruction_weight)

    def loss(self, model: Model, inference: Inference) -> StepLoss:
        """Return the negative bound in nats, with ``elbo``, ``reconstruction`` and ``kl`` as terms."""
        beta = self.beta.value
        samples = inference.draw(self.num_samples)
        log_likelihood = samples.log_likelihood
        with full_precision(samples.z):
            reconstruction = -log_likelihood.mean()
            if self.bound == "importance_weighted":
                log_ratio = samples.log_ratio
                log_weights = log_likelihood - beta * log_ratio
                total, kl = (math.log(self.num_samples) - log_weights.logsumexp(0)).mean(), log_ratio.mean()
            else:
                kl, penalty = self._penalty(samples)
                total = self.reconstruction_weight.times(reconstruction) + beta * penalty
        reconstruction, kl = reconstruction.detach(), kl.detach()
        terms = {"elbo": -(reconstruction + kl), "reconstruction": reconstruction, "kl": kl}
        return regularised(samples, total, terms)

    def _penalty(self, samples: LatentSamples) -> tuple[Tensor, Tensor]:
        """Return the mean KL divergence, and the penalty that replaces it in the loss, both scalars in nats."""
        if self.free_bits.is_used and self.training:
            of_groups = samples.kl_of_groups().mean(1)
            return of_groups.sum(), of_groups.clamp_min(self.free_bits.value).sum()
        divergences = samples.kl(self.kl)
        kl = divergences.mean()
        if self.capacity is None:
            return kl, kl
        held = kl if self.capacity_of == "batch" else divergences
        return kl, (held - self.capacity.value).abs().mean()


def _warmed_up(beta: WeightSchedule, warmup: Duration | None) -> WeightSchedule:
    if warmup is None:
        return beta
    if beta.changes:
        raise impossible("`beta_warmup`", "a schedule of `beta`", "each says how the weight rises", "Leave one out.")
    return WeightSchedule(name="linear", start=0.0, end=beta.end, over=warmup)
