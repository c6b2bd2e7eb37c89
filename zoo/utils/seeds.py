"""One seed for initial weights, data order and noise; each use has its own random stream."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor

_STREAMS = 1_000_003


def epoch_order(size: int, seed: int, epoch: int) -> Tensor:
    """Return the order of the examples in an epoch, (size,): it depends only on the seed and the epoch."""
    return torch.randperm(size, generator=torch.Generator().manual_seed((seed * _STREAMS + epoch) % 2**63))


def process_seed(seed: int, rank: int) -> int:
    """Return the seed of the noise in one of several processes; in the first process it is ``seed`` itself."""
    return (seed * _STREAMS - rank) % 2**63 if rank else seed


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the random number generators inside the block, and restore their state afterwards."""
    states = random_states()
    torch.manual_seed(seed)
    try:
        yield
    finally:
        restore_random_states(states)


def random_states() -> dict[str, Tensor]:
    """Return the state of every random number generator that training uses."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def restore_random_states(states: dict[str, Tensor]) -> None:
    """Restore a saved state of every random number generator."""
    if "cpu" in states:
        torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
