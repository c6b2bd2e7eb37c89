"""YAML in and out: plain data only, numbers as people write them, and errors that name file and line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from zoo.errors import RecipeError


class _Loader(yaml.SafeLoader):
    """Safe YAML that reads ``1e-3`` as a number, ``no`` and ``1:30`` as words, and refuses a key given twice."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own class attribute, replaced and not shared
        key: [(tag, pattern) for tag, pattern in resolvers if tag.endswith((":null", ":merge"))]
        for key, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    yaml_constructors = {  # noqa: RUF012 - likewise
        f"tag:yaml.org,2002:{kind}": yaml.SafeLoader.yaml_constructors[f"tag:yaml.org,2002:{kind}"]
        for kind in ("null", "bool", "int", "float", "str", "seq", "map")
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is not a word", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def _refuse_tag(loader: yaml.SafeLoader, node: yaml.Node) -> None:
    raise yaml.constructor.ConstructorError(
        None, None, f"the tag {node.tag!r} is refused, only plain data are read", node.start_mark
    )


_Loader.add_constructor(None, _refuse_tag)


class _Dumper(yaml.SafeDumper):
    """Block mappings, and lists of scalars on one line."""


def _represent_list(dumper: yaml.SafeDumper, values: list[Any]) -> yaml.Node:
    flat = not any(isinstance(value, (dict, list)) for value in values)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=flat)


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    # PyYAML would write other line breaks than "\n" such that they are read as spaces.
    style = '"' if set(text) & set("\r\x85\u2028\u2029") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(list, _represent_list)
_Dumper.add_representer(str, _represent_text)

for _kind, _pattern, _first in (
    ("int", r"[-+]?(?:0|[1-9][0-9_]*)", "-+0123456789"),
    ("float", r"[-+]?(?:(?:\d+\.\d*|\.\d+)(?:e[-+]?\d+)?|\d+e[-+]?\d+|\.inf|\.nan)", "-+.0123456789"),
    ("bool", r"true|false", "tTfF"),
):
    for _side in (_Loader, _Dumper):
        # The dumper keeps YAML's own rules too: it quotes every text that either would read as something else.
        _side.add_implicit_resolver(
            f"tag:yaml.org,2002:{_kind}", re.compile(f"^(?:{_pattern})$", re.IGNORECASE), list(_first)
        )


def parse_yaml(text: str, where: str) -> Any:
    """Parse one YAML document.

    Raises:
        RecipeError: the text is not YAML, holds a tag, or repeats a key; the message names the line.

    Example:
        >>> parse_yaml("lr: 1e-3\\nname: no", "example")
        {'lr': 0.001, 'name': 'no'}
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"{where}, line {mark.line + 1}" if mark and "\n" in text else where
        raise RecipeError(f"not valid YAML: {error.problem or error.context}", where=line) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise RecipeError(f"not valid YAML: {error}", where=where) from error


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a file that holds one YAML mapping.

    Raises:
        RecipeError: the file cannot be read, is not YAML, or holds something else than a mapping.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise RecipeError(f"cannot be read: {reason}", where=str(path)) from error
    document = parse_yaml(text, str(path))
    if not isinstance(document, dict):
        found = "nothing" if document is None else "a list" if isinstance(document, list) else f"`{document}`"
        raise RecipeError(f"expected a mapping of fields, got {found}", where=str(path))
    return document


def line_of(path: Path, keys: Sequence[str | int]) -> int | None:
    """Return the line on which a field of a YAML file stands, or the nearest field around it.

    Args:
        keys: what leads to the field; a number is a position in a list.
    """
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return None
    line = None
    for key in keys:
        if isinstance(node, yaml.MappingNode):
            entry = next((pair for pair in node.value if pair[0].value == key), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            entry = node.value[key], node.value[key]
        else:
            entry = None
        if entry is None:
            break
        line, node = entry[0].start_mark.line + 1, entry[1]
    return line


def to_yaml(document: Any) -> str:
    """Write plain data as YAML, in the order given."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
