"""The content of ``evaluation.json``: numbers by name, details of each, and the settings that repeat them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast, get_args

from zoo.errors import CheckpointError, ComponentError, located
from zoo.evaluation.measurement import FITTED, MEANINGS, PRIOR, TRAINING_DATA, Better, Measurement, Result, Source
from zoo.registry import find_component, list_components
from zoo.utils.foreign import parsing, read_text
from zoo.utils.text import excerpt

_LARGEST = 2**20
_AGAIN = "Evaluate the model again: remove the file, and give `zoo-cli train … --resume`."
_FIELDS = {"split": str, "dataset": str, "examples": int, "seed": int, "best_epoch": int}
_STANDARD_ERROR = "_standard_error"
_SOURCES_OF_0_1: Mapping[str, Source] = {"data": TRAINING_DATA, "prior": PRIOR, "aggregate": FITTED}


def describe(measurement: Measurement, metric: str) -> dict[str, Any]:
    """Return the details of a number in a record, as plain data without empty fields.

    Args:
        metric: the name of the metric component that measured it.
    """
    result, source = measurement.result, measurement.source
    facts = {
        "metric": metric,
        "result": result.name,
        "title": result.title,
        "unit": result.unit,
        "better": result.better,
        "source": {"key": source.key, "title": source.title} if source else None,
        "standard_error": measurement.standard_error,
        "examples": measurement.examples,
        "note": measurement.note,
        "explanation": result.explanation,
    }
    return {name: fact for name, fact in facts.items() if fact not in (None, "")}


def measurements_of(record: Mapping[str, Any]) -> list[Measurement]:
    """Return the numbers of a record with their details; a number without details has only its name."""
    details = record.get("details", {})
    return [_measurement(name, value, details.get(name, {})) for name, value in record["metrics"].items()]


def metric_of(record: Mapping[str, Any], name: str) -> str | None:
    """Return the metric component that measured a number, or None if the record does not say."""
    metric = record.get("details", {}).get(name, {}).get("metric")
    return metric if isinstance(metric, str) else None


def merged(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with new numbers, of the same split and seed, in place of those of the same name."""
    settings = {each["name"]: each for each in (*before.get("settings", ()), *after["settings"])}
    return {
        **before,
        **after,
        "metrics": {**before["metrics"], **after["metrics"]},
        "details": {**before.get("details", {}), **after["details"]},
        "settings": list(settings.values()),
        "notes": list(dict.fromkeys([*before.get("notes", ()), *after.get("notes", ())])),
    }


def load_record(path: Path, where: str | None = None) -> dict[str, Any] | None:
    """Return what an ``evaluation.json`` holds, in the form of this version, or None if there is no such file.

    Args:
        where: names the file in messages, in place of its path.

    Raises:
        CheckpointError: the file cannot be read, or is not a record.
    """
    if not os.path.lexists(path):
        return None
    place = where or str(path)
    with parsing(place, CheckpointError, remedy=_AGAIN):
        document = json.loads(read_text(path, limit=_LARGEST))
    with located(place), parsing(None, CheckpointError, remedy=_AGAIN):
        return read_record(document)


def read_record(document: Any) -> dict[str, Any]:
    """Return the content of an ``evaluation.json`` as this version writes it.

    Version 0.1 wrote standard errors, numbers of examples and notes beside the metrics, under names with suffixes; only
    this function knows those names.

    Raises:
        CheckpointError: the document is not a record.
    """
    if not isinstance(document, dict):
        raise CheckpointError(f"expected an object, got {excerpt(document)}", remedy=_AGAIN)
    for field, kind in _FIELDS.items():
        value = document.get(field)
        if not isinstance(value, kind) or isinstance(value, bool) or (isinstance(value, int) and abs(value) >= 2**63):
            words = "a text" if kind is str else "a whole number"
            raise CheckpointError(f"expected {words}, got {excerpt(value)}", where=field, remedy=_AGAIN)
    settings, notes = document.get("settings", []), document.get("notes", [])
    if not isinstance(settings, list) or not all(
        isinstance(s, dict) and isinstance(s.get("name"), str) for s in settings
    ):
        raise CheckpointError("expected a list of metrics by name", where="settings", remedy=_AGAIN)
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise CheckpointError("expected a list of texts", where="notes", remedy=_AGAIN)
    metrics = document.get("metrics")
    if not isinstance(metrics, dict) or not all(map(_is_value, metrics.values())):
        raise CheckpointError("expected numbers by name under `metrics`", remedy=_AGAIN)
    document = {**document, "notes": notes}
    details = document.get("details")
    if details is None:
        return _of_version_0_1(document)
    if not isinstance(details, dict) or not all(isinstance(each, dict) for each in details.values()):
        raise CheckpointError("expected an object for each number under `details`", remedy=_AGAIN)
    return document


def _is_value(value: Any) -> bool:
    return isinstance(value, (float, list, str)) or (isinstance(value, int) and abs(value) < 2**63)


def _measurement(name: str, value: Any, details: Mapping[str, Any]) -> Measurement:
    """Return a number of a record; details that another program wrote in another form are left out."""

    def text(field: str) -> str:
        return str(details.get(field, ""))

    def number(field: str) -> Any:
        found = details.get(field)
        return found if isinstance(found, (int, float)) else None

    source, better = details.get("source"), text("better")
    result = Result(
        text("result") or name,
        text("explanation"),
        unit=text("unit") or None,
        better=cast(Better, better) if better in get_args(Better) else None,
        title=text("title"),
    )
    return Measurement(
        result,
        value,
        standard_error=number("standard_error"),
        source=Source(str(source["key"]), str(source.get("title", source["key"])), MEANINGS.get(str(source["key"]), ""))
        if isinstance(source, dict) and "key" in source
        else None,
        examples=number("examples"),
        note=text("note"),
    )


def _of_version_0_1(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record of version 0.1 in today's form, numbers of metrics that are not installed without details."""
    old: dict[str, Any] = dict(document["metrics"])
    metrics: dict[str, Any] = {}
    details: dict[str, Any] = {}
    for metric, results in _declared(document.get("settings", ())):
        examples = old.pop(f"{metric}_examples", None)
        examples = None if examples == document.get("examples") else examples
        learned_from = old.pop(f"{metric}_learned_from", None)
        note = f"learned from {learned_from}" if learned_from else ""
        old.pop(f"{metric}_samples", None)  # the settings say it
        for result in results:
            sources = {f"{result.name}_{end}": source for end, source in _SOURCES_OF_0_1.items()}
            for name, source in {result.name: None, **sources}.items():
                if name in old:
                    error = old.pop(name + _STANDARD_ERROR, None)
                    found = Measurement(result, old.pop(name), error, source, examples, note)
                    metrics[found.key], details[found.key] = found.value, describe(found, metric)
    for name in [name for name in old if name + _STANDARD_ERROR in old]:
        details[name] = {"standard_error": old.pop(name + _STANDARD_ERROR)}
    return {**document, "metrics": {**metrics, **old}, "details": details}


def _declared(settings: Sequence[Any]) -> Iterable[tuple[str, Sequence[Result]]]:
    """Yield the metrics of a record with what they declare, those that are installed."""
    for setting in settings:
        name = setting.get("name") if isinstance(setting, dict) else None
        if name not in list_components("metric"):
            continue
        try:
            yield str(name), cast(Any, find_component("metric", str(name))).results
        except ComponentError:  # a plug-in that fails to import: its numbers are kept, without details
            continue
