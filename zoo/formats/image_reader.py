"""Reads many image files, all at once or in batches; files that cannot be read raise an error or are left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeVar

import torch
from torch import Tensor

from zoo.errors import DataError
from zoo.formats.image_file import UnreadableImageError, frame_count, opened, upright_size
from zoo.formats.image_format import ImageFormat
from zoo.formats.names import listed

OnError = Literal["raise", "skip"]
R = TypeVar("R")
_THREADS, _AT_ONCE = 8, 256
_MOST_SIZES = 2000
"""Number of files whose sizes are counted for the error about different sizes."""


class ImageEntry(NamedTuple):
    """The file of one example, the frame in that file, and the number of its class."""

    file: str
    frame: int = 0
    label: int | None = None


@dataclass
class SkippedFiles:
    """The files that were left out, with the reason for each."""

    reasons: dict[str, str] = field(default_factory=dict)

    def describe(self, total: int) -> str | None:
        """Return a phrase that says how many files were left out, and why; None if none were.

        Args:
            total: number of all files.
        """
        if not self.reasons:
            return None
        return f"left out {len(self.reasons):,} of {total:,} image files: {listed(self.reasons.values(), 3)}"


class ImageReader:
    """Reads the images of a list of entries on demand.

    Args:
        entries: the files, with their frames and classes.
        form: how to convert a file to an example.
        shape: channels, height and width of each example.
    """

    def __init__(self, entries: Sequence[ImageEntry], form: ImageFormat, shape: tuple[int, int, int]) -> None:
        self.entries, self.form, self.shape = list(entries), form, shape

    def __len__(self) -> int:
        return len(self.entries)

    def read(self, indices: Sequence[int]) -> tuple[Tensor, None]:
        """Return the images (B, C, H, W) at ``indices``, uint8, and None, since the split has the labels."""
        images = [self.image(self.entries[index]) for index in indices]
        return torch.stack(images) if images else torch.empty(0, *self.shape, dtype=torch.uint8), None

    def image(self, entry: ImageEntry) -> Tensor:
        """Return one image (C, H, W), uint8.

        Raises:
            UnreadableImageError: the file cannot be used.
            DataError: the image has another size than the rest.
        """
        image = self.form.read(entry.file, entry.frame)
        self.check_size(entry.file, tuple(image.shape[1:]))
        return image

    def check_header(self, entry: ImageEntry) -> None:
        """Raise the same errors as :meth:`image`, as far as they can be found in the header of the file."""
        with opened(entry.file, entry.frame) as image:
            self.check_size(entry.file, upright_size(image))
            self.form.check_header(image, entry.file)

    def check_size(self, file: str, size: tuple[int, ...]) -> None:
        """Raise a :class:`DataError` if an image has another size than the rest and images are not resized."""
        if self.form.target is None and size != self.shape[1:]:
            raise _different_sizes(file, (size[0], size[1]), [entry.file for entry in self.entries])


def apply_to_all(
    work: Callable[[ImageEntry], R], entries: Sequence[ImageEntry], on_error: OnError, skipped: SkippedFiles
) -> Iterator[tuple[ImageEntry, R]]:
    """Yield each entry with the result of ``work`` for it, in order; several threads do the work.

    Args:
        on_error: whether to ``raise`` the error of a file that cannot be used, or to ``skip`` the file.
        skipped: receives the files that are skipped.

    Raises:
        UnreadableImageError: a file cannot be used, with ``on_error="raise"``.
    """

    def attempt(entry: ImageEntry) -> R | UnreadableImageError:
        try:
            return work(entry)
        except UnreadableImageError as error:
            return error

    with ThreadPoolExecutor(_THREADS) as pool:
        # In parts, so that results do not pile up in memory before they are consumed.
        for start in range(0, len(entries), _AT_ONCE):
            part = entries[start : start + _AT_ONCE]
            for entry, result in zip(part, pool.map(attempt, part), strict=True):
                if not isinstance(result, UnreadableImageError):
                    yield entry, result
                elif on_error == "raise":
                    raise result
                else:
                    skipped.reasons.setdefault(entry.file, result.problem)


def expand_frames(entries: Sequence[ImageEntry], on_error: OnError, skipped: SkippedFiles) -> list[ImageEntry]:
    """Return an entry for each frame of each file."""

    def count(entry: ImageEntry) -> int:
        with opened(entry.file) as image:
            return frame_count(image)

    return [
        ImageEntry(entry.file, frame, entry.label)
        for entry, frames in apply_to_all(count, entries, on_error, skipped)
        for frame in range(frames)
    ]


def first_size(entries: Iterable[ImageEntry], form: ImageFormat, on_error: OnError) -> tuple[int, int]:
    """Return the height and width of the first image whose header is accepted.

    Raises:
        DataError: there is no such image.
    """
    failure: UnreadableImageError | None = None
    for entry in entries:
        try:
            with opened(entry.file, entry.frame) as image:
                form.check_header(image, entry.file)
                return upright_size(image)
        except UnreadableImageError as error:
            if on_error == "raise":
                raise
            failure = failure or error
    raise DataError("none of the image files can be read", where="root", remedy=str(failure) if failure else None)


def _different_sizes(file: str, size: tuple[int, int], files: list[str]) -> DataError:
    """Return the error for images of different sizes, with the number of files of each size and an example."""
    counts, examples = Counter[tuple[int, int]](), dict[tuple[int, int], str]()
    for other in files[:_MOST_SIZES]:
        try:
            with opened(other) as image:
                found = upright_size(image)
        except UnreadableImageError:
            continue
        counts[found] += 1
        examples.setdefault(found, other)
    counts[size] += 0 if file in files[:_MOST_SIZES] else 1
    examples[size] = file
    sizes = [
        f"{height} × {width} ({count:,} {'file' if count == 1 else 'files, such as'} {examples[height, width]})"
        for (height, width), count in counts.most_common()
    ]
    ((height, width), _), *_ = counts.most_common(1)
    return DataError(
        f"expected images of one size, got (height × width) {listed(sizes, 4)}",
        where="root",
        remedy=f"Resize them, for example with `resize: [{height}, {width}]` and `fit: crop` or `fit: pad`.",
    )
