"""Bundled recipes are found by name, others by path."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoo.registry.catalogue import list_recipes, recipe_files
from zoo.spec.recipe_files import find_recipe
from zoo.spec.resolve import load_recipe


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
