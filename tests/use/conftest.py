from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.data import Data
from zoo.model import Model


@pytest.fixture(scope="session")
def model() -> Model:
    return zoo.load("vae-mlp-2d.digits")


@pytest.fixture(scope="session")
def digits() -> Data:
    return zoo.load_data("digits")


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of eight grey images of 8 × 8 pixels in two classes."""
    root = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for name in ("3", "7"):
        (root / name).mkdir()
        for number in range(4):
            Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)).save(root / name / f"{number}.png")
    return root


@pytest.fixture(scope="session")
def table_model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Data]:
    """A model of standardised columns, trained for a moment, and their data."""
    folder = tmp_path_factory.mktemp("table")
    rows = np.random.default_rng(0).normal(size=(60, 3)) * [1, 10, 100] + [0, 50, -300]
    np.savez(folder / "table.npz", x=rows.astype(np.float32))
    data = {"name": "arrays", "path": str(folder / "table.npz"), "scale": "standardise"}
    run = zoo.train(
        {"name": "table", "model": {"preset": "vae-mlp-2d", "likelihood": "gaussian"}, "data": data},
        out=folder / "run",
        overrides=["model.encoder.widths=[8]", "model.decoder.widths=[8]", "train.epochs=1",
                   "evaluate={metrics: [], figures: []}"],
    )  # fmt: skip
    return run.model, zoo.load_data(data, like=run.model.data)
