"""Random changes of training images."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeInt

from zoo.spec.component import StrictModel


class AugmentSpec(StrictModel):
    """Random changes of training images, which keep their size: in this order, each image on its own.

    Example:
        >>> AugmentSpec(flip="horizontal", crop=4).rotate
        0.0
    """

    flip: Literal["none", "horizontal", "vertical", "both"] = Field(
        default="none", description="Mirror half of the images left to right, upside down, or each of the two."
    )
    rotate: float = Field(
        default=0.0, ge=0, le=180, description="Rotate by up to this many degrees in either direction."
    )
    crop: NonNegativeInt = Field(
        default=0,
        description="Add this many pixels of background on each side, then crop to the size at a random place.",
    )
    erase: float = Field(
        default=0.0, ge=0, le=1, description="Probability that a rectangle of 2 to 33 % of the image is blanked."
    )
