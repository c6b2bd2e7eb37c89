"""Converts the inputs of items to tensors of one shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from zoo.datasets import ImageFormat
from zoo.errors import DataError
from zoo.formats.image_pixels import is_grey
from zoo.preparation.images import is_pil_image
from zoo.preparation.raw import stored_examples, tensor_of_numbers
from zoo.spec.data_description import DataDescription


class ItemConverter:
    """Converts the inputs of items to tensors, and checks that all items have the same shape.

    Args:
        like: the description of a model's data; inputs are converted to the form in which those are stored.

    Attributes:
        shape: shape of one item; None before the first one.
        channels: number of channels of Pillow images; None for other inputs.
    """

    def __init__(self, like: DataDescription | None) -> None:
        self._like = like
        self.shape: tuple[int, ...] | None = None
        self.channels: int | None = None

    def __call__(self, inputs: Any) -> Tensor:
        if self._like is not None:
            whole = torch.stack(list(inputs)) if _are_tensors(inputs) else inputs
            return stored_examples(list(whole) if _are_images(whole) else whole, self._like)
        values = self._tensor(inputs)
        if self.shape is None:
            self.shape = tuple(values.shape[1:])
        if tuple(values.shape[1:]) != self.shape:
            raise _different_shapes(self.shape, tuple(values.shape[1:]))
        if values.ndim not in (2, 3, 4):
            raise DataError(
                f"expected items (D,), (H, W) or (C, H, W), got {tuple(values.shape[1:])}",
                where="x",
                remedy="Reshape a single feature to (1,).",
            )
        return values

    def _tensor(self, inputs: Any) -> Tensor:
        if isinstance(inputs, Tensor):
            values = inputs.detach().cpu()
        elif _are_images(inputs):
            return self._images(inputs)
        elif _are_tensors(inputs):
            shapes = {tuple(each.shape) for each in inputs}
            if len(shapes) > 1:
                raise _different_shapes(*sorted(shapes)[:2])
            values = torch.stack([each.detach().cpu() for each in inputs])
        else:
            values = tensor_of_numbers(inputs)
        if values.is_complex():
            raise DataError(f"expected real numbers, got {values.dtype}", where="x")
        if values.is_floating_point():
            return values.float()
        return values if values.dtype in (torch.uint8, torch.bool) else values.to(torch.int64)

    def _images(self, images: Sequence[Any]) -> Tensor:
        if self.channels is None:
            self.channels = 1 if is_grey(images[0]) else 3
        form = ImageFormat(channels=self.channels)
        read = [form.read(image) for image in images]
        shapes = {tuple(each.shape) for each in read}
        if len(shapes) > 1:
            raise _different_shapes(*sorted(shapes)[:2])
        return torch.stack(read)


def _are_tensors(inputs: Any) -> bool:
    return isinstance(inputs, (list, tuple)) and bool(inputs) and all(isinstance(each, Tensor) for each in inputs)


def _are_images(inputs: Any) -> bool:
    return isinstance(inputs, (list, tuple)) and bool(inputs) and all(map(is_pil_image, inputs))


def _different_shapes(one: tuple[int, ...], other: tuple[int, ...]) -> DataError:
    return DataError(
        f"expected items of one shape, got {one} and {other}",
        where="x",
        remedy="Convert them to one shape in the data set, for example with a transform that resizes.",
    )
