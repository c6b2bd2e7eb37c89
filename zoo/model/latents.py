"""Latents drawn for a batch, with the densities for bounds and estimates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from einops import reduce
from torch import Tensor
from torch.distributions import Distribution

from zoo.divergences import KlMethod, is_diagonal, kl_divergence, kl_of_dimensions
from zoo.posteriors import Level
from zoo.utils.once import once
from zoo.utils.precision import full_precision

if TYPE_CHECKING:
    from zoo.model.inference import Inference


class LatentSamples:
    """K draws of z for each of B examples, with their densities under the model.

    :meth:`zoo.model.inference.Inference.draw` returns them. Each property is computed once, on first access, in nats
    and in float32 or better.

    Attributes:
        inference: the inference of the batch.
        z: (K, B, *latent_shape).
        levels: the levels that z consists of, top first; () if there is only one.
        carry: a state that the posterior has computed for the decoder, or None.
    """

    def __init__(
        self,
        inference: Inference,
        z: Tensor,
        log_q: Tensor | None = None,
        levels: tuple[Level, ...] = (),
        carry: Tensor | None = None,
    ) -> None:
        self.inference, self.z, self.levels, self.carry = inference, z, levels, carry
        self.has_own_density = log_q is not None
        if log_q is not None:
            self.__dict__["log_q"] = log_q

    @property
    def q(self) -> Distribution:
        """q(z|x)."""
        return self.inference.posterior

    @property
    def p(self) -> Distribution:
        """p(z)."""
        return self.inference.prior

    @once
    def data(self) -> Distribution:
        """p(x|z), with batch shape (K, B) and event shape ``data_shape``."""
        return self.inference.decode(self.z, self.carry)

    @once
    def prior_draws(self) -> Tensor:
        """A draw of p(z) for each example, (B, *latent_shape), without a gradient."""
        p = self.p
        draws: Tensor = p.sample() if len(p.batch_shape) else p.sample(self.z.shape[1:2])
        return draws

    @once
    def generated(self) -> Distribution:
        """p(x|z) at :attr:`prior_draws`, with batch shape (B,): samples of the model."""
        return self.inference.decode(self.prior_draws)

    @once
    def log_likelihood(self) -> Tensor:
        """log p(x|z), (K, B)."""
        return self.inference.log_likelihood(self.data)

    @once
    def log_prior(self) -> Tensor:
        """log p(z), (K, B)."""
        with full_precision(self.z):
            if self.levels:
                return _total([level.p.log_prob(level.z) for level in self.levels])
            log_prior: Tensor = self.p.log_prob(self.z)
            return log_prior

    @once
    def log_q(self) -> Tensor:
        """log q(z|x), (K, B)."""
        with full_precision(self.z):
            if self.levels:
                return _total([level.q.log_prob(level.z) for level in self.levels])
            log_q: Tensor = self.q.log_prob(self.z)
            return log_q

    @property
    def log_ratio(self) -> Tensor:
        """log q(z|x) − log p(z), (K, B)."""
        return self.log_q - self.log_prior

    @property
    def log_weights(self) -> Tensor:
        """log p(x, z) − log q(z|x), (K, B)."""
        return self.log_likelihood - self.log_ratio

    def kl(self, method: KlMethod = "auto") -> Tensor:
        """Return KL(q(z|x) ‖ p(z)), (B,): in closed form if there is one, otherwise estimated from the draws."""
        if self.levels:
            return self.kl_of_levels(method).sum(0)
        if self.has_own_density and method != "closed_form":
            return self.log_ratio.mean(0)
        return kl_divergence(self.q, self.p, method=method, samples=self.z)

    def kl_of_levels(self, method: KlMethod = "auto") -> Tensor:
        """Return the KL divergence of each level, (L, B), given the levels above it, averaged over the draws."""
        levels = self.levels or (Level(self.q, self.p, self.z),)
        if not self.levels:
            return self.kl(method).unsqueeze(0)
        divergences = [kl_divergence(level.q, level.p, method=method, samples=level.z[None]) for level in levels]
        return torch.stack([divergence.mean(0) for divergence in divergences])

    def kl_of_groups(self) -> Tensor:
        """Return the KL divergence of each group of latents, (G, B), for bounds with separate terms for groups.

        Groups are levels; or the dimensions of independent Gaussians, or the channels of maps of them; or all latents
        together.
        """
        if self.levels or self.has_own_density:
            return self.kl_of_levels()
        q, p = self.q, self.p
        if is_diagonal(q) and is_diagonal(p):
            with full_precision(self.z):
                return reduce(kl_of_dimensions(q, p), "batch latent ... -> latent batch", "sum")
        return self.kl().unsqueeze(0)

    def log_likelihood_in_chunks(self, chunk: int) -> Tensor:
        """Return log p(x|z), (K, B), decoding ``chunk`` of the K draws at a time, which bounds the memory."""
        parts = self.z.split(chunk)
        carries = [None] * len(parts) if self.carry is None else self.carry.split(chunk)
        inference = self.inference
        return torch.cat(
            [inference.log_likelihood(inference.decode(z, carry)) for z, carry in zip(parts, carries, strict=True)]
        )


def _total(values: list[Tensor]) -> Tensor:
    return sum(values[1:], values[0])
