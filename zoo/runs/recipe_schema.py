"""JSON Schema of recipes and models with the options of every component, for completion in editors."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

from pydantic import PydanticUserError
from pydantic.json_schema import models_json_schema

from zoo.errors import ComponentError, ZooWarning
from zoo.registry import KINDS, find_component, usable_components
from zoo.registry.catalogue import list_models
from zoo.spec.model import PARTS, ModelSpec, kind_of_role
from zoo.spec.options import option_schema
from zoo.spec.recipe import Recipe
from zoo.training.optimizers import optimizer_classes

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = "#/$defs/{model}"

Schema = dict[str, Any]


def recipe_schema() -> Schema:
    """Return the JSON Schema of a recipe as users write it: with bare names, presets and options of components.

    A component that cannot be imported, or whose options cannot be described, is left out with a warning.

    Example:
        >>> {"data", "init", "model", "train"} <= set(recipe_schema()["properties"])
        True
    """
    schema, definitions = _schema(Recipe)
    model = definitions.pop("ModelSpec")
    choices = _choices(definitions)
    # A preset fills in all fields that the recipe leaves out, including names of components and required options.
    extension = {**_complete_model(model, choices, beside_preset=True), "required": ["preset"]}
    whole = _complete_model(model, choices, beside_preset=False)
    schema["properties"]["model"] = {"anyOf": [{"enum": list_models()}, extension, whole]}
    schema["properties"]["data"] = _data(definitions.pop("DataSpec"), definitions)
    # The default of `name` is the name of the file, and with `init` the model need not be stated.
    schema["required"] = ["data"]
    schema["anyOf"] = [{"required": ["model"]}, {"required": ["init"]}]
    schema["properties"]["init"]["anyOf"].insert(0, {"type": "string"})
    _complete_training(definitions)
    for field, kind in (("metrics", "metric"), ("figures", "figure")):
        items = _choice(_add_components(kind, definitions))
        entry = definitions["EvaluateSpec"]["properties"][field]
        definitions["EvaluateSpec"]["properties"][field] = {
            **entry,
            "anyOf": [{"type": "array", "items": items}, {"type": "null"}],
        }
    return {**schema, "$schema": _DIALECT, "$defs": definitions}


def model_schema() -> Schema:
    """Return the JSON Schema of a model's spec."""
    schema, definitions = _schema(ModelSpec)
    choices = _choices(definitions)
    return {
        **_complete_model(schema, choices, beside_preset=False),
        "$schema": _DIALECT,
        "$defs": definitions,
    }


def _choices(definitions: Schema) -> dict[str, dict[str, Schema]]:
    """Add the components of each role of a model to the definitions; return references to them, by role and name."""
    kinds = {role: kind_of_role(role) for role in ("objective", *PARTS)}
    defined = {kind: _add_components(kind, definitions) for kind in dict.fromkeys([*kinds.values(), "regulariser"])}
    return {**{role: defined[kind] for role, kind in kinds.items()}, "regularisers": defined["regulariser"]}


def component_schema(kind: str, name: str) -> Schema:
    """Return the JSON Schema of one component's options."""
    return option_schema(find_component(kind, name)).model_json_schema(ref_template=_REFERENCE)


def _schema(root: type[Recipe] | type[ModelSpec]) -> tuple[Schema, Schema]:
    references, whole = models_json_schema([(root, "validation")], ref_template=_REFERENCE)
    definitions = whole["$defs"]
    name = references[root, "validation"]["$ref"].rpartition("/")[2]
    return dict(definitions.pop(name)), definitions


def _described(kind: str) -> Iterable[tuple[str, Schema]]:
    """Yield each component of a kind whose options can be described, with their schema."""
    for name in usable_components(kind):
        try:
            yield name, component_schema(kind, name)
        except (ComponentError, PydanticUserError) as error:
            warnings.warn(f"left out: the {kind} {name!r}: {error}", ZooWarning, stacklevel=2)


def _add_components(kind: str, definitions: Schema) -> dict[str, Schema]:
    """Add the components of a kind to the definitions; return references with their required options, by name."""
    references = {}
    for name, schema in _described(kind):
        definitions |= schema.pop("$defs", {})
        required = ["name", *schema.pop("required", ())]
        properties = {"name": {"const": name}, **schema.get("properties", {})}
        key = f"{kind}.{name}"
        definitions[key] = {"type": "object", "properties": properties, "additionalProperties": False}
        references[name] = {"$ref": _REFERENCE.format(model=key), "required": required}
    return references


def _choice(references: dict[str, Schema], *, beside_preset: bool = False) -> Schema:
    """Return the schema of a component: a bare name or a mapping; beside a preset, all options may be left out."""
    bare = [name for name, reference in references.items() if beside_preset or reference["required"] == ["name"]]
    mappings = [{"$ref": r["$ref"]} if beside_preset else r for r in references.values()]
    return {"anyOf": [{"enum": bare}, *mappings]}


def _complete_model(model: Schema, choices: dict[str, dict[str, Schema]], *, beside_preset: bool) -> Schema:
    properties = dict(model["properties"])
    preset = {"enum": list_models()}
    properties["preset"] = {**properties["preset"], "anyOf": [preset] if beside_preset else [preset, {"type": "null"}]}
    for role, references in choices.items():
        choice = _choice(references, beside_preset=beside_preset)
        if role == "regularisers":
            properties[role] = {**properties[role], "additionalProperties": choice}
            continue
        if role != "objective":
            choice["anyOf"].append({"type": "null"})
        properties[role] = {"description": properties[role]["description"], **choice}
    return {**model, "properties": properties}


def _complete_training(definitions: Schema) -> None:
    """Allow bare names for optimisers and the schedule, and list the available optimisers and callbacks."""
    schedule = definitions["ScheduleSpec"]
    definitions["ScheduleSpec"] = {"anyOf": [{"enum": schedule["properties"]["name"]["enum"]}, schedule]}
    names = sorted(optimizer_classes())
    mapping = {"type": "object", "properties": {"name": {"enum": names, "default": "adam"}}}
    for section in ("TrainSpec", "TurnSpec"):
        fields = definitions[section]["properties"]
        kept = {key: fields["optimizer"][key] for key in ("default", "description")}
        fields["optimizer"] = {**kept, "anyOf": [{"enum": names}, mapping]}
    callbacks = definitions["TrainSpec"]["properties"]["callbacks"]
    choice = _choice(_add_components("callback", definitions))
    callbacks["patternProperties"] = dict.fromkeys(callbacks["patternProperties"], choice)
    callbacks["additionalProperties"] = False


def _data(data: Schema, definitions: Schema) -> Schema:
    """Return the schema of the data: a dataset with its own options and those of all datasets."""
    common = {name: value for name, value in data["properties"].items() if name != "name"}
    choice = _choice(_add_components("dataset", definitions))
    for key in definitions:
        if key.startswith("dataset."):
            definitions[key]["properties"] |= common
    return {"description": KINDS["dataset"].contract, **choice}
