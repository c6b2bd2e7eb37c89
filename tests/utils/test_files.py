"""Files are complete or absent, whatever a library leaves on its way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.errors import InputError
from zoo.utils import files
from zoo.utils.files import check_free_directory, remove_partial, replacing

KILLED = """
import os, signal, sys
from pathlib import Path
from zoo.utils.files import replacing

with replacing(sys.argv[1]) as temporary:
    (temporary.parent / ".tmpA1b2C3").write_text("what a library writes before it moves it")
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    target.write_text("old", encoding="utf-8")

    def fail() -> None:
        with replacing(target) as temporary:
            temporary.write_text("new", encoding="utf-8")
            (temporary.parent / ".tmpA1b2C3").write_text("besides", encoding="utf-8")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert target.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_what_succeeds_takes_the_place_with_the_rights_of_any_file(tmp_path: Path) -> None:
    with replacing(tmp_path / "below" / "file.txt") as temporary:
        temporary.write_text("new", encoding="utf-8")
    (tmp_path / "plain").touch()
    written = tmp_path / "below" / "file.txt"
    assert written.read_text(encoding="utf-8") == "new"
    assert list(written.parent.iterdir()) == [written]
    assert written.stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_what_a_killed_process_leaves_can_be_removed(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "state" / "file")], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "state" / "file").exists()
    assert list((tmp_path / "state").iterdir())
    remove_partial(tmp_path)
    assert list((tmp_path / "state").iterdir()) == []


def test_a_new_or_an_empty_directory_is_free_and_anything_else_is_not(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("empty")
    check_free_directory(tmp_path / "new")
    check_free_directory(tmp_path / "empty")
    for name, words in (("file", "it is no directory"), ("link", "it is a link"), (".", "the directory is not empty")):
        with pytest.raises(InputError, match=words):
            check_free_directory(tmp_path / name)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError(18, "Cross-device link", "a", None, "b"), "Cross-device link"),
        (OSError("5 requested and 2 written"), "cannot be written: 5 requested and 2 written"),
    ],
)
def test_an_error_of_the_disk_names_the_file_that_was_to_be_written(tmp_path: Path, error: OSError, words: str) -> None:
    target = tmp_path / "file.npy"
    with pytest.raises(OSError, match=words) as caught, replacing(target):
        raise error
    assert caught.value.filename == str(target)
    assert caught.value.filename2 is None


def test_an_error_of_a_temporary_file_names_its_target_and_that_of_another_file_keeps_its_name(tmp_path: Path) -> None:
    target = tmp_path / "file.npy"
    for inside, expected in ((True, str(target)), (False, "another")):
        with pytest.raises(OSError, match="denied") as caught, replacing(target) as temporary:
            raise PermissionError(13, "denied", str(temporary) if inside else "another")
        assert caught.value.filename == expected


@pytest.mark.parametrize(
    ("content", "end"), [(b"", 0), (b"half", 0), (b"one\n", 4), (b"one\nhalf", 4), (b"one\n" + b"x" * 100, 4)]
)
def test_the_end_of_the_last_line_is_found_however_long_the_rest_is(
    tmp_path: Path, content: bytes, end: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_BLOCK", 8)
    file = tmp_path / "lines"
    file.write_bytes(content)
    assert files._end_of_last_line(file) == end


def test_folders_that_only_look_half_written_are_kept(tmp_path: Path) -> None:
    (tmp_path / f".file{files._PARTIAL}").write_text("a file of the user", encoding="utf-8")
    (tmp_path / f".folder{files._PARTIAL}").mkdir()
    remove_partial(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f".file{files._PARTIAL}"]
