"""How long priors that are trained by gradients are fitted where the user does not say."""

from __future__ import annotations

from typing import Any

_MOST_PASSES = 500


def enough_steps(
    examples: int, steps: int, *, batch_size: int, lr: float, ema: float | None = None, chosen: int | None = None
) -> dict[str, Any]:
    """Return the fields of `fit` for about so many steps, whatever the number of examples, of Adam on a cosine.

    Of few examples they are fewer: more than 500 passes over them only take time.

    Args:
        batch_size: examples of a step, where the user has not ``chosen`` another number.

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
