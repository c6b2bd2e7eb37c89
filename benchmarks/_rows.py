"""Rows of a table that are kept between calls: figures with what they depend on, and how they are printed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo.utils.files import write_text


def stored(file: Path, asked: Mapping[str, Any]) -> dict[str, float] | None:
    """Return the figures in a file that depend on the same as those that are asked for now; None if there are none."""
    found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return found["figures"] if found.get("asked") == asked else None


def store(file: Path, asked: Mapping[str, Any], figures: Mapping[str, float]) -> None:
    """Write figures with what they depend on."""
    write_text(file, json.dumps({"asked": asked, "figures": figures}, indent=2) + "\n")


def numbers_of(values: Mapping[str, Any]) -> dict[str, float]:
    """Return the results that are single numbers, such as can stand in a table."""
    return {name: value for name, value in values.items() if isinstance(value, (int, float))}


def cell(figures: Mapping[str, float], key: str, form: str) -> str:
    """Return a figure as a cell of a table in Markdown, with a dash where there is none."""
    return format(figures[key], form).replace("-", "−") if key in figures else "–"
