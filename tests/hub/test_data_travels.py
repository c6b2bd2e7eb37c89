"""What a model knows of its data goes with it: raw rows and images are taken and given back after a pull."""

from __future__ import annotations

import inspect
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import zoo
from tests import processes
from tests.hub.server import HubServer
from zoo.model import Model
from zoo.runs.run import Run

SMALL = [
    "model.encoder.widths=[8]", "model.decoder.widths=[8]", "train.epochs=1", "train.precision=fp32",
    "evaluate={metrics: [mse], figures: []}",
]  # fmt: skip
TABLE = (np.random.default_rng(0).normal(size=(60, 3)) * [1, 10, 100] + [0, 50, -300]).astype(np.float32)
PIXELS = np.random.default_rng(1).integers(0, 256, (60, 6, 5), dtype=np.uint8)
GAUSSIAN = {"preset": "vae-mlp-2d", "likelihood": "gaussian"}
CONDITIONAL = {"preset": "cvae-mlp-2d", "likelihood": "gaussian"}

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "table-standardise": (GAUSSIAN, {"name": "arrays", "path": "table.npy", "scale": "standardise"}),
    "table-none": (GAUSSIAN, {"name": "arrays", "path": "table.npy", "scale": "none"}),
    "table-unit": (GAUSSIAN, {"name": "arrays", "path": "table.npy", "value_range": [-900, 300]}),
    "table-symmetric": (
        GAUSSIAN, {"name": "arrays", "path": "table.npy", "value_range": [-900, 300], "scale": "symmetric"}
    ),
    "images-unit": ("vae-mlp-2d", {"name": "arrays", "path": "pixels.npy"}),
    "images-standardise": (GAUSSIAN, {"name": "arrays", "path": "pixels.npy", "scale": "standardise", "pad": 1}),
    "images-resized": (GAUSSIAN, {"name": "arrays", "path": "pixels.npy", "resize": [4, 4]}),
    "images-binary": ("vae-mlp-2d", {"name": "arrays", "path": "pixels.npy", "binarise": "dynamic"}),
    "folder": ("vae-mlp-2d", {"name": "image_folder", "root": "animals", "channels": 1}),
    "classes": (CONDITIONAL, {"name": "image_folder", "root": "animals", "channels": 1}),
}  # fmt: skip
PUSHED = ("table-standardise", "table-unit", "images-binary", "classes")


def use(model: Any, raw: Any, label: str) -> dict[str, Any]:
    """Score, sample, impute and reconstruct, from raw data to raw data; its source is run in another process, too."""

    def labels(count: int) -> Any:
        return torch.full((count,), model.data.class_number(label)) if model.classes else None

    torch.manual_seed(0)
    x = model.preprocess(raw)
    observed = torch.ones_like(x, dtype=torch.bool)
    observed[..., :1] = False
    return {
        "score": model.log_likelihood(x, labels(len(x)), num_samples=20).numpy(),
        "sample": model.postprocess(model.sample(5, labels(5), noise=True), "array"),
        "impute": model.postprocess(model.impute(x, observed, labels(len(x)), num_samples=5), "array"),
        "reconstruct": model.postprocess(model.reconstruct(x, labels(len(x))), "array"),
    }


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    np.save(folder / "table.npy", TABLE)
    np.save(folder / "pixels.npy", PIXELS)
    for number, kind in enumerate(("wombat", "cat", "dog")):
        (folder / "animals" / kind).mkdir(parents=True)
        for index in range(20):
            Image.fromarray(PIXELS[20 * number + index]).save(folder / "animals" / kind / f"{index}.png")
    return folder


