"""Captures the output of a block, such as the import of a module of another package."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import IO, Any, TextIO

_LONGEST = 2000
"""Number of characters of the output that are kept."""


class Output:
    """The captured output, which is available when the block has ended.

    Attributes:
        text: the beginning of the output; empty if there was none.
    """

    def __init__(self) -> None:
        self.text = ""


@contextlib.contextmanager
def captured_output() -> Iterator[Output]:
    """Capture standard output and standard error of the block, including those of programs that it starts.

    If the block stores a stream, for example in a handler of ``logging``, it writes to the original stream afterwards.
    What other threads print through Python in the meantime appears when the block has ended. What they write directly
    to the file descriptors of the process cannot be distinguished from the block's output, and is captured too.

    Example:
        >>> with captured_output() as printed:
        ...     print("Hello")
        >>> printed.text
        'Hello\\n'
    """
    output, streams = Output(), (sys.stdout, sys.stderr)
    held = [None if stream is None else _CapturedStream(stream) for stream in streams]
    with contextlib.ExitStack() as stack:
        for each in held:
            if each is not None:
                stack.callback(each.release)  # runs last, after the file descriptors are restored
        below = [stack.enter_context(_descriptor_to_file(number)) for number in (1, 2)]
        sys.stdout, sys.stderr = held  # type: ignore[assignment]
        try:
            yield output
        finally:
            sys.stdout, sys.stderr = streams
            parts = [each.kept for each in held if each is not None]
            output.text = "".join([*parts, *(_beginning(file) for file in below if file is not None)])


class _CapturedStream(io.TextIOBase):
    """A stream that keeps what is written until it is released; from then on it writes to the original stream.

    The output of threads that were running before is written to the original stream on release.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._kept, self._holds = stream, list[str](), True
        self._others = {thread.ident for thread in threading.enumerate()} - {threading.get_ident()}
        self._of_others: list[str] = []

    def write(self, text: str) -> int:
        if not self._holds:
            return self._stream.write(text)
        if threading.get_ident() in self._others:
            self._of_others.append(str(text))
        elif sum(map(len, self._kept)) < _LONGEST:
            self._kept.append(str(text)[:_LONGEST])
        return len(text)

    def flush(self) -> None:
        if not self._holds:
            self._stream.flush()

    @property
    def kept(self) -> str:
        """The beginning of the block's output."""
        return "".join(self._kept)

    def release(self) -> None:
        """Write the output of other threads, and everything from now on, to the original stream."""
        self._holds = False
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        for text in self._of_others:
            with contextlib.suppress(OSError, ValueError):  # the stream is closed
                self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _descriptor_to_file(number: int) -> Iterator[IO[bytes] | None]:
    """Redirect a file descriptor to a temporary file, which is yielded; None if there is no such descriptor."""
    try:
        stream = (sys.stdout, sys.stderr)[number - 1]
        if stream is not None:
            stream.flush()
        before = os.dup(number)
    except (OSError, ValueError):
        yield None
        return
    try:
        with tempfile.TemporaryFile() as file:
            os.dup2(file.fileno(), number)
            try:
                yield file
            finally:
                os.dup2(before, number)
    finally:
        os.close(before)


def _beginning(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(_LONGEST).decode("utf-8", "replace")
