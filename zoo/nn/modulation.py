"""How a condition acts on features."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Modulation(nn.Module):
    r"""Feature-wise scale and shift from a condition, h · (1 + γ(c)) + β(c), with γ and β linear in c.

    It starts as the identity: γ and β are zero until the first step of training, so that a conditional
    network begins where the unconditional one does. Choose it over concatenation where one part serves
    vectors and images: its parameters do not depend on the size of the image.

    Shapes:
        features (B, width) or (B, width, H, W), condition (B, condition_dim) → as the features.

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
        """Scale and shift each feature of h by what the condition of its example says."""
        scale_and_shift: Tensor = self.linear(condition).to(h.dtype)
        if h.dim() == 4:
            scale_and_shift = scale_and_shift[:, :, None, None]
        scale, shift = scale_and_shift.chunk(2, dim=1)
        return torch.addcmul(h + shift, h, scale)
