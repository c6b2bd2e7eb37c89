"""Values and sizes in messages."""

from __future__ import annotations

import pytest

from zoo.utils.text import excerpt, portable_name, readable_size


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (9_900, "9.9 kB"),
        (123_456, "123 kB"),
        (10**9, "1 GB"),
        (2 * 10**22, "20 ZB"),
        (10**24 - 1, "1,000 ZB"),
        (10**24, "more than 10²⁴ bytes"),
    ],
)
def test_sizes_are_short(size: int, text: str) -> None:
    assert readable_size(size) == text


class Unwritable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class Long:
    def __repr__(self) -> str:
        return "long " * 1000


def test_excerpts_are_bounded_whatever_the_value_is() -> None:
    endless: list[object] = []
    endless.append(endless)
    assert excerpt(10**20) == "100000000000000000000"
    assert excerpt(10**40) == "1000000000000000…0000000000000000"
    assert excerpt(2**5000) == "an integer of 5,001 bits"
    assert excerpt(Unwritable()) == "a Unwritable"
    for value in ("x" * 10**6, b"x" * 10**6, list(range(10**6)), endless, Long(), {"a": Long()}):
        assert len(excerpt(value)) <= 80
    assert excerpt("short") == "'short'"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("CON", "CON_"), ("nul.txt", "nul_.txt"), ("Com1", "Com1_"), ("lpt9.a.b", "lpt9_.a.b"), ("console", "console"),
     ("com10", "com10"), ("a:b", "a_b"), ('<>"|?*/\\', "_" * 8), ("end...", "end"), ("end. .", "end"), ("...", "_"),
     ("", "_"), ("aux.", "aux_"), ("a\x07b", "a_b"), ("größe 3.5%", "größe 3.5%")],
)  # fmt: skip
def test_a_portable_name_is_one_that_windows_holds(name: str, expected: str) -> None:
    assert portable_name(name) == expected
    assert portable_name(expected) == expected
