"""Short names of fields and of their values, for tables and for the names of files."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

_LONGEST, _LONGEST_LABEL = 40, 180
"""Letters of a value, and of several: file systems allow 255 bytes, and names of runs have the seed behind it."""
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
    """Return for each path of a field the shortest end of it that tells it from the others.

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
    """Return a value as a short text that a file's name may have.

    What is lost of a long value, or of one with other letters, is replaced by a hash, so that two values that differ
    have two labels.

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
    """Return several values with their names, as a file's name may have them; the end of many becomes a hash.

    Example:
        >>> values_label({"beta": 0.5, "seed": 1})
        'beta=0.5,seed=1'
    """
    text = ",".join(f"{value_label(name)}={value_label(value)}" for name, value in values.items())
    if len(text) <= _LONGEST_LABEL:
        return text
    return f"{text[:_LONGEST_LABEL]}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
