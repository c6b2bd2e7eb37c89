"""Relative paths of a recipe start from its folder, and are recorded where they lead."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.errors import DataError
from zoo.runs.portable import portable
from zoo.spec.paths import absolute_path


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a recipe and its data; the working directory is another one."""
    folder, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    (folder / "photos").mkdir(parents=True)
    elsewhere.mkdir()
    rng = np.random.default_rng(0)
    np.save(folder / "x.npy", rng.integers(0, 256, (40, 4, 4), dtype=np.uint8))
    np.save(folder / "y.npy", np.arange(40) % 2)
    for number in range(8):
        Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)).save(folder / "photos" / f"{number}.png")
    monkeypatch.chdir(elsewhere)
    return folder


def write(folder, data, name="r.yaml"):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        "model: {preset: vae-mlp-2d, encoder: {widths: [4]}, decoder: {widths: [4]}}\n"
        f"data: {data}\n"
        "train: {epochs: 1}\nevaluate: {metrics: [mse], figures: []}\n"
    )
    return path


RECIPES = {
    "{name: arrays, path: x.npy}": {"path": "x.npy"},
    "{name: arrays, path: x.npy, labels: y.npy}": {"path": "x.npy", "labels": "y.npy"},
    "{name: arrays, path: 'x*.npy', labels: '[y].npy'}": {"path": "x*.npy", "labels": "[y].npy"},
    "{name: image_folder, root: photos}": {"root": "photos"},
    "{name: image_folder, root: ./photos}": {"root": "photos"},
}


@pytest.mark.parametrize(("data", "options"), RECIPES.items(), ids=str)
def test_paths_in_a_file_start_from_its_folder(project, data, options):
    recipe = zoo.load_recipe(write(project, data))
    found = recipe.data.options
    assert {name: Path(found[name]) for name in options} == {name: project / path for name, path in options.items()}
    assert len(zoo.load_data(recipe.data).train) > 0


def test_paths_of_a_recipe_in_a_folder_below_may_lead_up(project):
    recipe = zoo.load_recipe(write(project, "{name: arrays, path: ../x.npy}", "recipes/r.yaml"))
    assert Path(recipe.data.options["path"]).resolve() == project / "x.npy"
    assert len(zoo.load_data(recipe.data).train) > 0


def test_paths_that_are_not_in_a_file_start_from_the_working_directory(project, monkeypatch):
    file = write(project, "{name: arrays, path: x.npy}")
    np.save("other.npy", np.zeros((30, 4, 4), dtype=np.uint8))
    here = str(Path.cwd() / "other.npy")
    assert zoo.load_recipe(file, ["data.path=other.npy"]).data.options["path"] == here
    document = {"name": "mine", "model": "vae-mlp-2d", "data": {"name": "arrays", "path": "other.npy"}}
    assert zoo.load_recipe(document).data.options["path"] == here
    recipe = zoo.load_recipe(document)
    monkeypatch.chdir("/")
    assert zoo.load_recipe(recipe).data.options["path"] == here


def test_a_path_that_only_the_working_directory_has_starts_from_there_as_in_version_0_1(project):
    file = write(project, "{name: image_folder, root: images}")
    Path("images").mkdir()
    assert zoo.load_recipe(file).data.options["root"] == str(Path.cwd() / "images")
    (project / "images").mkdir()
    assert zoo.load_recipe(file).data.options["root"] == str(project / "images")


@pytest.mark.parametrize("path", ["/data/x.npy", "~/x.npy", "hf://datasets/user/name"])
def test_paths_that_are_not_relative_stay_as_they_are(project, path):
    assert absolute_path(path, project) == path
    assert zoo.load_recipe(write(project, f"{{name: arrays, path: '{path}'}}")).data.options["path"] == path


@pytest.mark.parametrize("value", ["no\\0file", "x" * 5000, "a/**/b", "[", ""])
def test_names_that_no_file_can_have_are_left_to_the_dataset(project, value):
    assert absolute_path(value, project) == str(project / value)


def test_options_that_are_no_paths_stay_as_they_are(project):
    np.savez(project / "x.npz", pixels=np.zeros((9, 4, 4), np.uint8), kind=np.arange(9) % 2)
    file = write(project, "{name: arrays, path: x.npz, examples: pixels, labels: kind}")
    options = zoo.load_recipe(file).data.options
    assert (options["examples"], options["labels"]) == ("pixels", "kind")


@pytest.mark.parametrize("data", ["digits", "{name: nothing_of_this_name, root: x}", "{name: 3, root: x}", "[1]"])
def test_other_data_are_left_to_the_checks_that_follow(project, data):
    try:
        recipe = zoo.load_recipe(write(project, data))
    except zoo.ZooError:
        return
    assert recipe.data.options.get("root", "x") == "x"


@pytest.mark.parametrize(
    ("data", "missing"),
    [
        ("{name: arrays, path: gone.npy}", "gone.npy"),
        ("{name: arrays, path: x.npy, labels: gone.npy}", "gone.npy"),
        ("{name: arrays, path: gone/x-*.npy}", "gone"),
        ("{name: image_folder, root: gone}", "gone"),
        ("{name: mnist, root: gone, download: false}", "gone"),
    ],
)
def test_a_path_that_is_not_found_is_named_with_its_folder(project, data, missing):
    with pytest.raises(DataError) as caught:
        zoo.load_data(zoo.load_recipe(write(project, data)).data)
    assert str(project / missing) in caught.value.problem


@pytest.mark.parametrize("options", [{"name": "arrays", "path": "gone.npy"}, {"name": "image_folder", "root": "gone"}])
def test_a_path_without_a_recipe_is_named_with_the_working_directory(project, options):
    with pytest.raises(DataError) as caught:
        zoo.load_data(options)
    assert str(Path.cwd() / "gone") in caught.value.problem


def test_a_recipe_that_is_shared_names_no_place(project):
    for data in RECIPES:
        options = portable(zoo.load_recipe(write(project, data))).data.options
        assert not any(str(project) in value for value in options.values() if isinstance(value, str))


@pytest.mark.parametrize("how", ["file", "override"])
def test_a_run_is_used_and_resumed_from_any_folder(project, tmp_path, monkeypatch, how):
    """The commands, as they are given: trained beside the data, looked at from the folder above and from another."""
    monkeypatch.chdir(project)
    if how == "file":
        zoo.train(write(project, "{name: arrays, path: x.npy, labels: y.npy}"), out="runs/r")
    else:
        recipe = write(project, "{name: arrays, path: x.npy}")
        zoo.train(recipe, out="runs/r", overrides=["data.path=x.npy", "data.labels=y.npy"])
    recorded = zoo.load_recipe("runs/r/recipe.yaml").data.options
    assert (recorded["path"], recorded["labels"]) == (str(project / "x.npy"), str(project / "y.npy"))
    for folder in (tmp_path, tmp_path / "elsewhere"):
        monkeypatch.chdir(folder)
        recipe = zoo.load_recipe(project / "runs" / "r" / "recipe.yaml")
        assert len(zoo.load_data(recipe.data).train) + len(zoo.load_data(recipe.data).test) > 30
        again = zoo.train(project / "runs" / "r" / "recipe.yaml", out=project / "runs" / "r", resume=True)
        assert again.evaluation["examples"] == 6
