"""The files of recipes: bundled ones by name, others by path."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from zoo.errors import RecipeError, nearest, unknown_name
from zoo.registry.catalogue import preset_files, recipe_files
from zoo.spec.origin import Origin
from zoo.spec.recipe import Recipe


def find_recipe(name_or_path: str | Path) -> Path:
    """Return the file of a recipe from its path, or from the name of a bundled recipe.

    Raises:
        RecipeError: there is no such file or bundled recipe.
    """
    text = str(name_or_path)
    path = Path(name_or_path)
    if path.suffix in {".npy", ".npz"}:
        data = f"{{name: arrays, path: {json.dumps(text, ensure_ascii=False)}}}"
        remedy = f"Name the file in a recipe: `data: {data}`, together with `model: NAME`."
        raise RecipeError("expected a recipe, got a file of data", where=text, remedy=remedy)
    if path.suffix in {".yaml", ".yml"} or "/" in text or "\\" in text or path.is_file():
        if path.is_file():
            return path
        # `recipes/mnist.yaml` names the bundled recipe wherever the package is installed.
        if path.parent.name == "recipes" and path.stem in recipe_files() and not path.is_absolute():
            return recipe_files()[path.stem]
        bundled = "`zoo-cli list recipe` lists those that come with the package, by name."
        if path.is_dir():
            _refuse_run(path)
            files = ", ".join(file.name for file in sorted(path.glob("*.y*ml"))) or "none"
            raise RecipeError(
                "expected a YAML file, got a directory", where=text, remedy=f"YAML files in it: {files}. {bundled}"
            )
        hint = nearest(str(path), [str(path.parent / file.name) for file in path.parent.glob("*.y*ml")])
        raise RecipeError("there is no such file", where=text, remedy=f"{hint}{bundled}")
    if text not in recipe_files():
        _refuse_run(path)
        problem, remedy = unknown_name("recipe", text, recipe_files(), "zoo-cli list recipe")
        if text in preset_files():
            remedy = f"It is a preset, a model without data: write a recipe with `model: {text}` and `data: NAME`."
        else:
            remedy = f"{remedy} To use a file, give its path, such as ./{text or 'mine'}.yaml."
        raise RecipeError(problem, remedy=remedy)
    return recipe_files()[text]


def _refuse_run(path: Path) -> None:
    if (path / "recipe.yaml").is_file():
        recipe, folder = (shlex.quote(str(place)) for place in (path / "recipe.yaml", path))
        raise RecipeError(
            "expected a YAML file, got the directory of a run",
            where=str(path),
            remedy=f"To continue the run: zoo-cli train {recipe} --out {folder} --resume",
        )


def origin_of(recipe: str | Path | Mapping[str, Any] | Recipe, overrides: Iterable[str] = ()) -> Origin:
    """Return the origin of a recipe's fields, for error messages."""
    if isinstance(recipe, (str, Path)):
        path = find_recipe(recipe)
        return Origin(str(path), path, tuple(overrides))
    name = recipe.name if isinstance(recipe, Recipe) else recipe.get("name")
    return Origin(f"recipe {name!r}" if name else "recipe", None, tuple(overrides))
