"""Your own images, from a folder."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from zoo.datasets import Collection, ImageDataset, Stored, TargetSize
from zoo.errors import DataError, ZooWarning
from zoo.formats.image_file import opened, upright_size
from zoo.formats.image_format import Frames, ImageFormat
from zoo.formats.image_pixels import SIXTEEN_BITS
from zoo.formats.image_reader import (
    ImagePlace,
    ImageReader,
    OnError,
    Skipped,
    apply_to_all,
    expand_frames,
    first_size,
)
from zoo.formats.image_tree import FoundSplit, find_images
from zoo.registry import register
from zoo.spec.data_description import ReadingDescription

_MANY = 10_000
_LOOK_AT = 32
"""Files that are looked at for what may be a mistake."""
_DARK = 1 / 8
"""Images of 16 bits that use no more of their range than this hardly mean to."""
_PROPORTIONS = 1.1
"""Stretching is mentioned when it changes proportions by more than this factor."""


@register("dataset", "image_folder")
class ImageFolder(ImageDataset):
    """Images in a folder: of classes or not, split into train, validation and test or not.

    Choose it for images of your own. The folder holds one of::

        root/train/cat/1.png, root/val/cat/2.png, root/test/cat/3.png     splits of classes
        root/train/1.png, root/test/3.png                                 splits
        root/cat/1.png, root/dog/2.png                                    classes
        root/1.png                                                        images

    Splits go by their usual names, in any case: ``train`` or ``training``; ``val``, ``valid``, ``validation`` or
    ``dev``; ``test``, ``testing`` or ``eval``; also ``training_set`` or ``val2017``. A missing one is cut from
    ``train`` by the recipe's shares. Hidden files and what systems leave behind (``.ipynb_checkpoints``,
    ``__MACOSX``, ``Thumbs.db``) are passed over at every depth; what else is not used is named in a note. The field
    ``resize`` of the data brings images of any size to one.

    Args:
        root: the folder.
        channels: 3 for colour, 1 for grey; images are converted.
        classes: take folders as classes; false: read the images of a split at any depth, without labels.
        background: colour behind transparent pixels and around padded images, such as ``white`` or ``"#ff8800"``;
            None: white behind transparent pixels, black around padded images.
        value_range: values that become 0 and 255 in images of more than 8 bits a pixel; None: 0 and 65535.
        frames: pages or frames of one file: ``refuse`` a file with several, use the ``first``, or make ``all``
            examples.
        on_error: ``raise`` at the first file that cannot be read, or ``skip`` all such files and note how many and
            which they are.
        max_image_mb: megabytes (10⁶ bytes) that decoding one file may take, before it is scaled down; a larger one
            cannot be read, since a small file can hold a huge image.
        in_memory_limit_mb: up to this many megabytes in total, images are held in memory; above, they are
            read from the folder each time.
        size: another name of the field ``resize`` with ``fit: crop``.

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

    path_options = ("root",)

    @classmethod
    def options_for(cls, path: str) -> dict[str, Any] | None:
        """Return the option for a folder."""
        return {"root": path} if Path(path).expanduser().is_dir() else None

    def __init__(
        self,
        *,
        root: str,
        channels: int = 3,
        classes: bool = True,
        background: str | None = None,
        value_range: list[float] | None = None,
        frames: Frames = "refuse",
        on_error: OnError = "raise",
        max_image_mb: int = 1024,
        in_memory_limit_mb: int = 1024,
        size: list[int] | None = None,
    ) -> None:
        if channels not in (1, 3):
            raise DataError(f"expected 1 or 3 channels, got {channels}", where="channels")
        if size is not None and (len(size) != 2 or min(size) < 1):
            raise DataError(f"expected [height, width] in pixels, got {size}", where="size")
        if value_range is not None and not (len(value_range) == 2 and value_range[0] < value_range[1]):
            raise DataError(f"expected [smallest, largest], got {value_range}", where="value_range")
        _check_colour(background)
        self._root, self._classes, self._on_error = root, classes, on_error
        self._size = None if size is None else (size[0], size[1])
        self._format = ImageFormat(
            channels=channels,
            target=None if self._size is None else TargetSize(*self._size, "crop"),
            background=background,
            value_range=None if value_range is None else (value_range[0], value_range[1]),
            frames=frames,
            max_image_mb=max_image_mb,
        )
        self._limit = in_memory_limit_mb * 1_000_000

    def load(self, note: Callable[[str], None], target: TargetSize | None = None) -> Collection:
        """Return the splits that the folder has."""
        form = self._format if self._format.target else replace(self._format, target=target)
        found = find_images(self._root, classes=self._classes)
        if unused := found.leftovers.describe():
            note(f"{self._root}: {unused}")
        skipped = Skipped()
        places = {name: self._places(split, skipped) for name, split in found.splits.items()}
        shape = self._shape(places, form)
        total = sum(map(len, places.values()))
        in_memory = total * shape[0] * shape[1] * shape[2] <= self._limit
        if total >= _MANY:
            note(f"{'reading' if in_memory else 'checking'} {total:,} images in {self._root}")
        read = self._held if in_memory else self._streamed
        splits, train = {}, list[ImagePlace]()
        for name, split in places.items():
            kept, splits[name] = read(ImageReader(split, form, shape), skipped)
            train = kept if name == "train" else train
        if left_out := skipped.describe(sum(len(split.files) for split in found.splits.values())):
            note(f"{self._root}: {left_out}")
        _check_rest(splits, found.class_names)
        _mention_stretching(train, form, self._root, note)
        _doubt_range(train, form, self._root)
        return Collection(
            splits=splits,
            stored_range=(0.0, 255.0),
            class_names=found.class_names,
            layout="no_channels" if form.channels == 1 else "channels_last",
            title=Path(self._root).name,
            facts={"skipped": dict(skipped.reasons)} if skipped.reasons else {},
            reading=ReadingDescription.model_validate(
                {
                    "channels": form.channels,
                    "size": self._size,
                    "background": form.background,
                    "value_range": form.value_range,
                }
            ),
            background=form.padding,
        )

    def _places(self, split: FoundSplit, skipped: Skipped) -> list[ImagePlace]:
        labels = [None] * len(split.files) if split.labels is None else split.labels
        places = [ImagePlace(file, label=label) for file, label in zip(split.files, labels, strict=True)]
        return expand_frames(places, self._on_error, skipped) if self._format.frames == "all" else places

    def _names(self, places: Sequence[ImagePlace]) -> list[str]:
        """Return the files as they are called below the folder, with their frames where a file has several."""
        root = Path(self._root).expanduser().absolute()
        several = {place.file for place in places if place.frame}
        return [
            Path(place.file).relative_to(root).as_posix() + (f"#{place.frame}" if place.file in several else "")
            for place in places
        ]

    def _shape(self, places: Mapping[str, Sequence[ImagePlace]], form: ImageFormat) -> tuple[int, int, int]:
        if form.target is not None:
            return form.channels, form.target.height, form.target.width
        return form.channels, *first_size(places["train"], form, self._on_error)

    def _held(self, reader: ImageReader, skipped: Skipped) -> tuple[list[ImagePlace], Stored]:
        images = torch.empty(len(reader), *reader.shape, dtype=torch.uint8)
        kept: list[ImagePlace] = []
        for place, image in apply_to_all(reader.image, reader.places, self._on_error, skipped):
            images[len(kept)] = image
            kept.append(place)
        return kept, Stored(images[: len(kept)], _labels(kept), self._names(kept))

    def _streamed(self, reader: ImageReader, skipped: Skipped) -> tuple[list[ImagePlace], Stored]:
        # A wrong file is better found now, from the headers, than hours into training. Which files are to be left out
        # is known only when all of each has been decoded.
        check = reader.image if self._on_error == "skip" else reader.check_header
        kept = [place for place, _ in apply_to_all(check, reader.places, self._on_error, skipped)]
        return kept, Stored(ImageReader(kept, reader.form, reader.shape), _labels(kept), self._names(kept))


