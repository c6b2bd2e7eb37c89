"""Checks of the arguments of public functions against their annotations."""

from __future__ import annotations

import functools
import inspect
import numbers
import os
import sys
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin

from zoo.errors import InputError
from zoo.utils.text import excerpt

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Between:
    """The range of an integer argument."""

    low: int
    high: int


Seed = Annotated[int, Between(0, 2**63 - 1)]
"""A random seed that torch accepts."""
Count = Annotated[int, Between(1, 2**31 - 1)]
"""A number of objects that are created one by one."""


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Check the arguments of a function against its annotations when it is called.

    Numbers, texts, paths, literals, mappings, sequences, and instances of a class are checked; other types, and the
    contents of mappings and sequences, are not. NumPy numbers are accepted as numbers.

    Raises:
        InputError: when the function is called with an argument of another type.

    Example:
        >>> @checked
        ... def double(number: Count) -> int:
        ...     return 2 * number
        >>> double("three")
        Traceback (most recent call last):
            ...
        zoo.errors.InputError: number: expected a whole number from 1 to 2147483647, got 'three'
    """
    signature = inspect.signature(function)

    @functools.cache
    def hints() -> dict[str, Any]:
        return {name: _hint(each.annotation, function) for name, each in signature.parameters.items()}

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        bound = signature.bind(*args, **kwargs)
        for name, value in bound.arguments.items():
            if signature.parameters[name].kind in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL):
                continue
            if not _fits(value, hints()[name]):
                raise InputError(f"expected {_words(hints()[name])}, got {_shown(value)}", where=name)
            _check_characters(value, hints()[name], name)
        return function(*args, **kwargs)

    return call


def _hint(annotation: Any, function: Callable[..., Any]) -> Any:
    """Evaluate an annotation; types that are imported only for type checkers accept anything."""
    if annotation is inspect.Parameter.empty:
        return Any
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, dict(vars(sys.modules[function.__module__])))
    except NameError:
        return Any


def _fits(value: Any, hint: Any) -> bool:
    origin = get_origin(hint)
    if hint is Any:
        return True
    if origin is Annotated:
        kind, *limits = get_args(hint)
        return _fits(value, kind) and all(limit.low <= value <= limit.high for limit in limits)
    if origin in (Union, types.UnionType):
        return any(_fits(value, each) for each in get_args(hint))
    if origin is Literal:
        return isinstance(value, str)  # The function's own error names the nearest value.
    if hint is None or hint is type(None):
        return value is None
    if hint is str:
        return isinstance(value, str)
    if hint is int:
        return isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if hint is float:
        return isinstance(value, numbers.Real) and not isinstance(value, bool)
    if hint is bool:
        return isinstance(value, bool) or type(value).__name__ in ("bool", "bool_")
    kind = origin or hint
    if not isinstance(kind, type):
        return True
    if issubclass(kind, os.PathLike):
        return isinstance(value, os.PathLike) and _is_path_of_text(value)
    if getattr(kind, "_is_protocol", False):
        return all(hasattr(value, name) for name in vars(kind) if not name.startswith("_"))
    return isinstance(value, kind) and not (kind is Sequence and isinstance(value, (str, bytes)))


def _is_path_of_text(value: os.PathLike[Any]) -> bool:
    try:
        return isinstance(os.fspath(value), str)
    except (TypeError, ValueError):
        return False


def _check_characters(value: Any, hint: Any, where: str) -> None:
    """Check the characters of a text or path. A text for an argument that takes paths too is checked as a path."""
    kinds = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    classes = [get_origin(each) or each for each in kinds]
    takes_paths = any(isinstance(each, type) and issubclass(each, os.PathLike) for each in classes)
    if takes_paths and isinstance(value, (str, os.PathLike)):
        check_path(value, where)
    elif str in kinds and isinstance(value, str):
        _check_encoding(value, "a text", where, "utf-8", "surrogateescape")


def check_path(value: Any, where: str) -> None:
    """Check that a value is a path that the file system can be asked for.

    Paths whose bytes are not in the encoding of the file system, which Python reads as surrogates, pass.

    Raises:
        InputError: it is not a text or a path, or contains a NUL, an unpaired surrogate, or a character that the
            encoding of the file system does not have.
    """
    if not _fits(value, str | os.PathLike):
        raise InputError(f"expected a text or a path, got {_shown(value)}", where=where)
    _check_encoding(os.fspath(value), "a path", where, sys.getfilesystemencoding(), sys.getfilesystemencodeerrors())


def _check_encoding(text: str, what: str, where: str, encoding: str, errors: str) -> None:
    remedy = None
    try:
        if b"\0" not in text.encode(encoding, errors):
            return
        unfit = "a NUL"
    except UnicodeEncodeError as error:
        letter = text[error.start]
        if "\ud800" <= letter <= "\udfff":
            unfit = f"unpaired surrogates such as {letter!a}"
        else:
            unfit = f"{letter!r}, which the encoding of the file system, {encoding}, does not have"
            remedy = "Set PYTHONUTF8=1, or a locale with UTF-8."
    raise InputError(f"expected {what} without {unfit}, got {excerpt(text)}", where=where, remedy=remedy)


def _words(hint: Any) -> str:
    """Describe an annotation in words."""
    origin = get_origin(hint)
    if origin is Annotated:
        limit = get_args(hint)[1]
        return f"{_words(get_args(hint)[0])} from {limit.low} to {limit.high}"
    if origin in (Union, types.UnionType):
        *others, last = dict.fromkeys(_words(each) for each in get_args(hint))
        return f"{', '.join(others)} or {last}" if others else last
    if origin is Literal:
        return "one of " + ", ".join(repr(each) for each in get_args(hint))
    kind = origin or hint
    names = {int: "a whole number", float: "a number", bool: "True or False", str: "a text", type(None): "None"}
    names |= {Mapping: "a mapping", Sequence: "a list", Iterable: "a list"}
    if isinstance(kind, type) and issubclass(kind, os.PathLike):
        return "a path"
    name = str(getattr(kind, "__name__", kind))
    return names.get(kind) or f"a {name.lower() if name[1:].islower() else name}"


def _shown(value: Any) -> str:
    if value is None or isinstance(value, (str, bytes, numbers.Number, list, tuple, set, dict)):
        return excerpt(value)
    return type(value).__name__
