"""Examples that are larger than any that a configuration can describe: refused in words, whatever holds them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.errors import DataError

WIDE = np.zeros((8, 60), "f4")


def saved_array(folder: Path) -> dict[str, Any]:
    np.save(folder / "x.npy", WIDE)
    return {"name": "arrays", "path": str(folder / "x.npy")}


def folder_of_images(folder: Path) -> dict[str, Any]:
    for number in range(4):
        Image.new("RGB", (6, 4)).save(folder / f"{number}.png")
    return {"name": "image_folder", "root": str(folder)}


def table(folder: Path) -> dict[str, Any]:
    np.savetxt(folder / "t.csv", WIDE, delimiter=",", header=",".join(f"c{n}" for n in range(60)), comments="")
    return {"name": "table", "path": str(folder / "t.csv")}


LARGE: dict[str, Callable[[Path], Any]] = {
    "data in memory": lambda folder: WIDE,
    "images in memory": lambda folder: np.zeros((8, 1, 8, 8), "u1"),
    "a file of arrays": saved_array,
    "a folder of images": folder_of_images,
    "a table": table,
    "a data set": lambda folder: {"name": "digits", "subset": 20},
    "padding": lambda folder: {"name": "digits", "subset": 20, "resize": [4, 4], "pad": 3},
    "a size": lambda folder: {"name": "digits", "subset": 20, "resize": [9, 9]},
}


@pytest.mark.parametrize("make", LARGE.values(), ids=list(LARGE))
def test_examples_that_are_too_large_are_refused(
    make: Callable[[Path], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make(tmp_path)
    assert zoo.load_data(data).info.data_shape
    for module in ("zoo.data.sizes", "zoo.spec.data_description"):
        monkeypatch.setattr(f"{module}.LARGEST_EXAMPLE", 50)
    with pytest.raises(DataError, match="expected examples of at most 50 values, got shape"):
        zoo.load_data(data)
