"""Codes with k latents for each example on average."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from zoo.posteriors._sparse import SparseActivations, SparseCodes, checked_count
from zoo.registry import register
from zoo.utils.distributed import ProcessGroup


@register("posterior", "batch_top_k")
class BatchTopK(SparseActivations):
    r"""Keep the k B largest activations of a batch of B examples in training, and those above a threshold afterwards.

    Choose it over ``top_k`` if some examples need more latents than others: the budget of k latents per example is
    shared by the whole batch. In evaluation, the code of an example must not depend on the rest of the batch. Training
    therefore learns a threshold, the moving average of the smallest activation that is kept, and evaluation keeps the
    activations that reach it, k per example on average. Before the first training step, every positive activation is
    kept.

    In distributed training, each process chooses within its own part of a batch, and the thresholds are averaged.

    Shapes:
        features (B, F) → codes (B, M), M = ``latent_dim``.

    Args:
        k: latents that are kept for each example, on average; default: 32, or half of the latents if there are fewer
            than 64.
        decay: of the moving average of the threshold.

    Raises:
        ComponentError: k is larger than the number of latents.

    Source:
        Bussmann, Leask & Nanda (2024), BatchTopK Sparse Autoencoders, section 3. https://arxiv.org/abs/2412.06410

    Example:
        >>> posterior = BatchTopK(features=8, latent_dim=64, k=4)
        >>> int((posterior(torch.randn(5, 8)).mean > 0).sum())
        20
    """

    threshold: Tensor

    def __init__(
        self,
        *,
        features: int,
        latent_dim: int,
        k: PositiveInt | None = None,
        decay: Annotated[float, Field(ge=0, lt=1)] = 0.99,
    ) -> None:
        super().__init__(features, latent_dim)
        self.k, self.decay = checked_count(k, latent_dim), decay
        self.register_buffer("threshold", torch.zeros(()))

    def forward(self, h: Tensor) -> SparseCodes:
        """Map features (B, F) to codes with batch shape (B,) and event shape (M,)."""
        if not self.training:
            activations = self.head(h)
            reaches = (activations > 0) & (activations >= self.threshold)
            return SparseCodes(torch.where(reaches, activations, 0.0))
        with torch.no_grad():
            activations = self.head(h)
            flat = largest(activations, self.k * len(h))
        q = self.keep(h, flat.sort().values, activations)
        if self.is_learning:
            self._learn(activations.reshape(-1)[flat])
        return q

    @torch.no_grad()
    def _learn(self, kept: Tensor) -> None:
        """Move the threshold towards the smallest positive value (N,) that is kept."""
        group = ProcessGroup.here(kept.device)
        smallest = torch.where(kept > 0, kept, torch.inf).min()
        known = smallest.isfinite()
        total, count = group.sum(torch.stack([torch.where(known, smallest, 0.0), known.to(kept.dtype)]))
        target = torch.where(count > 0, total / count.clamp_min(1), self.threshold)
        decay = torch.where(self.threshold > 0, self.decay, 0.0)
        self.threshold.lerp_(target.to(self.threshold.dtype), 1 - decay)


def largest(values: Tensor, count: int) -> Tensor:
    """Return the positions (count,) of the largest of values (B, M) in the flattened matrix.

    Example:
        >>> largest(torch.tensor([[1.0, 4.0, 3.0], [5.0, 2.0, 0.0]]), 3).sort().values
        tensor([1, 2, 3])
    """
    rows, columns = values.shape
    each = min(columns, 4 * -(-count // rows))
    if values.device.type == "cpu" and each < columns and not torch.compiler.is_compiling():
        # torch sorts a single long vector in one thread. Few rows have several times their share of the largest values,
        # so the largest values are nearly always among the largest of their rows. The smallest candidate shows whether
        # they are.
        candidates, places = values.topk(each, sorted=False)
        chosen, order = candidates.flatten().topk(count, sorted=False)
        if bool((candidates.amin(1) <= chosen.min()).all()):
            first = torch.arange(rows)[:, None] * columns
            return (places + first).flatten()[order]
    return values.flatten().topk(count, sorted=False).indices
