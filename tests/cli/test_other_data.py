"""Commands on other data than the run's own: measured whole, prepared as in training, and kept out of the run."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import zoo

SMALL = ["model.encoder.widths=[8]", "model.decoder.widths=[8]", "train.epochs=2"]
TABLE = (np.random.default_rng(0).normal(size=(100, 3)) * [1, 10, 100] + [0, 50, -300]).astype(np.float32)
GREYS = {"cat": 20, "dog": 230, "wombat": 120}


def checksums(folder: Path) -> dict[str, str]:
    """Return the digest of every file, and the name of every folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        found[str(path.relative_to(folder))] = (
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        )
    return found


def write_images(root: Path, seed: int, kinds: dict[str, int], count: int = 20) -> None:
    rng = np.random.default_rng(seed)
    for kind, grey in kinds.items():
        (root / kind).mkdir(parents=True)
        for number in range(count):
            pixels = grey + rng.integers(0, 20, (6, 6))
            Image.fromarray(pixels.astype(np.uint8)).save(root / kind / f"{number}.png")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, and a run on each kind of them."""
    folder = tmp_path_factory.mktemp("made")
    np.savez(folder / "table.npz", x=TABLE)
    np.savez(folder / "far.npz", x=TABLE * 100 + 1e6)
    np.savez(folder / "row.npz", x=TABLE[:1])
    np.savez(folder / "splits.npz", x_train=TABLE[:50], x_test=TABLE[50:])
    write_images(folder / "animals", 0, GREYS)
    write_images(folder / "dogs", 1, {"dog": 230})
    write_images(folder / "wolves", 2, {"wolf": 60})
    measure = ["evaluate={metrics: [mse], figures: [loss]}"]
    table = {"name": "arrays", "path": str(folder / "table.npz"), "scale": "standardise"}
    zoo.train(
        {"name": "table", "model": {"preset": "vae-mlp-2d", "likelihood": "gaussian"}, "data": table},
        out=folder / "runs" / "table", overrides=[*SMALL, *measure],
    )  # fmt: skip
    animals = {"name": "image_folder", "root": str(folder / "animals"), "channels": 1}
    zoo.train(
        {"name": "animals", "model": "cvae-mlp-2d", "data": animals},
        out=folder / "runs" / "animals", overrides=[*SMALL, *measure],
    )  # fmt: skip
    return folder


@pytest.fixture
def run(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a copy of a run by its name; the working directory is another."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def copy(name: str) -> Path:
        return Path(shutil.copytree(made / "runs" / name, tmp_path / name))

    return copy


def arrays(made: Path, name: str) -> str:
    return f"{{name: arrays, path: {made / name}}}"


def folder(made: Path, name: str) -> str:
    return f"{{name: image_folder, root: {made / name}}}"


COMMANDS = {
    "evaluate": ("evaluate", "--metric", "mse"),
    "evaluate --out": ("evaluate", "--metric", "mse", "--out", "numbers.json"),
    "plot": ("plot", "loss"),
    "report": ("report",),
    "sample": ("sample", "--count", "3"),
}


@pytest.mark.parametrize(
    ("command", "name", "data"),
    [
        *(("evaluate", "table", data) for data in ("far.npz", "row.npz", "splits.npz")),
        ("evaluate", "animals", "dogs"),
        ("evaluate --out", "table", "row.npz"),
        ("evaluate --out", "animals", "dogs"),
        ("plot", "table", "splits.npz"),
        ("plot", "animals", "dogs"),
        pytest.param("report", "table", "row.npz", marks=pytest.mark.slow),
        pytest.param("report", "animals", "dogs", marks=pytest.mark.slow),
    ],
)
def test_other_data_leave_the_run_as_it_was(cli, made, run, command, name, data) -> None:
    path = run(name)
    before = checksums(path)
    words = COMMANDS[command]
    named = folder(made, data) if name == "animals" else arrays(made, data)
    done = cli(words[0], path, *words[1:], "--data", named)
    assert done.status == 0, done.err
    assert checksums(path) == before


@pytest.mark.parametrize("option", [["--set", "root={dogs}"], ["--data", "{{root: {dogs}}}"]])
def test_another_root_is_other_data(cli, made, run, option) -> None:
    path = run("animals")
    before = checksums(path)
    done = cli("evaluate", path, "--metric", "mse", *(word.format(dogs=made / "dogs") for word in option))
    assert done.status == 0, done.err
    assert "The metrics are not saved" in done.out
    assert checksums(path) == before


@pytest.mark.parametrize("command", ["compare", "sample", "fit-prior"])
def test_commands_that_write_elsewhere_leave_the_run_as_it_was(cli, made, run, command, tmp_path) -> None:
    path = run("table")
    before = checksums(path)
    other = shutil.copytree(path, tmp_path / "other")
    words = {
        "compare": ["compare", path, other, "--metric", "mse", "--data", arrays(made, "far.npz")],
        "sample": ["sample", path, "--count", "3", "--out", "rows.csv"],
        "fit-prior": ["fit-prior", path, "mixture", "--data", arrays(made, "splits.npz"), "--out", "fitted"],
    }
    done = cli(*words[command])
    assert done.status == 0, done.err
    assert checksums(path) == before == checksums(Path(other))


@pytest.mark.parametrize(
    ("command", "out"),
    [
        ("evaluate", "evaluation.json"),
        ("plot", "figures"),
        ("plot", "figures/more"),
        ("report", "report.html"),
        ("report", "figures/../other.html"),
    ],
)
def test_results_of_other_data_are_not_put_into_the_run(cli, made, run, command, out) -> None:
    path = run("table")
    before = checksums(path)
    done = cli(command, path, "--data", arrays(made, "far.npz"), "--out", path / out, "--overwrite")
    assert done.status == 2
    assert "is inside the run" in done.err
    assert checksums(path) == before


def test_in_the_folder_of_the_run_results_of_other_data_need_a_place(cli, made, run, monkeypatch) -> None:
    path = run("table")
    monkeypatch.chdir(path)
    before = checksums(path)
    done = cli("plot", ".", "loss", "--data", arrays(made, "far.npz"))
    assert done.status == 2
    assert "Choose a path outside the run directory with --out" in done.err
    assert checksums(path) == before


def numbers(cli: Any, *words: Any) -> dict[str, Any]:
    done = cli("evaluate", *words, "--json")
    assert done.status == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_far_rows_are_far_and_a_row_is_enough(cli, made, run) -> None:
    path = run("table")
    found = {
        name: numbers(cli, path, "--metric", "elbo", "--data", arrays(made, f"{name}.npz")) for name in ("far", "row")
    }
    own = numbers(cli, path, "--metric", "elbo")
    assert (own["split"], own["examples"]) == ("test", 15)
    assert (found["far"]["split"], found["far"]["examples"]) == ("all", 100)
    assert (found["row"]["split"], found["row"]["examples"]) == ("all", 1)
    assert found["far"]["metrics"]["elbo"] < own["metrics"]["elbo"] - 1000
    assert abs(found["row"]["metrics"]["elbo"] - own["metrics"]["elbo"]) < 100


def test_splits_of_other_files_are_kept(cli, made, run) -> None:
    path = run("table")
    data = ["--metric", "mse", "--data", arrays(made, "splits.npz")]
    assert [numbers(cli, path, *data)[fact] for fact in ("split", "examples")] == ["test", 50]
    assert [numbers(cli, path, *data, "--split", "train")[fact] for fact in ("split", "examples")] == ["train", 50]
    refused = cli("evaluate", path, *data, "--split", "validation")
    assert refused.status == 2
    assert "there is no validation split" in refused.err


def test_shares_that_are_stated_are_kept(cli, made, run) -> None:
    found = numbers(cli, run("table"), "--metric", "mse", "--data", arrays(made, "far.npz"), "--set", "test=0.4")
    assert (found["split"], found["examples"]) == ("test", 40)


def test_the_runs_own_data_are_known_wherever_they_lie(cli, made, run, tmp_path) -> None:
    path = run("table")
    shutil.copy(made / "table.npz", tmp_path / "moved.npz")
    done = cli("evaluate", path, "--metric", "active_units", "--data", f"{{name: arrays, path: {tmp_path}/moved.npz}}")
    assert "15 examples" in done.out
    assert f"Wrote {path / 'evaluation.json'}" in done.out
    assert "active_units" in json.loads((path / "evaluation.json").read_text())["metrics"]


def test_a_checkpoint_alone_finds_its_test_split_in_its_own_data(cli, made, run, tmp_path) -> None:
    path = run("table")
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "alone").mkdir(exist_ok=True)
        shutil.copy(path / name, tmp_path / "alone" / name)
    data = ["--metric", "elbo", "--data", arrays(made, "table.npz")]
    assert numbers(cli, tmp_path / "alone", *data)["metrics"] == numbers(cli, path, "--metric", "elbo")["metrics"]


def test_a_file_that_has_changed_since_training_is_said_to(cli, made, run, tmp_path) -> None:
    path = run("table")
    changed = TABLE.copy()
    changed[3, 1] += 1
    np.savez(tmp_path / "table.npz", x=changed)
    recipe = path / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace(str(made / "table.npz"), str(tmp_path / "table.npz")))
    before = checksums(path)
    done = cli("evaluate", path, "--metric", "elbo")
    assert "The data differ from those that the model was trained on" in done.out
    assert "The metrics are not saved" in done.out
    assert checksums(path) == before


def test_dogs_are_dogs_in_a_folder_that_has_no_cats(cli, made, run) -> None:
    path = run("animals")
    own = numbers(cli, path, "--metric", "mse")["metrics"]["mse"]
    dogs = numbers(cli, path, "--metric", "mse", "--data", folder(made, "dogs"))
    assert (dogs["split"], dogs["examples"]) == ("all", 20)
    assert dogs["metrics"]["mse"] < 20 * own + 0.02
    refused = cli("evaluate", path, "--metric", "mse", "--data", folder(made, "wolves"))
    assert refused.status == 2
    assert "expected the classes that the model was trained on (cat, dog, wombat), got 'wolf'" in refused.err


def test_runs_on_different_folders_are_not_compared_on_one_of_them(cli, made, run, tmp_path) -> None:
    path = run("animals")
    write_images(tmp_path / "others", 5, GREYS)
    zoo.train(
        {
            "name": "others",
            "model": "cvae-mlp-2d",
            "data": {"name": "image_folder", "root": str(tmp_path / "others"), "channels": 1},
        },
        out=tmp_path / "others-run",
        overrides=[*SMALL, "evaluate={metrics: [mse], figures: []}"],
    )
    refused = cli("compare", path, tmp_path / "others-run", "--metric", "mse")
    assert refused.status == 2
    assert "trained on different data" in refused.err
    options = ["--metric", "mse", "--data", folder(made, "dogs"), "--out", "table.csv"]
    done = cli("compare", path, tmp_path / "others-run", *options)
    assert done.status == 0, done.err
    assert "all of image_folder, 20 examples" in done.out


@pytest.mark.parametrize(
    ("label", "status"), [("dog", 0), ("2", 0), ("wombat", 0), ("7", 2), ("dgo", 2), ("-1", 2), ("Dog", 2)]
)
def test_a_class_is_sampled_by_its_name(cli, run, label, status) -> None:
    path = run("animals")
    done = cli("sample", path, "--label", label, "--count", 4, "--out", "x.npz")
    assert done.status == status
    if status == 0:
        with np.load("x.npz") as file:
            assert set(file["y"]) == {"wombat" if label == "2" else label}
            assert (file["x"].shape, file["x"].dtype) == ((4, 6, 6), np.float32)
        assert cli("sample", path, "--noise", "--count", 4, "--out", "drawn.npy").status == 0
        assert np.load("drawn.npy").dtype == np.uint8
    else:
        assert "Available: cat, dog, wombat" in done.err


def test_samples_of_a_table_are_in_its_units(cli, run) -> None:
    path = run("table")
    for name in ("rows.npy", "rows.csv", "rows.npz"):
        done = cli("sample", path, "--count", 300, "--noise", "--out", name)
        assert (done.status, "in units of the data" in done.out) == (0, True)
    rows = np.load("rows.npy")
    assert np.allclose(rows, np.loadtxt("rows.csv", delimiter=",", skiprows=1), rtol=1e-5)
    assert Path("rows.csv").read_text().splitlines()[0] == "x0,x1,x2"
    assert abs(rows.mean(0) - TABLE.mean(0)).max() < 50
    assert abs(rows[:, 2].std() / 100 - 1) < 0.5
    assert cli("sample", path, "--count", 30, "--out", "rows.png").status == 0
    assert Path("rows.png").stat().st_size > 1000


def test_tables_are_compared_in_a_figure(cli, run, tmp_path) -> None:
    path = run("table")
    other = zoo.save(zoo.load(path), tmp_path / "other")
    (other / "recipe.yaml").write_text((Path(path) / "recipe.yaml").read_text())
    done = cli("compare", path, other, "--metric", "mse", "--out", tmp_path / "comparison")
    assert done.status == 0, done.err
    assert (tmp_path / "comparison" / "comparison.png").is_file()


def test_a_table_for_a_model_of_images_is_refused_as_such(cli, tmp_path) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n3,4\n")
    for command in ("embed", "score", "evaluate"):
        done = cli(command, "vae-mlp-2d.digits", "--data", tmp_path / "rows.csv", "--out", tmp_path / "out.csv")
        assert done.status == 2
        assert "expected images of shape (1, 8, 8), as in training, got a table" in done.err


def test_a_class_without_training_examples_is_not_sampled_silently(cli, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    labels = np.array(["often"] * 49 + ["rare"])
    np.savez("data.npz", x_train=TABLE[:49], y_train=labels[:49], x_test=TABLE[49:], y_test=labels[[0] * 50 + [49]])
    done = cli("train", "recipe.yaml") if Path("recipe.yaml").exists() else None
    assert done is None
    Path("recipe.yaml").write_text(
        "model: {preset: cvae-mlp-2d, encoder: {widths: [8]}, decoder: {widths: [8]}, likelihood: gaussian}\n"
        "data: {name: arrays, path: data.npz}\ntrain: {epochs: 1}\nevaluate: {metrics: [mse], figures: []}\n"
    )
    done = cli("train", "recipe.yaml", "--out", "run", "--quiet")
    assert done.status == 0, done.err
    assert "the classes rare have no training examples, but examples in the test split" in done.out
    done = cli("sample", "run", "--label", "rare", "--out", "x.npy")
    assert done.status == 2
    assert "expected a class with training examples, got 'rare'" in done.err
    done = cli("sample", "run", "--out", "x.npz")
    assert "are not sampled: rare" in done.err
    with np.load("x.npz") as file:
        assert set(file["y"]) == {"often"}


def test_a_split_with_labels_that_the_model_has_not_is_refused_before_the_first_step(
    cli, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("data.npz", x_train=TABLE[:50], y_train=np.arange(50) % 2, x_test=TABLE[50:], y_test=np.arange(50) % 3)
    Path("recipe.yaml").write_text(
        "model: {preset: cvae-mlp-2d, classes: 2, likelihood: gaussian}\ndata: {name: arrays, path: data.npz}\n"
    )
    done = cli("train", "recipe.yaml", "--out", "run")
    assert done.status == 2
    assert "expected 3, the classes of arrays (0, 1, 2), got 2" in done.err
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


def test_samples_of_a_table_with_dates_are_written_as_they_are_read(cli, tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "seen": pd.to_datetime("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, 60), unit="D"),
            "size": rng.normal(size=60),
        }
    )
    data = zoo.load_data(frame)
    zoo.save(
        zoo.build("vae-table-8d", data_shape=(2,), data_range=None, data=data.info.description), tmp_path / "model"
    )
    assert cli("sample", tmp_path / "model", "--count", "3", "--out", tmp_path / "rows.csv").status == 0
    head, *rows = (tmp_path / "rows.csv").read_text().splitlines()
    assert head == "seen,size"
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\d,-?[\d.e-]+", row) for row in rows)


def plants(path: Path, kinds: tuple[str, ...], heights: str = "height") -> Path:
    rows = [f"{number}.5,{number % 7},p{number:04d},{kinds[number % len(kinds)]}" for number in range(120)]
    path.write_text("\n".join([f"{heights},leaves,customer_id,kind", *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def of_plants(tmp_path_factory):
    def train(heights: str = "height") -> Path:
        folder = tmp_path_factory.mktemp("plants")
        path = plants(folder / "plants.csv", ("fern", "moss"), heights)
        data = {"name": "table", "path": str(path), "label": "kind", "columns": {"customer_id": "ignore"}}
        recipe = {"name": "plants", "model": "vae-table-8d", "data": data, "train": {"epochs": 1}}
        return zoo.train(recipe, out=folder / f"of-{heights}", overrides=["evaluate={metrics: [], figures: []}"]).path

    return train


def test_a_table_for_a_model_of_images_is_named_before_what_is_wrong_in_it(cli, tmp_path) -> None:
    path = plants(tmp_path / "plants.csv", ("fern", "moss"))
    refused = cli("score", "vae-mlp-2d.digits", "--data", path, "--out", tmp_path / "s.csv")
    assert refused.status == 2
    assert "expected images of shape (1, 8, 8), as in training, got a table" in refused.err
    assert "customer_id" not in refused.err


def test_models_of_different_kinds_of_data_are_not_told_to_name_data(cli, of_plants, tmp_path) -> None:
    run = of_plants()
    for other, says in (
        ("vae-mlp-2d.digits", "vae-mlp-2d.digits is one of images with 1 channel"),
        (of_plants("width"), "of-width is one of tables with the columns 'width', 'leaves'"),
    ):
        refused = cli("compare", run, other, "--out", tmp_path / "comparison")
        assert refused.status == 2
        assert f"of-height is a model of tables with the columns 'height', 'leaves', and {says}" in refused.err
        assert "--data" not in refused.err


@pytest.mark.filterwarnings("always::zoo.errors.ZooWarning")
def test_a_class_that_training_did_not_hold_gives_a_warning(cli, of_plants, tmp_path) -> None:
    run = of_plants()
    new = plants(tmp_path / "new.csv", ("fern", "cactus"))
    words = ["score", run, "--num-samples", "2", "--out", tmp_path / "s.csv", "--overwrite", "--data"]
    done = cli(*words, new)
    assert done.status == 0
    assert "Warning: the label 'kind' has classes that are not in the training data: 'cactus'\n" in done.err
    assert "Warning" not in cli(*words, plants(tmp_path / "known.csv", ("moss", "fern"))).err
