"""Reading and writing of YAML: plain data only, with common forms of numbers, and errors that name file and line."""

from __future__ import annotations

import contextlib
import copy
import functools
import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from yaml.representer import SafeRepresenter

from zoo.errors import RecipeError, cut
from zoo.utils.foreign import parsing, read_text, reason
from zoo.utils.text import excerpt

_TABLES = {".csv", ".tsv", ".txt", ".parquet"}
_LARGEST = 2**20
"""Bytes of a document."""
_DEEPEST = 64
"""The largest depth of nested brackets: the time of the parser grows with the square of the depth."""
_MOST_TOKENS = 100_000
"""Words, numbers and signs of a document; the parser takes some 30 microseconds for each."""
_MOST_BY_ALIASES = 100_000
"""The largest number of values that aliases may add to a document."""
_KEPT = 2**14
"""Length of the longest text that is cached: presets and recipes are read many times."""
_NULLS = {"", "~", "null", "Null", "NULL"}


class _Loader(yaml.SafeLoader):
    """A safe YAML loader that reads ``1e-3`` as a number, ``no`` and ``1:30`` as texts, and refuses duplicate keys."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own class attribute, replaced and not shared
        key: [(tag, pattern) for tag, pattern in resolvers if tag.endswith((":null", ":merge"))]
        for key, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    yaml_constructors = {  # noqa: RUF012 - likewise
        f"tag:yaml.org,2002:{kind}": yaml.SafeLoader.yaml_constructors[f"tag:yaml.org,2002:{kind}"]
        for kind in ("null", "bool", "int", "float", "str", "seq", "map")
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._tokens = 0

    def fetch_more_tokens(self) -> None:
        """Read the next token, unless there are too many."""
        self._tokens += 1
        if self._tokens > _MOST_TOKENS:
            raise yaml.YAMLError(f"expected at most {_MOST_TOKENS:,} words, numbers and signs")
        super().fetch_more_tokens()

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)
        except yaml.YAMLError:
            raise
        except Exception as error:  # `!!bool maybe` is a KeyError, `!!int ''` an IndexError, …
            kind = node.tag.rpartition(":")[2]
            problem = f"expected a value of the type {kind}, got {excerpt(node.value)}"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        if not isinstance(node, yaml.MappingNode):
            raise yaml.constructor.ConstructorError(None, None, "expected a mapping", node.start_mark)
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                problem = f"expected a word as the key, got {excerpt(key)}"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            if key in seen:
                problem = f"the key {excerpt(key)} appears twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)

    def construct_null(self, node: yaml.ScalarNode) -> None:
        """Return None for a null value; refuse another value with the tag of null."""
        if self.construct_scalar(node) not in _NULLS:
            raise ValueError(node.value)

    def read(self) -> Any:
        """Return the one document of the text.

        Raises:
            yaml.YAMLError: it is not valid, or aliases expand it to too many values.
        """
        node = self.get_single_node()
        if node is None:
            return None
        _check_expansion(node)
        return self.construct_document(node)


_Loader.add_constructor("tag:yaml.org,2002:null", _Loader.construct_null)


def _check_expansion(root: yaml.Node) -> None:
    """Refuse a document whose aliases make it huge or infinite; in linear time."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()
    stack = [root]
    while stack:
        node = stack[-1]
        if id(node) in sizes:
            stack.pop()
            continue
        pairs = node.value if isinstance(node, yaml.CollectionNode) else []
        inner = list(itertools.chain.from_iterable(pairs)) if isinstance(node, yaml.MappingNode) else pairs
        if id(node) not in open_nodes:
            open_nodes.add(id(node))
            waiting = [each for each in inner if id(each) not in sizes]
            if any(id(each) in open_nodes for each in waiting):
                raise yaml.composer.ComposerError(None, None, "an alias refers to its own parent", node.start_mark)
            stack.extend(waiting)
        else:
            open_nodes.discard(id(node))
            sizes[id(node)] = 1 + sum(sizes[id(each)] for each in inner)
            stack.pop()
    if sizes[id(root)] > len(sizes) + _MOST_BY_ALIASES:
        problem = f"aliases expand {len(sizes):,} values by more than {_MOST_BY_ALIASES:,} others"
        raise yaml.composer.ComposerError(None, None, problem, root.start_mark)


def _check_nesting(text: str) -> None:
    """Refuse very deeply nested brackets before the parser reads them."""
    steps = (1 if letter in "[{" else -1 for letter in re.findall(r"[\[\]{}]", text))
    if max(itertools.accumulate(steps), default=0) > _DEEPEST:
        raise yaml.YAMLError(f"expected brackets nested at most {_DEEPEST} deep")


def _refuse_tag(loader: yaml.SafeLoader, node: yaml.Node) -> None:
    raise yaml.constructor.ConstructorError(
        None, None, f"expected plain data, got the tag {excerpt(node.tag)}", node.start_mark
    )


_Loader.add_constructor(None, _refuse_tag)


class _Dumper(yaml.SafeDumper):
    """A YAML dumper with block mappings, lists of scalars on one line, and no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_DUMPERS: list[type[yaml.SafeDumper | yaml.CSafeDumper]] = [_Dumper]

if yaml.__with_libyaml__:

    class _FastDumper(yaml.CSafeDumper):
        """The same dumper in C, which takes a quarter of the time."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    _DUMPERS.append(_FastDumper)


