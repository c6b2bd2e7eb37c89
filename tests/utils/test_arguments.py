"""Arguments against annotations: what is taken, and what is said of what is not."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

import numpy as np
import pytest

from zoo.errors import InputError
from zoo.utils.arguments import Between, checked

if TYPE_CHECKING:
    from nowhere import Unknown


class Sized(Protocol):
    def size(self) -> int: ...


class WithSize:
    def size(self) -> int:
        return 1


PLAIN = """
from zoo.utils.arguments import checked

@checked
def double(number: int) -> int:
    return 2 * number
"""


@checked
def takes(
    *rest: int,
    anything: Any = None,
    text: str = "",
    number: float = 0.0,
    whole: int = 0,
    flag: bool = False,
    path: str | Path | None = None,
    choice: Literal["a", "b"] = "a",
    few: Annotated[int, Between(1, 3)] = 1,
    rows: Sequence[int] = (),
    options: Mapping[str, int] | None = None,
    sized: Sized | None = None,
    later: Unknown | None = None,
    unannotated=None,  # type: ignore[no-untyped-def]
    **others: int,
) -> bool:
    return True


@pytest.mark.parametrize(
    "arguments",
    [
        {"anything": object()},
        {"number": 1},
        {"number": np.float32(1)},
        {"whole": np.int64(1)},
        {"flag": np.bool_(True)},
        {"path": Path("x")},
        {"path": None},
        {"choice": "c"},  # the function itself names the nearest
        {"few": 3},
        {"rows": [1]},
        {"options": {"a": 1}},
        {"sized": WithSize()},
        {"later": "of a type that only type checkers import"},
        {"unannotated": object()},
        {"more": "than the signature names"},
    ],
    ids=lambda arguments: next(iter(arguments)),
)
def test_what_fits_is_passed_on(arguments: dict[str, Any]) -> None:
    assert takes(**arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"text": 1}, "text: expected a text, got 1"),
        ({"text": "a\0"}, "text: expected a text"),
        ({"number": "1"}, "number: expected a number, got '1'"),
        ({"number": True}, "number: expected a number, got True"),
        ({"whole": 1.0}, "whole: expected a whole number, got 1.0"),
        ({"whole": False}, "whole: expected a whole number"),
        ({"flag": 1}, "flag: expected True or False, got 1"),
        ({"path": 1}, "path: expected a text, a path or None, got 1"),
        ({"choice": 1}, "choice: expected one of 'a', 'b', got 1"),
        ({"few": 4}, "few: expected a whole number from 1 to 3, got 4"),
        ({"few": "1"}, "few: expected a whole number from 1 to 3, got '1'"),
        ({"rows": "12"}, "rows: expected a list, got '12'"),
        ({"rows": 1}, "rows: expected a list, got 1"),
        ({"options": [1]}, "options: expected a mapping or None"),
        ({"sized": 1}, "sized: expected a sized or None, got 1"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_with_what_was_expected(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as refusal:
        takes(**arguments)
    assert words in str(refusal.value)


def test_annotations_that_are_no_texts_are_understood_too() -> None:
    module = ModuleType("plain_annotations")
    sys.modules[module.__name__] = module
    try:
        exec(PLAIN, vars(module))
        assert module.double(2) == 4
        with pytest.raises(InputError, match="number: expected a whole number, got 'two'"):
            module.double("two")
    finally:
        del sys.modules[module.__name__]
