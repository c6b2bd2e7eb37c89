"""JSON Schema of recipes and models, with the options of every component, so that editors complete them."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from zoo.catalogue import list_models
from zoo.registry import KINDS, find_component, list_components
from zoo.spec.model import PARTS, ModelSpec
from zoo.spec.options import option_schema
from zoo.spec.recipe import Recipe

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def recipe_schema() -> dict[str, Any]:
    """Return the JSON Schema of a recipe as a person writes it: bare names, presets, and options checked by name.

    Example:
        >>> sorted(recipe_schema()["properties"])
        ['data', 'description', 'evaluate', 'model', 'name', 'seed', 'train']
    """
    schema, definitions = _schema(Recipe)
    model = definitions["ModelSpec"]
    _complete_model(model, definitions)
    # A preset fills in what the recipe leaves out, and the file's name is the recipe's.
    partial = {**model, "required": ["preset"]}
    schema["properties"]["model"] = {"anyOf": [{"enum": list_models()}, partial, model]}
    schema["properties"]["data"] = _data(definitions.pop("DataSpec"), definitions)
    schema["required"] = ["model", "data"]
    for field, kind in (("metrics", "metric"), ("figures", "figure")):
        choice = {"type": "array", "items": _components(kind, definitions)}
        entry = definitions["EvaluateSpec"]["properties"][field]
        definitions["EvaluateSpec"]["properties"][field] = {**entry, "anyOf": [choice, {"type": "null"}]}
    return {**schema, "$schema": _DIALECT, "$defs": definitions}


def model_schema() -> dict[str, Any]:
    """Return the JSON Schema of a model's spec."""
    schema, definitions = _schema(ModelSpec)
    _complete_model(schema, definitions)
    return {**schema, "$schema": _DIALECT, "$defs": definitions}


def component_schema(kind: str, name: str) -> dict[str, Any]:
    """Return the JSON Schema of one component's options."""
    return option_schema(find_component(kind, name)).model_json_schema()


def _schema(root: type[Recipe] | type[ModelSpec]) -> tuple[dict[str, Any], dict[str, Any]]:
    references, whole = models_json_schema([(root, "validation")], ref_template="#/$defs/{model}")
    definitions = whole["$defs"]
    name = references[root, "validation"]["$ref"].rpartition("/")[2]
    return dict(definitions.pop(name)), definitions


def _complete_model(model: dict[str, Any], definitions: dict[str, Any]) -> None:
    model["properties"]["preset"] = {
        **model["properties"]["preset"],
        "anyOf": [{"enum": list_models()}, {"type": "null"}],
    }
    for role in ("objective", *PARTS):
        kept = {key: value for key, value in model["properties"][role].items() if key in ("description", "title")}
        choices = _components(role, definitions)["anyOf"]
        model["properties"][role] = {**kept, "anyOf": choices if role == "objective" else [*choices, {"type": "null"}]}


def _components(kind: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the choice among a kind's components: a bare name, or a name with that component's options."""
    names = list_components(kind)
    described = [_component(kind, name, definitions) for name in names]
    return {"anyOf": [{"enum": names, "description": KINDS[kind].contract}, *described]}


def _component(
    kind: str, name: str, definitions: dict[str, Any], common: dict[str, Any] | None = None
) -> dict[str, Any]:
    schema = component_schema(kind, name)
    definitions |= schema.pop("$defs", {})
    properties = {"name": {"const": name}, **schema.get("properties", {}), **(common or {})}
    # An option may be left out beside a preset that gives it, so none is required here but the name.
    return {"type": "object", "properties": properties, "required": ["name"], "additionalProperties": False}


def _data(data: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    common = {name: value for name, value in data["properties"].items() if name != "name"}
    names = list_components("dataset")
    return {"anyOf": [{"enum": names}, *(_component("dataset", name, definitions, common) for name in names)]}