def _represent_list(dumper: SafeRepresenter, values: list[Any]) -> yaml.Node:
    flat = not any(isinstance(value, (dict, list)) for value in values)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=flat)


def _represent_text(dumper: SafeRepresenter, text: str) -> yaml.Node:
    # PyYAML would write line breaks other than "\n" in a form that is read as spaces.
    style = '"' if set(text) & set("\r\x85\u2028\u2029") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


for _each in _DUMPERS:
    _each.add_representer(list, _represent_list)
    _each.add_representer(str, _represent_text)

for _kind, _pattern, _first in (
    ("int", r"[-+]?(?:0|[1-9][0-9_]*)", "-+0123456789"),
    ("float", r"[-+]?(?:(?:\d+\.\d*|\.\d+)(?:e[-+]?\d+)?|\d+e[-+]?\d+|\.inf|\.nan)", "-+.0123456789"),
    ("bool", r"true|false", "tTfF"),
):
    for _side in (_Loader, *_DUMPERS):
        # The dumper keeps the rules of YAML too, so that it quotes every text that either loader would misread.
        _side.add_implicit_resolver(
            f"tag:yaml.org,2002:{_kind}", re.compile(f"^(?:{_pattern})$", re.IGNORECASE), list(_first)
        )


def parse_yaml(text: str, where: str) -> Any:
    """Parse one YAML document.

    Raises:
        RecipeError: the text is not YAML, contains a tag, or repeats a key; the message names the line.

    Example:
        >>> parse_yaml("lr: 1e-3\\nname: no", "example")
        {'lr': 0.001, 'name': 'no'}
    """
    try:
        return copy.deepcopy(_read_again(text)) if len(text) <= _KEPT else _read(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"{where}, line {mark.line + 1}" if mark and "\n" in text else where
        raise RecipeError(f"not valid YAML: {_problem(error)}", where=line) from error
    except Exception as error:  # The parser raises almost any error for a text that is not YAML.
        raise RecipeError(f"not valid YAML: {reason(error)}", where=where) from error


def _read(text: str) -> Any:
    _check_nesting(text)
    loader = _Loader(text)
    try:
        return loader.read()
    finally:
        loader.dispose()


_read_again = functools.lru_cache(maxsize=128)(_read)


def _problem(error: yaml.MarkedYAMLError) -> str:
    """Return the problem, with its context unless that is only "while scanning …"."""
    context = error.context or ""
    return error.problem or context if context.startswith("while") else f"{context} {error.problem or ''}".strip()


def has_alias(text: str) -> bool:
    """Whether a YAML document contains an alias; False if it is not valid."""
    if "*" not in text:  # Every alias begins with it.
        return False
    try:
        _check_nesting(text)
        return any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=_Loader))
    except Exception:  # Errors are reported when the document is read.
        return False


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a file with one YAML mapping.

    Raises:
        RecipeError: the file cannot be read, is not YAML, or is not a mapping.
    """
    with parsing(path, RecipeError):
        document = parse_yaml(read_text(path, limit=_LARGEST), str(path))
    if not isinstance(document, dict):
        found = "nothing" if document is None else "a list" if isinstance(document, list) else excerpt(document)
        if isinstance(document, str):
            found = repr(cut(document, 60))
        remedy = None
        if Path(path).suffix.lower() in _TABLES:
            remedy = f"Name a file of data in a recipe: `data: {{name: table, path: {Path(path).name}}}`."
        raise RecipeError(f"expected a mapping of fields, got {found}", where=str(path), remedy=remedy)
    return document


def line_of(path: Path, keys: Sequence[str | int]) -> int | None:
    """Return the line of a field of a YAML file, or of the nearest field around it.

    Args:
        keys: the path to the field; a number is a position in a list.
    """
    try:
        node = _composed(read_text(path, limit=_LARGEST))
    except Exception:  # Errors are reported when the file is read.
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


@functools.lru_cache(maxsize=2)
def _composed(text: str) -> yaml.Node | None:
    """Return the nodes of a text; cached, because a message may need the lines of several fields."""
    _check_nesting(text)
    return yaml.compose(text, Loader=_Loader)


def to_yaml(document: Any) -> str:
    """Write plain data as YAML, in the order given."""
    write = functools.partial(yaml.dump, document, sort_keys=False, allow_unicode=True, width=110)
    if yaml.__with_libyaml__:
        with contextlib.suppress(UnicodeEncodeError):  # a lone surrogate, which is not valid in UTF-8
            text = str(write(Dumper=_FastDumper))
            if "\\U" not in text:  # The C library escapes characters beyond 16 bits, such as emoji.
                return text
    return str(write(Dumper=_Dumper))


def flat_document(document: Any, path: str = "") -> dict[str, Any]:
    """Return every value of nested mappings by its path.

    Example:
        >>> flat_document({"train": {"epochs": 3}, "seed": 0})
        {'train.epochs': 3, 'seed': 0}
    """
    if not isinstance(document, dict):
        return {path: document}
    return {
        key: value
        for name, child in document.items()
        for key, value in flat_document(child, f"{path}.{name}" if path else name).items()
    }
