"""Arguments against annotations: what is taken, and what is said of what is not."""

from __future__ import annotations

import os
import subprocess
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
        ({"text": "a\0"}, r"text: expected a text without a NUL, got 'a\x00'"),
        ({"text": "a\ud800"}, r"text: expected a text without unpaired surrogates such as '\ud800', got 'a\ud800'"),
        ({"path": "a\0"}, r"path: expected a path without a NUL, got 'a\x00'"),
        ({"path": Path("\ud800")}, r"path: expected a path without unpaired surrogates such as '\ud800', got '\ud800'"),
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


IN_ASCII = r"""
import zoo
from pathlib import Path
from zoo.utils.arguments import check_path, checked
print(zoo.list_components("posterior", "\u4e2d*"))
check_path("\udce4", "to")  # a byte of a name that is not ASCII
try:
    check_path(Path("a\u4e2d"), "to")
except zoo.ZooError as error:
    print(ascii(str(error)))
"""


def test_texts_that_are_not_paths_need_no_encoding_of_the_file_system() -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    # A new interpreter: the encoding is chosen when it starts.
    done = subprocess.run(
        [sys.executable, "-c", IN_ASCII], env={**os.environ, **ascii_only}, check=True, capture_output=True, text=True
    )
    printed = done.stdout.splitlines()
    assert printed[0] == "[]"
    if sys.platform == "linux":
        assert r"expected a path without '\u4e2d', which the encoding of the file system, ascii, does not" in printed[1]


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
