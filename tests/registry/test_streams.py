"""What a block prints is kept, what other threads print is not lost."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from collections.abc import Callable, Iterator

from zoo.registry.streams import captured_output


@contextlib.contextmanager
def other_thread(prints: Callable[[], object]) -> Iterator[Callable[[], None]]:
    """Run a thread that was there before the block; yield what lets it print, and waits until it has."""
    begin, done = threading.Event(), threading.Event()

    def work() -> None:
        begin.wait(10)
        prints()
        done.set()

    def let_it_print() -> None:
        begin.set()
        assert done.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    yield let_it_print
    thread.join()


def test_what_other_threads_print_appears_afterwards(capfd):
    with (
        other_thread(lambda: (sys.stdout.write("mine\n"), sys.stderr.write("alarm\n"))) as let_it_print,
        captured_output() as printed,
    ):
        sys.stdout.write("theirs\n")
        let_it_print()
    assert printed.text == "theirs\n"
    assert capfd.readouterr() == ("mine\n", "alarm\n")


def test_what_a_thread_of_the_block_prints_is_the_blocks(capfd):
    with captured_output() as printed:
        thread = threading.Thread(target=sys.stdout.write, args=("from a thread\n",))
        thread.start()
        thread.join()
        os.write(2, b"past Python")
    assert printed.text == "from a thread\npast Python"
    assert capfd.readouterr() == ("", "")


def test_streams_are_what_they_were_if_the_block_raises(capfd):
    streams = sys.stdout, sys.stderr
    try:
        with captured_output() as printed:
            sys.stdout.write("before\n")
            raise KeyError
    except KeyError:
        sys.stdout.write("after\n")
    assert (sys.stdout, sys.stderr) == streams
    assert printed.text == "before\n"
    assert capfd.readouterr().out == "after\n"


def test_what_a_stream_cannot_write_is_escaped_and_the_rest_is_not_lost(monkeypatch):
    lines = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(lines, encoding="ascii", write_through=True))
    with other_thread(lambda: (sys.stdout.write("γ\n"), sys.stdout.write("more\n"))) as let_it_print, captured_output():
        let_it_print()
    assert lines.getvalue() == b"\\u03b3\nmore\n"
