"""Every bundled recipe is valid as it stands, found by being there."""

from __future__ import annotations

import importlib.util

import pytest

import zoo
from benchmarks.presets import RECIPE, ROWS
from zoo.registry import find_component
from zoo.registry.catalogue import recipe_files
from zoo.runs.plan import make_plan
from zoo.spec.options import check_options
from zoo.training.optimizers import check_optimizer

NEED_NO_DOWNLOAD = {"digits", "gaussian_mixture", "waves"}
if importlib.util.find_spec("sklearn") is not None:
    NEED_NO_DOWNLOAD.add("scikit_learn")


@pytest.mark.parametrize("name", zoo.list_recipes())
def test_a_bundled_recipe_is_valid(name):
    recipe = zoo.load_recipe(name)
    assert recipe.name == name == recipe_files()[name].stem
    assert recipe.description.endswith("."), "one sentence says what the recipe shows"
    check_optimizer(recipe.train.optimizer)
    check_options(find_component("dataset", recipe.data.name), recipe.data.options, "data")
    if recipe.data.name in NEED_NO_DOWNLOAD:
        plan = make_plan(recipe, lambda _: None)
        assert plan.recipe.model.data_shape == plan.data.info.data_shape


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.preset)
def test_the_recipe_of_presets_takes_every_preset_of_the_table(row):
    recipe = zoo.load_recipe(RECIPE, [f"model.preset={row.preset}", *row.settings])
    trained_on = {"data_shape": (1, 28, 28), "data_range": (0.0, 1.0), "train_examples": 100}
    model = zoo.build(recipe.model.model_copy(update=trained_on))
    assert model.spec.encoder.options["widths"] == model.spec.decoder.options["widths"] == [256]
    assert model.spec.latent_dim == 12
