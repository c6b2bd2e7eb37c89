"""How long priors that are trained by gradients are fitted where the user does not say."""

from __future__ import annotations

from typing import Any


def enough_steps(examples: int, steps: int, *, batch_size: int, lr: float, ema: float | None = None) -> dict[str, Any]:
    """Return the fields of `fit` for about so many steps, whatever the number of examples, of Adam on a cosine.

    Example:
        >>> enough_steps(50_000, 3000, batch_size=500, lr=1e-3)["epochs"]
        30
    """
    in_epoch = max(1, examples // batch_size)
    return {
        "epochs": -(-steps // in_epoch),
        "batch_size": batch_size,
        "optimizer": {"name": "adam", "lr": lr},
        "schedule": "cosine",
        "ema": ema,
        "checkpoint_every": {"steps": max(in_epoch, steps // 10)},
    }
