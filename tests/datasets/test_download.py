"""A server that sends too much, too slowly, or nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from zoo.datasets._download import PublishedFile, fetched
from zoo.errors import DataError


@contextmanager
def sending(part: bytes, *, parts: int, pause: float, start: bytes = b"") -> Iterator[str]:
    """Serve an answer of a start and so many parts, with a pause before each."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(start)
                for _ in range(parts):
                    time.sleep(pause)
                    self.wfile.write(part)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/file"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"part": bytes(2**16), "parts": 1000, "pause": 0}, "the server sends more than 200 kB"),
        ({"part": b"x", "parts": 100, "pause": 0.02}, r"the server stalls: \d+ bytes in 0 seconds"),
        ({"start": bytes(150_000), "part": b"x", "parts": 100, "pause": 0.02}, r"the server stalls: \d+ bytes"),
        ({"part": b"x", "parts": 1, "pause": 1}, "timed out"),
        ({"part": b"x", "parts": 10, "pause": 0}, "expected the MD5 checksum 0000, got"),
    ],
    ids=["endless", "slow", "slow after a fast start", "silent", "another file"],
)
def test_a_download_ends_in_a_message(answer: dict, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"_LARGEST": 200_000, "_TIMEOUT_SECONDS": 0.5}.items():
        monkeypatch.setattr(f"zoo.datasets._download.{name}", value)
    monkeypatch.setattr("zoo.utils.stall.WINDOW_SECONDS", 0.1)
    with (
        sending(**answer) as address,
        pytest.raises(DataError, match=said),
        fetched(PublishedFile("file", [address], "0000"), tmp_path, lambda _: None),
    ):
        pytest.fail("nothing was fetched")
    assert list(tmp_path.iterdir()) == []
