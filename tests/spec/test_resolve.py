"""Presets are extended, overrides are laid over, and what comes out rebuilds itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.errors import RecipeError
from zoo.registry.catalogue import list_models, list_recipes, preset_files, recipe_files
from zoo.spec import ModelSpec, Recipe
from zoo.spec.documents import read_yaml, to_yaml
from zoo.spec.resolve import apply_override, find_recipe, load_model_spec, load_recipe, merge

GOOD = {"name": "mine", "model": "vae-mlp-2d", "data": "digits"}


def overridden(document: dict, *overrides: str) -> Recipe:
    return load_recipe(document, overrides)


@pytest.mark.parametrize("name", list_models())
def test_a_preset_is_the_spec_that_its_file_says(name):
    spec = load_model_spec(name)
    assert spec.preset == name
    for field, value in read_yaml(preset_files()[name]).items():
        assert is_written_as(spec.to_dict()[field], value), field


def is_written_as(shown: object, written: object) -> bool:
    """Say whether a field is what a file says, where a component without options is its bare name."""
    if isinstance(shown, dict) and isinstance(written, dict):
        return all(is_written_as(shown[key], value) for key, value in written.items())
    return shown == written or (isinstance(shown, dict) and shown == {"name": written})


@pytest.mark.parametrize("name", list_models())
def test_a_spec_rebuilds_itself(name):
    spec = load_model_spec(name)
    assert ModelSpec.model_validate(spec.to_dict()) == spec
    assert load_model_spec(spec.to_dict()) == spec
    assert load_model_spec(spec) == spec


@pytest.mark.parametrize("name", list_models())
def test_a_built_spec_with_every_option_rebuilds_itself(name):
    spec = zoo.build(name).spec
    assert zoo.build(spec).spec == spec
    assert zoo.build(spec.to_dict()).spec == spec


@pytest.mark.parametrize("name", list_recipes())
def test_a_recipe_rebuilds_itself(name, tmp_path):
    recipe = load_recipe(name)
    assert recipe.name == name
    assert load_recipe(recipe) == recipe
    assert load_recipe(recipe.to_dict()) == recipe
    (tmp_path / "other.yaml").write_text(to_yaml(recipe.to_dict()))
    assert load_recipe(tmp_path / "other.yaml") == recipe


@pytest.mark.parametrize("name", list_recipes())
def test_a_loaded_recipe_is_the_same_recipe_with_what_nobody_chose_left_open(name):
    recipe = load_recipe(name)
    again = load_recipe(recipe, ["train.epochs=1"])
    assert again.model == recipe.model
    assert again.model.model_fields_set == recipe.model.model_fields_set
    assert again.train == recipe.train.model_copy(update={"epochs": 1})
    shape = {"gaussian_mixture": (2,), "scikit_learn": (13,), "waves": (1, 64)}.get(recipe.data.name, (1, 8, 8))
    assert zoo.build(again.model, data_shape=shape).spec.objective.name == recipe.model.objective.name


@pytest.mark.parametrize("name", list_recipes())
def test_a_recipe_is_found_by_name_and_by_path(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_recipe(name) == find_recipe(f"recipes/{name}.yaml") == recipe_files()[name]
    Path("recipes").mkdir()
    Path("recipes", f"{name}.yaml").write_text("{}")
    assert find_recipe(f"recipes/{name}.yaml") == Path("recipes", f"{name}.yaml"), "the user's own file comes first"


def test_a_recipe_is_called_like_its_file(tmp_path):
    (tmp_path / "mine.yaml").write_text("model: vae-mlp-2d\ndata: digits\n")
    assert load_recipe(tmp_path / "mine.yaml").name == "mine"
    (tmp_path / "mine.yaml").write_text("name: yours\nmodel: vae-mlp-2d\ndata: digits\n")
    assert load_recipe(tmp_path / "mine.yaml").name == "yours"


@pytest.mark.parametrize(
    ("base", "changes", "merged"),
    [
        ({"a": 1, "b": 2}, {"b": 3, "c": 4}, {"a": 1, "b": 3, "c": 4}),
        ("mlp", {"widths": [8]}, {"name": "mlp", "widths": [8]}),
        ({"name": "mlp", "widths": [8]}, {"depth": 2}, {"name": "mlp", "widths": [8], "depth": 2}),
        ({"name": "mlp", "widths": [8]}, {"name": "mlp", "depth": 2}, {"name": "mlp", "widths": [8], "depth": 2}),
        ({"name": "mlp", "widths": [8]}, "mlp", {"name": "mlp", "widths": [8]}),
        ({"name": "mlp", "widths": [8]}, "conv", {"name": "conv"}),
        ({"name": "mlp", "widths": [8]}, {"name": "conv", "depth": 2}, {"name": "conv", "depth": 2}),
        ("mlp", "conv", "conv"),
        ({"widths": [8, 8]}, {"widths": [4]}, {"widths": [4]}),
        ({"name": "mlp"}, None, None),
        (None, {"name": "mlp"}, {"name": "mlp"}),
        ({"x": {"a": 1}}, {"x": None}, {"x": None}),
    ],
)
def test_changes_are_laid_field_by_field_and_another_name_replaces(base, changes, merged):
    assert merge(base, changes) == merged


def test_merging_leaves_what_it_was_given_alone():
    base, changes = {"encoder": {"name": "mlp"}}, {"encoder": {"widths": [8]}}
    merge(base, changes)["encoder"]["name"] = "other"
    assert (base, changes) == ({"encoder": {"name": "mlp"}}, {"encoder": {"widths": [8]}})


def test_nothing_is_the_neutral_change():
    for document in map(read_yaml, preset_files().values()):
        assert merge(document, {}) == merge({}, document) == merge(document, document) == document


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("train.epochs=3", "train.epochs", 3),
        (" train . epochs = 3 ", "train.epochs", 3),
        ("train.optimizer.lr=1e-4", "train.optimizer.lr", 1e-4),
        ("train.optimizer=sgd", "train.optimizer.name", "sgd"),
        ("train.schedule=cosine", "train.schedule.name", "cosine"),
        ("train.schedule.warmup.epochs=2", "train.schedule.warmup.epochs", 2),
        ("train.clip_norm=null", "train.clip_norm", None),
        ("model.latent_dim=8", "model.latent_dim", 8),
        ("model.objective.beta=4", "model.objective.beta", 4),
        ("model.encoder.widths=[8, 4]", "model.encoder.widths", [8, 4]),
        ("model.encoder=conv", "model.encoder", {"name": "conv"}),
        ("model.encoder={name: conv, depth: 2}", "model.encoder", {"name": "conv", "depth": 2}),
        ("model.preset=ae-mlp-2d", "model.objective.name", "autoencoder"),
        ("model=ae-mlp-2d", "model.objective.name", "autoencoder"),
        ("data=mnist", "data.name", "mnist"),
        ("data.binarise=dynamic", "data.binarise", "dynamic"),
        ("data.root=a=b", "data.root", "a=b"),
        ("data={name: mnist, root: /here}", "data.root", "/here"),
        ("evaluate.metrics=[mse]", "evaluate.metrics", [{"name": "mse"}]),
        ("description='one: two'", "description", "one: two"),
    ],
)
def test_an_override_sets_one_field_of_a_short_recipe(override, path, value):
    found = overridden(GOOD, override).to_dict()
    for key in path.split("."):
        found = found[key]
    assert found == value
    assert GOOD == {"name": "mine", "model": "vae-mlp-2d", "data": "digits"}, "the document is left alone"


@pytest.mark.parametrize("name", list_recipes())
def test_an_override_of_a_bundled_recipe_changes_that_field_alone(name):
    plain, changed = (load_recipe(name, overrides).to_dict() for overrides in ([], ["train.epochs=77"]))
    assert changed["train"].pop("epochs") == 77
    plain["train"].pop("epochs")
    assert changed == plain


def test_a_description_says_that_model_or_data_were_changed():
    plain = load_recipe("digits").description
    changed = load_recipe("digits", ["train.epochs=3", "model.latent_dim=8", "data.scale=symmetric", "data.pad=1"])
    assert changed.description == f"{plain} Changed: model.latent_dim, data.scale, data.pad."
    assert load_recipe("digits", ["model.latent_dim=8", "description=Mine."]).description == "Mine."
    others = load_recipe("digits", ["data.name=mnist", "data.root=x"]).description
    assert others == "The recipe 'digits' with other data. Changed: data.name, data.root."
    same = ["model.latent_dim=2", "data=digits", "model.posterior=diagonal_gaussian"]
    assert load_recipe("digits", same).description == plain
    assert load_recipe(changed, ["model.latent_dim=8"]).description == changed.description
    assert overridden(GOOD, "model.latent_dim=8").description == ""


def test_overrides_are_laid_in_their_order():
    assert overridden(GOOD, "seed=1", "seed=2").seed == 2
    recipe = overridden(GOOD, "model.encoder=conv", "model.encoder.depth=2")
    assert recipe.model.encoder.options == {"depth": 2}


@pytest.mark.parametrize("override", ["", "seed", "=1", ".seed=1", "train.=1", "train..epochs=1"])
def test_what_is_no_override_is_refused(override):
    with pytest.raises(RecipeError, match=r"^--set .*: expected KEY=VALUE"):
        apply_override({}, override)


def test_an_override_into_what_has_no_fields_is_refused():
    with pytest.raises(RecipeError, match=r"^--set seed\.x=1: seed has no fields"):
        apply_override({"seed": 3}, "seed.x=1")


def test_fields_of_build_are_laid_over_a_preset():
    spec = load_model_spec("vae-mlp-2d", {"latent_dim": 5, "encoder": {"depth": 3}, "objective": {"beta": 2.0}})
    assert spec.latent_dim == 5
    assert spec.encoder.options == {"widths": [512, 256], "depth": 3}
    assert spec.objective.options == {"beta": 2.0}
    with pytest.raises(RecipeError, match=r"^model\.latent_dims: unknown field\nDid you mean 'latent_dim'"):
        load_model_spec("vae-mlp-2d", {"latent_dims": 5})


def test_a_recipe_takes_shape_and_range_from_its_data_not_from_a_preset():
    recipe = load_recipe(GOOD)
    assert recipe.model.data_shape is recipe.model.data_range is None
    assert load_model_spec("vae-mlp-2d").data_shape == (1, 28, 28)


def test_overrides_may_be_a_mapping():
    texts = ["train.epochs=3", "model.encoder={name: mlp, widths: [8, 4]}", "data.scale=null"]
    mapping = {
        "train.epochs": np.int64(3),
        "model.encoder": {"name": "mlp", "widths": (8, 4)},
        "data.scale": None,
    }
    assert load_recipe(GOOD, mapping) == load_recipe(GOOD, texts)
    with pytest.raises(RecipeError, match=r"^overrides\['seed'\]: expected plain data, got <object"):
        load_recipe(GOOD, {"seed": object()})
