"""Residual quantisation: each codebook quantises the residual of those before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor
from torch.distributions import Distribution

from zoo.errors import InputError
from zoo.posteriors._quantised import Choice, CodebookQuantiser, squared_distance, straight_through
from zoo.quantisation.codebook import CodebookList, EmaCodebook, Initialisation
from zoo.registry import register
from zoo.spec.schedule import NonNegativeWeight

_BEAMS = (16, 256)
_DISTANCES_AT_A_TIME = 2**24
_EXACT = 1e-5


@register("posterior", "residual_quantized")
class ResidualQuantized(CodebookQuantiser):
    r"""L codes at each place, each for the residual of those before it, z = e¹ + … + e^L.

    Choose it for accurate reconstructions with small codebooks: with :math:`r_0 = z_e`,

    .. math:: k_l = argmin_j ‖r_{l−1} − e^l_j‖, \quad r_l = r_{l−1} − e^l_{k_l}, \quad z = z_e − r_L,

    and the commitment loss β Σ_l ‖r_l‖². The rate is L log K nats for each place; with one codebook it is
    ``vector_quantized``. With ``depth_dropout``, training uses only the first codebooks in some steps, so that these
    alone give a coarse reconstruction. The prior ``transformer`` models the codes, coarse before fine.

    Shapes:
        features (B, C, *places) → z (B, latent_dim, *places), code numbers (B, codebooks, *places).

    Args:
        codes: K, of each codebook.
        codebooks: L.
        commitment: β, weight of the commitment loss; a number or a schedule.
        standardise: whether each channel of :math:`z_e` is standardised over the batch, which prevents the encoder from
            making all vectors alike.
        depth_dropout: share of training steps that use a random number of codebooks, the first ones.
        decay: γ of the codebooks' moving averages.
        restart_below: use of a code, relative to the mean, below which it restarts at a vector of the batch; 0: never.
        initialisation: initial codebooks: ``batch``, random vectors of the first batch, or ``kmeans`` on this batch.

    Source:
        Lee et al. (2022), Autoregressive Image Generation using Residual Quantization, section 3.1.
        https://arxiv.org/abs/2203.01941
        Zeghidour et al. (2021), SoundStream, section III.C (depth dropout). https://arxiv.org/abs/2107.03312

        Łańcucki et al. (2020), Robust Training of Vector Quantized Bottleneck Models, section III (standardised
        channels). https://arxiv.org/abs/2005.08520

    Example:
        >>> import torch
        >>> posterior = ResidualQuantized(feature_shape=(64, 7, 7), latent_dim=16, codes=32, codebooks=4)
        >>> q = posterior(torch.randn(5, 64, 7, 7))
        >>> q.mean.shape, q.codes.indices.shape
        (torch.Size([5, 16, 7, 7]), torch.Size([5, 4, 7, 7]))
    """

    def __init__(
        self,
        *,
        feature_shape: tuple[int, ...],
        latent_dim: int,
        codes: PositiveInt = 64,
        codebooks: PositiveInt = 4,
        commitment: NonNegativeWeight = 0.25,
        standardise: bool = True,
        depth_dropout: Annotated[float, Field(ge=0, le=1)] = 0.0,
        decay: Annotated[float, Field(ge=0, lt=1)] = 0.99,
        restart_below: Annotated[float, Field(ge=0, lt=0.5)] = 0.1,
        initialisation: Initialisation = "batch",
    ) -> None:
        super().__init__(feature_shape, latent_dim, codes, codebooks, commitment, standardise)
        self.depth_dropout = depth_dropout
        options = {"decay": decay, "restart_below": restart_below}
        self.books = CodebookList(
            EmaCodebook(codes, latent_dim, initialisation=initialisation, **options) for _ in range(codebooks)
        )

    def choose(self, vectors: Tensor) -> Choice:
        """Return one code of each codebook for vectors (N, D)."""
        kept = self._kept(vectors.device)
        total = approximation = torch.zeros_like(vectors)
        loss, indices = vectors.new_zeros(vectors.shape[0]), []
        for level, book in enumerate(self.books):
            numbers, chosen = book(vectors - total)
            indices.append(numbers)
            # Every codebook learns the residual of those before it, even if this step does not use it.
            total, approximation = total + chosen, approximation + kept[level] * chosen
            loss = loss + kept[level] * squared_distance(vectors, total)
        return Choice(torch.stack(indices, 1), straight_through(approximation, vectors), loss)

    def indices_of(self, vectors: Tensor) -> Tensor:
        """Return the numbers (N, L) of codes whose sums are ``vectors`` (N, D).

        The first codes of a sum need not be those nearest to it, so a beam search keeps the best partial sums, and a
        wider one follows if it does not find the vector. The search can fail with many codebooks whose vectors lie
        close together. Distributions contain the numbers of their codes, so nothing in the package depends on this
        search.

        Raises:
            InputError: no codes were found for a vector.
        """
        distinct, places = vectors.detach().unique(dim=0, return_inverse=True)
        indices = torch.zeros(len(distinct), self.codebooks, dtype=torch.long, device=vectors.device)
        left = torch.arange(len(distinct), device=vectors.device)
        for beams in _BEAMS:
            for chunk in left.split(max(1, _DISTANCES_AT_A_TIME // (beams * self.codes))):
                indices[chunk] = self._search(distinct[chunk], beams)
            error = (self.vectors_of(indices[left]) - distinct[left]).abs().amax(1)
            left = left[error > _EXACT * distinct[left].abs().amax(1).clamp_min(1.0)]
            if not len(left):
                return indices[places]
        raise InputError(
            f"expected sums of one code of each of {self.codebooks} codebooks, got other vectors, or vectors that are "
            "hard to take apart",
            where="z",
            remedy="A distribution that `encode` returns holds the numbers of its codes, as `codes`.",
        )

    def vectors_of(self, indices: Tensor) -> Tensor:
        """Return the sums (N, D) of the vectors of code numbers (N, L)."""
        vectors = [book.look_up(numbers) for book, numbers in zip(self.books, indices.unbind(1), strict=True)]
        return sum(vectors[1:], vectors[0])

    def coarse_to_fine(self, q: Distribution) -> Sequence[Tensor]:
        """Return the sums (B, D, *places) of the vectors of the first codebooks, from one of them to all."""
        return self._partial_sums(q, [book.look_up for book in self.books])

    def _kept(self, device: torch.device) -> Tensor:
        """Return 1 for each codebook that this step uses and 0 for the others, (L,)."""
        levels = torch.arange(self.codebooks, device=device)
        if not (self.depth_dropout and self.training):
            return torch.ones(self.codebooks, device=device)
        is_limited = torch.rand((), device=device) < self.depth_dropout
        last = torch.where(is_limited, torch.randint(self.codebooks, (), device=device), self.codebooks)
        return (levels <= last).float()

    def _search(self, vectors: Tensor, beams: int) -> Tensor:
        """Return, for each vector, the codes of the best sum that a beam search finds, (N, L)."""
        residuals = vectors[:, None]
        indices = torch.empty(vectors.shape[0], 1, 0, dtype=torch.long, device=vectors.device)
        for book in self.books:
            # Computed directly: the rounding errors of a matrix product are larger than the distances in question.
            distances = torch.cdist(residuals, book.vectors, compute_mode="donot_use_mm_for_euclid_dist").flatten(1)
            best = distances.topk(min(beams, distances.shape[1]), dim=1, largest=False).indices
            parent, code = best // self.codes, best % self.codes
            residuals = residuals.gather(1, parent[..., None].expand(*parent.shape, residuals.shape[-1]))
            residuals = residuals - book.look_up(code)
            indices = indices.gather(1, parent[..., None].expand(*parent.shape, indices.shape[-1]))
            indices = torch.cat([indices, code[..., None]], dim=2)
        return indices[:, 0]
