"""Overrides of single fields, such as ``train.epochs=3``: their form, and their application to a document."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from zoo.errors import RecipeError, cut
from zoo.spec.documents import parse_yaml
from zoo.utils.text import excerpt

_LONGEST_OVERRIDE = 200


def override_texts(overrides: Iterable[str] | Mapping[str, Any]) -> tuple[str, ...]:
    """Return overrides as a tuple of texts; a mapping ``{"train.epochs": 3}`` becomes ``("train.epochs=3",)``.

    Raises:
        RecipeError: they are a single text, or an entry is not a text.

    Example:
        >>> override_texts({"train.epochs": 3, "model.encoder.widths": (8, 4)})
        ('train.epochs=3', 'model.encoder.widths=[8, 4]')
    """
    remedy = 'For example: overrides=["train.epochs=3"], or overrides={"train.epochs": 3}.'
    if isinstance(overrides, str):
        raise RecipeError(
            f"expected a list of texts or a mapping, got the text {excerpt(overrides)}",
            where="overrides",
            remedy=remedy,
        )
    if isinstance(overrides, Mapping):
        return tuple(_override_text(str(key), value) for key, value in overrides.items())
    try:
        texts = tuple(overrides)
    except TypeError as error:
        found = type(overrides).__name__
        raise RecipeError(f"expected a list of texts, got {found}", where="overrides", remedy=remedy) from error
    for text in texts:
        if not isinstance(text, str):
            raise RecipeError(f"expected texts, got {excerpt(text)}", where="overrides", remedy=remedy)
    return texts


def _override_text(key: str, value: Any) -> str:
    """Return an override as on the command line; its value is JSON, which is also YAML."""

    def plain(other: Any) -> Any:
        if isinstance(other, BaseModel):
            return other.model_dump(mode="json", exclude_unset=True)
        if isinstance(other, Path):
            return str(other)
        if hasattr(other, "tolist"):  # numbers and arrays of NumPy, tensors
            return other.tolist()
        raise TypeError(type(other).__name__)

    try:
        return f"{key}={json.dumps(value, default=plain, ensure_ascii=False)}"
    except (TypeError, ValueError) as error:
        raise RecipeError(
            f"expected plain data, got {excerpt(value)}",
            where=f"overrides[{key!r}]",
            remedy="Use numbers, texts, booleans, and lists and mappings of them.",
        ) from error


def apply_override(document: dict[str, Any], override: str) -> None:
    """Set one field of a document, in place: ``model.objective.beta=4``.

    Raises:
        RecipeError: the override is not KEY=VALUE, or its path leads through a value without fields.
    """
    where = f"--set {cut(override, _LONGEST_OVERRIDE)}"
    path, equals, text = override.partition("=")
    keys = [key.strip() for key in path.split(".")]
    if not equals or not all(keys):
        raise RecipeError(
            f"expected KEY=VALUE, got {excerpt(override)}", where=where, remedy="For example: --set train.epochs=3"
        )
    place = document
    for depth, key in enumerate(keys[:-1]):
        below = place.get(key)
        if below is None:
            below = {}
        elif isinstance(below, str):
            # A bare name is short for a mapping; `model: NAME` is short for a preset.
            below = {"preset" if keys[: depth + 1] == ["model"] else "name": below}
        elif not isinstance(below, Mapping):
            raise RecipeError(f"expected a mapping at {'.'.join(keys[: depth + 1])}, got {excerpt(below)}", where=where)
        place[key] = dict(below)
        place = place[key]
    place[keys[-1]] = parse_yaml(text, where)
