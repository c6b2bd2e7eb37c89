"""Short names of fields and of their values, for tables and names of files."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

_LONGEST, _LONGEST_LABEL = 40, 180
"""Lengths of the label of a value and of several values: file names may have 255 bytes, including the seed of a run."""
_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]+")


def value_at(document: Mapping[str, Any], path: str) -> Any:
    """Return the value of a field of nested mappings by its path.

    Raises:
        KeyError: there is no such field.

    Example:
        >>> value_at({"train": {"epochs": 3}}, "train.epochs")
        3
    """
    value: Any = document
    for key in path.split("."):
        if not isinstance(value, Mapping) or key not in value:
            raise KeyError(path)
        value = value[key]
    return value


def short_names(paths: Iterable[str]) -> dict[str, str]:
    """Return the shortest unique suffix of each path of a field.

    Example:
        >>> short_names(["model.encoder.widths", "model.decoder.widths", "seed"])
        {'model.encoder.widths': 'encoder.widths', 'model.decoder.widths': 'decoder.widths', 'seed': 'seed'}
    """
    paths = list(dict.fromkeys(paths))
    names = {}
    for path in paths:
        keys = path.split(".")
        ends = (".".join(keys[start:]) for start in range(len(keys) - 1, 0, -1))
        others = [other for other in paths if other != path]
        names[path] = next((end for end in ends if not any(f".{o}".endswith(f".{end}") for o in others)), path)
    return names


def value_label(value: Any) -> str:
    """Return a short text for a value that is allowed in names of files.

    If the value is long or contains other characters, the label ends in a hash, so that different values have different
    labels.

    Example:
        >>> value_label(0.5), value_label([64, 32]), value_label("full_gaussian"), value_label(None)
        ('0.5', '64-32', 'full_gaussian', 'null')
        >>> value_label({"name": "mixture", "components": 5})
        'mixture-661ae3'
    """
    if isinstance(value, (list, tuple)) and value and not any(isinstance(v, (list, tuple, Mapping)) for v in value):
        text = "-".join(v if isinstance(v, str) else json.dumps(v) for v in value)
    elif isinstance(value, Mapping) and isinstance(value.get("name"), str):
        text = value["name"] if len(value) == 1 else f"{value['name']} "
    else:
        text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    safe = _UNSAFE.sub("-", text).strip("-")[:_LONGEST]
    if safe and safe == text:
        return safe
    digest = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:6]
    return f"{safe}-{digest}" if safe else digest


def values_label(values: Mapping[str, Any]) -> str:
    """Return a text for several values with their names that is allowed in names of files; a long one ends in a hash.

    Example:
        >>> values_label({"beta": 0.5, "seed": 1})
        'beta=0.5,seed=1'
    """
    text = ",".join(f"{value_label(name)}={value_label(value)}" for name, value in values.items())
    if len(text) <= _LONGEST_LABEL:
        return text
    return f"{text[:_LONGEST_LABEL]}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
