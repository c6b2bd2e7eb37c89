"""A full disk, no permission and closed streams: one message, the right exit status, and the old files whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors import SafetensorError

import zoo
from tests.hostile.conftest import SETTINGS, ZooCli, assert_one_message
from zoo.cli._failures import failure
from zoo.errors import InputError, OtherProcessError, UnusableModelWarning, printable

pytestmark = pytest.mark.skipif(os.name != "posix", reason="limits and streams of POSIX")


def limited(size: int) -> str:
    """Return a program that limits the size of files, as a full disk does."""
    return (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))\n"
    )


@pytest.mark.parametrize("size", [700, 20_000])
def test_a_disk_that_is_full_while_training(size: int, tmp_path: Path, zoo_process: ZooCli) -> None:
    done = zoo_process("train", "digits", *SETTINGS, "--quiet", "--out", "run", program=limited(size))
    assert_one_message(done, "run/", "the file would be larger than the disk or a limit allows", status=(1,))
    assert not list(tmp_path.rglob("*.partial"))
    again = zoo_process("train", "digits", *SETTINGS, "--quiet", "--out", "run", "--resume")
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize("name", ["s.png", "s.npy"])
def test_a_disk_that_is_full_keeps_the_old_file(name: str, tmp_path: Path, zoo_process: ZooCli) -> None:
    (tmp_path / name).write_text("old")
    done = zoo_process("sample", "vae-mlp-2d.digits", "--out", name, "--overwrite", program=limited(3000))
    assert_one_message(done, name, status=(1,))
    assert (tmp_path / name).read_text() == "old"


def stream(command: str, redirection: str) -> subprocess.CompletedProcess[bytes]:
    program = "import sys; from zoo.cli import main; sys.argv[0] = 'zoo-cli'; main()"
    words = " ".join([sys.executable, "-c", f'"{program}"', command, redirection])
    environment = {**os.environ, "PYTHONPATH": str(Path(zoo.__file__).parents[1])}
    return subprocess.run(["bash", "-c", words], capture_output=True, timeout=100, check=False, env=environment)


TABLE, JSON, WRONG = "list", "show vae-mlp-2d --json", "list nonsense"
REDIRECTED = {
    ">&-": [TABLE, JSON], "2>&-": [TABLE, WRONG], ">&- 2>&-": [TABLE, WRONG], "<&-": [TABLE],
    ">/dev/full": [TABLE, JSON], "2>/dev/full": [TABLE, WRONG], "| true": [TABLE, JSON],
}  # fmt: skip
"""Commands that write to the streams that are redirected."""


@pytest.mark.parametrize(
    ("command", "redirection"), [(command, each) for each, commands in REDIRECTED.items() for command in commands]
)
def test_streams_that_are_closed_or_full(command: str, redirection: str) -> None:
    done = stream(command, redirection)
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    if redirection != "| true":
        # `list` prints a hint to standard error, too.
        is_full = redirection == ">/dev/full" or (redirection == "2>/dev/full" and command == TABLE)
        assert done.returncode == (2 if command == WRONG else 1 if is_full else 0)
    if redirection == ">/dev/full":
        assert done.stderr.startswith(b"Error: ")
        assert b"the disk is full" in done.stderr


@pytest.mark.parametrize(
    ("error", "words", "status"),
    [
        (PermissionError(13, "Permission denied", "/x/y"), "/x/y: permission denied\n", 1),
        (OSError(30, "Read-only file system", "/x"), "/x: the file system is read-only\n", 1),
        (OSError(36, "File name too long", "/x"), "/x: the name is too long\n", 1),
        (IsADirectoryError(21, "Is a directory", "/x"), "/x: expected a file, got a directory\n", 1),
        (NotADirectoryError(20, "Not a directory", b"/x"), "/x: a file is in the way of a directory\n", 1),
        (OSError(5, "Input/output error"), "the disk reports an error\n", 1),
        (OSError("4096 requested and 2218 written"), "4096 requested and 2218 written", 1),
        (OSError(None, "it is odd", "/x"), "/x: it is odd", 1),
        (MemoryError(), "there is not enough memory (MemoryError)\n", 1),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "not enough memory", 1),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "not enough memory", 1),
        (SafetensorError("I/O error: No space left on device (os error 28)"), "the disk is full\n", 1),
        (SafetensorError("invalid header"), "damaged weights: invalid header", 1),
        (InputError("no"), "no", 2),
        (UnusableModelWarning("not finite"), "not finite", 2),
        (OtherProcessError("said elsewhere"), "", 1),
        (BrokenPipeError(32, "Broken pipe"), "", 1),
        (KeyboardInterrupt(), "Stopped.", 1),
    ],
)  # fmt: skip
def test_an_expected_failure_is_one_message(error: BaseException, words: str, status: int) -> None:
    found = failure(error)
    assert found is not None
    assert found[0].startswith(words) if words.endswith("\n") else words in found[0]
    assert found[1] == status


@pytest.mark.parametrize("path", [None, "x.npy", "./run/config.json"])
def test_a_working_directory_that_was_removed_is_named(
    path: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    error = FileNotFoundError(2, "No such file or directory", path)
    assert failure(error) == (f"{path}: there is no such file or directory\nCheck the name."[0 if path else 6 :], 1)
    tmp_path.rmdir()
    found = failure(error)
    os.chdir("/")
    assert found is not None
    assert "the working directory was removed\nChange to another" in found[0]


@pytest.mark.parametrize("error", [KeyError("x"), TypeError("x"), RuntimeError("size mismatch"), AssertionError()])
def test_a_fault_of_the_program_keeps_its_traceback(error: BaseException) -> None:
    assert failure(error) is None


@pytest.mark.parametrize("text", ["\x1b[2J", "\x07", "\u202e", "\x9b31m", "\udcff", "\r", "\x00"])
def test_text_of_others_reaches_no_terminal_as_it_is(text: str, zoo_cli: ZooCli) -> None:
    assert printable(f"a{text}b\n\t\u00a0é") == f"a{ascii(text)[1:-1]}b\n\t\u00a0é"
    assert text not in str(InputError(text, where=text, remedy=text))
    if "\x00" not in text and "\udcff" not in text:
        done = zoo_cli("train", f"digits{text}")
        assert text not in done.stderr.replace("\r\n", "\n")
        assert done.returncode == 2


def test_a_message_has_a_length(zoo_cli: ZooCli) -> None:
    for command in (["train", "x" * 100_000], ["x" * 100_000], ["train", "digits", "--set", f"a={'x' * 100_000}"]):
        done = zoo_cli(*command)
        assert done.returncode in (1, 2)
        assert len(done.stderr) < 10_000
