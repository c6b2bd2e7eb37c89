"""The rules of the Hub for the metadata of a model card, as far as they are documented.

Source:
    https://huggingface.co/docs/hub/model-cards
    https://github.com/huggingface/hub-docs/blob/main/modelcard.md
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

_BLOCK = re.compile(r"^(\s*---(?:\r\n|\r|\n))([\S\s]*?)((?:\r\n|\r|\n)---[ \t]*(\r\n|\n|$))")
_LICENCES = {"unknown", "other", "mit", "apache-2.0", "cc-by-4.0", "cc0-1.0", "bsd-3-clause", "gpl-3.0", "openrail"}
_TASKS = {"unconditional-image-generation", "image-feature-extraction", "image-to-image", "other"}


def problems_of(card: str) -> tuple[dict[str, Any], list[str]]:
    """Return the metadata of a card, and what is wrong with them."""
    found = _BLOCK.search(card)
    if found is None:
        return {}, []
    try:
        metadata = yaml.safe_load(found[2]) or {}
    except yaml.YAMLError as error:
        return {}, [f"not valid YAML: {error}"]
    if not isinstance(metadata, dict):
        return {}, ["the metadata must be a mapping"]
    return metadata, [*_simple(metadata), *_index(metadata.get("model-index", []))]


def _simple(metadata: dict[str, Any]) -> list[str]:
    problems = []
    licence = metadata.get("license")
    if licence is not None and licence not in _LICENCES:
        problems.append(f'"license" must be one of {sorted(_LICENCES)}')
    if "library_name" in metadata and not isinstance(metadata["library_name"], str):
        problems.append('"library_name" must be a string')
    for key in ("tags", "datasets"):
        values = metadata.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
            problems.append(f'"{key}" must be an array of strings')
    if metadata.get("pipeline_tag", "other") not in _TASKS:
        problems.append('"pipeline_tag" must be a known task')
    return problems


def _index(index: Any) -> list[str]:
    if not isinstance(index, list):
        return ['"model-index" must be an array']
    problems = []
    for position, model in enumerate(index):
        path = f"model-index[{position}]"
        if not isinstance(model.get("name"), str) or not model["name"]:
            problems.append(f'"{path}.name" is required')
        for number, result in enumerate(model.get("results", [])):
            here = f"{path}.results[{number}]"
            if result.get("task", {}).get("type") not in _TASKS:
                problems.append(f'"{here}.task.type" must be a known task')
            for key in ("type", "name"):
                if not isinstance(result.get("dataset", {}).get(key), str):
                    problems.append(f'"{here}.dataset.{key}" is required')
            for metric in result.get("metrics") or [{}]:
                value = metric.get("value")
                if not isinstance(metric.get("type"), str) or value is None:
                    problems.append(f'"{here}.metrics" need a type and a value')
                elif isinstance(value, float) and not math.isfinite(value):
                    problems.append(f'"{here}.metrics" need finite values')
        if not model.get("results"):
            problems.append(f'"{path}.results" is required')
    return problems
