"""One seed for initial weights, data order and noise; each use has a stream of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor

_STREAMS = 1_000_003


def epoch_order(size: int, seed: int, epoch: int) -> Tensor:
    """Return the order of the examples in an epoch, (size,): the same for the same seed, whatever came before."""
    return torch.randperm(size, generator=torch.Generator().manual_seed((seed * _STREAMS + epoch) % 2**63))


def process_seed(seed: int, rank: int) -> int:
    """Return the seed of the noise in one of several processes; the first one's is that of a process alone."""
    return (seed * _STREAMS - rank) % 2**63 if rank else seed


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from the given seed inside the block, and leave the outer stream of noise as it was."""
    states = random_states()
    torch.manual_seed(seed)
    try:
        yield
    finally:
        restore_random_states(states)


def random_states() -> dict[str, Tensor]:
    """Return the state of every generator that training draws noise from."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def restore_random_states(states: dict[str, Tensor]) -> None:
    """Set every generator back to a saved state."""
    if "cpu" in states:
        torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
