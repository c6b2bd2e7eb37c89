"""Images in a folder."""

from __future__ import annotations

import copy
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
from zoo.formats.image_pixels import SIXTEEN_BITS, is_grey
from zoo.formats.image_reader import (
    ImageEntry,
    ImageReader,
    OnError,
    SkippedFiles,
    apply_to_all,
    expand_frames,
    first_size,
)
from zoo.formats.image_tree import FoundSplit, find_images
from zoo.registry import register
from zoo.spec.data_description import DataDescription
from zoo.spec.preparation_description import ReadingDescription

_MANY = 10_000
_SAMPLE_SIZE = 32
"""Number of files that are examined for probable mistakes."""
_NARROW = 1 / 8
"""If 16-bit images use at most this share of their range, the range is probably wrong."""
_PROPORTIONS = 1.1
"""Stretching is noted if it changes proportions by more than this factor."""


@register("dataset", "image_folder")
class ImageFolder(ImageDataset):
    """Images in a folder, with or without classes, with or without splits.

    Choose it for images of your own. The folder has one of these layouts::

        root/train/cat/1.png, root/val/cat/2.png, root/test/cat/3.png     splits of classes
        root/train/1.png, root/test/3.png                                 splits
        root/cat/1.png, root/dog/2.png                                    classes
        root/1.png                                                        images

    Splits have their usual names, in any case: ``train`` or ``training``; ``val``, ``valid``, ``validation`` or
    ``dev``; ``test``, ``testing`` or ``eval``; also ``training_set`` or ``val2017``. A missing split is taken from
    ``train``, with the size that the recipe states. Hidden files and those that operating systems create
    (``.ipynb_checkpoints``, ``__MACOSX``, ``Thumbs.db``) are ignored at every depth; other files that are not used are
    named in a note. Images of different sizes need the field ``resize`` of the data.

    Args:
        root: the folder.
        channels: 3 for colour, 1 for grey; images are converted. If all images are grey and have 3 channels, a note
            recommends 1.
        classes: whether folders are classes; false: the images of a split are read at any depth, without labels.
        background: colour behind transparent pixels and around padded images, such as ``white`` or ``"#ff8800"``;
            None: white behind transparent pixels, black around padded images.
        value_range: values that become 0 and 255 in images of more than 8 bits per pixel; None: 0 and 65535.
        frames: ``refuse`` a file with several pages or frames, use the ``first``, or make an example of ``all``.
        on_error: ``raise`` an error at the first file that cannot be read, or ``skip`` such files and name them in a
            note.
        max_image_mb: megabytes (10⁶ bytes) that decoding one file may need before it is resized. A file that needs more
            cannot be read, because a small file can contain a huge image.
        in_memory_limit_mb: images of up to this many megabytes in total are held in memory; more images are read from
            the folder on demand.
        size: an older way to state ``resize`` with ``fit: crop``.

    Shapes:
        examples (N, channels, height, width), uint8 from 0 to 255; labels (N,) if there are classes.

    Raises:
        DataError: there are no images, one cannot be read, or they differ in size; the message names the file.

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
        self._can_change_channels = True

    def adapted_to(self, like: DataDescription) -> ImageFolder:
        """Return a folder that is read for a trained model, for which the number of channels cannot be changed."""
        other = copy.copy(self)
        other._can_change_channels = False
        return other

    def load(self, note: Callable[[str], None], target: TargetSize | None = None) -> Collection:
        """Return the splits in the folder."""
        form = self._format if self._format.target else replace(self._format, target=target)
        found = find_images(self._root, classes=self._classes)
        if unused := found.unused.describe():
            note(f"{self._root}: {unused}")
        skipped = SkippedFiles()
        entries = {name: self._entries(split, skipped) for name, split in found.splits.items()}
        shape = self._shape(entries, form)
        total = sum(map(len, entries.values()))
        in_memory = total * shape[0] * shape[1] * shape[2] <= self._limit
        if total >= _MANY:
            note(f"{'reading' if in_memory else 'checking'} {total:,} images in {self._root}")
        read = self._read_all if in_memory else self._streamed
        splits, train = {}, list[ImageEntry]()
        for name, split in entries.items():
            kept, splits[name] = read(ImageReader(split, form, shape), skipped)
            train = kept if name == "train" else train
        if left_out := skipped.describe(sum(len(split.files) for split in found.splits.values())):
            note(f"{self._root}: {left_out}")
        _check_not_empty(splits, found.class_names)
        _note_stretching(train, form, self._root, note)
        if self._can_change_channels:
            _note_grey(train, form, self._root, note)
        _warn_of_narrow_range(train, form, self._root)
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

    def _entries(self, split: FoundSplit, skipped: SkippedFiles) -> list[ImageEntry]:
        labels = [None] * len(split.files) if split.labels is None else split.labels
        entries = [ImageEntry(file, label=label) for file, label in zip(split.files, labels, strict=True)]
        return expand_frames(entries, self._on_error, skipped) if self._format.frames == "all" else entries

    def _names(self, entries: Sequence[ImageEntry]) -> list[str]:
        """Return the paths of the files relative to the folder, with ``#frame`` if a file has several frames."""
        root = Path(self._root).expanduser().absolute()
        several = {entry.file for entry in entries if entry.frame}
        return [
            Path(entry.file).relative_to(root).as_posix() + (f"#{entry.frame}" if entry.file in several else "")
            for entry in entries
        ]

    def _shape(self, entries: Mapping[str, Sequence[ImageEntry]], form: ImageFormat) -> tuple[int, int, int]:
        if form.target is not None:
            return form.channels, form.target.height, form.target.width
        return form.channels, *first_size(entries["train"], form, self._on_error)

    def _read_all(self, reader: ImageReader, skipped: SkippedFiles) -> tuple[list[ImageEntry], Stored]:
        images = torch.empty(len(reader), *reader.shape, dtype=torch.uint8)
        kept: list[ImageEntry] = []
        for entry, image in apply_to_all(reader.image, reader.entries, self._on_error, skipped):
            images[len(kept)] = image
            kept.append(entry)
        return kept, Stored(images[: len(kept)], _labels(kept), self._names(kept))

    def _streamed(self, reader: ImageReader, skipped: SkippedFiles) -> tuple[list[ImageEntry], Stored]:
        # Checking the headers finds wrong files now instead of hours into training. To skip files that cannot be
        # decoded, each must be decoded once.
        check = reader.image if self._on_error == "skip" else reader.check_header
        kept = [entry for entry, _ in apply_to_all(check, reader.entries, self._on_error, skipped)]
        return kept, Stored(ImageReader(kept, reader.form, reader.shape), _labels(kept), self._names(kept))


