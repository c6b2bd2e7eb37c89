"""The evidence lower bound and its relatives."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor
from torch.distributions import Distribution

from zoo.divergences import KlMethod, kl_divergence
from zoo.model.parts import Parts
from zoo.objectives import Loss, Objective, impossible, sample_latents
from zoo.registry import register
from zoo.spec.model import ModelSpec
from zoo.spec.training import Duration
from zoo.utils.precision import full_precision


@register("objective", "vae")
class Vae(Objective):
    r"""Minimise −E_q[log p(x|z)] + β KL(q(z|x) ‖ p(z)): the negative ELBO at β = 1.

    Args:
        beta: weight of the KL term. Below 1 it favours reconstructions, above 1 independent latents (β-VAE).
        beta_warmup: linear rise of the weight from 0, ``{epochs: 5}`` or ``{steps: 500}``; keeps latents from
            collapsing early. Validation always uses the full weight.
        num_samples: K, draws of z for each x.
        kl: ``closed_form``, ``monte_carlo`` with the K draws, or ``auto``: the closed form if the pair has one.
        bound: ``elbo``, or ``importance_weighted``: −log (1/K) Σ_k p(x|z_k) p(z_k) / q(z_k|x), tighter for K > 1.

    Source:
        Kingma & Welling (2014), Auto-Encoding Variational Bayes. https://arxiv.org/abs/1312.6114
        Higgins et al. (2017), β-VAE. https://openreview.net/forum?id=Sy2fzU9gl
        Burda, Grosse & Salakhutdinov (2016), Importance Weighted Autoencoders. https://arxiv.org/abs/1509.00519

    Example:
        >>> import torch, zoo
        >>> model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), objective={"beta": 4.0})
        >>> loss, terms = model.loss(torch.rand(4, 1, 8, 8))
        >>> sorted(terms)
        ['elbo', 'kl', 'reconstruction']
    """

    needs: ClassVar[tuple[str, ...]] = ("encoder", "posterior", "prior", "decoder", "likelihood")
    warm_beta: Tensor

    def __init__(
        self,
        *,
        beta: Annotated[float, Field(ge=0)] = 1.0,
        beta_warmup: Duration | None = None,
        num_samples: PositiveInt = 1,
        kl: KlMethod = "auto",
        bound: Literal["elbo", "importance_weighted"] = "elbo",
    ) -> None:
        super().__init__()
        if bound == "importance_weighted" and kl == "closed_form":
            raise impossible(
                "`bound: importance_weighted`",
                "`kl: closed_form`",
                "the weights are densities of draws",
                "Leave `kl` at `auto`.",
            )
        self.beta, self.beta_warmup, self.num_samples, self.kl, self.bound = beta, beta_warmup, num_samples, kl, bound
        # A tensor, so that a captured or compiled step sees it change.
        self.register_buffer("warm_beta", torch.tensor(beta), persistent=False)

    def check(self, spec: ModelSpec, parts: Parts) -> None:
        """Refuse a posterior without a density."""
        if not parts.posterior.has_density:
            name = spec.posterior.name if spec.posterior else "none"
            raise impossible(
                f"objective {spec.objective.name!r}",
                f"posterior {name!r}",
                "a point has no density, so there is no KL term",
                "Use posterior `diagonal_gaussian` or `full_gaussian`, or objective `autoencoder`.",
            )

    def advance(self, step: int, steps_per_epoch: int) -> None:
        """Set the weight of the KL term for this step."""
        if self.beta_warmup is not None:
            length = self.beta_warmup.in_steps(steps_per_epoch)
            self.warm_beta.fill_(self.beta * min(1.0, (step + 1) / length) if length else self.beta)

    def loss(self, parts: Parts, x: Tensor, labels: Tensor | None = None) -> Loss:
        """Return the negative bound in nats, with ``elbo``, ``reconstruction`` and ``kl`` as terms."""
        beta: Tensor | float = self.warm_beta if self.training and self.beta_warmup else self.beta
        q, prior = parts.encode(x, labels), parts.prior
        with full_precision(x):
            z = q.rsample(torch.Size([self.num_samples]))
        p = parts.decode(z, labels)
        with full_precision(x):
            log_likelihood = p.log_prob(x)
            reconstruction = -log_likelihood.mean()
            if self.bound == "importance_weighted":
                log_ratio = q.log_prob(z) - prior.log_prob(z)
                log_weights = log_likelihood - beta * log_ratio
                total, kl = (math.log(self.num_samples) - log_weights.logsumexp(0)).mean(), log_ratio.mean()
            else:
                kl = kl_divergence(q, prior, method=self.kl, samples=z).mean()
                total = reconstruction + beta * kl
        reconstruction, kl = reconstruction.detach(), kl.detach()
        return Loss(total, {"elbo": -(reconstruction + kl), "reconstruction": reconstruction, "kl": kl})

    def sample(
        self,
        parts: Parts,
        n: int,
        labels: Tensor | None = None,
        *,
        noise: bool = False,
        latents: Distribution | None = None,
    ) -> Tensor:
        """Draw z from the prior and decode it.

        Args:
            latents: what z is drawn from instead; :func:`zoo.samplers.fit_sampler` fits it to training data.
        """
        return sample_latents(parts, n, labels, noise=noise, latents=latents)
