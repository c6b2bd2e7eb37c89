"""The record of an epoch, a line of ``metrics.jsonl``."""

from __future__ import annotations

import json
from typing import Any

from zoo.utils.text import excerpt

_LARGEST = 2**53
"""Whole numbers below this are exact as floating-point numbers."""


def parse_record(line: str) -> dict[str, Any]:
    """Parse the record of an epoch.

    Raises:
        ValueError: it is not JSON, or a field is missing or of another type.
        OverflowError: a number is larger than any floating-point number.

    Example:
        >>> parse_record('{"epoch": 1, "step": 9, "train": {"loss": 2.5}, "best": true}')["train"]
        {'loss': 2.5}
    """
    record = json.loads(line)
    if not isinstance(record, dict):
        raise ValueError("expected an object in each line")
    for field in ("epoch", "step"):
        value = record.get(field)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < _LARGEST or value % 1:
            raise ValueError(f"{field}: expected a positive whole number, got {excerpt(value)}")
    if not isinstance(record.get("best"), bool):
        raise ValueError(f"best: expected true or false, got {excerpt(record.get('best'))}")
    if not record.get("train"):
        raise ValueError("train: expected numbers by name, got none")
    for field in ("train", "validation", "adversaries"):
        _check_numbers(field, record.get(field, {}))
    return record


def _check_numbers(field: str, values: object) -> None:
    if not isinstance(values, dict):
        raise ValueError(f"{field}: expected numbers by name, got {excerpt(values)}")
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"{field}: expected a number for {excerpt(name)}, got {excerpt(value)}")
        float(value)
