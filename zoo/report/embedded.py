"""The figures of a report, small enough to be embedded in one page."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import NamedTuple

from PIL import Image

from zoo.report.sheets import data_uri

_QUALITY = 88


class EmbeddedFigure(NamedTuple):
    """A figure as a data URI, and its size in pixels."""

    source: str
    width: int
    height: int


def embed(figures: Mapping[str, bytes], budget: int) -> dict[str, EmbeddedFigure]:
    """Return PNG files unchanged or, if they need more characters than a budget, the largest of them as WebP.

    A figure of photographs needs megabytes as PNG; as WebP it needs a fifth of that, and its text remains sharp.
    """
    sources = {name: data_uri(content, "image/png") for name, content in figures.items()}
    for name in sorted(sources, key=lambda name: len(sources[name]), reverse=True):
        if sum(map(len, sources.values())) <= budget:
            break
        sources[name] = min(sources[name], _as_webp(figures[name]), key=len)
    return {name: EmbeddedFigure(source, *_size(figures[name])) for name, source in sources.items()}


def _as_webp(content: bytes) -> str:
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(content)) as image:
        image.convert("RGB").save(buffer, "WEBP", quality=_QUALITY, method=4)
    return data_uri(buffer.getvalue(), "image/webp")


def _size(content: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(content)) as image:
        return image.size