def _check_not_empty(splits: Mapping[str, Stored], class_names: Sequence[str]) -> None:
    """Raise an error if all files of a split or a class were left out."""
    empty = [f"the {name} split" for name, stored in splits.items() if len(stored) == 0]
    labels = splits["train"].labels
    present = set() if labels is None else set(labels.tolist())
    empty += [f"the class {name!r} in the training split" for n, name in enumerate(class_names) if n not in present]
    if empty:
        raise DataError(
            f"no file of {empty[0]} can be read",
            where="root",
            remedy="Set `on_error: raise` to see the error of the first such file.",
        )


def _note_stretching(entries: Sequence[ImageEntry], form: ImageFormat, root: str, note: Callable[[str], None]) -> None:
    """Add a note if resizing changes the proportions of images considerably, which is rarely intended."""
    target = form.target
    if target is None or target.fit != "stretch":
        return
    for entry in _sample(entries):
        with opened(entry.file) as image:
            height, width = upright_size(image)
        change = height * target.width / (width * target.height)
        if max(change, 1 / change) > _PROPORTIONS:
            note(
                f"{root}: images are stretched, such as {entry.file} from {height} × {width} to "
                f"{target.height} × {target.width} (height × width); `fit: crop` or `fit: pad` keeps their proportions"
            )
            return


def _note_grey(entries: Sequence[ImageEntry], form: ImageFormat, root: str, note: Callable[[str], None]) -> None:
    """Add a note if all images are stored in grey but read in colour, which takes three times the memory."""
    if form.channels == 1:
        return
    for entry in _sample(entries):
        with opened(entry.file) as image:
            if not is_grey(image):
                return
    note(f"{root}: the images are grey, and are read with 3 equal channels; `channels: 1` reads them with one")


def _warn_of_narrow_range(entries: Sequence[ImageEntry], form: ImageFormat, root: str) -> None:
    """Warn of 16-bit images that use only a small part of their range, and would become almost black."""
    if form.value_range is not None or form.largest_value(entries[0].file) is None:
        return
    largest = max(form.largest_value(entry.file) or 0.0 for entry in _sample(entries))
    if 0 < largest <= _NARROW * SIXTEEN_BITS[1]:
        warnings.warn(
            f"16-bit images in {root} have values up to {largest:.0f}, and are scaled by the range 0 … 65535. "
            f"If this is not their range, set it, for example `value_range: [0, {largest:.0f}]`.",
            ZooWarning,
            stacklevel=3,
        )


def _sample(entries: Sequence[ImageEntry]) -> Sequence[ImageEntry]:
    return entries[:: max(1, len(entries) // _SAMPLE_SIZE)][:_SAMPLE_SIZE]


def _labels(entries: Sequence[ImageEntry]) -> torch.Tensor | None:
    labels = [entry.label for entry in entries if entry.label is not None]
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
