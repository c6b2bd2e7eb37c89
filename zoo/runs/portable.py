"""Recipes that are shared between machines: they contain no paths of the machine."""

from __future__ import annotations

import re
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from zoo.errors import ComponentError, RecipeError
from zoo.registry import find_component
from zoo.spec.options import option_schema
from zoo.spec.recipe import DataSpec, Recipe

_PATH = re.compile(r"[/\\~]|^\.|^[A-Za-z]:|://")
_FOLDERS = ("root",)
"""Options that name the folder to which data are downloaded, or where they are found."""


def portable(recipe: Recipe) -> Recipe:
    """Return the recipe without paths: folders are replaced by their defaults, files keep only their names.

    Example:
        >>> import zoo
        >>> recipe = zoo.load_recipe("mnist", ["data.root=/home/ada/data"])
        >>> print(portable(recipe).data.options["root"])
        None
    """
    if recipe.init is not None and _is_place(recipe.init.model):
        name = PureWindowsPath(PurePosixPath(recipe.init.model).name).name or "model"
        recipe = recipe.model_copy(update={"init": recipe.init.model_copy(update={"model": name})})
    if recipe.imports:  # code is not shared
        recipe = recipe.model_copy(update={"imports": ()})
    changed = {name: _without_place(recipe.data, name, value) for name, value in recipe.data.options.items()}
    if changed == recipe.data.options:
        return recipe
    return recipe.model_copy(update={"data": DataSpec.model_validate({**recipe.data.model_dump(), **changed})})


def check_portable(recipe: Recipe) -> None:
    """Check that a recipe from another machine contains no paths, and no code to import.

    Raises:
        RecipeError: it does; the message names the field.
    """
    data = recipe.data
    if recipe.imports:
        raise RecipeError(
            f"expected a shared recipe without code to import, got {recipe.imports[0]!r}",
            where="imports",
            remedy="Leave it out, and import the components with --import.",
        )
    if recipe.init is not None and _is_place(recipe.init.model):
        raise RecipeError(
            f"expected a shared recipe without paths, got {recipe.init.model!r}",
            where="init.model",
            remedy="Name a model on the Hub or a pretrained model.",
        )
    for name, value in data.options.items():
        if _names_place(data, name, value):
            raise RecipeError(
                f"expected a shared recipe without paths, got {value!r}",
                where=f"data.{name}",
                remedy=f"Leave it out, and name your folder or file with --set data.{name}=PATH.",
            )


def _is_place(model: str) -> bool:
    """Return whether the name of a model is a path, and not that of a model on the Hub or a pretrained model."""
    return not model.startswith("hf://") and _PATH.search(model) is not None


def _names_place(data: DataSpec, name: str, value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_names_place(data, name, item) for item in value)
    if isinstance(value, dict):
        return any(_names_place(data, name, item) for item in value.values())
    if not isinstance(value, str):
        return False
    return _PATH.search(value) is not None or (name in _FOLDERS and _is_optional(data, name))


def _without_place(data: DataSpec, name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if _names_place(data, name, value) and _is_optional(data, name):
        return None
    bare = PureWindowsPath(PurePosixPath(value).name).name if _PATH.search(value) else value
    return bare.lstrip(".~") or "data"


def _is_optional(data: DataSpec, name: str) -> bool:
    """Return whether None is the default of a dataset's option; False for a dataset that is not installed."""
    try:
        field = option_schema(find_component("dataset", data.name)).model_fields.get(name)
    except ComponentError:
        return False
    return field is not None and not field.is_required() and field.default is None
