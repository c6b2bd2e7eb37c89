"""A hook of MkDocs: writes the reference of recipes and components from the schema and the registry.

So a new field, component or module is documented by being there.
"""

from __future__ import annotations

import inspect
import json
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import zoo
from zoo.cli import cli
from zoo.registry import DISTRIBUTION, KINDS, Kind, find_component, sources
from zoo.registry.inspection import describe_component
from zoo.runs.recipe_schema import component_schema
from zoo.spec import Recipe

sys.path.insert(0, str(Path(__file__).parent))
from docstrings import to_markdown

_HEADER = "| {} | type | default | what it is |\n|---|---|---|---|"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the page of each kind into the menu."""
    menu: list[Any] = next(entry["Reference"] for entry in config.nav or () if "Reference" in entry)
    menu += [{f"{kind.capitalize()}s": f"reference/{kind}s.md"} for kind in KINDS]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to the site."""
    pages = {f"reference/{kind.name}s.md": component_page(kind) for kind in KINDS.values()}
    pages |= {"reference/commands.md": commands_page()}
    pages |= {"reference/recipe.md": recipe_page(), "api/others.md": remaining_page(Path(config.docs_dir))}
    for name, content in pages.items():
        files.append(File.generated(config, name, content=content))
    return files


def commands_page() -> str:
    """Return the reference of every command, from its own help."""
    context = click.Context(cli, info_name="zoo-cli")
    parts = [
        "# Commands",
        "Every command of `zoo-cli`, as its `--help` shows it. MODEL is a run or checkpoint directory, "
        "`hf://user/name[@revision]`, or a pretrained name. The exit status is 0 when done, 1 if it failed, 2 if the "
        "input was wrong.",
    ]
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context)
        parts += [f"## `zoo-cli {name}` {{ #{name} }}", *_command_text(command, inner)]
    return "\n\n".join(parts) + "\n"


