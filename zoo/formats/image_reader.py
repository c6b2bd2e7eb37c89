"""Reading many image files, all at once or a batch at a time; broken files raise an error or are left out."""

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
"""Files whose size is looked up to describe sizes that differ."""


class ImagePlace(NamedTuple):
    """Where one example is read from: a file, one of its frames, and the number of its class."""

    file: str
    frame: int = 0
    label: int | None = None


@dataclass
class Skipped:
    """The files that were left out, and why."""

    reasons: dict[str, str] = field(default_factory=dict)

    def describe(self, total: int) -> str | None:
        """Return in one sentence how many files were left out, and which; None if none were."""
        if not self.reasons:
            return None
        return f"left out {len(self.reasons):,} of {total:,} image files: {listed(self.reasons.values(), 3)}"


class ImageReader:
    """The images of a list of places, read on demand.

    Args:
        shape: channels, height and width of each.
    """

    def __init__(self, places: Sequence[ImagePlace], form: ImageFormat, shape: tuple[int, int, int]) -> None:
        self.places, self.form, self.shape = list(places), form, shape

    def __len__(self) -> int:
        return len(self.places)

    def read(self, indices: Sequence[int]) -> tuple[Tensor, None]:
        """Return the images (B, C, H, W) at ``indices``; labels are known beforehand."""
        images = [self.image(self.places[index]) for index in indices]
        return torch.stack(images) if images else torch.empty(0, *self.shape, dtype=torch.uint8), None

    def image(self, place: ImagePlace) -> Tensor:
        """Return one image (C, H, W), uint8.

        Raises:
            UnreadableImageError: the file cannot be used.
            DataError: it is of another size.
        """
        image = self.form.read(place.file, place.frame)
        self.check_size(place.file, tuple(image.shape[1:]))
        return image

    def check_header(self, place: ImagePlace) -> None:
        """Refuse a file by its header alone, for the same reasons as :meth:`image`."""
        with opened(place.file, place.frame) as image:
            self.check_size(place.file, upright_size(image))
            self.form.check_header(image, place.file)

    def check_size(self, file: str, size: tuple[int, ...]) -> None:
        """Refuse an image of another size, unless all are brought to one."""
        if self.form.target is None and size != self.shape[1:]:
            raise _different_sizes(file, (size[0], size[1]), [place.file for place in self.places])


def apply_to_all(
    work: Callable[[ImagePlace], R], places: Sequence[ImagePlace], on_error: OnError, skipped: Skipped
) -> Iterator[tuple[ImagePlace, R]]:
    """Yield each place with what ``work`` returns for it, in order, on several threads.

    Args:
        skipped: receives the files that cannot be used, if they are to be left out.

    Raises:
        UnreadableImageError: a file cannot be used, if that is to be raised.
    """

    def attempt(place: ImagePlace) -> R | UnreadableImageError:
        try:
            return work(place)
        except UnreadableImageError as error:
            return error

    with ThreadPoolExecutor(_THREADS) as pool:
        # In parts, so that results that are not consumed yet do not accumulate in memory.
        for start in range(0, len(places), _AT_ONCE):
            part = places[start : start + _AT_ONCE]
            for place, result in zip(part, pool.map(attempt, part), strict=True):
                if not isinstance(result, UnreadableImageError):
                    yield place, result
                elif on_error == "raise":
                    raise result
                else:
                    skipped.reasons.setdefault(place.file, result.problem)


def expand_frames(places: Sequence[ImagePlace], on_error: OnError, skipped: Skipped) -> list[ImagePlace]:
    """Return a place for each frame of each file."""

    def count(place: ImagePlace) -> int:
        with opened(place.file) as image:
            return frame_count(image)

    return [
        ImagePlace(place.file, frame, place.label)
        for place, frames in apply_to_all(count, places, on_error, skipped)
        for frame in range(frames)
    ]


def first_size(places: Iterable[ImagePlace], form: ImageFormat, on_error: OnError) -> tuple[int, int]:
    """Return the height and width of the first image that is not refused by its header."""
    failure: UnreadableImageError | None = None
    for place in places:
        try:
            with opened(place.file, place.frame) as image:
                form.check_header(image, place.file)
                return upright_size(image)
        except UnreadableImageError as error:
            if on_error == "raise":
                raise
            failure = failure or error
    raise DataError("none of the image files can be read", where="root", remedy=str(failure) if failure else None)


def _different_sizes(file: str, size: tuple[int, int], files: list[str]) -> DataError:
    """Return the error for images of several sizes, with the number of files of each size and an example."""
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
        remedy=f"Bring them to one size, for example `resize: [{height}, {width}]`, with `fit: crop` or `fit: pad`.",
    )
