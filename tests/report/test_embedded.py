"""Figures within a budget: the largest are compressed first, and each keeps its size."""

from __future__ import annotations

import io

import torch
from PIL import Image

from zoo.report.embedded import embed


def png(side: int) -> bytes:
    noise = (255 * torch.rand(side, side, 3, generator=torch.Generator().manual_seed(side))).to(torch.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise.numpy()).save(buffer, "PNG")
    return buffer.getvalue()


def test_within_the_budget_figures_stay_as_they_are():
    figures = embed({"b": png(20), "a": png(10)}, 10_000)
    assert list(figures) == ["b", "a"]
    assert all(figure.source.startswith("data:image/png") for figure in figures.values())
    assert (figures["a"].width, figures["a"].height) == (10, 10)


def test_beyond_the_budget_the_largest_is_compressed_first():
    figures = embed({"small": png(20), "large": png(200)}, 100_000)
    assert figures["large"].source.startswith("data:image/webp")
    assert figures["large"].width == 200
    assert figures["small"].source.startswith("data:image/png")
