"""Pictures within a budget: the largest give way first, and each keeps its size."""

from __future__ import annotations

import io

import torch
from PIL import Image

from zoo.report.pictures import compact


def png(side: int) -> bytes:
    noise = (255 * torch.rand(side, side, 3, generator=torch.Generator().manual_seed(side))).to(torch.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise.numpy()).save(buffer, "PNG")
    return buffer.getvalue()


def test_within_the_budget_pictures_stay_as_they_are():
    pictures = compact({"b": png(20), "a": png(10)}, 10_000)
    assert list(pictures) == ["b", "a"]
    assert all(picture.source.startswith("data:image/png") for picture in pictures.values())
    assert (pictures["a"].width, pictures["a"].height) == (10, 10)


def test_beyond_it_the_largest_gives_way_first():
    pictures = compact({"small": png(20), "large": png(200)}, 100_000)
    assert pictures["large"].source.startswith("data:image/webp")
    assert pictures["large"].width == 200
    assert pictures["small"].source.startswith("data:image/png")