def _check_rest(splits: Mapping[str, Stored], class_names: Sequence[str]) -> None:
    """Refuse a split or a class of which all files were left out."""
    empty = [f"the {name} split" for name, stored in splits.items() if len(stored) == 0]
    labels = splits["train"].labels
    present = set() if labels is None else set(labels.tolist())
    empty += [f"the class {name!r} in the training split" for n, name in enumerate(class_names) if n not in present]
    if empty:
        raise DataError(
            f"no file of {empty[0]} can be read",
            where="root",
            remedy="With `on_error: raise`, the first of them is named.",
        )


def _mention_stretching(
    places: Sequence[ImagePlace], form: ImageFormat, root: str, note: Callable[[str], None]
) -> None:
    """Note that proportions change a lot, which is rarely intended."""
    target = form.target
    if target is None or target.fit != "stretch":
        return
    for place in _some(places):
        with opened(place.file) as image:
            height, width = upright_size(image)
        change = height * target.width / (width * target.height)
        if max(change, 1 / change) > _PROPORTIONS:
            note(
                f"{root}: images are stretched, such as {place.file} from {height} × {width} to "
                f"{target.height} × {target.width} (height × width); `fit: crop` or `fit: pad` keeps proportions"
            )
            return


def _doubt_range(places: Sequence[ImagePlace], form: ImageFormat, root: str) -> None:
    """Warn of images of 16 bits that use little of their range, and so become nearly black."""
    if form.value_range is not None or form.largest_value(places[0].file) is None:
        return
    largest = max(form.largest_value(place.file) or 0.0 for place in _some(places))
    if 0 < largest <= _DARK * SIXTEEN_BITS[1]:
        warnings.warn(
            f"images of 16 bits in {root} hold values up to {largest:.0f}, and are scaled by the range 0 … 65535. "
            f"If that is not theirs, state it: `value_range: [0, {largest:.0f}]`.",
            ZooWarning,
            stacklevel=3,
        )


def _some(places: Sequence[ImagePlace]) -> Sequence[ImagePlace]:
    return places[:: max(1, len(places) // _LOOK_AT)][:_LOOK_AT]


def _labels(places: Sequence[ImagePlace]) -> torch.Tensor | None:
    labels = [place.label for place in places if place.label is not None]
    return torch.tensor(labels, dtype=torch.int64) if labels else None


def _check_colour(colour: str | None) -> None:
    from PIL import ImageColor

    try:
        ImageColor.getrgb(colour or "white")
    except ValueError as error:
        raise DataError(
            f"expected a colour, got {colour!r}",
            where="background",
            remedy='Write a name such as `white`, or red, green and blue as "#ff8800".',
        ) from error
