"""Writes small image files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from zoo.datasets.image_folder import ImageFolder

HEIGHT, WIDTH = 4, 6


def pixels(seed: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Return random colours (height, width, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def save(path: Path, image: np.ndarray | Image.Image | int = 0, **options) -> Path:
    """Write an image; a number is the seed of a random one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    array = pixels(image) if isinstance(image, int) else image
    (array if isinstance(array, Image.Image) else Image.fromarray(array)).save(path, **options)
    return path


def load(root, target=None, note=lambda message: None, **options):
    """Load a folder as the dataset does for a recipe."""
    return ImageFolder(root=str(root), **options).load(note, target)


def sizes(collection) -> dict[str, int]:
    """Return the number of examples in each split."""
    return {name: len(stored) for name, stored in collection.splits.items()}
