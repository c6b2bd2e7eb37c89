"""Sparse autoencoders find the dictionary that made the data: the known answer of the whole."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import zoo

DIMENSION, ATOMS, ACTIVE = 16, 24, 2
AUXILIARY = {"auxiliary": {"dead_after": 2000, "weight": 0.1}}
TOP_K = "sparse-ae-top-k-512d"


@pytest.fixture(scope="module")
def made() -> tuple[Tensor, Tensor]:
    """Return examples (N, D), each a sum of two unit vectors out of more than D, and the vectors."""
    generator = torch.Generator().manual_seed(0)
    atoms = F.normalize(torch.randn(ATOMS, DIMENSION, generator=generator), dim=1)
    which = torch.rand(4096, ATOMS, generator=generator).topk(ACTIVE).indices
    codes = torch.zeros(4096, ATOMS).scatter(1, which, torch.rand(4096, ACTIVE, generator=generator) + 0.5)
    return codes @ atoms, atoms


@pytest.mark.parametrize(
    ("preset", "changes"),
    [
        (TOP_K, {"posterior": {"k": ACTIVE}, "regularisers": AUXILIARY}),
        (TOP_K, {"posterior": {"name": "batch_top_k", "k": ACTIVE}, "regularisers": AUXILIARY}),
        (
            TOP_K,
            {
                "posterior": {"name": "jump_relu", "l0_penalty": 0.15, "bandwidth": 0.3, "threshold": 0.3},
                "regularisers": AUXILIARY,
            },
        ),
        ("sparse-ae-l1-512d", {"regularisers": {"l1": {"weight": 0.25}}}),
    ],
    ids=["top_k", "batch_top_k", "jump_relu", "l1"],
)
def test_a_known_dictionary_is_recovered(made: tuple[Tensor, Tensor], preset: str, changes: dict[str, object]) -> None:
    x, atoms = made
    torch.manual_seed(0)
    model, steps = zoo.build(preset, data_shape=(DIMENSION,), latent_dim=48, **changes), 200
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        model.loss(x[torch.randint(len(x), (128,))]).total.backward()
        optimizer.step()
        schedule.step()
    largest = (atoms @ model.decoder.directions().T).max(1).values
    assert largest.mean() >= 0.93
