"""A two-level linear-Gaussian model, where everything is known.

z_2 ~ N(0, 1), z_1 | z_2 ~ N(A z_2 + C, S²), x | z_1 ~ N(W z_1 + B, SIGMA² I) in three dimensions.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

import zoo
from tests.linear_gaussian import register_components
from zoo.decoders import Decoder
from zoo.model import Model

A, C, S, SIGMA = 1.3, -0.4, 0.6, 0.8
W = torch.tensor([0.9, -0.5, 1.2])
B = torch.tensor([0.5, -0.2, 0.1])
MEAN = W * C + B
COVARIANCE = (A**2 + S**2) * torch.outer(W, W) + SIGMA**2 * torch.eye(3)
PRECISION = float(W @ W) / SIGMA**2
"""Of the message of x to z_1."""
FLOOR = 1e-4


def raw(scale: float) -> float:
    """Return the number that a head maps to a scale."""
    return math.log(math.expm1(scale - FLOOR))


def build(posterior: object, **objective: object) -> Model:
    """Build the model, with the true prior and decoder."""
    register_components()

    @zoo.register("decoder", "from_last_level")
    class FromLastLevel(Decoder):
        def __init__(self, *, latent_dim: int) -> None:
            super().__init__()
            self.weight = nn.Parameter(W.clone(), False)

        def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
            return z[:, -1:] * self.weight + B.to(z.dtype)

    torch.manual_seed(0)
    model = zoo.build(
        {
            "objective": {"name": "vae", **objective},
            "data_shape": [3],
            "latent_dim": 2,
            "encoder": "identity",
            "posterior": posterior,
            "prior": {"name": "top_down", "levels": 2, "widths": []},
            "decoder": "from_last_level",
            "likelihood": {"name": "gaussian", "scale": SIGMA},
        }
    )
    with torch.no_grad():
        head = model.latent_prior.hierarchy.heads[0]
        head.weight.copy_(torch.tensor([[A], [0.0]]))
        head.bias.copy_(torch.tensor([C, raw(S)]))
    model.latent_prior.requires_grad_(False)
    return model


def data(n: int) -> Tensor:
    return MultivariateNormal(MEAN, COVARIANCE).sample((n,))


def log_evidence(x: Tensor) -> Tensor:
    return MultivariateNormal(MEAN, COVARIANCE).log_prob(x)
