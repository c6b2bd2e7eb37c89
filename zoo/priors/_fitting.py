"""Parts that priors trained by gradients share: the length of a fit, and the standard deviations of the latents."""

from __future__ import annotations

from typing import Any

from torch import Tensor

_MOST_PASSES = 500
_LEAST_SPREAD = 1e-3


def enough_steps(
    examples: int, steps: int, *, batch_size: int, lr: float, ema: float | None = None, chosen: int | None = None
) -> dict[str, Any]:
    """Return the fields of `fit` for about ``steps`` steps of Adam with a cosine schedule, for any number of examples.

    With few examples there are fewer steps: at most 500 passes over the data.

    Args:
        batch_size: number of examples in a step.
        chosen: the ``batch_size`` that the user has set instead; None if not set.

    Example:
        >>> enough_steps(50_000, 3000, batch_size=500, lr=1e-3)["epochs"]
        30
        >>> enough_steps(50_000, 3000, batch_size=500, lr=1e-3, chosen=100)["epochs"]
        6
    """
    batch_size = chosen or batch_size
    in_epoch = max(1, -(-examples // batch_size))
    epochs = min(-(-steps // in_epoch), _MOST_PASSES)
    return {
        "epochs": epochs,
        "batch_size": batch_size,
        "optimizer": {"name": "adam", "lr": lr},
        "schedule": "cosine",
        "ema": ema,
        "checkpoint_every": {"steps": max(in_epoch, epochs * in_epoch // 10)},
    }


def spread(latents: Tensor) -> Tensor:
    """Return the standard deviation of each column of latents (N, d), (d,), to standardise them with.

    It is at least a thousandth of the largest one: a latent that is hardly used in the training data, such as one of a
    sparse autoencoder, may be large in other data, and dividing it by a tiny deviation would overflow.
    """
    deviations = latents.std(0, correction=0)
    return deviations.clamp_min(_LEAST_SPREAD * deviations.max()).clamp_min(1e-6)
