"""A server on the loopback that speaks the protocol of the Hugging Face Hub, as its client and its documentation tell.

Repository creation, branches and tags, preupload, large-file storage, commits, model info, listings, trees, file
downloads with ranges and redirects, validation of card metadata, accounts and tokens. A request that it does not
know is recorded in ``unknown``, and the fixture fails the test for it.

Source:
    huggingface_hub, hf_api.py, _commit_api.py, lfs.py, file_download.py.
    https://huggingface.co/docs/hub/api, https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.hub import routes
from tests.hub.answers import Answer, RefusedError
from tests.hub.faults import Fault
from tests.hub.repository import Repository


@dataclass
class Request:
    """A request as it was received."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Account:
    """Who a token belongs to, and what it may do."""

    name: str
    can_write: bool = True
    organisations: tuple[str, ...] = ()


@dataclass
class HubServer:
    """The server: what it holds, what it was asked, and what shall go wrong.

    ``storage`` is a second address, as the Hub keeps large files elsewhere; no token may be sent there.
    """

    repositories: dict[str, Repository] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def start(self) -> HubServer:
        """Listen on two free ports."""
        self._servers = [_listen(self, routes.HUB), _listen(self, routes.STORAGE)]
        self.url, self.storage = (f"http://127.0.0.1:{server.server_port}" for server in self._servers)
        return self

    def stop(self) -> None:
        """Stop listening."""
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def account(self, request: Request) -> Account | None:
        """Return whose token a request carries; None without one."""
        authorization = request.headers.get("authorization")
        if authorization is None:
            return None
        known = self.accounts.get(authorization.removeprefix("Bearer "))
        if known is None:
            raise RefusedError(401, "Invalid credentials in Authorization header")
        return known

    def asked(self, pattern: str) -> list[Request]:
        """Return the requests so far whose line matches."""
        return [request for request in self.requests if re.search(pattern, request.line)]


def _listen(hub: HubServer, table: routes.Table) -> ThreadingHTTPServer:
    handler = type("Handler", (_Handler,), {"hub": hub, "table": table})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True).start()
    return server


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer
    table: routes.Table
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or the body of an answer waits for the client to acknowledge its header, 40 ms

    def log_message(self, *_: Any) -> None:
        """Say nothing on the terminal."""

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._handle
        raise AttributeError(name)

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, unquote(parts.path), parse_qs(parts.query), headers, body)
        raw = f"{self.command} {parts.path}"
        with self.hub.lock:
            self.hub.requests.append(request)
            fault = next((fault for fault in self.hub.faults if fault.matches(request.line)), None)
            if fault is not None and fault.before is not None:
                fault.before()
            answer = None
            if fault is None or fault.kind not in ("status", "drop"):
                answer = self._answer(request, raw)
        if fault is not None and fault.kind in ("drop", "lose"):
            self.close_connection = True
            return
        if fault is not None and fault.kind == "status":
            answer = Answer(fault.status, dict(fault.headers), fault.body)
        assert answer is not None
        self._send(answer, fault)

    def _answer(self, request: Request, raw: str) -> Answer:
        for pattern, route in self.table:
            found = re.fullmatch(pattern, raw)
            if found:
                try:
                    return route(self.hub, request, *(unquote(part) for part in found.groups()))
                except RefusedError as refusal:
                    return refusal.answer
                except Exception as error:
                    self.hub.unknown.append(f"{request.line}: {type(error).__name__}: {error}")
                    return Answer(500)
        self.hub.unknown.append(request.line)
        return Answer(404, {}, b'{"error": "the test server does not speak this"}')

    def _send(self, answer: Answer, fault: Fault | None) -> None:
        body = answer.body
        if fault is not None and fault.kind == "flip" and body:
            middle = len(body) // 2
            body = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
        if fault is not None and fault.kind == "swell":
            body = body * 2
        self.send_response(answer.status)
        forged = fault.headers if fault is not None and fault.kind == "nothing" else {}
        for name, value in {"Content-Length": str(len(body)), **answer.headers, **forged}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault is not None and fault.kind == "cut":
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.close_connection = True
            return
        if fault is not None and fault.kind in ("silence", "drip"):
            self._dawdle(body, drips=fault.kind == "drip")
            return
        self.wfile.write(body)

    def _dawdle(self, body: bytes, *, drips: bool) -> None:
        """Send nothing, or a byte now and then, until the client has left or a few seconds have passed."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            for letter in body[:300]:
                time.sleep(0.02)
                if drips:
                    self.wfile.write(bytes([letter]))
                    self.wfile.flush()
