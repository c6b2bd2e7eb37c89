"""Checks of a network's inputs against the shapes that it was built for."""

from __future__ import annotations

from torch import Tensor

from zoo.errors import ComponentError, DataError


def check_batch(batch: Tensor, shape: tuple[int, ...], what: str) -> None:
    """Check that the examples of a batch have the shape ``shape``.

    Raises:
        DataError: the shape differs; the message has both.

    Example:
        >>> import torch
        >>> check_batch(torch.zeros(8, 3), (2,), "latents")
        Traceback (most recent call last):
        zoo.errors.DataError: expected latents of shape (B, 2), got (8, 3)
        ...
    """
    if batch.shape[1:] != shape or batch.dim() == 0:
        expected = ", ".join(("B", *map(str, shape)))
        raise DataError(
            f"expected {what} of shape ({expected}), got {tuple(batch.shape)}",
            remedy="The first dimension counts the examples: one example x goes in as x.unsqueeze(0)."
            if batch.shape == shape
            else "Build the model for this shape, or reshape the data to that of the model.",
        )


def check_condition(condition: Tensor | None, condition_dim: int, batch: int) -> None:
    """Check that a condition has the shape (batch, condition_dim), or is None if ``condition_dim`` is 0.

    Raises:
        ComponentError: the message names what was expected and what was found.

    Example:
        >>> check_condition(None, 0, 8)
        >>> check_condition(None, 10, 8)
        Traceback (most recent call last):
        zoo.errors.ComponentError: expected a condition of shape (8, 10), got none
        ...
    """
    if condition is None and condition_dim:
        raise ComponentError(
            f"expected a condition of shape ({batch}, {condition_dim}), got none",
            remedy="Pass the labels or times of the batch: this model was built with a condition.",
        )
    if condition is not None and not condition_dim:
        raise ComponentError(
            f"expected no condition, got one of shape {tuple(condition.shape)}",
            remedy="Leave the condition out, or build a conditional model: set `classes`.",
        )
    if condition is not None and condition.shape != (batch, condition_dim):
        raise ComponentError(
            f"expected a condition of shape ({batch}, {condition_dim}), got {tuple(condition.shape)}",
            remedy="Pass one condition vector for each example of the batch.",
        )


def check_map_shape(shape: tuple[int, ...], parameter: str, least: int = 8) -> tuple[int, tuple[int, ...]]:
    """Return the channels and the size of images (C, H, W) or series (C, L), at least 8 pixels or steps a side.

    Args:
        least: the smallest size of a side, if not 8.

    Raises:
        ComponentError: the shape is neither, or a side is shorter.

    Example:
        >>> check_map_shape((3, 32, 32), "data_shape"), check_map_shape((1, 100), "data_shape")
        ((3, (32, 32)), (1, (100,)))
    """
    if len(shape) not in (2, 3):
        raise ComponentError(
            f"expected images of shape (channels, height, width) or series of shape (channels, length), got {shape}",
            where=parameter,
            remedy="Use `mlp`, which takes data of any shape.",
        )
    channels, *size = shape
    if min(size) < least:
        what, sides = ("images", f"{least}×{least} pixels") if len(size) == 2 else ("series", f"{least} steps")
        raise ComponentError(
            f"expected {what} of at least {sides}, got {'×'.join(map(str, size))}",
            where=parameter,
            remedy="Use `mlp`, which takes data of any shape, or enlarge images by `data.resize`.",
        )
    return channels, tuple(size)


def check_image_shape(shape: tuple[int, ...], parameter: str) -> tuple[int, int, int]:
    """Return ``shape`` as channels, height and width of images of at least 8×8 pixels.

    Raises:
        ComponentError: the shape is not (C, H, W), or a side is shorter than 8.

    Example:
        >>> check_image_shape((3, 32, 32), "data_shape")
        (3, 32, 32)
    """
    if len(shape) != 3:
        raise ComponentError(
            f"expected images of shape (channels, height, width), got {shape}",
            where=parameter,
            remedy="Use `mlp`, which takes data of any shape.",
        )
    channels, (height, width) = check_map_shape(shape, parameter)
    return channels, height, width
