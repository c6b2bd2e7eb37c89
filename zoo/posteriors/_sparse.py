"""Parts that sparse posteriors share: the linear map of the features, and the counts of inactive latents."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.nn import functional as F

from zoo.errors import ComponentError
from zoo.nn.delta import Delta
from zoo.nn.layers.sparse import Places, linear_at
from zoo.posteriors import Head, PosteriorDraw, SparsePosterior
from zoo.utils.distributed import ProcessGroup
from zoo.utils.precision import at_least_float32, full_precision

_USUAL = 32


class SparseCodes(Delta):
    """Codes (B, M) as one point for each example, with the positions of the latents that may be non-zero.

    Attributes:
        places: (N,) int64 positions in the flattened codes, in ascending order of their rows; None if the codes were
            computed as a whole.
        losses: the posterior's own losses (B,), weighted.
    """

    def __init__(self, point: Tensor, places: Tensor | None = None, losses: Mapping[str, Tensor] | None = None) -> None:
        super().__init__(point)
        self.places, self.losses = places, dict(losses or {})

    def draw(self, shape: torch.Size, prior: Distribution) -> PosteriorDraw:
        """Return the codes; for a single draw, with the positions, which a sparse decoder uses."""
        carry = None
        if self.places is not None and shape == (1,):
            carry = self.places.view(1, len(self.point), -1)
        return PosteriorDraw(self.rsample(shape), carry=carry)


class SparseActivations(SparsePosterior):
    """Sparse codes that are activations of a linear map of the features.

    The rows of the map are initialised as random unit vectors; the decoder ``dictionary`` is initialised with the same
    vectors.

    Args:
        features: F.
        latent_dim: M.

    Attributes:
        head: the linear map.
        silent: (M,) int64, the number of training examples since each latent last fired, over all processes.
    """

    silent: Tensor

    def __init__(self, features: int, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.head = Head(features, latent_dim)
        with torch.no_grad():
            self.head.weight.copy_(F.normalize(torch.randn_like(self.head.weight), dim=1))
            self.head.bias.zero_()
        self.register_buffer("silent", torch.zeros(latent_dim, dtype=torch.int64))

    @abstractmethod
    def forward(self, h: Tensor) -> SparseCodes:
        """Map features (B, F) to codes with batch shape (B,) and event shape (M,)."""

    def losses(self, q: Distribution) -> dict[str, Tensor]:
        """Return the weighted losses of each example, (B,)."""
        return dict(q.losses) if isinstance(q, SparseCodes) else {}

    def activations_of(self, h: Tensor, latents: Tensor) -> Tensor:
        """Return the values (B, D) that latents (D,) would have if all were kept, for features (B, F)."""
        with full_precision(h):
            weight, bias = (at_least_float32(each.index_select(0, latents)) for each in self.head.parameters())
            return F.linear(at_least_float32(h), weight, bias).relu()

    def dead(self, after: int) -> Tensor:
        """Return the indices (D,) of the latents that have not fired for at least ``after`` training examples."""
        return (self.silent >= after).nonzero().squeeze(1)

    @property
    def is_learning(self) -> bool:
        """Whether a batch updates the state: in training mode, if gradients are enabled."""
        return self.training and torch.is_grad_enabled()

    def keep(self, h: Tensor, flat: Tensor, activations: Tensor) -> SparseCodes:
        """Return codes with only the entries at ``flat`` (N,); negative entries become zero.

        Args:
            activations: (B, M), computed without a gradient.
        """
        places = Places.of(flat, (h.shape[0], self.latent_dim))
        weight, bias = (at_least_float32(each) for each in self.head.parameters())
        with full_precision(h):
            values = linear_at(at_least_float32(h), weight, bias, places.gather(activations), places).relu()
        if self.is_learning:
            fired = torch.zeros(self.latent_dim, device=h.device)
            self.update_counts(fired.scatter_reduce_(0, places.columns, (values > 0).float(), "amax"), len(h))
        return SparseCodes(places.scatter(values), flat)

    @torch.no_grad()
    def update_counts(self, fired: Tensor, examples: int) -> None:
        """Update the counts with a batch of this process: ``fired`` (M,) float is above zero for latents that fired."""
        group = ProcessGroup.here(fired.device)
        self.silent.add_(examples * group.count).masked_fill_(group.sum(fired) > 0, 0)


def checked_count(k: int | None, latent_dim: int) -> int:
    """Return the number of latents to keep: ``k``, or the default.

    Raises:
        ComponentError: ``k`` is larger than the number of latents.
    """
    if k is None:
        return min(_USUAL, (latent_dim + 1) // 2)
    if k > latent_dim:
        raise ComponentError(
            f"expected at most {latent_dim}, the number of latents, got {k}",
            where="k",
            remedy="Choose a smaller `k`, or a larger `model.latent_dim`.",
        )
    return k