def _command_text(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield the description of a command, its usage, its options and its example."""
    yield inspect.cleandoc(command.help or "").replace("\b\n", "")
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"```text\nzoo-cli {context.info_name} {usage}\n```"
    records = [record for parameter in command.params if (record := parameter.get_help_record(context)) is not None]
    escaped = [(names, meaning.replace("[", r"\[")) for names, meaning in records]  # a bracket would begin a link
    rows = [f"| `{_cell(names)}` | {_cell(meaning)} |" for names, meaning in escaped]
    yield "\n".join(["| option | what it does |", "|---|---|", *rows])
    if command.epilog:
        lead, _, example = command.epilog.partition(": ")
        yield f"{lead}:\n\n```text\n{example}\n```"


def recipe_page() -> str:
    """Return the reference of every field of a recipe."""
    schema = Recipe.model_json_schema()
    intro = [
        "# Recipe fields",
        "Every field of a recipe, with its type and default, as [`Recipe`][zoo.spec.recipe.Recipe] checks it. "
        "[Recipes](../recipes.md) explains how they are written; `zoo-cli schema` prints them as a JSON Schema for "
        "your editor.",
        "A *component* is a bare name, `encoder: conv`, or a mapping with options, "
        "`encoder: {name: conv, channels: [32, 64]}`. The pages of their kinds list them: "
        + ", ".join(f"[{kind}]({kind}s.md)" for kind in KINDS)
        + ".",
    ]
    return "\n\n".join([*intro, *_sections(schema, schema["$defs"], "")]) + "\n"


def _sections(schema: dict[str, Any], definitions: dict[str, Any], path: str) -> Iterator[str]:
    """Yield a table of the fields, then a section for each field that contains fields."""
    if path:
        yield f"## `{path}` {{ #{path.replace('.', '-')} }}"
    yield _first_paragraph(schema)
    rows, nested = [_HEADER.format("field")], []
    for name, field in schema["properties"].items():
        where = f"{path}.{name}".removeprefix(".")
        inner = _fields_of(field, definitions)
        described = _cell(field.get("description", ""))
        if inner:
            nested.append((where, inner))
            described = described or _cell(_first_paragraph(inner))
            described += f" Its fields: [`{where}`](#{where.replace('.', '-')})."
        default = _default(field, required=name in schema.get("required", ()))
        if inner and field.get("default") is not None:
            default = ""  # that of each of its fields
        rows.append(f"| `{where}` | {_type(field, definitions)} | {default} | {described} |")
    yield "\n".join(rows)
    for where, inner in nested:
        yield from _sections(inner, definitions, where)


def component_page(kind: Kind) -> str:
    """Return the reference of every built-in component of a kind, and of what its package offers to them."""
    page = [
        f"# {kind.name.capitalize()}s",
        f"{kind.contract}. `zoo-cli list {kind.name}` lists them, `zoo-cli show {kind.name}/NAME` shows one.",
    ]
    for name, owners in sorted(sources(kind.name).items()):
        if owners[0].distribution == DISTRIBUTION:
            component = find_component(kind.name, name)
            page += [
                f"## {name} {{ #{name} }}",
                _directive(component, "show_docstring_parameters: false, members: [forward, loss, sample]"),
                *_options(kind.name, name, describe_component(owners[0]).doc),
                *_results(component),
                *[_directive(helper) for helper in _helpers(component)],
            ]
    page += ["## What all of them extend { #interface }", _rendered(kind.package, "heading_level: 3")]
    return "\n\n".join(page) + "\n"


def _directive(definition: Any, options: str = "") -> str:
    return _rendered(f"{definition.__module__}.{definition.__qualname__}", f"heading_level: 3, {options}")


def _rendered(identifier: str, options: str) -> str:
    return f"::: {identifier}\n    options: {{{options}}}"


def _results(component: type) -> list[str]:
    """Return a table of the numbers that a metric declares; nothing for other components."""
    results = getattr(component, "results", ())
    rows = [
        f"| `{each.name}` | {_cell(each.heading)} | {_cell(each.unit or '')} | {each.better or ''} | "
        f"{_cell(each.explanation)} |"
        for each in results
    ]
    return ["\n".join(["| result | title | unit | better | meaning |", "|---|---|---|---|---|", *rows])] if rows else []


def _helpers(component: type) -> Iterator[Any]:
    """Yield what else of public use the module of a component defines."""
    for name, value in vars(sys.modules[component.__module__]).items():
        home, public = getattr(value, "__module__", None), not name.startswith("_") and hasattr(value, "__qualname__")
        if public and home == component.__module__ and value is not component:
            yield value


def remaining_page(docs: Path) -> str:
    """Return the reference of every public module that no page under ``api/`` names, so that a link always leads."""
    named = {
        line.removeprefix("::: ").strip()
        for page in (docs / "api").glob("*.md")
        for line in page.read_text(encoding="utf-8").splitlines()
        if line.startswith("::: ")
    }
    by_kind = ("zoo.cli.", *(f"{kind.package}." for kind in KINDS.values()))
    found = [module.name for module in pkgutil.walk_packages(zoo.__path__, "zoo.")]
    public = [name for name in found if "._" not in name and not f"{name}.".startswith(by_kind)]
    modules = [name for name in sorted(public) if not any(f"{known}.".startswith(f"{name}.") for known in named)]
    page = [
        "# Modules of the package",
        "For contributors: what the rest of the package is made of, in the order of the alphabet. Names on this page "
        "may change in any version; the changelog names changes of those on the pages above.",
    ]
    return "\n\n".join([*page, *[f"::: {name}" for name in modules]]) + "\n"


def _options(kind: str, name: str, doc: str) -> list[str]:
    schema = component_schema(kind, name)
    if not schema.get("properties"):
        return ["It has no options."]
    described = _described_options(doc)
    rows = [_HEADER.format("option")]
    for option, field in schema["properties"].items():
        default = _default(field, required=option in schema.get("required", ()))
        rows.append(
            f"| `{option}` | {_type(field, schema.get('$defs', {}))} | {default} | {_cell(described.get(option, ''))} |"
        )
    return [f"**Options** in a recipe, under `name: {name}`:", "\n".join(rows)]


def _described_options(doc: str) -> dict[str, str]:
    """Return what the ``Args`` section of a docstring says of each option."""
    parsed = griffe.Docstring(to_markdown(doc)).parse("google", warnings=False)
    parameters = [section for section in parsed if section.kind is griffe.DocstringSectionKind.parameters]
    return {entry.name: entry.description for section in parameters for entry in section.value}


def _fields_of(field: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any] | None:
    """Return the schema of a field that contains fields; a component has options instead."""
    for choice in (field, *field.get("anyOf", ())):
        name = choice.get("$ref", "").rpartition("/")[2]
        if name and name not in ("ComponentSpec", "Duration"):
            found: dict[str, Any] = definitions[name]
            return found
    return None


def _type(field: dict[str, Any], definitions: dict[str, Any]) -> str:
    """Return a type in words."""
    if "anyOf" in field:
        return " or ".join(_type(choice, definitions) for choice in field["anyOf"])
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        special = {"ComponentSpec": "component", "Duration": "`{epochs: N}` or `{steps: N}`", "DataSpec": "dataset"}
        return special.get(name, "mapping")
    if "enum" in field:
        return "one of " + ", ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if field.get("type") == "array":
        # In what is documented here, a list of a fixed length holds values of one type.
        item, count = field.get("prefixItems", [field.get("items", {})])[0], field.get("maxItems")
        noun, _, limits = _type(item, definitions).partition(" ")
        return " ".join(["list of", *([str(count)] if count else []), f"{noun}s", limits]).strip()
    names = {"string": "text", "boolean": "true or false", "null": "null", "integer": "integer", "number": "number"}
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = [f"{sign} {field[key]:g}" for key, sign in bounds.items() if key in field and field[key] < 1e18]
    if "pattern" in field:
        limits.append(f"matching `{field['pattern']}`".replace("|", "\\|"))
    return " ".join([names.get(field.get("type", ""), "anything"), " and ".join(limits)]).strip()


def _default(field: dict[str, Any], *, required: bool) -> str:
    if required:
        return "*required*"
    value = field.get("default")
    return "" if isinstance(value, dict) and not value else f"`{json.dumps(value, ensure_ascii=False)}`"


def _first_paragraph(schema: dict[str, Any]) -> str:
    text = inspect.cleandoc(to_markdown(schema.get("description", "")))
    return " ".join(text.partition("\n\n")[0].split())


def _cell(text: str) -> str:
    """Return text that fits a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")
