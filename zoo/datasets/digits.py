"""Small images of handwritten digits, which are part of the package."""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable

import numpy as np
import torch

from zoo.datasets import Collection, Dataset, Stored
from zoo.registry import register


@register("dataset", "digits")
class Digits(Dataset):
    """1,797 images of handwritten digits with 8×8 pixels, which are part of the package: nothing is downloaded.

    Choose it for a first run, a lesson or a test: a model trains on it in seconds. The source has no splits; they are
    drawn with the sizes that the recipe states.

    Shapes:
        examples (1797, 1, 8, 8), uint8 from 0 to 16; labels (1797,) from 0 to 9.

    Source:
        Alpaydin & Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning Repository.
        https://doi.org/10.24432/C50P49

    Example:
        >>> collection = Digits().load(print)
        >>> collection.splits["train"].examples.shape, collection.stored_range
        (torch.Size([1797, 1, 8, 8]), (0.0, 16.0))
    """

    def __init__(self) -> None: ...

    def load(self, note: Callable[[str], None]) -> Collection:
        """Return all images as ``train``, in the order of the source."""
        file = importlib.resources.files("zoo.datasets") / "digits.npz"
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as archive:
            examples = torch.from_numpy(archive["examples"])
            labels = torch.from_numpy(archive["labels"]).long()
        return Collection(
            splits={"train": Stored(examples, labels)},
            stored_range=(0.0, 16.0),
            class_names=tuple("0123456789"),
            citation="Alpaydin & Kaynak (1998), Optical Recognition of Handwritten Digits, "
            "UCI Machine Learning Repository. https://doi.org/10.24432/C50P49",
            licence="CC-BY-4.0",
        )
