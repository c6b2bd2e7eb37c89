"""A causal transformer over a grid of codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import torch
from einops import rearrange, repeat
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.errors import ComponentError
from zoo.priors._codes import AutoregressivePrior
from zoo.quantisation.autoregressive import AutoregressiveNetwork
from zoo.registry import register
from zoo.utils.precision import at_least_float32, full_precision

if TYPE_CHECKING:
    from zoo.posteriors import Quantiser


@register("prior", "transformer")
class TransformerPrior(AutoregressivePrior):
    r"""p(k) = Π_i p(k_i | k_<i, y) over the codes of any grid, with causal attention to all previous codes.

    Choose it as ``fitted_prior`` of a model with a quantiser, for codes of several codebooks or grids, or if codes far
    apart depend on each other; for small maps of one codebook, ``pixelcnn`` is as good and trains faster. The order is
    that of the flattened grid, so coarse codebooks of ``residual_quantized`` come before fine ones. In a conditional
    model it learns p(k|y). It is initialised as the uniform distribution.

    A sample takes n steps for n codes. :meth:`tempered
    <zoo.quantisation.autoregressive.AutoregressiveVectors.tempered>` gives a temperature and a limit to the most
    probable codes.

    Args:
        width: length of the vector of each place, a multiple of ``heads``.
        depth: blocks of attention and MLP.
        heads: heads of attention.
        dropout: the share of values that training sets to zero after attention and MLP.

    Raises:
        ComponentError: ``width`` is not a multiple of ``heads``.

    Source:
        Vaswani et al. (2017), Attention Is All You Need, section 3. https://arxiv.org/abs/1706.03762
        Esser, Rombach & Ommer (2021), Taming Transformers for High-Resolution Image Synthesis, section 3.2.
        https://arxiv.org/abs/2012.09841

    Example:
        >>> import zoo
        >>> model = zoo.build("rqvae-conv-16d", data_shape=(1, 8, 8), fitted_prior={"name": "transformer", "depth": 2})
        >>> model.inference(fitted=True).prior.sample((5,)).shape
        torch.Size([5, 16, 2, 2])
    """

    def __init__(
        self,
        *,
        posterior: Quantiser,
        condition_dim: int,
        width: PositiveInt = 128,
        depth: PositiveInt = 4,
        heads: PositiveInt = 4,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        if width % heads:
            raise ComponentError(f"expected a multiple of `heads`, {heads}, got {width}", where="width")
        network = CausalTransformer(
            posterior.codes,
            posterior.grid,
            width,
            depth,
            heads,
            codebook_places=posterior.codebook_places,
            condition_dim=condition_dim,
            dropout=dropout,
        )
        super().__init__(posterior, network, condition_dim)


class CausalTransformer(AutoregressiveNetwork):
    """Logits of each code of a flattened grid from all codes before it.

    Shapes:
        codes (N, n), condition (N, condition_dim) or None → (N, n, K).

    Args:
        codes: K.
        grid: shape of the grid; each of its dimensions has a position embedding, and these are added.
        width: length of the vector of each place, a multiple of ``heads``.
        depth: blocks of attention and MLP.
        heads: heads of attention.
        codebook_places: numbers of consecutive places of the flattened grid that belong to each codebook; each codebook
            has its own embeddings and logits. Default: a single codebook.
        condition_dim: length of the condition vector; 0: none.
        dropout: the share of values that training sets to zero after attention and MLP.

    Example:
        >>> network = CausalTransformer(8, (2, 3), width=16, depth=1, heads=2)
        >>> network(torch.randint(8, (5, 6))).shape
        torch.Size([5, 6, 8])
    """

    codebook_of_place: Tensor
    coordinates: Tensor

    def __init__(
        self,
        codes: int,
        grid: tuple[int, ...],
        width: int,
        depth: int,
        heads: int,
        *,
        codebook_places: tuple[int, ...] = (),
        condition_dim: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        grid = tuple(grid) or (1,)
        self.codes = codes
        coordinates = torch.cartesian_prod(*(torch.arange(size) for size in grid)).reshape(-1, len(grid))
        self.places = len(coordinates)
        self.codebook_places = tuple(codebook_places) or (self.places,)
        codebooks = len(self.codebook_places)
        codebook = torch.arange(codebooks).repeat_interleave(torch.tensor(self.codebook_places))
        self.register_buffer("codebook_of_place", codebook, persistent=False)
        self.register_buffer("coordinates", coordinates, persistent=False)
        self.embedding = nn.Embedding(codebooks * codes, width)
        self.start = nn.Parameter(torch.zeros(width))
        self.axes = nn.ModuleList(nn.Embedding(size, width) for size in grid)
        self.condition = nn.Linear(condition_dim, width, bias=False) if condition_dim else None
        self.blocks = nn.ModuleList(_Block(width, heads, dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.weight = nn.Parameter(torch.zeros(codebooks, codes, width))
        self.bias = nn.Parameter(torch.zeros(codebooks, codes))
        for embedding in (self.embedding, *self.axes):
            nn.init.normal_(embedding.weight, std=0.02)

    def forward(self, indices: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the logits of each code given those before it."""
        before = self._embed(indices[:, :-1], slice(0, self.places - 1))
        h = torch.cat([self._start(len(indices)), before], dim=1) + self._positions(slice(0, self.places), condition)
        for block in self.blocks:
            h, _ = block(h)
        return self._logits(h, slice(0, self.places))

    def generate(
        self, count: int, condition: Tensor | None, choose: Callable[[Tensor], Tensor], device: torch.device
    ) -> Tensor:
        """Return codes (count, n); keys and values of earlier places are kept, so each place is computed once."""
        indices = torch.zeros(count, self.places, dtype=torch.long, device=device)
        kept: list[tuple[Tensor, Tensor] | None] = [None] * len(self.blocks)
        h = self._start(count)
        for place in range(self.places):
            here = slice(place, place + 1)
            h = h + self._positions(here, condition)
            for number, block in enumerate(self.blocks):
                h, kept[number] = block(h, kept[number])
            indices[:, place] = choose(self._logits(h, here)[:, 0])
            h = self._embed(indices[:, here], here)
        return indices

    def _start(self, count: int) -> Tensor:
        """Return the input at the first place, (count, 1, width)."""
        return repeat(self.start, "width -> count 1 width", count=count)

    def _embed(self, indices: Tensor, places: slice) -> Tensor:
        embedded: Tensor = self.embedding(indices + self.codes * self.codebook_of_place[places])
        return embedded

    def _positions(self, places: slice, condition: Tensor | None) -> Tensor:
        """Return the embeddings of positions and of the condition, (1 or N, places, width)."""
        axes = [embedding(self.coordinates[places, axis]) for axis, embedding in enumerate(self.axes)]
        position = torch.stack(axes).sum(0)[None]
        if self.condition is None or condition is None:
            return position
        return position + self.condition(condition)[:, None]

    def _logits(self, h: Tensor, places: slice) -> Tensor:
        codebook = self.codebook_of_place[places]
        h = self.norm(h)
        if len(self.weight) == 1:
            return F.linear(h, self.weight[0], self.bias[0])
        if h.shape[1] == 1:
            return F.linear(h, self.weight[codebook[0]], self.bias[codebook[0]])
        parts = h.split(self.codebook_places, dim=1)
        return torch.cat([F.linear(*each) for each in zip(parts, self.weight, self.bias, strict=True)], dim=1)


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm, self.mlp_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.attention_output = nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, h: Tensor, kept: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the outputs (N, T, width), and the keys and values of all places so far."""
        query, key, value = rearrange(
            self.queries_keys_values(self.attention_norm(h)), "n t (s heads c) -> s n heads t c", s=3, heads=self.heads
        )
        if kept is not None:
            key, value = torch.cat([kept[0], key], dim=2), torch.cat([kept[1], value], dim=2)
        attended = _attention(query, key, value, is_causal=query.shape[2] > 1)
        h = h + self.dropout(self.attention_output(rearrange(attended, "n heads t c -> n t (heads c)")))
        return h + self.dropout(self.mlp(self.mlp_norm(h))), (key, value)


def _attention(query: Tensor, key: Tensor, value: Tensor, *, is_causal: bool) -> Tensor:
    """Return the values (N, heads, T, c) that each query attends to."""
    if query.device.type != "cpu":
        return F.scaled_dot_product_attention(query, key, value, is_causal=is_causal)
    # On a CPU, torch's gradient of attention is several times slower in 16 bits than in 32 bits.
    dtype = value.dtype
    with full_precision(query):
        query, key, value = (at_least_float32(each) for each in (query, key, value))
        return F.scaled_dot_product_attention(query, key, value, is_causal=is_causal).to(dtype)
