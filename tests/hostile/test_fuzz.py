"""A short run of the fuzzer: files that are changed at random give results or errors of the package."""

from __future__ import annotations

from tests.hostile.fuzz import run


def test_a_thousand_damaged_files_are_read_or_refused_in_words() -> None:
    found = [f"{door}: {problem}" for door, _, problem in run(1000, seed=1)]
    assert found == []
