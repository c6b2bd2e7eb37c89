"""Every command on a disk of every size: a file system in memory, from almost nothing to what the command needs.

``python -m tests.hostile.full_disk`` takes eight sizes between these for each command and kind of file that it writes,
``--steps 64`` more, and ``--step 4096`` each size. Needs Linux and the right to mount, as root has it in a container.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from tests.hostile.changes import forked
from tests.hostile.matrix import Ended, commands, contents, enter, started, words_of, wrong
from zoo.cli import main

PAGE = 4096
"""The unit in which a file system in memory gives out room."""
SUFFIXES = ("", ".png", ".svg", ".npy", ".npz", ".csv", ".tsv", ".parquet", ".html", ".json")
"""What ``--out`` may end in; each that a command takes is tried."""
FURTHER = {"export": [["--format", "pt2"]], "plot": [["--format", "svg"]]}
"""Options of a command that write other kinds of files."""
PLENTY = 2**28


@contextmanager
def disk(size: int, start: Path) -> Iterator[Path]:
    """Yield a copy of a folder on a file system with so many bytes left.

    Raises:
        OSError: this process may not mount one.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    with tempfile.TemporaryDirectory() as place:
        _mount(libc, place, PLENTY)
        try:
            folder = Path(shutil.copytree(start, Path(place) / "work"))
            taken = os.statvfs(place)
            _mount(libc, place, (taken.f_blocks - taken.f_bfree) * taken.f_frsize + size, 32)  # MS_REMOUNT
            yield folder
        finally:
            libc.umount2(place.encode(), 2)  # MNT_DETACH


def _mount(libc: ctypes.CDLL, place: str, size: int, flags: int = 0) -> None:
    if libc.mount(b"tmpfs", place.encode(), b"tmpfs", flags, f"size={size}".encode()) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), place)


def tried(words: list[str], size: int, start: Path) -> Ended:
    """Give a command on a disk with so many bytes left, in a forked process."""
    with tempfile.TemporaryDirectory() as temporary, disk(size, start) as folder:
        out, err = Path(temporary) / "out", Path(temporary) / "err"

        def work() -> None:
            enter(folder, out, err)
            sys.argv = ["zoo-cli", *words]
            main()

        status = forked(work)
        return Ended(status, out.read_text(), err.read_text(), contents(folder))


def needed(words: list[str], start: Path) -> int:
    """Return a size at which a command succeeds, at most twice the smallest."""
    size = PAGE
    while tried(words, size, start).status != 0:
        size *= 2
        if size > PLENTY:
            raise AssertionError(f"{words} fails on a disk of {PLENTY} bytes: {tried(words, PLENTY, start).err}")
    return size


def failures(names: list[str], steps: int, step: int = 0) -> Iterator[str]:
    """Yield a line for each size at which a command ends wrongly, and one for each command with the number of sizes.

    Args:
        steps: how many sizes to try of each command.
        step: bytes between two sizes; 0: as many as there are steps.
    """
    with tempfile.TemporaryDirectory() as temporary:
        start = started(Path(temporary))
        before = contents(start)
        for name in names:
            has_out = any(word.startswith("out") for word in words_of(name, ""))
            endings = [(suffix, []) for suffix in SUFFIXES] if has_out else [("", [])]
            for suffix, further in [*endings, *(("", words) for words in FURTHER.get(name, []))]:
                words = [*words_of(name, suffix), *further]
                good = tried(words, PLENTY, start)
                is_folder = f"out{suffix}" in good.files and not good.files[f"out{suffix}"]
                if (good.status == 2 and has_out) or (is_folder and suffix):
                    continue  # it writes no such files, or a folder, which may be called anything
                if good.status != 0:
                    yield f"{' '.join(words)}: exit status {good.status}: {good.err}"
                    continue
                if good.files == before:
                    yield f"{name} writes no files"
                    continue
                most = needed(words, start)
                sizes = [size // PAGE * PAGE for size in range(0, most, step or max(PAGE, most // steps))]
                problems = {size: problem(tried(words, size, start), good, before) for size in sizes}
                yield from (f"{' '.join(words)}, {size} bytes left: {text}" for size, text in problems.items() if text)
                right = sum(not text for text in problems.values())
                yield f"{' '.join(words)}: {right} of {len(sizes)} disks of up to {most} bytes end in one message"


def problem(ended: Ended, good: Ended, before: dict[str, bytes]) -> str:
    """Say what is wrong with the end of a command: it is done, or it fails with the files of before whole."""
    if ended.status < 0:
        return f"killed by the signal {-ended.status}"
    problem = wrong(ended, good, before, must_fail=ended.status != 0)
    if not problem and ended.status == 0 and ended.files.keys() != good.files.keys():
        return f"exit status 0 without {', '.join(good.files.keys() - ended.files.keys())}"
    return problem


def run() -> None:
    """Try all commands; exit with 1 if any ends wrongly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=8, help="sizes to try of each command and kind of file")
    parser.add_argument("--step", type=int, default=0, help="try every size that is so many bytes apart instead")
    parser.add_argument("command", nargs="*", help="[default: all]")
    options = parser.parse_args()
    torch.set_num_threads(1)  # a fork hangs in torch's threads, which it does not inherit
    bad = False
    for line in failures(options.command or commands(), options.steps, options.step):
        bad = bad or not line.endswith(("end in one message", "writes no files"))
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    sys.exit(bad)


if __name__ == "__main__":
    run()
