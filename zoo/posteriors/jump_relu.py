"""Codes whose latents fire above learned thresholds."""

from __future__ import annotations

import math
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from zoo.nn.weight import ScheduledWeight
from zoo.posteriors._sparse import SparseActivations, SparseCodes
from zoo.registry import register
from zoo.spec.schedule import NonNegativeWeight
from zoo.utils.precision import full_precision


@register("posterior", "jump_relu")
class JumpReLU(SparseActivations):
    r"""Keep activations π = W h + b above a threshold θ of their latent, z = π 1[π > θ], and penalise their number.

    Choose it for a sparse autoencoder in which each latent should find its own frequency: a penalty λ on the number of
    latents that fire, L0, trades sparsity for error. The learned thresholds remove small activations without shrinking
    large ones, unlike ``l1``. ``top_k`` sets the number directly, which is simpler.

    The gradient of a step is zero, so thresholds are learned with a smoothed gradient, which counts activations within
    ε/2 of the threshold: ∂z/∂θ = −(θ/ε) 1[|π − θ| < ε/2] and ∂L0/∂θ = −(1/ε) 1[|π − θ| < ε/2]. Set ε to a small part of
    a typical activation; if it is too small, thresholds hardly change.

    Shapes:
        features (B, F) → codes (B, M), M = ``latent_dim``.

    Args:
        l0_penalty: λ, weight of the number of latents that fire; a number, or a schedule that begins at 0 so that
            latents do not die early. In the unit of the objective.
        threshold: initial θ of every latent.
        bandwidth: ε.

    Source:
        Rajamanoharan et al. (2024), Jumping Ahead: Improving Reconstruction Fidelity with JumpReLU Sparse Autoencoders,
        sections 3 and 4. https://arxiv.org/abs/2407.14435

    Example:
        >>> posterior = JumpReLU(features=8, latent_dim=64, threshold=1.0)
        >>> z = posterior(torch.randn(5, 8)).mean
        >>> bool(((z == 0) | (z > 1)).all())
        True
    """

    def __init__(
        self,
        *,
        features: int,
        latent_dim: int,
        l0_penalty: NonNegativeWeight = 0.01,
        threshold: Annotated[float, Field(gt=0)] = 0.01,
        bandwidth: Annotated[float, Field(gt=0)] = 0.05,
    ) -> None:
        super().__init__(features, latent_dim)
        self.bandwidth = bandwidth
        self.l0_penalty = ScheduledWeight(l0_penalty)
        self.log_threshold = nn.Parameter(torch.full((latent_dim,), math.log(threshold)))

    def forward(self, h: Tensor) -> SparseCodes:
        """Map features (B, F) to codes with batch shape (B,) and event shape (M,), and their weighted L0 penalty."""
        with full_precision(h):
            activations, threshold = self.head(h), self.log_threshold.exp()
            z, fires = jump(activations, threshold, self.bandwidth)
            l0 = fires.sum(1)
        if self.is_learning:
            self.update_counts(z.detach().amax(0), len(h))
        return SparseCodes(z, losses={"l0_penalty": self.l0_penalty.value * l0})


def jump(activations: Tensor, threshold: Tensor, bandwidth: float) -> tuple[Tensor, Tensor]:
    """Return π 1[π > θ] and 1[π > θ], each (B, M), for activations (B, M) and thresholds (M,).

    The gradient with respect to θ is the pseudo-derivative that :class:`JumpReLU` states.

    Example:
        >>> z, fires = jump(torch.tensor([[0.4, 0.6]]), torch.tensor([0.5, 0.5]), bandwidth=0.1)
        >>> z, fires
        (tensor([[0.0000, 0.6000]]), tensor([[0., 1.]]))
    """
    z, fires = _Jump.apply(activations, threshold, bandwidth)  # type: ignore[no-untyped-call]
    return z, fires


class _Jump(torch.autograd.Function):
    """A ReLU with a jump, and a step, with pseudo-derivatives for the place of the jump."""

    @staticmethod
    def forward(ctx: Any, activations: Tensor, threshold: Tensor, bandwidth: float) -> tuple[Tensor, Tensor]:
        fires = activations > threshold
        ctx.save_for_backward(activations, threshold, fires)
        ctx.bandwidth = bandwidth
        return torch.where(fires, activations, 0.0), fires.to(activations.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, of_z: Tensor, of_fires: Tensor) -> tuple[Tensor | None, ...]:
        activations, threshold, fires = ctx.saved_tensors
        near = (activations - threshold).abs() < ctx.bandwidth / 2
        of_threshold = torch.where(near, threshold * of_z + of_fires, 0.0).sum(0) / -ctx.bandwidth
        return torch.where(fires, of_z, 0.0), of_threshold, None
