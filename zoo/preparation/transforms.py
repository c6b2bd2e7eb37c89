"""The steps that prepare stored examples for a model: resizing and padding, scaling, binarisation."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.datasets import Fit, TargetSize
from zoo.preparation.draws import uniform


@dataclass(frozen=True)
class Geometry:
    """Resizes and pads stored images (B, C, H, W) without changing their dtype; by default it does nothing.

    Attributes:
        resize: height and width to resize to, with bilinear interpolation and antialiasing.
        pad: number of pixels to add on each side after resizing.
        background: stored value of padding, a number or one for each channel.
        fit: how images of other proportions are resized, as in :class:`zoo.datasets.TargetSize`.

    Example:
        >>> Geometry(resize=(4, 6), pad=1)(torch.zeros(2, 1, 8, 8, dtype=torch.uint8)).shape
        torch.Size([2, 1, 6, 8])
    """

    resize: tuple[int, int] | None = None
    pad: int = 0
    background: float | tuple[float, ...] = 0.0
    fit: Fit = "stretch"

    @property
    def changes(self) -> bool:
        """Whether images are resized or padded."""
        return self.resize is not None or self.pad > 0

    @property
    def target(self) -> TargetSize | None:
        """The size of images after resizing and before padding; None: they are not resized."""
        return None if self.resize is None else TargetSize(*self.resize, self.fit)

    def __call__(self, stored: Tensor) -> Tensor:
        """Map stored images (B, C, H, W) to (B, C, H', W') of the same dtype."""
        images = stored if self.target is None else self._fitted(stored, self.target)
        return self._padded(images, self.pad, self.pad, self.pad, self.pad) if self.pad else images

    def undo(self, images: Tensor, size: tuple[int, int]) -> Tensor:
        """Map images (B, C, H', W') back to the stored height and width, (B, C, H, W).

        Areas that were cut off are filled with background.

        Args:
            size: the stored height and width.
        """
        if self.pad:
            images = images[..., self.pad : -self.pad, self.pad : -self.pad]
        if self.target is not None:
            images = self._centred(images, *self.target.scaled(*size))
        if tuple(images.shape[-2:]) != tuple(size):
            images = F.interpolate(images, size=size, mode="bilinear", antialias=True)
        return images

    def _fitted(self, stored: Tensor, target: TargetSize) -> Tensor:
        height, width = target.scaled(*stored.shape[-2:])
        images = stored
        if tuple(stored.shape[-2:]) != (height, width):
            images = F.interpolate(stored.float(), size=(height, width), mode="bilinear", antialias=True)
            images = images if stored.is_floating_point() else images.round().clamp(0, 255).to(stored.dtype)
        return self._centred(images, target.height, target.width)

    def _centred(self, images: Tensor, height: int, width: int) -> Tensor:
        """Cut or pad images to a height and width, equally on both sides."""
        down, right = height - images.shape[-2], width - images.shape[-1]
        top, left = abs(down) // 2, abs(right) // 2
        if down < 0 or right < 0:
            images = images[..., top if down < 0 else 0 :, left if right < 0 else 0 :][..., :height, :width]
        if down > 0 or right > 0:
            down, right = max(0, down), max(0, right)
            top, left = down // 2, right // 2
            return self._padded(images, left, right - left, top, down - top)
        return images

    def _padded(self, images: Tensor, left: int, right: int, top: int, bottom: int) -> Tensor:
        if isinstance(self.background, tuple):
            height, width = images.shape[-2] + top + bottom, images.shape[-1] + left + right
            colour = torch.tensor(self.background, device=images.device).to(images.dtype).reshape(1, -1, 1, 1)
            padded = colour.expand(len(images), images.shape[1], height, width).clone()
            padded[..., top : height - bottom, left : width - right] = images
            return padded
        return F.pad(images, [left, right, top, bottom], value=self.background)


TARGET_RANGES: Mapping[str, tuple[float, float]] = {"unit": (0.0, 1.0), "symmetric": (-1.0, 1.0)}
"""The target ranges of the scalings that map the range of stored values to another range, by name."""


@dataclass(frozen=True)
class Scaling:
    """Maps stored values v to (v - shift) / span, float32.

    Attributes:
        shift: a number, or a tensor (*data_shape) with one value for each feature.
        span: a number, or a tensor (*data_shape).

    Example:
        >>> Scaling(span=255.0)(torch.tensor([[0, 51, 255]], dtype=torch.uint8))
        tensor([[0.0000, 0.2000, 1.0000]])
    """

    shift: float | Tensor = 0.0
    span: float | Tensor = 1.0

    @classmethod
    def onto(cls, target: tuple[float, float], stored: tuple[float, float]) -> Scaling:
        """Return the scaling that maps the range ``stored`` to the range ``target``."""
        (start, end), (low, high) = target, stored
        return cls((low * end - high * start) / (end - start), (high - low) / (end - start))

    def __call__(self, stored: Tensor) -> Tensor:
        """Map (B, *data_shape) of any dtype to a new float32 tensor."""
        if stored.dtype == torch.float64:  # a table, in which large numbers and dates would lose digits
            return ((stored - self.shift) / self.span).float()
        scaled = stored.to(torch.float32, copy=True)
        if isinstance(self.shift, Tensor) or self.shift != 0.0:
            scaled.sub_(self.shift)
        if isinstance(self.span, Tensor) or self.span != 1.0:
            scaled.div_(self.span)
        return scaled

    def undo(self, prepared: Tensor) -> Tensor:
        """Map prepared values (B, *data_shape) back to stored values, float64 on the CPU.

        In float32, values such as 10⁶ + x would lose digits.
        """
        shift, span = (torch.as_tensor(value, dtype=torch.float64).cpu() for value in (self.shift, self.span))
        return prepared.detach().cpu().double() * span + shift

    def after(self, gain: float, offset: float) -> Scaling:
        """Return the scaling of values v for which gain · v + offset are the values that this scaling takes."""
        return Scaling((self.shift - offset) / gain, self.span / gain)

    def to(self, device: torch.device) -> Scaling:
        """Return this scaling with its tensors on ``device``."""
        if not isinstance(self.shift, Tensor) and not isinstance(self.span, Tensor):
            return self
        shift, span = (value.to(device) if isinstance(value, Tensor) else value for value in (self.shift, self.span))
        return Scaling(shift, span)


class Binarisation(ABC):
    """Turns values in [0, 1] into 0 or 1."""

    @abstractmethod
    def __call__(self, values: Tensor, positions: Tensor) -> Tensor:
        """Map (B, *data_shape) in [0, 1] to 0.0 or 1.0.

        Args:
            positions: (B,) index of each example in its stored split.
        """


@dataclass(frozen=True)
class Threshold(Binarisation):
    """1 if the value is above 0.5, else 0."""

    def __call__(self, values: Tensor, positions: Tensor) -> Tensor:
        return (values > 0.5).to(values.dtype)


@dataclass(frozen=True)
class StaticDraw(Binarisation):
    """1 with the value as its probability, drawn once: an example always has the same pixels.

    Attributes:
        seed: seed of the random numbers.
        stream: a name; different streams of the same seed are independent.

    Source:
        Salakhutdinov & Murray (2008), On the Quantitative Analysis of Deep Belief Networks, section 5.
        https://doi.org/10.1145/1390156.1390266
    """

    seed: int
    stream: str

    def __call__(self, values: Tensor, positions: Tensor) -> Tensor:
        columns = math.prod(values.shape[1:])
        noise = uniform(self.seed, self.stream, positions, columns).to(values.device).reshape(values.shape)
        return (noise < values).to(values.dtype)


@dataclass(frozen=True)
class DynamicDraw(Binarisation):
    """1 with the value as its probability, drawn each time from torch's global CPU generator.

    Source:
        Burda, Grosse & Salakhutdinov (2016), Importance Weighted Autoencoders, appendix D.
        https://arxiv.org/abs/1509.00519
    """

    def __call__(self, values: Tensor, positions: Tensor) -> Tensor:
        if values.device.type == "cpu":
            return (torch.rand(values.shape) < values).to(values.dtype)
        # The draw is seeded with one number from the CPU generator, whose state a run saves. Drawing every pixel on the
        # CPU and copying it would take longer than the training step itself.
        seed = int(torch.randint(2**63 - 1, ()))
        generator = torch.Generator(values.device).manual_seed(seed)
        noise = torch.rand(values.shape, device=values.device, generator=generator)
        return (noise < values).to(values.dtype)