@pytest.fixture(scope="module")
def runs(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    found = {}
    for name, (model, spec) in CASES.items():
        placed = {key: str(data / value) if key in ("path", "root") else value for key, value in spec.items()}
        recipe = {"name": name, "model": model, "data": placed}
        found[name] = zoo.train(recipe, out=tmp_path_factory.mktemp("runs") / name, overrides=SMALL)
    return found


def raw_of(name: str, folder: Path) -> Any:
    """Return five examples as a user has them."""
    if name.startswith("table"):
        return TABLE[:5]
    if name.startswith("images"):
        return PIXELS[:5]
    return [str(folder / "animals" / "dog" / f"{number}.png") for number in range(5)]


@pytest.mark.parametrize("name", CASES)
def test_a_copy_of_the_checkpoint_does_the_same_to_raw_data(
    name: str, runs: dict[str, Run], data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    for file in ("config.json", "model.safetensors"):
        shutil.copy(runs[name].path / file, folder / file)
    assert str(data) not in (folder / "config.json").read_text()
    copy, raw = zoo.load(folder), raw_of(name, data)
    expected, found = (use(model, raw, "dog") for model in (runs[name].model, copy))
    for what in expected:
        assert np.array_equal(expected[what], found[what]), what
    assert copy.data == runs[name].model.data


@pytest.mark.parametrize("name", CASES)
def test_preparation_is_that_of_training(name: str, runs: dict[str, Run], data: Path) -> None:
    run = runs[name]
    loaded = zoo.load_data(run.recipe.data)
    raw = {"table": TABLE, "images": PIXELS}.get(name.partition("-")[0])
    if raw is None:
        raw = [str(path) for kind in ("cat", "dog", "wombat") for path in sorted((data / "animals" / kind).iterdir())]
    prepared = run.model.preprocess(raw)
    if run.recipe.data.binarise == "none":
        test = loaded.test.examples(len(loaded.test))
        assert all(bool((prepared == example).flatten(1).all(1).any()) for example in test)
    assert prepared.shape[1:] == loaded.info.data_shape
    assert run.model.data.range == loaded.info.data_range


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("images-resized", "images-binary")])
def test_raw_data_come_back_in_their_own_units(name: str, runs: dict[str, Run], data: Path) -> None:
    model: Model = runs[name].model
    made = model.postprocess(model.preprocess(raw_of(name, data)), "array")
    if name.startswith("table"):
        assert np.allclose(made, TABLE[:5], rtol=1e-5, atol=1e-3)
    else:
        first = {"images": PIXELS[:5], "folder": PIXELS[40:45], "classes": PIXELS[40:45]}[name.partition("-")[0]]
        assert np.array_equal(made, first)


def test_classes_are_known_by_their_names(runs: dict[str, Run]) -> None:
    model = runs["classes"].model
    assert model.data.class_names == ("cat", "dog", "wombat")
    assert model.classes == 3
    assert sum(each.examples or 0 for each in model.data.classes) == len(
        zoo.load_data(runs["classes"].recipe.data).train
    )


@pytest.mark.slow
def test_pulled_in_a_new_process_without_the_data_all_is_the_same_to_the_last_digit(
    hub: HubServer, runs: dict[str, Run], data: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    for name, run in ((name, runs[name]) for name in PUSHED):
        zoo.push(run if name != "classes" else run.model, f"ada/{name}")
        values = use(run.model, raw_of(name, data), "dog")
        np.savez(tmp_path / f"{name}.npz", **values)
        raw = raw_of(name, data)
        if isinstance(raw, list):
            shutil.copytree(data / "animals" / "dog", tmp_path / "elsewhere", dirs_exist_ok=True)
            raw = [str(tmp_path / "elsewhere" / Path(each).name) for each in raw]
        else:
            np.save(tmp_path / f"raw-{name}.npy", raw)
            raw = f"raw-{name}.npy"
        (tmp_path / f"{name}.json").write_text(json.dumps(raw))
    hidden = data.rename(data.with_name("hidden"))
    program = f"""
import json
from typing import Any
import numpy as np
import torch
import zoo
{inspect.getsource(use)}
for name in {list(PUSHED)}:
    model = zoo.load("hf://ada/" + name)
    raw = json.load(open(name + ".json"))
    raw = raw if isinstance(raw, list) else np.load(raw)
    expected, found = np.load(name + ".npz"), use(model, raw, "dog")
    for what in found:
        assert np.array_equal(expected[what], found[what]), (name, what)
print("the same")
"""
    try:
        done = processes.run("-c", program, env=environment, cwd=tmp_path)
    finally:
        hidden.rename(data)
    assert done.stdout.strip() == "the same", done.stderr[-2000:]
