"""A codebook that follows the vectors it quantises, by moving averages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.utils.distributed import ProcessGroup
from zoo.utils.precision import at_least_float32

Initialisation = Literal["batch", "kmeans"]
_LLOYD_STEPS = 10
_SCORES_AT_A_TIME = 2**25
_POOL = 8192
"""Number of vectors, at least four for each code, from which the initial codebook is chosen."""
_UNUSED = 1e-6
_LEAST = 1e-30


class EmaCodebook(nn.Module):
    r"""K vectors, each a moving average of the vectors that are nearest to it.

    In training mode each call makes one step of online k-means after it has quantised its batch,

    .. math:: n_k ← γ n_k + (1 − γ) N_k, \quad m_k ← γ m_k + (1 − γ) Σ_{i: k_i = k} v_i, \quad e_k = m_k / n_k,

    where N_k of the vectors v_i of the batch are nearest to e_k. The codebook is initialised with vectors of the first
    batch that lie far apart, as in k-means++: each is drawn with a probability proportional to its squared distance
    from those before it. A code whose n_k falls below ``restart_below`` times the mean restarts at a vector of the
    batch, so that the codebook does not collapse to a few codes. This vector is drawn with a probability proportional
    to its squared distance from its own code: if many vectors are equal, such as those of an empty background, uniform
    draws would give many equal codes. All sums are over all processes.

    The codebook does not change in evaluation mode or under ``torch.no_grad``. The whole state is in buffers.

    Args:
        codes: K.
        dim: D, length of a vector.
        decay: γ; 0 makes each batch a step of Lloyd's algorithm.
        restart_below: use of a code, relative to the mean, below which it restarts; 0: never.
        initialisation: ``batch``, vectors of the first batch that lie far apart, or ``kmeans``, followed by ten steps
            of Lloyd's algorithm.

    Attributes:
        vectors: (K, D).
        counts: (K,) n_k; all 0 until training has started.
        sums: (K, D) m_k.

    Source:
        van den Oord, Vinyals & Kavukcuoglu (2017), Neural Discrete Representation Learning, appendix A.1.
        https://arxiv.org/abs/1711.00937
        Dhariwal et al. (2020), Jukebox, section 3 (restarts). https://arxiv.org/abs/2005.00341
        Arthur & Vassilvitskii (2007), k-means++: The Advantages of Careful Seeding, section 2.2.
        https://doi.org/10.5555/1283383.1283494

    Example:
        >>> codebook = EmaCodebook(4, 2)
        >>> indices, chosen = codebook(torch.randn(100, 2))
        >>> indices.shape, chosen.shape, bool((chosen == codebook.vectors[indices]).all())
        (torch.Size([100]), torch.Size([100, 2]), False)
    """

    vectors: Tensor
    counts: Tensor
    sums: Tensor

    def __init__(
        self,
        codes: int,
        dim: int,
        *,
        decay: float = 0.99,
        restart_below: float = 0.1,
        initialisation: Initialisation = "batch",
    ) -> None:
        super().__init__()
        self.codes, self.dim = codes, dim
        self.decay, self.restart_below, self.initialisation = decay, restart_below, initialisation
        self.register_buffer("vectors", torch.randn(codes, dim))
        self.register_buffer("counts", torch.zeros(codes))
        self.register_buffer("sums", torch.zeros(codes, dim))
        self._has_started = False
        self.register_load_state_dict_post_hook(_look_again)

    def forward(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Return numbers (N,) and vectors (N, D) of the codes nearest to ``vectors`` (N, D); update the codebook."""
        if not (self.training and torch.is_grad_enabled()):
            indices = self.nearest(vectors)
            return indices, self.look_up(indices)
        with torch.no_grad():
            batch = at_least_float32(vectors.detach())
            if not self._has_started:
                self._start(batch)
            indices = self.nearest(batch)
            chosen = self.look_up(indices)
            self._update(batch, indices)
            if self.restart_below:
                self._restart(batch, (batch - chosen).square().sum(1))
        return indices, chosen

    @torch.no_grad()
    def nearest(self, vectors: Tensor) -> Tensor:
        """Return the numbers (N,) of the codes nearest to ``vectors`` (N, D); the first one in case of ties."""
        vectors = at_least_float32(vectors.detach())
        codebook = self.vectors.to(vectors.dtype)
        # ‖v − e‖² = ‖v‖² − 2 (v·e − ½ ‖e‖²)
        offset = -0.5 * codebook.square().sum(1)
        if torch.compiler.is_compiling():  # one graph for every batch size
            return torch.addmm(offset, vectors, codebook.T).argmax(1)
        parts = vectors.split(max(1, _SCORES_AT_A_TIME // self.codes))
        return torch.cat([torch.addmm(offset, part, codebook.T).argmax(1) for part in parts])

    def look_up(self, indices: Tensor) -> Tensor:
        """Return the vectors (…, D) of code numbers (…)."""
        return F.embedding(indices, self.vectors)

    def mean_vector(self) -> Tensor:
        """Return the mean of the vectors, (D,), weighted by their use; before training, with equal weights."""
        weights = torch.where(self.counts.sum() > 0, self.counts, torch.ones_like(self.counts))
        return (weights / weights.sum()) @ self.vectors

    @torch.no_grad()
    def begin_at(self, vectors: Tensor, counts: float = 1.0) -> None:
        """Set the codebook to ``vectors`` (K, D), each with a use of ``counts``."""
        self._place(torch.ones_like(self.counts, dtype=torch.bool), vectors, torch.full_like(self.counts, counts))
        self._has_started = True

    def _start(self, batch: Tensor) -> None:
        """Initialise the codebook with the batch if it has not been initialised."""
        self._has_started = True
        # The counts are read only once: reading them in each step would synchronise with the device.
        if bool(self.counts.sum() > 0):
            return
        group = ProcessGroup.here(batch.device)
        pool = batch[torch.randperm(len(batch), device=batch.device)[: max(_POOL, 4 * self.codes)]]
        pool = group.gather(pool)
        vectors = _apart(pool, self.codes) if group.is_first else pool.new_empty(self.codes, self.dim)
        group.copy_from_first(vectors)
        use = 2 * self.restart_below * len(batch) * group.count / self.codes
        self.begin_at(vectors, use)
        if self.initialisation == "kmeans":
            for _ in range(_LLOYD_STEPS):
                counts, sums = self._totals(batch, self.nearest(batch))
                self.vectors.copy_(_means(counts, sums, self.vectors))
            self.sums.copy_(self.counts[:, None] * self.vectors)

    def _update(self, batch: Tensor, indices: Tensor) -> None:
        counts, sums = self._totals(batch, indices)
        self.counts.lerp_(counts.to(self.counts.dtype), 1 - self.decay)
        self.sums.lerp_(sums.to(self.sums.dtype), 1 - self.decay)
        self.vectors.copy_(_means(self.counts, self.sums, self.vectors))

    def _restart(self, batch: Tensor, distances: Tensor) -> None:
        """Restart hardly used codes at vectors of the batch, whose squared distances (N,) are known."""
        # A mask instead of `if`, which would synchronise with the device.
        floor = self.restart_below * self.counts.mean()
        unused = self.counts < floor
        # The last of the draws without replacement are the least likely ones: codes that restart take the first ones.
        first = (unused.cumsum(0) - 1).clamp_min(0)
        self._place(unused, self._candidates(batch, distances)[first], 2 * floor)

    def _candidates(self, batch: Tensor, distances: Tensor) -> Tensor:
        """Return vectors of the batch at random, (K, D), the same in all processes and from each of them."""
        group, places = ProcessGroup.here(batch.device), torch.arange(self.codes, device=batch.device)
        chosen = _keys(distances).topk(min(self.codes, len(batch))).indices
        # The processes alternate, each with its own draws in order; a small batch is repeated.
        own = batch[chosen[places // group.count % len(chosen)]]
        if group.count == 1:
            return own
        return group.sum(own * (places % group.count == group.rank)[:, None])

    def _totals(self, batch: Tensor, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return the number of vectors (K,) with each code, and their sums (K, D), over all processes."""
        with_count = torch.cat([batch, batch.new_ones(len(batch), 1)], 1)
        if batch.device.type == "cpu":
            totals = with_count.new_zeros(self.codes, self.dim + 1).index_add_(0, indices, with_count)
        else:
            # On an accelerator, the order of additions in `index_add_` changes from run to run.
            one_hot = batch.new_zeros(len(batch), self.codes).scatter_(1, indices[:, None], 1.0)
            totals = one_hot.T @ with_count
        totals = ProcessGroup.here(batch.device).sum(totals)
        return totals[:, -1], totals[:, :-1]

    def _place(self, which: Tensor, vectors: Tensor, counts: Tensor) -> None:
        """Set the codes of a mask (K,) to ``vectors`` (K, D), with the use ``counts``, () or (K,)."""
        vectors = vectors.to(self.vectors.dtype)
        self.vectors.copy_(torch.where(which[:, None], vectors, self.vectors))
        self.counts.copy_(torch.where(which, counts, self.counts))
        self.sums.copy_(torch.where(which[:, None], self.counts[:, None] * vectors, self.sums))


class CodebookList(nn.ModuleList):
    """Several codebooks."""

    def __iter__(self) -> Iterator[EmaCodebook]:
        return cast("Iterator[EmaCodebook]", super().__iter__())


def _means(counts: Tensor, sums: Tensor, otherwise: Tensor) -> Tensor:
    """Return sums / counts, (K, D), and the previous vectors where the counts are 0."""
    return torch.where((counts > _UNUSED)[:, None], sums / counts.clamp_min(_UNUSED)[:, None], otherwise)


def _apart(vectors: Tensor, count: int) -> Tensor:
    """Return ``count`` of the vectors (N, D), each drawn in proportion to its squared distance from those before it."""
    chosen = [vectors[torch.randint(len(vectors), (), device=vectors.device)]]
    distances = (vectors - chosen[0]).square().sum(1)
    while len(chosen) < count:
        chosen.append(vectors[_keys(distances).argmax()])
        distances = torch.minimum(distances, (vectors - chosen[-1]).square().sum(1))
    return torch.stack(chosen)


def _keys(weights: Tensor) -> Tensor:
    """Return random numbers (N,) whose largest is each one with a probability proportional to its weight.

    The largest k are a draw of k without replacement. Weights of 0 come last, in random order.
    """
    # Values that are not finite must not raise an error here, but in the check of the loss, which names the remedy.
    return (weights + _LEAST) / torch.empty_like(weights).exponential_()


def _look_again(codebook: EmaCodebook, _: object) -> None:
    """Reset the flag of initialisation: the loaded state determines it."""
    codebook._has_started = False
