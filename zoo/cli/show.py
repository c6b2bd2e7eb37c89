"""``zoo-cli show``."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import click

from zoo.cli import _other_kinds as other_kinds
from zoo.cli._output import echo, echo_json


@click.command(epilog="Example: zoo-cli show full_gaussian · zoo-cli show encoder/conv · zoo-cli show vae-mlp-2d")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(name: str, as_json: bool) -> None:
    """Show a component's options, defaults and source, or the content of a preset, a recipe or a pretrained model.

    NAME may also be an optimiser, a schedule, a tracker or a field of recipes: adamw, one_cycle, train.epochs, train.

    If several kinds have the name, use KIND/NAME.
    """
    from zoo.errors import ComponentError, unknown_name
    from zoo.registry import KINDS, sources
    from zoo.registry.catalogue import preset_files, pretrained_files, recipe_files

    kind, _, plain = name.rpartition("/")
    listings = {"model": preset_files(), "recipe": recipe_files(), "pretrained": pretrained_files()}
    files = {each: entries[plain] for each, entries in listings.items() if plain in entries and kind in ("", each)}
    components = [
        source
        for role in KINDS
        if kind in ("", role)
        for known, owners in sources(role).items()
        if known == plain
        for source in owners
    ]
    if not files and not components:
        found = _other_facts(kind, plain, name)
        if found:
            echo_json(found) if as_json else echo(_joined(found))
            return
        meant = name.rstrip("/").removesuffix("s")
        if meant in {*KINDS, *listings, *other_kinds.KINDS}:
            raise ComponentError(
                f"expected a name, got the kind {name!r}",
                remedy=f"`zoo-cli list {meant}` lists the names of this kind.",
            )
        known_names = {known for entries in listings.values() for known in entries}
        known_names |= {known for role in KINDS for known in sources(role)}
        problem, remedy = unknown_name("name", name, known_names)
        raise ComponentError(problem, remedy=f"{remedy.partition('Available')[0]}`zoo-cli list` lists all names.")
    facts = [_file_facts(each, path) for each, path in files.items()] + [_component_facts(s) for s in components]
    if as_json:
        echo_json(facts)
    else:
        echo(_joined(facts))


def _other_facts(kind: str, plain: str, name: str) -> list[dict[str, Any]]:
    """Return the facts of an optimiser, a schedule, a tracker or a field, or of the fields of a section."""
    kinds = [each for each in other_kinds.KINDS if kind in ("", each)]
    for each in reversed(kinds):  # fields first, because they need no heavy imports
        entries = other_kinds.described(each)
        found = [entries[key] for key in (plain, name) if key in entries][:1]
        inside = [facts for path, facts in entries.items() if each == "field" and path.startswith(f"{plain}.")]
        if found or inside:
            return [*found, *inside]
    return []


def _joined(facts: list[dict[str, Any]]) -> str:
    return "\n\n".join(_as_text(entry) for entry in facts)


def _file_facts(kind: str, path: Path) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": path.stem,
        "source": str(path),
        "text": path.read_text(encoding="utf-8").rstrip(),
    }


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
    """Return a default, given as Python source, as it is written in a recipe."""
    try:
        value = ast.literal_eval(default)
        written = json.dumps(value, ensure_ascii=False)
    except (ValueError, SyntaxError, TypeError):  # not a literal, or one without a form in YAML
        return default
    return value if isinstance(value, str) and value.isidentifier() else written
