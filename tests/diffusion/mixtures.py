"""Random Gaussian mixtures, for tests that need the truth."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.diffusion.chain import NoiseChain
from zoo.diffusion.oracle import MixtureOracle
from zoo.diffusion.schedules import noise_schedule


def random_mixture(dimensions: int, components: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return weights (K,), means (K, D) and correlated covariances (K, D, D)."""
    generator = torch.Generator().manual_seed(seed)
    draw = {"generator": generator, "dtype": torch.float64}
    weights = torch.rand(components, **draw) + 0.2
    factors = torch.randn(components, dimensions, dimensions, **draw) * 0.4
    covariances = factors @ factors.mT + 0.05 * torch.eye(dimensions, dtype=torch.float64)
    return weights / weights.sum(), torch.randn(components, dimensions, **draw), covariances


def random_oracle(dimensions: int, components: int = 3, seed: int = 0, steps: int = 20) -> MixtureOracle:
    """Return the oracle of a random mixture under a linear chain."""
    chain = NoiseChain(noise_schedule("linear", steps, beta_start=0.01, beta_end=0.3))
    return MixtureOracle(*random_mixture(dimensions, components, seed), chain)


def draw(oracle: MixtureOracle, count: int) -> Tensor:
    """Return draws of the data, (count, D) float64."""
    return oracle.marginal(0).sample(torch.Size([count]))
