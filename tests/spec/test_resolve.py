"""Presets are extended, overrides are laid over, and what comes out rebuilds itself."""

from __future__ import annotations

import pytest

import zoo
from tests.models import spec_as_built
from zoo.errors import RecipeError
from zoo.model.assembly import resolve_components
from zoo.registry.catalogue import list_models, list_recipes, preset_files
from zoo.spec import ModelSpec, Recipe
from zoo.spec.documents import read_yaml, to_yaml
from zoo.spec.resolve import load_model_spec, load_recipe, merge

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
    spec = spec_as_built(name)
    assert resolve_components(spec) == spec
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
