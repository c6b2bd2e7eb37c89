"""Overrides set single fields, in their order, and refuse what is not one."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.errors import RecipeError
from zoo.registry.catalogue import list_recipes
from zoo.spec import Recipe
from zoo.spec.overrides import apply_override
from zoo.spec.resolve import load_recipe

GOOD = {"name": "mine", "model": "vae-mlp-2d", "data": "digits"}


def overridden(document: dict, *overrides: str) -> Recipe:
    return load_recipe(document, overrides)


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


def test_overrides_are_laid_in_their_order():
    assert overridden(GOOD, "seed=1", "seed=2").seed == 2
    recipe = overridden(GOOD, "model.encoder=conv", "model.encoder.depth=2")
    assert recipe.model.encoder.options == {"depth": 2}


@pytest.mark.parametrize("override", ["", "seed", "=1", ".seed=1", "train.=1", "train..epochs=1"])
def test_what_is_no_override_is_refused(override):
    with pytest.raises(RecipeError, match=r"^--set .*: expected KEY=VALUE"):
        apply_override({}, override)


def test_an_override_into_what_has_no_fields_is_refused():
    with pytest.raises(RecipeError, match=r"^--set seed\.x=1: expected a mapping at seed, got 3"):
        apply_override({"seed": 3}, "seed.x=1")


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
