"""Parts that posteriors over several levels share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from zoo.nn.hierarchies.vectors import Choice, Hierarchy, TopDownDistribution
from zoo.posteriors import Level, Posterior, PosteriorDraw
from zoo.utils.precision import full_precision


class TopDownPosterior(TopDownDistribution):
    """q(z_L|x) Π_l q(z_l | z_>l, x), which uses the same trunk as its prior.

    Args:
        hierarchy: the Gaussians of the prior.
        choose: returns the distribution of each level.
        h: (B, F) features, with the batch shape and device of the latents.
    """

    def __init__(self, hierarchy: Hierarchy, choose: Choice, h: Tensor) -> None:
        super().__init__(hierarchy, choose, torch.zeros(h.shape[0], device=h.device, dtype=_latent_dtype(h)))

    def draw(self, shape: torch.Size, prior: Distribution) -> PosteriorDraw:
        """Return draws with their levels; without levels if ``prior`` is not the posterior's own prior.

        Args:
            shape: (K,).
            prior: p(z) of the model, or a prior that was fitted after training.
        """
        places = self.descend(shape)
        z = torch.cat([place.z for place in places], dim=-1)
        carry = places[-1].state
        if isinstance(prior, TopDownDistribution) and prior.hierarchy is self.hierarchy:
            levels = tuple(Level(_batched(place.q, place.z), place.p, place.z) for place in places)
            return PosteriorDraw(z, None, levels, carry)
        with full_precision(z):
            log_q = torch.stack([place.q.log_prob(place.z) for place in places]).sum(0)
        return PosteriorDraw(z, log_q, (), carry)

    def coarse_to_fine(self) -> list[Tensor]:
        """Return means (B, d) in which the first levels depend on x, and those below are the means of their prior."""
        return [self._means(levels) for levels in range(1, len(self.hierarchy.trunk.sizes) + 1)]

    def _means(self, levels: int) -> Tensor:
        """Return z (B, d) in which each level is its mean given the levels above and, for the first levels, given x."""

        def choose(index: int, state: Tensor | None, p: Independent) -> Independent:
            return self.choose(index, state, p) if index < levels else p

        with full_precision(self.like):
            places = list(self.hierarchy.descend(lambda index, q: q.mean, choose, self.like))
        return torch.cat([place.z for place in places], dim=-1)


class HierarchicalPosterior(Posterior):
    """A posterior over several levels."""

    def coarse_to_fine(self, q: Distribution) -> Sequence[Tensor]:
        """Return latents (B, d) in which an increasing number of levels, from the top, depends on x."""
        return q.coarse_to_fine() if isinstance(q, TopDownPosterior) else ()


def corrected(messages: Sequence[tuple[Tensor, Tensor]]) -> Choice:
    """Return the distributions of the ladder: each level's prior times a Gaussian message (mean, scale), top first."""

    def choose(index: int, state: Tensor | None, p: Independent) -> Independent:
        mean, scale = messages[index]
        if state is None:
            return gaussian(mean, scale)
        return product_of_gaussians(mean, scale, p.base_dist.loc, p.base_dist.scale)

    return choose


def product_of_gaussians(mean: Tensor, scale: Tensor, prior_mean: Tensor, prior_scale: Tensor) -> Independent:
    """Return the Gaussian that is proportional to the product of two."""
    total = (scale.square() + prior_scale.square()).sqrt()  # ONNX has no hypot.
    share = (prior_scale / total).square()
    return gaussian(prior_mean + share * (mean - prior_mean), scale * (prior_scale / total))


def gaussian(mean: Tensor, scale: Tensor) -> Independent:
    """Return independent Gaussians, whose last dimension is one event."""
    return Independent(Normal(mean, scale, validate_args=False), 1, validate_args=False)


def joined(parts: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
    """Return tensors (*batch, F_i) side by side, (*batch, ΣF_i), whose batch shapes broadcast."""
    lead = torch.broadcast_shapes(*(part.shape[:-1] for part in parts))
    return torch.cat([part.to(dtype).expand(*lead, part.shape[-1]) for part in parts], dim=-1)


def _batched(q: Independent, z: Tensor) -> Independent:
    """Return q with the batch shape of z: the top level has no draws above it to depend on."""
    if q.batch_shape == z.shape[:-1]:
        return q
    return gaussian(q.base_dist.loc.expand_as(z), q.base_dist.scale.expand_as(z))


def _latent_dtype(h: Tensor) -> torch.dtype:
    return h.dtype if h.dtype == torch.float64 else torch.float32
