"""An editor that follows the JSON Schema accepts what the package accepts, and marks what it refuses."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from tests.models import spec_as_built
from zoo.registry import KINDS, find_component, list_components
from zoo.registry.catalogue import list_models, list_recipes, preset_files, recipe_files
from zoo.runs.recipe_schema import component_schema, model_schema, recipe_schema
from zoo.spec import ModelSpec, Recipe
from zoo.spec.documents import read_yaml
from zoo.spec.model import PARTS, kind_of_role
from zoo.spec.options import option_names
from zoo.spec.resolve import load_recipe


@pytest.fixture(scope="module")
def recipes() -> Draft202012Validator:
    schema = recipe_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.fixture(scope="module")
def models() -> Draft202012Validator:
    schema = model_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("name", list_recipes())
def test_every_bundled_recipe_is_valid_as_written_and_as_resolved(name, recipes):
    recipes.validate(read_yaml(recipe_files()[name]))
    recipes.validate(load_recipe(name).to_dict())


@pytest.mark.parametrize("name", list_models())
def test_every_preset_is_valid_as_written_and_as_built(name, models, recipes):
    models.validate(read_yaml(preset_files()[name]))
    models.validate(spec_as_built(name).to_dict())
    recipes.validate({"model": name, "data": "digits"})


MODEL = {
    "objective": "vae",
    "latent_dim": 2,
    "encoder": "mlp",
    "posterior": "diagonal_gaussian",
    "decoder": "mlp",
    "likelihood": "bernoulli",
}
GOOD = {
    "short": {"model": "vae-mlp-2d", "data": "digits"},
    "whole model": {"model": MODEL, "data": "digits"},
    "option of a preset's encoder": {"model": {"preset": "vae-mlp-2d", "encoder": {"depth": 2}}, "data": "digits"},
    "another encoder": {"model": {"preset": "vae-mlp-2d", "encoder": {"name": "conv"}}, "data": "digits"},
    "no part": {"model": {"preset": "vae-mlp-2d", "prior": None}, "data": "digits"},
    "options of data": {"model": "vae-mlp-2d", "data": {"name": "arrays", "path": "a.npz", "scale": "standardise"}},
    "bare names": {"model": "vae-mlp-2d", "data": "digits", "train": {"optimizer": "sgd", "schedule": "cosine"}},
    "options of the default optimiser": {"model": "vae-mlp-2d", "data": "digits", "train": {"optimizer": {"lr": 0.1}}},
    "metrics": {"model": "vae-mlp-2d", "data": "digits", "evaluate": {"metrics": ["mse", {"name": "elbo"}]}},
    "callbacks": {
        "model": "vae-mlp-2d",
        "data": "digits",
        "train": {"callbacks": {"units": "metrics", "pictures": {"name": "figures", "every": 2, "figures": ["loss"]}}},
    },
    "turns and groups": {
        "model": "vae-mlp-2d",
        "data": "digits",
        "train": {
            "groups": {"decoder.*": {"weight_decay": 0.1}},
            "turns": {"tc": {"optimizer": "sgd", "every": 2}},
            "keep_every": 5,
            "keep_epochs": [1, 7],
            "monitor": "elbo",
        },
        "fit": {"epochs": 3},
    },
    "nested option": {
        "model": {"preset": "vae-mlp-2d", "objective": {"beta_warmup": {"epochs": 2}}},
        "data": "digits",
    },
}
WRONG = {
    "nothing": {},
    "no data": {"model": "vae-mlp-2d"},
    "unknown field": {"model": "vae-mlp-2d", "data": "digits", "trian": {}},
    "unknown preset": {"model": "vae-mpl-2d", "data": "digits"},
    "unknown dataset": {"model": "vae-mlp-2d", "data": "digts"},
    "unknown field of data": {"model": "vae-mlp-2d", "data": {"name": "digits", "binarize": "static"}},
    "required option": {"model": "vae-mlp-2d", "data": "arrays"},
    "required option in a mapping": {"model": "vae-mlp-2d", "data": {"name": "arrays"}},
    "unknown component": {"model": {"preset": "vae-mlp-2d", "encoder": "mpl"}, "data": "digits"},
    "unknown option": {"model": {"preset": "vae-mlp-2d", "encoder": {"widhts": [3]}}, "data": "digits"},
    "option of another": {
        "model": {"preset": "vae-mlp-2d", "encoder": {"name": "mlp", "channels": [3]}},
        "data": "digits",
    },
    "nameless without a preset": {"model": {**MODEL, "encoder": {"depth": 2}}, "data": "digits"},
    "wrong type": {"model": {"preset": "vae-mlp-2d", "latent_dim": "two"}, "data": "digits"},
    "negative": {"model": {"preset": "vae-mlp-2d", "latent_dim": -2}, "data": "digits"},
    "zero epochs": {"model": "vae-mlp-2d", "data": "digits", "train": {"epochs": 0}},
    "unknown optimizer": {"model": "vae-mlp-2d", "data": "digits", "train": {"optimizer": "adm"}},
    "unknown schedule": {"model": "vae-mlp-2d", "data": "digits", "train": {"schedule": "cosin"}},
    "unknown field of a turn": {"model": "vae-mlp-2d", "data": "digits", "train": {"turns": {"tc": {"step": 2}}}},
    "unknown callback": {"model": "vae-mlp-2d", "data": "digits", "train": {"callbacks": {"a": "metrcis"}}},
    "unknown option of a callback": {
        "model": "vae-mlp-2d",
        "data": "digits",
        "train": {"callbacks": {"a": {"name": "metrics", "evry": 2}}},
    },
    "unusable key of a callback": {"model": "vae-mlp-2d", "data": "digits", "train": {"callbacks": {"a.b": "metrics"}}},
    "unknown metric": {"model": "vae-mlp-2d", "data": "digits", "evaluate": {"metrics": ["elob"]}},
    "no objective": {"model": {key: value for key, value in MODEL.items() if key != "objective"}, "data": "digits"},
}


@pytest.mark.parametrize("recipe", GOOD.values(), ids=list(GOOD))
def test_what_the_package_accepts_is_valid(recipe, recipes):
    load_recipe({"name": "mine", **recipe})
    recipes.validate(recipe)


@pytest.mark.parametrize("recipe", WRONG.values(), ids=list(WRONG))
def test_what_the_package_refuses_is_not_valid(recipe, recipes):
    assert not recipes.is_valid(recipe)


def test_every_component_with_its_options_is_in_the_schema_of_recipes(recipes):
    definitions = recipes.schema["$defs"]
    for kind in {kind_of_role(role) for role in ("objective", *PARTS)} | {"dataset", "metric", "figure", "callback"}:
        for name in list_components(kind):
            options = set(option_names(find_component(kind, name)))
            assert options | {"name"} <= definitions[f"{kind}.{name}"]["properties"].keys()


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name in list_components(kind)])
def test_every_component_has_a_schema_of_its_options(kind, name):
    schema = component_schema(kind, name)
    Draft202012Validator.check_schema(schema)
    assert set(schema.get("properties", {})) == set(option_names(find_component(kind, name)))


def test_every_field_is_described_for_the_editor(recipes, models):
    assert set(recipes.schema["properties"]) == set(Recipe.model_fields)
    assert set(models.schema["properties"]) == set(ModelSpec.model_fields)
    for schema in (models.schema, recipes.schema["$defs"]["TrainSpec"], recipes.schema["$defs"]["EvaluateSpec"]):
        assert [name for name, field in schema["properties"].items() if not field.get("description")] == []


def test_every_reference_leads_somewhere(recipes, models):
    for schema in (recipes.schema, models.schema):
        text = json.dumps(schema)
        named = {part.split('"')[0] for part in text.split('"#/$defs/')[1:]}
        assert named <= schema["$defs"].keys()


@pytest.mark.parametrize(("what", "schema"), [("recipe", recipe_schema), ("model", model_schema)])
def test_the_command_prints_it(what, schema, monkeypatch, capsys):
    from zoo.cli import main

    monkeypatch.setattr("sys.argv", ["zoo-cli", "schema", what])
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    assert json.loads(capsys.readouterr().out) == schema()
