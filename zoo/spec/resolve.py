"""Loading of specs by name, from files or from mappings: presets are extended, and overrides are applied."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from zoo.errors import RecipeError, unknown_name
from zoo.registry.catalogue import preset_files
from zoo.spec.documents import read_yaml
from zoo.spec.model import ModelSpec
from zoo.spec.overrides import apply_override, override_texts
from zoo.spec.paths import with_absolute_paths
from zoo.spec.recipe import Recipe
from zoo.spec.recipe_files import find_recipe, origin_of
from zoo.spec.validation import validate
from zoo.utils.arguments import checked

_FROM_DATA = ("data_shape", "data_range", "data")
"""Fields of a model that follow from its data."""


def load_model_spec(
    model: str | Mapping[str, Any] | ModelSpec, overrides: Mapping[str, Any] | None = None
) -> ModelSpec:
    """Return the spec of a model from a preset's name, a mapping (which may extend a preset) or a spec.

    Args:
        overrides: fields to set.

    Raises:
        RecipeError: the preset or a field is unknown, or a value is wrong; the message names the path of the field.

    Example:
        >>> load_model_spec("vae-mlp-2d", {"latent_dim": 8}).latent_dim
        8
    """
    if isinstance(model, ModelSpec):
        document = model.model_dump(exclude_unset=True)
    else:
        document = extend_preset({"preset": model} if isinstance(model, str) else model, "model")
    return validate(ModelSpec, merge(document, overrides or {}), "model")


@checked
def load_recipe(
    recipe: str | Path | Mapping[str, Any] | Recipe,
    overrides: Iterable[str] | Mapping[str, Any] = (),
    *,
    as_written: bool = False,
    data: Callable[[Any], Mapping[str, Any]] | None = None,
    spec_of: Callable[[str], ModelSpec] | None = None,
) -> Recipe:
    """Return a validated recipe by its bundled name, from a YAML file, or from a mapping.

    Relative paths of data are made absolute: those in a file start from its folder, all others from the working
    directory.

    Args:
        recipe: ``"digits"``, ``"my/recipe.yaml"``, or the recipe's content.
        overrides: ``["train.epochs=3"]``, a field's path and its value in YAML, or ``{"train.epochs": 3}``.
        as_written: leave relative paths as they are.
        data: returns the data that replace the recipe's `data`, which are its argument (None if the recipe has none).
        spec_of: returns the spec of the trained model that ``init`` names, whose fields are the defaults of ``model``;
            None: the recipe must state them.

    Raises:
        RecipeError: there is no such recipe, it is not valid YAML, or a field is wrong; the message names the file and
            the path of the field.

    Example:
        >>> import zoo
        >>> zoo.load_recipe("digits", ["train.epochs=3"]).train.epochs
        3
    """
    overrides = override_texts(overrides)
    document = recipe_document(recipe, as_written=as_written)
    origin = origin_of(recipe, overrides)
    if data is not None:
        document["data"] = dict(data(document.get("data")))
    before = copy.deepcopy(document)
    for override in overrides:
        apply_override(document, override)
    if not as_written:
        with_absolute_paths(document, Path.cwd())
    with origin.located():
        _extend_model(document, spec_of)
    _describe_changes(document, before, [override.partition("=")[0].strip() for override in overrides])
    return validate(Recipe, document, origin=origin)


def recipe_document(recipe: str | Path | Mapping[str, Any] | Recipe, *, as_written: bool = False) -> dict[str, Any]:
    """Return the content of a recipe without extending its presets or checking its fields.

    Args:
        as_written: leave relative paths of data as they are, instead of making them absolute.

    Raises:
        RecipeError: there is no such recipe, or it is not valid YAML.
    """
    if not isinstance(recipe, (str, Path, Mapping, Recipe)):
        raise RecipeError(
            f"expected a recipe's name, its path or its content, got {type(recipe).__name__}",
            where="recipe",
            remedy="For example: zoo.load_recipe('digits'); `zoo-cli list recipe` shows names.",
        )
    if isinstance(recipe, Recipe):
        # Without defaults: a default that is written down counts as chosen, for example `prior` for an objective
        # that uses none.
        return recipe.model_dump(mode="json", exclude_unset=True)
    if isinstance(recipe, Mapping):
        return dict(recipe)
    path = find_recipe(recipe)
    document = {"name": path.stem, **read_yaml(path)}
    if not as_written:
        with_absolute_paths(document, path.parent)
    return document


def _extend_model(document: dict[str, Any], spec_of: Callable[[str], ModelSpec] | None = None) -> None:
    if isinstance(document.get("model"), str):
        document["model"] = {"preset": document["model"]}
    model, init = document.get("model", {}), document.get("init")
    name = init.get("model") if isinstance(init, Mapping) else init
    if spec_of is not None and isinstance(name, str) and isinstance(model, Mapping) and "preset" not in model:
        trained = spec_of(name).model_dump(mode="json", exclude={*_FROM_DATA, "preset", "train_examples"})
        document["model"] = merge(trained, model)
    if isinstance(document.get("model"), Mapping):
        document["model"] = extend_preset(document["model"], "model", forget=_FROM_DATA)


def extend_preset(document: Mapping[str, Any], where: str, forget: Iterable[str] = ()) -> dict[str, Any]:
    """Return a model's document with the fields of its preset as defaults.

    Args:
        where: the path of the document, for errors.
        forget: fields of the preset to leave out.
    """
    name = document.get("preset")
    if name is None:
        return dict(document)
    if not isinstance(name, str) or name not in preset_files():
        problem, remedy = unknown_name("preset", str(name), preset_files(), "zoo-cli list model")
        raise RecipeError(problem, where=f"{where}.preset", remedy=remedy)
    base = {key: value for key, value in read_yaml(preset_files()[name]).items() if key not in forget}
    return merge(base, document)


def merge(base: Any, changes: Any) -> Any:
    """Return ``base`` updated with ``changes``: mappings field by field, unless they name another component.

    Example:
        >>> merge({"encoder": {"name": "mlp", "widths": [8]}}, {"encoder": {"depth": 2}})
        {'encoder': {'name': 'mlp', 'widths': [8], 'depth': 2}}
        >>> merge({"encoder": {"name": "mlp", "widths": [8]}}, {"encoder": "conv"})
        {'encoder': {'name': 'conv'}}
    """
    if isinstance(base, str) and isinstance(changes, Mapping):
        base = {"name": base}
    if isinstance(base, Mapping) and "name" in base and isinstance(changes, str):
        changes = {"name": changes}
    if not (isinstance(base, Mapping) and isinstance(changes, Mapping)):
        return dict(changes) if isinstance(changes, Mapping) else changes
    if "name" in base and changes.get("name", base["name"]) != base["name"]:
        return dict(changes)
    merged = {key: merge(base[key], changes[key]) if key in changes else base[key] for key in base}
    return {**merged, **{key: value for key, value in changes.items() if key not in base}}


def _describe_changes(document: dict[str, Any], before: dict[str, Any], paths: list[str]) -> None:
    """Add the fields of the model or the data that overrides have changed to a recipe's description, in place."""
    text = document.get("description")
    if not isinstance(text, str) or not text or "description" in paths:
        return
    with contextlib.suppress(RecipeError):  # the original preset may be unknown, if it is overridden
        _extend_model(before)
    chosen = [path for path in dict.fromkeys(paths) if path.partition(".")[0] in ("model", "data")]
    changed = [path for path in chosen if _value_at(document, path) != _value_at(before, path)]
    if changed and _value_at(document, "data.name") != _value_at(before, "data.name"):
        text = f"The recipe {document.get('name')!r} with other data."
    if changed:
        document["description"] = f"{text} Changed: {', '.join(changed)}."


def _value_at(document: Any, path: str) -> Any:
    for key in path.split("."):
        document = {"name": document} if isinstance(document, str) else document
        document = document.get(key.strip()) if isinstance(document, Mapping) else None
    return document["name"] if isinstance(document, Mapping) and set(document) == {"name"} else document
