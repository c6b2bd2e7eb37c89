"""Random changes of training images, with the transforms of torchvision."""

from __future__ import annotations

import hashlib
import importlib
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.errors import DataError
from zoo.spec.augment import AugmentSpec

_ERASED_AREA, _ERASED_PROPORTIONS = (0.02, 0.33), (0.3, 3.3)
"""The defaults of torchvision's RandomErasing, from Zhong et al. (2020)."""


class Augmentation:
    """Changes each image of a batch at random, independently of the others; size and dtype stay the same.

    The changes depend only on the seed and on the examples of the batch and their order. They are therefore the same in
    every process and after an interrupted epoch is continued, and differ between epochs, since the order does. The
    state of torch's random number generator is not changed.

    Args:
        spec: the changes to apply.
        shape: channels, height and width of an image.
        background: stored value of each channel that fills empty areas.
        seed: seed of the random numbers.

    Raises:
        DataError: torchvision cannot be imported.

    Source:
        https://docs.pytorch.org/vision/stable/transforms.html (v2); erasing: Zhong, Zheng, Kang, Li & Yang (2020),
        Random Erasing Data Augmentation, section 3. https://arxiv.org/abs/1708.04896

    Example:
        >>> flips = Augmentation(AugmentSpec(flip="horizontal"), (1, 1, 2), (0.0,), seed=0)
        >>> flips(torch.tensor([[0, 9]]).expand(1000, 1, 1, 2), np.arange(1000)).unique(dim=0).flatten(1)
        tensor([[0, 9],
                [9, 0]])
    """

    def __init__(
        self, spec: AugmentSpec, shape: tuple[int, int, int], background: tuple[float, ...], seed: int
    ) -> None:
        self._transforms = _transforms(spec, shape, background)
        self._seed = seed

    def __call__(self, images: Tensor, positions: Any) -> Tensor:
        """Return changed images (B, C, H, W).

        Args:
            images: stored images (B, C, H, W).
            positions: (B,) index of each image in its stored split.
        """
        if len(images) == 0:
            return images
        state = torch.get_rng_state()
        # Only the CPU generator, which the transforms use: torch.manual_seed would also seed the GPUs.
        torch.default_generator.manual_seed(self._seed_of(np.asarray(positions)))
        try:
            return torch.stack([self._change(image) for image in images])
        finally:
            torch.set_rng_state(state)

    def _change(self, image: Tensor) -> Tensor:
        for transform in self._transforms:
            image = transform(image)
        return image

    def _seed_of(self, positions: np.ndarray[Any, Any]) -> int:
        content = f"augment/{self._seed}/".encode() + positions.astype("<i8").tobytes()
        return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little") >> 1


def _transforms(spec: AugmentSpec, shape: tuple[int, int, int], background: tuple[float, ...]) -> list[Any]:
    try:
        v2 = importlib.import_module("torchvision.transforms.v2")
    except Exception as error:  # a torchvision built for another torch raises RuntimeError, among others
        raise DataError(
            f"augmentation needs torchvision, which cannot be imported: {type(error).__name__}: {error}",
            where="data.augment",
            remedy="Install the version that matches this torch, `pip install torchvision`, or leave `augment` out.",
        ) from error
    fill = list(background) * (shape[0] if len(background) == 1 else 1)
    transforms = []
    if spec.flip in ("horizontal", "both"):
        transforms.append(v2.RandomHorizontalFlip())
    if spec.flip in ("vertical", "both"):
        transforms.append(v2.RandomVerticalFlip())
    if spec.rotate:
        transforms.append(v2.RandomRotation(spec.rotate, interpolation=v2.InterpolationMode.BILINEAR, fill=fill))
    if spec.crop:
        transforms.append(v2.RandomCrop(shape[1:], padding=spec.crop, fill=fill))
    if spec.erase:
        transforms.append(v2.RandomErasing(spec.erase, _ERASED_AREA, _ERASED_PROPORTIONS, value=fill))
    return transforms
