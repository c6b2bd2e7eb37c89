"""Your own images, from a folder."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

from zoo.datasets import Collection, Dataset, Stored
from zoo.datasets._image_reader import ImageReader, check_header, read_shape
from zoo.datasets._image_tree import FoundSplit, find_images
from zoo.errors import DataError
from zoo.registry import register

_THREADS, _MANY = 8, 10_000


@register("dataset", "image_folder")
class ImageFolder(Dataset):
    """Images in a folder: of classes or not, split into train, validation and test or not.

    Choose it for images of your own. The folder holds one of::

        root/train/cat/1.png, root/val/cat/2.png, root/test/cat/3.png     splits of classes
        root/train/1.png, root/test/3.png                                 splits
        root/cat/1.png, root/dog/2.png                                    classes
        root/1.png                                                        images

    ``val`` may be spelled ``validation``; a missing split is cut from ``train`` by the recipe's shares.

    Args:
        root: the folder.
        channels: 3 for colour, 1 for grey; images are converted.
        size: height and width to which each image is scaled, its overhang cropped equally on both sides;
            None: all images are of one size already.
        in_memory_limit_mb: up to so many megabytes (10⁶ bytes) in total, images are held in memory;
            above, they are read from the folder each time.

    Shapes:
        examples (N, channels, height, width), uint8 from 0 to 255.

    Raises:
        DataError: there are no images, one is broken, or they differ in size; the message names the file.

    Example:
        >>> import pathlib, tempfile
        >>> from PIL import Image
        >>> root = pathlib.Path(tempfile.mkdtemp())
        >>> for name in ("cat", "dog"):
        ...     (root / name).mkdir()
        ...     Image.new("RGB", (6, 4)).save(root / name / "1.png")
        >>> collection = ImageFolder(root=str(root)).load(print)
        >>> collection.splits["train"].examples.shape, collection.class_names
        (torch.Size([2, 3, 4, 6]), ('cat', 'dog'))
    """

    def __init__(
        self, *, root: str, channels: int = 3, size: list[int] | None = None, in_memory_limit_mb: int = 1024
    ) -> None:
        if channels not in (1, 3):
            raise DataError(f"expected 1 or 3 channels, got {channels}", where="channels")
        if size is not None and (len(size) != 2 or min(size) < 1):
            raise DataError(f"expected [height, width] in pixels, got {size}", where="size")
        self._root, self._channels = root, channels
        self._size = None if size is None else (size[0], size[1])
        self._limit = in_memory_limit_mb * 1_000_000

    def load(self, note: Callable[[str], None]) -> Collection:
        """Return the splits that the folder has."""
        found, class_names = find_images(self._root)
        height, width = self._size or read_shape(found["train"].files[0])
        total = sum(len(split.files) for split in found.values())
        in_memory = total * self._channels * height * width <= self._limit
        if total >= _MANY:
            note(f"{'reading' if in_memory else 'checking'} {total:,} images in {self._root}")
        splits = {}
        for name, split in found.items():
            crop = self._size is not None
            reader = ImageReader(split.files, (height, width), channels=self._channels, crop=crop)
            splits[name] = _held(reader, split) if in_memory else _streamed(reader, split)
        return Collection(splits=splits, stored_range=(0.0, 255.0), class_names=class_names)


def _held(reader: ImageReader, split: FoundSplit) -> Stored:
    images = torch.empty(len(reader), *reader.shape, dtype=torch.uint8)
    with ThreadPoolExecutor(_THREADS) as pool:
        for index, image in enumerate(pool.map(reader.image, split.files)):
            images[index] = image
    return Stored(images, _labels(split))


def _streamed(reader: ImageReader, split: FoundSplit) -> Stored:
    # A wrong file is better found now, from the headers, than hours into training.
    for file in split.files:
        check_header(file, None if reader.crop else reader.size)
    return Stored(reader, _labels(split))


def _labels(split: FoundSplit) -> torch.Tensor | None:
    return None if split.labels is None else torch.tensor(split.labels, dtype=torch.int64)
