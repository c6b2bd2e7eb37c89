"""The pictures of a report, small enough to stand in one page."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import NamedTuple

from PIL import Image

from zoo.report.sheets import data_uri

_QUALITY = 88


class Picture(NamedTuple):
    """A picture as a data URI, and its size in pixels."""

    source: str
    width: int
    height: int


def compact(pictures: Mapping[str, bytes], budget: int) -> dict[str, Picture]:
    """Return PNG files as they are, or if they take more characters than a budget, the largest of them as WebP.

    A picture of photographs takes megabytes as PNG; as WebP it is a fifth of that, and its writing stays sharp.
    """
    sources = {name: data_uri(content, "image/png") for name, content in pictures.items()}
    for name in sorted(sources, key=lambda name: len(sources[name]), reverse=True):
        if sum(map(len, sources.values())) <= budget:
            break
        sources[name] = min(sources[name], _as_webp(pictures[name]), key=len)
    return {name: Picture(source, *_size(pictures[name])) for name, source in sources.items()}


def _as_webp(content: bytes) -> str:
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(content)) as picture:
        picture.convert("RGB").save(buffer, "WEBP", quality=_QUALITY, method=4)
    return data_uri(buffer.getvalue(), "image/webp")


def _size(content: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(content)) as picture:
        return picture.size
