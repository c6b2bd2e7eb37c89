"""The size to which images are resized."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Fit = Literal["stretch", "crop", "pad"]


@dataclass(frozen=True)
class TargetSize:
    """The size to which images are resized, and how.

    Attributes:
        height: in pixels.
        width: in pixels.
        fit: ``stretch`` scales height and width separately, so proportions change; ``crop`` scales the image until it
            covers the target, and cuts both sides equally; ``pad`` scales it until it fits inside the target, and adds
            background to both sides equally.

    Example:
        >>> from zoo.datasets import TargetSize
        >>> TargetSize(32, 32, "crop").scaled(64, 128), TargetSize(32, 32, "pad").scaled(64, 128)
        ((32, 64), (16, 32))
    """

    height: int
    width: int
    fit: Fit = "stretch"

    def scaled(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width to scale an image to, before it is cropped or padded."""
        if self.fit == "stretch":
            return self.height, self.width
        factors = self.height / height, self.width / width
        factor = max(factors) if self.fit == "crop" else min(factors)
        wanted = max(1, round(height * factor)), max(1, round(width * factor))
        # Rounding must leave no gap when cropping, and no overhang when padding.
        limit = max if self.fit == "crop" else min
        return limit(wanted[0], self.height), limit(wanted[1], self.width)
