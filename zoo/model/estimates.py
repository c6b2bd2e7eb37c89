"""Estimates from importance-weighted draws of z, computed in chunks: log p(x), and the mean of missing values."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from einops import rearrange
from torch import Tensor

from zoo.model.inference import Inference

_CHUNKS_DRAWN = 8
"""Number of chunks whose latents are drawn at a time for a log-likelihood; more would not be faster."""


def default_rows(device: torch.device) -> int:
    """Return the number of latents to decode at a time: 1024 on a CPU, because of its caches, and 8192 otherwise."""
    return 1024 if device.type == "cpu" else 8192


def in_blocks(size: int, rows: int) -> Iterator[slice]:
    """Yield slices of ``size`` rows that cover a batch."""
    return (slice(start, start + rows) for start in range(0, size, rows))


def log_likelihood(inference: Inference, num_samples: int, chunk: int) -> Tensor:
    """Return log (1/K) Σ_k p(x, z_k) / q(z_k|x), (B,) nats, decoding ``chunk`` of the K draws at a time."""
    assert inference.x is not None
    total = torch.full((len(inference.x),), -math.inf, device=inference.x.device)
    # Latents are small: those of several chunks are drawn and weighted together, and decoded one chunk at a time.
    for count in _counts(num_samples, _CHUNKS_DRAWN * chunk):
        samples = inference.draw(count, reparameterised=False)
        log_ratio = samples.log_ratio
        total = torch.logaddexp(total, (samples.log_likelihood_in_chunks(chunk) - log_ratio).logsumexp(0))
    return total - math.log(num_samples)


def expected_data(inference: Inference, num_samples: int, chunk: int) -> Tensor:
    """Return E[x | observed values], (B, *data_shape), decoding ``chunk`` of the K draws at a time.

    The draws have self-normalised importance weights; those of a posterior without a density have equal weights.
    """
    assert inference.x is not None
    total = torch.full((len(inference.x),), -math.inf, device=inference.x.device)
    mean = torch.zeros_like(inference.x)
    for count in _counts(num_samples, chunk):
        samples = inference.draw(count, reparameterised=False)
        values = samples.data.mean
        log_weights = samples.log_weights if inference.model.has_density else values.new_zeros(values.shape[:2])
        before, total = total, torch.logaddexp(total, log_weights.logsumexp(0))
        mean = _each((before - total).exp(), mean) * mean + (_each((log_weights - total).exp(), values) * values).sum(0)
    return mean


def _counts(total: int, at_once: int) -> Iterator[int]:
    return (min(at_once, total - start) for start in range(0, total, at_once))


def _each(weights: Tensor, values: Tensor) -> Tensor:
    """Return weights (…) in the shape that multiplies values (…, *data_shape)."""
    return rearrange(weights, "... -> ..." + " ()" * (values.ndim - weights.ndim))
