"""Files of arrays with strange names, and of sizes that no memory holds."""

from __future__ import annotations

import difflib
import io
import os
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zoo.datasets.arrays import Arrays
from zoo.errors import DataError, nearest, unknown_name
from zoo.formats.array_file import ArrayFiles
from zoo.formats.names import listed

NAMES = ["\x1b[2J\x1b]0;owned\x07", "a\nb", "\u202egnp", "[bold]", "x" * 60_000, "../../x", "", "\ud7ff", "x.npy", "="]


def stored(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array)
    return file.getvalue()


def write_npz(path: Path, names: list[str]) -> Path:
    content = stored(np.eye(4, 2))
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(f"{name}.npy", content)
    return path


def load(path: Path, **options: object) -> tuple[object, list[str]]:
    notes: list[str] = []
    return Arrays(path=str(path), **options).load(notes.append), notes  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name[:12]))
def test_an_array_of_a_strange_name_is_one_among_others(name: str, tmp_path: Path) -> None:
    _, notes = load(write_npz(tmp_path / "a.npz", ["x", name]))
    assert len(notes) == 1
    assert len(notes[0]) < 1000
    with pytest.raises(DataError, match=r"there is no array|unknown array") as refusal:
        load(tmp_path / "a.npz", examples="z")
    assert len(str(refusal.value)) < 5000
    assert "\x1b" not in str(refusal.value)
    ArrayFiles(str(tmp_path / "a.npz"), "x", None).rows(name).read([0])


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_many_names_of_which_the_last_is_there_twice_take_no_time(tmp_path: Path) -> None:
    names = [f"a{number}" for number in range(20_000)]
    path = write_npz(tmp_path / "a.npz", [*names, names[-1]])
    began = time.process_time()
    with pytest.raises(DataError, match="it contains the array 'a19999' more than once"):
        load(path)
    assert time.process_time() - began < 10


def test_a_name_is_compared_with_some_of_very_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Finding similar names is slow: with all names of a file of a million, it takes minutes."""
    compared, compare = [], difflib.get_close_matches

    def counted(word: str, names: Iterable[str], **options: Any) -> list[str]:
        names = list(names)
        compared.append((len(word), len(names)))
        return compare(word, names, **options)

    monkeypatch.setattr(difflib, "get_close_matches", counted)
    names = [f"{number:06}" for number in range(100_000)]
    assert "and 99,994 more" in unknown_name("array", "x" * 10**6, names)[1]
    assert nearest("000017.", names) == "Did you mean '000017'? "
    assert max(length for length, _ in compared) <= 200
    assert max(count for _, count in compared) <= 5000


def test_long_names_are_cut_in_a_list() -> None:
    assert len(listed(["a" * 10**6] * 9)) < 1100


@pytest.mark.skipif(os.name != "posix", reason="a file with holes")
@pytest.mark.parametrize("by_column", [False, True], ids=["rows", "columns"])
def test_an_array_of_many_gigabytes_is_not_read_into_memory(
    by_column: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, header = tmp_path / "x.npy", io.BytesIO()
    fields = {"descr": "|u1", "fortran_order": by_column, "shape": (30_000_000, 1000)}
    np.lib.format.write_array_header_1_0(header, fields)
    path.write_bytes(header.getvalue())
    os.truncate(path, header.tell() + 30_000_000_000)
    if by_column:
        with pytest.raises(DataError, match="cannot be read on demand, because"):
            load(path)
    else:
        collection, _ = load(path)
        assert len(collection.splits["train"].examples) == 30_000_000  # type: ignore[attr-defined]
    monkeypatch.setattr("zoo.utils.memory.available_memory", lambda: 10**9)
    with pytest.raises(DataError, match=r"the array 'x' takes 30 GB of memory, 1 GB are available"):
        load(path, in_memory_limit_mb=10**6)
    with pytest.raises(DataError, match=r"x\.npy"):
        load(path, labels=str(path))
