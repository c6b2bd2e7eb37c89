"""Resuming: where data lie and how they are read may change, what they are may not."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo
from zoo.errors import CheckpointError, RunError
from zoo.runs.run import Run

SMALL = ["model.encoder.widths=[8]", "model.decoder.widths=[8]", "evaluate={metrics: [mse], figures: []}"]
X = np.random.default_rng(0).integers(0, 256, (60, 4, 4), dtype=np.uint8)
Y = np.arange(60) % 3


def train(folder: Path, data: str, *overrides: str, resume: bool = False) -> Run:
    recipe = {"name": "r", "model": "vae-mlp-2d", "data": {"name": "arrays", "path": str(folder / data)}}
    return zoo.train(recipe, out=folder / "run", overrides=[*SMALL, "train.epochs=1", *overrides], resume=resume)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("begun")
    np.savez(folder / "data.npz", x=X, y=Y)
    train(folder, "data.npz")
    return folder


@pytest.fixture
def folder(begun: Path, tmp_path: Path) -> Path:
    shutil.copytree(begun, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.mark.parametrize(
    "change",
    [
        "data.workers=0",
        "data.in_memory_limit_mb=7",
        "train.checkpoint_every={steps: 3}",
        "train.device=cpu",
        "evaluate.metrics=[elbo]",
    ],
)
def test_what_cannot_change_the_result_may_differ(folder: Path, change: str) -> None:
    # The folder itself is another than the one that the recipe of the run names.
    assert len(train(folder, "data.npz", "train.epochs=2", change, resume=True).metrics) == 2


def test_a_file_may_be_moved_renamed_and_stored_in_another_way(folder: Path) -> None:
    (folder / "elsewhere").mkdir()
    np.savez_compressed(folder / "elsewhere" / "other.npz", images=X, kinds=Y)
    named = ["data.examples=images", "data.labels=kinds"]
    (folder / "data.npz").unlink()
    resumed = train(folder, "elsewhere/other.npz", "train.epochs=2", *named, resume=True)
    assert len(resumed.metrics) == 2


def one_pixel(x: Any, y: Any) -> dict[str, Any]:
    x[17, 1, 2] ^= 1
    return {"x": x, "y": y}


def another_order(x: Any, y: Any) -> dict[str, Any]:
    return {"x": x[::-1], "y": y}


def other_labels(x: Any, y: Any) -> dict[str, Any]:
    return {"x": x, "y": y[::-1]}


def renamed_classes(x: Any, y: Any) -> dict[str, Any]:
    return {"x": x, "y": np.array(["ant", "bee", "cat"])[y]}


def no_labels(x: Any, y: Any) -> dict[str, Any]:
    return {"x": x}


@pytest.mark.parametrize("change", [one_pixel, another_order, other_labels, renamed_classes, no_labels])
def test_other_data_of_the_same_number_are_noticed(folder: Path, change: Any) -> None:
    np.savez(folder / "data.npz", **change(X.copy(), Y.copy()))
    before = (folder / "run" / "recipe.yaml").read_bytes()
    with pytest.raises(
        RunError, match=r"^data: the .*train.* examples or labels differ from those that the run was started with"
    ):
        train(folder, "data.npz", "train.epochs=2", resume=True)
    assert (folder / "run" / "recipe.yaml").read_bytes() == before


def test_a_run_that_did_not_record_its_data_is_resumed_with_its_own_options_alone(folder: Path) -> None:
    (folder / "run" / "state" / "data.json").unlink()  # as version 0.1 leaves a run
    with pytest.raises(RunError, match=r"data\.path was "):
        train(folder, "data.npz", "train.epochs=2", resume=True)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"train": 3}', '{"train": {"examples": 3, "digest": "?"}}'])
def test_a_damaged_record_of_the_data_is_named(folder: Path, content: str) -> None:
    (folder / "run" / "state" / "data.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"state/data\.json: damaged"):
        train(folder, "data.npz", "train.epochs=2", resume=True)
