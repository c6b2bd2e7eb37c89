"""Checks of the inputs of a model: shapes, dtypes and values of tensors, and numbers."""

from __future__ import annotations

import math
import operator

import torch
from torch import Tensor

from zoo.errors import InputError
from zoo.utils.text import excerpt


def check_tensor(value: object, where: str) -> None:
    """Check that a value is a tensor.

    Raises:
        InputError: it is not.
    """
    if not isinstance(value, Tensor):
        remedy = "Make it a tensor on the model's device: float32 for data, int64 for class numbers."
        raise InputError(f"expected a tensor, got {type(value).__name__}", where=where, remedy=remedy)


def check_data(x: Tensor, data_shape: tuple[int, ...]) -> None:
    """Check that data are floating-point numbers of shape (B, *data_shape).

    Raises:
        InputError: they are not.
    """
    check_tensor(x, "x")
    if x.shape[1:] != data_shape:
        shape = ", ".join(map(str, data_shape))
        raise InputError(f"expected data of shape (B, {shape}), got {tuple(x.shape)}", where="x")
    if not x.is_floating_point():
        raise InputError(
            f"expected floating-point data, got {x.dtype}",
            where="x",
            remedy="Scale the data as in training, for example "
            f"`x.float(){' / 255' if x.dtype == torch.uint8 else ''}`.",
        )


def check_mask(mask: Tensor, x: Tensor) -> None:
    """Check that a mask of observed values is bool and has the shape of the data.

    Raises:
        InputError: it is not, or has not.
    """
    check_tensor(mask, "mask")
    if mask.shape != x.shape or mask.dtype != torch.bool:
        raise InputError(
            f"expected a mask of shape {tuple(x.shape)} and type bool, got {tuple(mask.shape)} of {mask.dtype}",
            where="mask",
            remedy="It is True where a value was observed, such as `~x.isnan()`.",
        )


def check_no_labels(labels: Tensor | None) -> None:
    """Check that there are no labels for a model that is not conditional.

    Raises:
        InputError: there are labels.
    """
    if labels is not None:
        raise InputError(
            "expected no labels, because the model is not conditional",
            where="labels",
            remedy="Leave them out, or build the model with `classes: N`. Pass options by name.",
        )


def check_labels(labels: Tensor | None, batch: int, classes: int) -> None:
    """Check that labels are ``batch`` class numbers from 0 to ``classes`` − 1.

    Raises:
        InputError: labels are missing, or of another shape or type, or out of range.
    """
    if labels is None:
        raise InputError(
            f"the model is conditional on {classes} classes and needs a label for each example",
            where="labels",
            remedy=f"Pass `labels`, a tensor of class numbers from 0 to {classes - 1}, one for each example.",
        )
    check_tensor(labels, "labels")
    if labels.shape != (batch,) or labels.dtype != torch.long:
        raise InputError(
            f"expected ({batch},) class numbers of type int64, got {tuple(labels.shape)} of {labels.dtype}",
            where="labels",
        )
    # Reading the values would synchronise with the device, and would split a compiled step.
    if torch.compiler.is_compiling() or labels.device.type != "cpu" or not batch:
        return
    if not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise InputError(
            f"expected class numbers from 0 to {classes - 1}, got {int(labels.min())} to {int(labels.max())}",
            where="labels",
        )


def check_values(x: Tensor, bounds: tuple[float, float] | None) -> None:
    """Check that values are finite and within bounds.

    Raises:
        InputError: they are not.
    """
    if not x.numel():
        return
    low, high = (value.item() for value in x.detach().aminmax())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise InputError("expected finite numbers, got NaN or infinity", where="x")
    if bounds is None:
        return
    # float32 arithmetic may slightly exceed a bound, and 16-bit arithmetic more.
    slack = (bounds[1] - bounds[0]) * max(1e-4, torch.finfo(x.dtype).eps)
    if not bounds[0] - slack <= low <= high <= bounds[1] + slack:
        raise InputError(
            f"expected data in [{bounds[0]:g}, {bounds[1]:g}], got values from {low:g} to {high:g}",
            where="x",
            remedy="Scale the data as in training, which `model.preprocess` does with raw data. A model of data "
            "without limits is built with `data_range=None`.",
        )


def at_least_one(value: object, where: str, most: float = 2**31 - 1) -> int:
    """Return a number of examples, draws or rows as an int.

    Raises:
        InputError: it is not a whole number, less than 1, or too large.
    """
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = 0
    if number < 1:
        raise InputError(f"expected a whole number of at least 1, got {excerpt(value)}", where=where)
    if number > most:
        raise InputError(f"expected at most {most:,}, got {excerpt(value)}", where=where)
    return number
