"""Recipes that leave a machine or come from another: they name data, but no place where data lie."""

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
"""Options that name a folder in which data are looked for, or put when they are downloaded."""


def portable(recipe: Recipe) -> Recipe:
    """Return the recipe without paths: a folder falls back on its default, a file keeps its name alone.

    Example:
        >>> import zoo
        >>> recipe = zoo.load_recipe("mnist", ["data.root=/home/ada/data"])
        >>> print(portable(recipe).data.options["root"])
        None
    """
    if recipe.init is not None and _is_place(recipe.init.model):
        name = PureWindowsPath(PurePosixPath(recipe.init.model).name).name or "model"
        recipe = recipe.model_copy(update={"init": recipe.init.model_copy(update={"model": name})})
    if recipe.imports:  # code stays where it is
        recipe = recipe.model_copy(update={"imports": ()})
    changed = {name: _without_place(recipe.data, name, value) for name, value in recipe.data.options.items()}
    if changed == recipe.data.options:
        return recipe
    return recipe.model_copy(update={"data": DataSpec.model_validate({**recipe.data.model_dump(), **changed})})


def check_portable(recipe: Recipe) -> None:
    """Refuse a recipe from outside that names a place on this machine, or code to import.

    Raises:
        RecipeError: names the field.
    """
    data = recipe.data
    if recipe.imports:
        raise RecipeError(
            f"it asks for code to be imported, {recipe.imports[0]!r}",
            where="imports",
            remedy="A recipe that is shared does not; import the components yourself, with --import.",
        )
    if recipe.init is not None and _is_place(recipe.init.model):
        raise RecipeError(
            f"it names a place on this machine, {recipe.init.model!r}",
            where="init.model",
            remedy="A recipe that is shared names models of the Hub or pretrained ones.",
        )
    for name, value in data.options.items():
        if _names_place(data, name, value):
            raise RecipeError(
                f"it names a place on this machine, {value!r}",
                where=f"data.{name}",
                remedy="A recipe that is shared leaves paths out; say where your data lie with --set.",
            )


def _is_place(model: str) -> bool:
    """Whether the name of a model is a path, rather than of the Hub or a pretrained one."""
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
    """Whether None is the default of an option of the dataset; no for a dataset that is not installed."""
    try:
        field = option_schema(find_component("dataset", data.name)).model_fields.get(name)
    except ComponentError:
        return False
    return field is not None and not field.is_required() and field.default is None
