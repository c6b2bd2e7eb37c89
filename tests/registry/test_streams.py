"""What a block prints is kept, what other threads print is not lost."""

from __future__ import annotations

import io
import os
import sys
import threading

from zoo.registry.streams import captured_output


def test_what_other_threads_print_appears_afterwards(capfd):
    begin, done = threading.Event(), threading.Event()

    def other() -> None:
        begin.wait(10)
        sys.stdout.write("mine\n")
        sys.stderr.write("alarm\n")
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with captured_output() as printed:
        sys.stdout.write("theirs\n")
        begin.set()
        assert done.wait(10)
    thread.join()
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
    begin, done = threading.Event(), threading.Event()

    def other() -> None:
        begin.wait(10)
        sys.stdout.write("γ\n")
        sys.stdout.write("more\n")
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with captured_output():
        begin.set()
        assert done.wait(10)
    thread.join()
    assert lines.getvalue() == b"\\u03b3\nmore\n"
