"""What a module of another package prints while it is imported, kept from the terminal."""

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
"""Letters that are kept of what is printed."""


class Printed:
    """What was printed, once the block has ended.

    Attributes:
        text: the beginning of it; empty if nothing was printed.
    """

    def __init__(self) -> None:
        self.text = ""


@contextlib.contextmanager
def captured_output() -> Iterator[Printed]:
    """Keep what the block writes to both streams, through Python or past it, as a program that it starts does.

    What the block stores as a stream, such as a handler of ``logging``, writes to the real one afterwards. What other
    threads print meanwhile through Python appears when the block has ended. The streams of the system are those of the
    whole process: what other threads write past Python is taken for the block's.

    Example:
        >>> with captured_output() as printed:
        ...     print("Hello")
        >>> printed.text
        'Hello\\n'
    """
    printed, streams = Printed(), (sys.stdout, sys.stderr)
    held = [None if stream is None else _Held(stream) for stream in streams]
    with contextlib.ExitStack() as stack:
        for each in held:
            if each is not None:
                stack.callback(each.release)  # last, when the streams of the system are what they were
        below = [stack.enter_context(_descriptor_to_file(number)) for number in (1, 2)]
        sys.stdout, sys.stderr = held  # type: ignore[assignment]
        try:
            yield printed
        finally:
            sys.stdout, sys.stderr = streams
            parts = [each.kept for each in held if each is not None]
            printed.text = "".join([*parts, *(_beginning(file) for file in below if file is not None)])


class _Held(io.TextIOBase):
    """A stream that keeps what is written until it is released, and passes it on after that.

    What threads write that ran before is passed on when it is released.
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
        """The beginning of what the block wrote."""
        return "".join(self._kept)

    def release(self) -> None:
        """Pass on what other threads have written, and what is written from now on."""
        self._holds = False
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        for text in self._of_others:
            with contextlib.suppress(OSError, ValueError):  # a stream that is closed
                self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _descriptor_to_file(number: int) -> Iterator[IO[bytes] | None]:
    """Let a stream of the system lead to a temporary file; yield None where there is no such stream."""
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
