"""Feature-wise modulation by a condition."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn

_PER_MAP = {3: "b c -> b c 1", 4: "b c -> b c 1 1"}


class Modulation(nn.Module):
    r"""Feature-wise scale and shift from a condition, h · (1 + γ(c)) + β(c), with γ and β linear in c.

    It is initialised as the identity, with γ and β zero, so a conditional network starts like the unconditional one.
    Choose it over concatenation for maps: its parameters do not depend on their size.

    Shapes:
        features (B, width), (B, width, L) or (B, width, H, W), condition (B, condition_dim) → as the features.

    Source:
        Perez et al. (2018), FiLM: Visual Reasoning with a General Conditioning Layer, section 2.
        https://arxiv.org/abs/1709.07871

    Example:
        >>> modulation, h = Modulation(width=4, condition_dim=3), torch.randn(2, 4, 5, 5)
        >>> torch.equal(modulation(h, torch.randn(2, 3)), h)
        True
    """

    def __init__(self, *, width: int, condition_dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(condition_dim, 2 * width)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, h: Tensor, condition: Tensor) -> Tensor:
        """Scale and shift each feature of h by the condition of its example."""
        scale_and_shift: Tensor = self.linear(condition).to(h.dtype)
        if h.ndim > 2:
            scale_and_shift = rearrange(scale_and_shift, _PER_MAP[h.ndim])
        scale, shift = scale_and_shift.chunk(2, dim=1)
        return torch.addcmul(h + shift, h, scale)
