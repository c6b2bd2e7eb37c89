"""A gated PixelCNN over a map of codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import torch
from einops import rearrange
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.errors import ComponentError
from zoo.priors._codes import AutoregressivePrior
from zoo.quantisation.autoregressive import AutoregressiveNetwork
from zoo.registry import register

if TYPE_CHECKING:
    from zoo.posteriors import Quantiser


@register("prior", "pixelcnn")
class PixelCnn(AutoregressivePrior):
    r"""p(k) = Π_i p(k_i | k_<i, y) over the codes of a map, row by row, with gated convolutions.

    Choose it as ``fitted_prior`` of a model with a quantiser, so that samples look like data; or as ``prior``, to learn
    it together with the model. It is made for maps, in which neighbouring codes depend on each other; for several
    codebooks, or if codes far apart depend on each other, choose ``transformer``. In a conditional model it learns
    p(k|y). It is initialised as the uniform distribution.

    Two stacks of convolutions, one over the rows above and one over the codes to the left, cover all previous codes;
    each layer is gated, tanh(a) · σ(b). A sample takes n passes for n places. :meth:`tempered
    <zoo.quantisation.autoregressive.AutoregressiveVectors.tempered>` gives a temperature and a limit to the most
    probable codes.

    Args:
        width: maps of each stack.
        depth: gated layers.
        kernel_size: side of the convolutions, an odd number.
        dropout: the share of maps that training sets to zero before the output.

    Raises:
        ComponentError: the codes do not lie on a map, a series or a single place, or have several codebooks.

    Source:
        van den Oord et al. (2016), Conditional Image Generation with PixelCNN Decoders, sections 2.1 to 2.3.
        https://arxiv.org/abs/1606.05328

    Example:
        >>> import zoo
        >>> model = zoo.build("vqvae-conv-16d", data_shape=(1, 8, 8), fitted_prior={"name": "pixelcnn", "depth": 2})
        >>> model.inference(fitted=True).prior.sample((5,)).shape
        torch.Size([5, 16, 2, 2])
    """

    def __init__(
        self,
        *,
        posterior: Quantiser,
        condition_dim: int,
        width: PositiveInt = 64,
        depth: PositiveInt = 8,
        kernel_size: PositiveInt = 5,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        codebooks = len(posterior.codebook_places)
        if len(posterior.grid) > 2 or codebooks > 1:
            raise ComponentError(
                f"expected codes of one codebook on a map (h, w), got {codebooks} codebooks on a grid of shape "
                f"{tuple(posterior.grid)}",
                remedy="Use the prior `transformer`, which takes any grid.",
            )
        if kernel_size % 2 == 0:
            raise ComponentError(f"expected an odd number, got {kernel_size}", where="kernel_size")
        network = GatedPixelCnn(
            posterior.codes, posterior.grid, width, depth, kernel_size, condition_dim=condition_dim, dropout=dropout
        )
        super().__init__(posterior, network, condition_dim)


class GatedPixelCnn(AutoregressiveNetwork):
    """Logits of each code of a map from the codes above it, and from those to its left.

    Shapes:
        codes (N, n), condition (N, condition_dim) or None → (N, n, K), for n = h · w places row by row.

    Args:
        codes: K.
        grid: shape of the grid: (h, w), (n,) or ().
        width: maps of each of the two stacks.
        depth: gated layers.
        kernel_size: side of the convolutions, an odd number.
        condition_dim: length of the condition vector; 0: none.
        dropout: the share of maps that training sets to zero before the output.

    Example:
        >>> network = GatedPixelCnn(8, (4, 4), 16, 2, 3)
        >>> network(torch.randint(8, (5, 16))).shape
        torch.Size([5, 16, 8])
    """

    def __init__(
        self,
        codes: int,
        grid: tuple[int, ...],
        width: int,
        depth: int,
        kernel_size: int,
        *,
        condition_dim: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.codes = codes
        self.rows, columns = (1,) * (2 - len(grid)) + tuple(grid)
        self.places = self.rows * columns
        self.embedding = nn.Embedding(codes, width)
        self.layers = nn.ModuleList(_GatedLayer(width, kernel_size, condition_dim) for _ in range(depth))
        last = nn.Conv2d(width, codes, 1)
        for parameter in last.parameters():
            nn.init.zeros_(parameter)
        self.output = nn.Sequential(nn.ReLU(), nn.Conv2d(width, width, 1), nn.ReLU(), nn.Dropout2d(dropout), last)

    def forward(self, indices: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the logits of each code given those before it."""
        maps = rearrange(self.embedding(indices), "n (h w) c -> n c h w", h=self.rows)
        # Shifted once at the input, so that later layers may use the place itself: a row depends on the rows above, a
        # code on those to its left.
        above, left = F.pad(maps, (0, 0, 1, -1)), F.pad(maps, (1, -1, 0, 0))
        for layer in self.layers:
            above, left = layer(above, left, condition)
        return rearrange(self.output(left), "n k h w -> n (h w) k")


class _GatedLayer(nn.Module):
    def __init__(self, channels: int, kernel_size: int, condition_dim: int) -> None:
        super().__init__()
        self.reach = kernel_size // 2
        self.above = nn.Conv2d(channels, 2 * channels, (self.reach + 1, kernel_size))
        self.left = nn.Conv2d(channels, 2 * channels, (1, self.reach + 1))
        self.across = nn.Conv2d(2 * channels, 2 * channels, 1)
        self.output = nn.Conv2d(channels, channels, 1)
        self.condition = nn.Linear(condition_dim, 4 * channels, bias=False) if condition_dim else None

    def forward(self, above: Tensor, left: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor]:
        rows = self.above(F.pad(above, (self.reach, self.reach, self.reach, 0)))
        row = self.left(F.pad(left, (self.reach, 0, 0, 0))) + self.across(rows)
        if self.condition is not None and condition is not None:
            for_rows, for_row = rearrange(self.condition(condition), "n (s c) -> s n c () ()", s=2)
            rows, row = rows + for_rows, row + for_row
        return _gated(rows), left + self.output(_gated(row))


def _gated(h: Tensor) -> Tensor:
    a, b = h.chunk(2, dim=1)
    return torch.tanh(a) * torch.sigmoid(b)
