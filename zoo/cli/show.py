"""``zoo-cli show``."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import click

from zoo.cli import _further as further
from zoo.cli._output import echo, echo_json


@click.command(epilog="Example: zoo-cli show full_gaussian · zoo-cli show encoder/conv · zoo-cli show vae-mlp-2d")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(name: str, as_json: bool) -> None:
    """Show one component's options, defaults and source, or what a preset, a recipe or a pretrained model is.

    It also knows optimisers, schedules, trackers, and fields of recipes: adamw, one_cycle, train.epochs, train.

    NAME may be KIND/NAME where several kinds have it.
    """
    from zoo.errors import ComponentError, unknown_name
    from zoo.registry import KINDS, sources
    from zoo.registry.catalogue import preset_files, pretrained_files, recipe_files

    kind, _, plain = name.rpartition("/")
    shelves = {"model": preset_files(), "recipe": recipe_files(), "pretrained": pretrained_files()}
    files = {shelf: entries[plain] for shelf, entries in shelves.items() if plain in entries and kind in ("", shelf)}
    components = [
        source
        for role in KINDS
        if kind in ("", role)
        for known, owners in sources(role).items()
        if known == plain
        for source in owners
    ]
    if not files and not components:
        found = _further_facts(kind, plain, name)
        if found:
            echo_json(found) if as_json else echo(_joined(found))
            return
        meant = name.rstrip("/").removesuffix("s")
        if meant in {*KINDS, *shelves, *further.KINDS}:
            raise ComponentError(f"{name!r} is a kind", remedy=f"`zoo-cli list {meant}` shows what there is of it.")
        known_names = {known for entries in shelves.values() for known in entries}
        known_names |= {known for role in KINDS for known in sources(role)}
        problem, remedy = unknown_name("name", name, known_names)
        raise ComponentError(problem, remedy=f"{remedy.partition('Available')[0]}`zoo-cli list` shows what there is.")
    facts = [_file_facts(shelf, path) for shelf, path in files.items()] + [_component_facts(s) for s in components]
    if as_json:
        echo_json(facts)
    else:
        echo(_joined(facts))


def _further_facts(kind: str, plain: str, name: str) -> list[dict[str, Any]]:
    """Return what there is to know of an optimiser, schedule, tracker or field, or of the fields of a section."""
    kinds = [each for each in further.KINDS if kind in ("", each)]
    for each in reversed(kinds):  # fields first, for which nothing heavy is imported
        entries = further.described(each)
        found = [entries[key] for key in (plain, name) if key in entries][:1]
        inside = [facts for path, facts in entries.items() if each == "field" and path.startswith(f"{plain}.")]
        if found or inside:
            return [*found, *inside]
    return []


def _joined(facts: list[dict[str, Any]]) -> str:
    return "\n\n".join(_as_text(entry) for entry in facts)


def _file_facts(shelf: str, path: Path) -> dict[str, Any]:
    return {"kind": shelf, "name": path.stem, "source": str(path), "text": path.read_text(encoding="utf-8").rstrip()}


def _component_facts(source: Any) -> dict[str, Any]:
    from zoo.registry.inspection import describe_component

    described = describe_component(source)
    return {
        "kind": source.kind,
        "name": source.name,
        "source": str(described.path or source.module),
        "distribution": f"{source.distribution} {source.version or ''}".strip(),
        "options": {o.name: {"type": o.type, "default": o.default} for o in described.options},
        "text": described.doc,
    }


def _as_text(facts: dict[str, Any]) -> str:
    lines = [f"{facts['kind']} {facts['name']}", f"from {facts['source']}"]
    if "distribution" in facts:
        lines[1] += f" ({facts['distribution']})"
    options = facts.get("options", {})
    if options:
        lines += ["", "options:"]
        lines += [
            f"  {name}: {option['type']}  ({'required' if default is None else f'default {_as_yaml(default)}'})"
            for name, option in options.items()
            for default in [option["default"]]
        ]
    elif "options" in facts:
        lines += ["", "no options"]
    return "\n".join([*lines, "", facts["text"]])


def _as_yaml(default: str) -> str:
    """Write a default, which the source has in Python, as a recipe would have it."""
    try:
        value = ast.literal_eval(default)
        written = json.dumps(value, ensure_ascii=False)
    except (ValueError, SyntaxError, TypeError):  # no literal, or one that YAML lacks
        return default
    return value if isinstance(value, str) and value.isidentifier() else written
