"""Codes with exactly k latents for each example."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor

from zoo.posteriors._sparse import SparseActivations, SparseCodes, checked_count
from zoo.registry import register


@register("posterior", "top_k")
class TopK(SparseActivations):
    r"""Keep the k largest of M activations W h + b of each example, and set all others to zero.

    Choose it for a sparse autoencoder: with the objective ``autoencoder``, an encoder without hidden layers, the
    decoder ``dictionary`` and more latents than the data have dimensions, each example is represented as a sum of k
    directions from a learned dictionary. The sparsity is set directly, without a penalty that shrinks the codes.
    ``batch_top_k`` gives more latents to examples that need more.

    Negative activations become zero, so an example with fewer than k positive activations has fewer latents. The
    backward pass uses only the kept latents. Latents that never fire get no gradient; the regulariser ``auxiliary_k``
    revives them.

    Shapes:
        features (B, F) → codes (B, M), M = ``latent_dim``.

    Args:
        k: number of latents that are kept; default: 32, or half of the latents if there are fewer than 64.

    Raises:
        ComponentError: k is larger than the number of latents.

    Source:
        Makhzani & Frey (2014), k-Sparse Autoencoders. https://arxiv.org/abs/1312.5663
        Gao et al. (2024), Scaling and Evaluating Sparse Autoencoders, section 2.3. https://arxiv.org/abs/2406.04093

    Example:
        >>> q = TopK(features=8, latent_dim=64, k=4)(torch.randn(5, 8))
        >>> q.mean.shape, (q.mean != 0).sum(1)
        (torch.Size([5, 64]), tensor([4, 4, 4, 4, 4]))
    """

    def __init__(self, *, features: int, latent_dim: int, k: PositiveInt | None = None) -> None:
        super().__init__(features, latent_dim)
        self.k = checked_count(k, latent_dim)

    def forward(self, h: Tensor) -> SparseCodes:
        """Map features (B, F) to codes with batch shape (B,) and event shape (M,)."""
        with torch.no_grad():
            activations = self.head(h)
            columns = activations.topk(self.k, sorted=False).indices
            first = torch.arange(h.shape[0], device=h.device) * self.latent_dim
        return self.keep(h, (columns + first[:, None]).flatten(), activations)
