"""Masks from files and arrays: what they are read as, in which layouts, and what is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image

from zoo.errors import DataError, InputError
from zoo.use.masks import Masks, read_mask
from zoo.use.source import Source

UPPER = np.array([[1, 1, 1], [0, 0, 0]], dtype=bool)


def source_of(**positions: list[int]) -> Source:
    """Return what masks know of a source: the rows of its splits."""
    splits = {name: SimpleNamespace(positions=torch.tensor(rows)) for name, rows in positions.items()}
    return cast("Source", SimpleNamespace(splits=splits))


def masks_of(mask: Any, shape: tuple[int, ...], **positions: list[int]) -> Masks:
    return Masks(mask, source_of(**(positions or {"test": [0, 1, 2]})), shape)


def test_bright_pixels_of_an_image_are_observed(tmp_path: Path) -> None:
    file = tmp_path / "mask.png"
    Image.fromarray(np.array([[0, 127, 128, 255]], dtype=np.uint8)).save(file)
    assert read_mask(file).tolist() == [[False, False, True, True]]


def test_arrays_are_read_by_name_or_because_there_is_one(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", UPPER)
    np.savez(tmp_path / "one.npz", anything=UPPER)
    np.savez(tmp_path / "named.npz", other=~UPPER, mask=UPPER)
    for name in ("one.npy", "one.npz", "named.npz"):
        assert (read_mask(tmp_path / name) == UPPER).all()


def test_several_arrays_without_a_mask_are_refused_with_their_names(tmp_path: Path) -> None:
    file = tmp_path / "two.npz"
    np.savez(file, first=UPPER, second=UPPER)
    with pytest.raises(DataError, match="expected an array 'mask', got first, second") as refusal:
        read_mask(file)
    assert refusal.value.where == str(file)


@pytest.mark.parametrize("name", ["mask.npy", "mask.npz", "mask.png"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"no mask")
    with pytest.raises(DataError, match=name):
        read_mask(tmp_path / name)


@pytest.mark.parametrize(
    "mask", [UPPER, UPPER[None].repeat(2, 0), np.stack([UPPER, UPPER], -1), UPPER.astype(np.int64)], ids=str
)
def test_one_mask_serves_all_examples_in_any_layout_of_an_image(mask: np.ndarray) -> None:
    found = masks_of(mask, (2, 2, 3)).of(torch.tensor([2, 0]))
    assert found.shape == (2, 2, 2, 3)
    assert (found.numpy() == UPPER).all()


@pytest.mark.parametrize("layout", ["channels first", "channels last", "no channels"])
def test_a_mask_for_each_example_is_found_by_its_row(layout: str) -> None:
    each = np.zeros((3, 2, 2, 3), dtype=bool)
    each[1] = UPPER
    given = {"channels first": each, "channels last": np.moveaxis(each, 1, -1), "no channels": each[:, 0]}[layout]
    found = masks_of(given, (2, 2, 3)).of(torch.tensor([1, 2, 1]))
    assert (found.numpy() == each[[1, 2, 1]]).all()


def test_a_series_of_one_channel_needs_no_channel_in_its_mask() -> None:
    assert masks_of([1, 0, 1], (1, 3)).of(torch.tensor([0])).tolist() == [[[True, False, True]]]


def test_splits_of_one_source_share_masks_by_row_and_others_are_refused() -> None:
    each = np.ones((4, 2), dtype=bool)
    assert masks_of(each, (2,), train=[0, 1], test=[2, 3]).of(torch.tensor([3])).tolist() == [[True, True]]
    with pytest.raises(InputError, match="expected a single split for a mask"):
        masks_of(each, (2,), train=[0, 1], test=[0, 1])


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (np.full((2, 3), 2), "expected booleans, or 0 and 1, got torch.int64 up to 2"),
        (np.ones((3, 2), bool), r"expected a mask of shape \(2, 2, 3\), or \(N, 2, 2, 3\) .* 3 examples, got \(3, 2\)"),
        (np.ones((2, 2, 2, 3), bool), r"for N = 3 examples, got \(2, 2, 2, 3\)"),
    ],
)
def test_a_mask_of_another_form_is_refused(mask: np.ndarray, words: str) -> None:
    with pytest.raises(InputError, match=words) as refusal:
        masks_of(mask, (2, 2, 3))
    assert refusal.value.where == "mask"
