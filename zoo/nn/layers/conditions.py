"""Conditions as vectors: class labels, and times of a chain."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from zoo.errors import ComponentError


class LabelEmbedding(nn.Module):
    """Class labels as learned vectors, with one more vector for "no class".

    The label :attr:`no_class` stands for an unknown class: a model that was trained with it can also be used without
    a label, as classifier-free guidance requires.

    Shapes:
        labels (B,) of integers from 0 to ``classes`` → (B, dim).

    Raises:
        ComponentError: labels are not integers, of another shape, or out of range. The range is not checked while
            training on an accelerator, where the check would make each step wait for the device.

    Source:
        Ho & Salimans (2022), Classifier-Free Diffusion Guidance, section 3.2. https://arxiv.org/abs/2207.12598

    Example:
        >>> embedding = LabelEmbedding(classes=10, dim=16)
        >>> embedding(torch.tensor([3, 9, embedding.no_class])).shape
        torch.Size([3, 16])
    """

    def __init__(self, classes: int, dim: int) -> None:
        super().__init__()
        self.classes, self.dim = classes, dim
        self.table = nn.Embedding(classes + 1, dim)

    @property
    def no_class(self) -> int:
        """The label that stands for an unknown class."""
        return self.classes

    def forward(self, labels: Tensor) -> Tensor:
        """Look up the vector of each label."""
        if labels.dim() != 1 or labels.is_floating_point():
            raise ComponentError(
                f"expected labels of shape (B,) and an integer type, got {tuple(labels.shape)} of {labels.dtype}"
            )
        if (labels.device.type == "cpu" or not self.training) and not torch.compiler.is_compiling():
            self._check_range(labels)
        vectors: Tensor = self.table(labels.long())
        return vectors

    def _check_range(self, labels: Tensor) -> None:
        outside = labels[(labels < 0) | (labels > self.classes)]
        if len(outside):
            raise ComponentError(
                f"expected labels from 0 to {self.classes - 1}, got {outside[0].item()}",
                remedy=f"{self.no_class} stands for no class; `classes` sets how many there are.",
            )


class TimeEmbedding(nn.Module):
    r"""Times as vectors: cos(ω_k t) and sin(ω_k t) at geometric frequencies ω_k ≤ 1, then a small MLP.

    Any two steps of a chain of thousands have different vectors, and the vectors change smoothly from step to step.

    Shapes:
        times (B,) → (B, dim).

    Raises:
        ComponentError: times are not of shape (B,), or the module was converted to 16 bits.

    Source:
        Vaswani et al. (2017), Attention Is All You Need, section 3.5. https://arxiv.org/abs/1706.03762
        Ho, Jain & Abbeel (2020), Denoising Diffusion Probabilistic Models, appendix B (the MLP).
        https://arxiv.org/abs/2006.11239

    Example:
        >>> TimeEmbedding(dim=16)(torch.arange(1, 1001)).shape
        torch.Size([1000, 16])
    """

    frequencies: Tensor

    def __init__(self, dim: int, *, features: int = 64, longest_period: float = 10_000.0) -> None:
        super().__init__()
        exponents = torch.linspace(0, 1, features // 2)
        self.register_buffer("frequencies", torch.exp(-math.log(longest_period) * exponents), persistent=False)
        self.mlp = nn.Sequential(nn.Linear(2 * len(exponents), dim), nn.SiLU(), nn.Linear(dim, dim))

    def forward(self, times: Tensor) -> Tensor:
        """Map each time to its vector."""
        if times.dim() != 1:
            raise ComponentError(f"expected times of shape (B,), got {tuple(times.shape)}")
        if self.frequencies.dtype in (torch.bfloat16, torch.float16):
            raise ComponentError(
                f"expected a time embedding in float32 or better, got {self.frequencies.dtype}, which cannot tell "
                "neighbouring times apart",
                where="time_embedding",
                remedy="Leave the weights in float32, `model.float()`, and compute under `torch.autocast`.",
            )
        phases = times.float()[:, None] * self.frequencies
        vectors: Tensor = self.mlp(torch.cat([phases.cos(), phases.sin()], dim=1))
        return vectors
