"""Gaussian data whose best linear VAE is known: reverse water-filling over the principal axes.

With variances λ_i along the axes and a level θ, the latent of an axis has the rate ½ log(λ_i / θ) and leaves the
squared error θ; an axis with λ_i ≤ θ has no latent and leaves λ_i (Cover & Thomas, Elements of Information Theory,
section 10.3.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

import zoo
from tests.minimise import minimise
from zoo.model import Model

VARIANCES = torch.tensor([3.0, 1.2, 0.3])
NOISE = 0.5
"""Variance of the likelihood."""


def rates(level: float) -> Tensor:
    return 0.5 * (VARIANCES / level).log().clamp_min(0)


def errors(level: float) -> Tensor:
    return VARIANCES.clamp_max(level)


def data() -> tuple[Tensor, Tensor]:
    """Return examples (N, 3) with exactly these variances, and the principal axes as columns."""
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(128, 3, generator=generator)
    white = torch.linalg.qr(draws - draws.mean(0))[0] * 128**0.5
    axes = torch.linalg.qr(torch.randn(3, 3, generator=generator))[0]
    return (white * VARIANCES.sqrt()) @ axes.T, axes


def trained(**objective: Any) -> Model:
    """Return the linear VAE, trained on the data until it no longer improves."""
    spec: Mapping[str, Any] = {
        "objective": {"name": "vae", "num_samples": 64, **objective},
        "data_shape": [3],
        "latent_dim": 3,
        "encoder": {"name": "mlp", "widths": []},
        "posterior": "diagonal_gaussian",
        "decoder": {"name": "mlp", "widths": []},
        "likelihood": {"name": "gaussian", "scale": NOISE**0.5},
    }
    torch.manual_seed(0)
    model, (x, _) = zoo.build(spec), data()
    minimise(lambda: model.loss(x).total, model.parameters(), iterations=200)
    return model.eval()


@torch.no_grad()
def rates_and_errors(model: Model) -> tuple[Tensor, Tensor]:
    """Return the mean KL divergence of each latent, largest first, and the expected squared error along each axis."""
    x, axes = data()
    samples = model.inference(x).draw(200)
    along = (samples.data.mean - x) @ axes
    return samples.kl_of_groups().mean(1).sort(descending=True).values, along.square().mean((0, 1))
