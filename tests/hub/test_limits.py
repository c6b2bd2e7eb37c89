"""Limits on answers hold for all threads that ask, and for no other package."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import huggingface_hub as client
import pytest
from huggingface_hub.utils import http_backoff

import zoo
from tests.hub.faults import Fault
from tests.hub.server import HubServer
from zoo.hub.errors import HubError, http_library
from zoo.hub.limits import _limit_response, _prepare_request, hub_calls, limited_responses
from zoo.runs.run import Run


def hooks() -> dict[str, list[object]]:
    return {name: [*client.get_session().event_hooks.get(name, [])] for name in ("request", "response")}


def calls():
    return hub_calls("user/name", endpoint="https://example.org")


def test_limits_hold_until_the_last_of_several_threads_is_done():
    before, first_is_in, second_is_in, first_is_out, seen = hooks(), *(threading.Event() for _ in range(3)), []

    def first() -> None:
        with calls():
            first_is_in.set()
            second_is_in.wait(10)
        first_is_out.set()

    def second() -> None:
        first_is_in.wait(10)
        with calls():
            second_is_in.set()
            first_is_out.wait(10)
            seen.append(hooks())

    threads = [threading.Thread(target=each) for each in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert seen[0]["request"].count(_prepare_request) == seen[0]["response"].count(_limit_response) == 1
    assert hooks() == before


def test_hooks_that_others_set_meanwhile_stay():
    session, theirs = client.get_session(), lambda request: None
    before = session.event_hooks
    try:
        with calls():
            session.event_hooks = {**session.event_hooks, "request": [*session.event_hooks["request"], theirs]}
        assert theirs in hooks()["request"]
        assert _prepare_request not in hooks()["request"]
    finally:
        session.event_hooks = before


def test_requests_of_other_packages_are_left_alone():
    library = http_library()
    request = library.Request(
        "GET", "https://example.org", headers={"user-agent": "another", "accept-encoding": "gzip"}
    )
    _prepare_request(request)
    assert request.headers["accept-encoding"] == "gzip"
    stream = library.Response(200, request=request, content=b"x")
    kept = stream.stream
    _limit_response(stream)
    assert stream.stream is kept


@pytest.fixture
def refusals(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Connections are refused as long as the number in this list is above zero."""
    left, connect = [0], socket.create_connection

    def refusing(*arguments: Any, **options: Any) -> socket.socket:
        if left[0] > 0:
            left[0] -= 1
            raise ConnectionRefusedError(111, "Connection refused")
        return connect(*arguments, **options)

    monkeypatch.setattr(socket, "create_connection", refusing)
    return left


CALLS: dict[str, tuple[str, Callable[[Run], object]]] = {
    "a search": ("GET /api/models", lambda run: zoo.list_hub_models()),
    "a pull": ("GET /api/models/ada/digits", lambda run: zoo.pull("ada/digits")),
    "a file": ("/resolve/.*config.json", lambda run: zoo.pull("ada/digits")),
    "a push": ("POST /api/models/ada/other/preupload", lambda run: zoo.push(run, "ada/other")),
    "the announcement of an upload": ("POST /ada/other.git/info/lfs", lambda run: zoo.push(run, "ada/other")),
    "an upload": ("PUT /", lambda run: zoo.push(run, "ada/other")),
}


@pytest.mark.parametrize(("line", "call"), CALLS.values(), ids=list(CALLS))
def test_answers_stay_limited_after_a_refused_connection(
    line: str,
    call: Callable[[Run], object],
    run: Run,
    hub: HubServer,
    pushed: Callable[..., object],
    refusals: list[int],
    no_waiting: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pushed()
    hub.objects.clear()
    client.close_session()  # its connections would be used again
    monkeypatch.setattr("zoo.hub.limits._LARGEST", 100_000)
    session, before = client.get_session(), hooks()
    refusals[0] = 1
    hub.faults.append(Fault(line, status=200 if "resolve" not in line else 404, body=b" " * 150_000))
    with pytest.raises(HubError, match="at most 100 kB"):
        call(run)
    assert refusals == [0], "the connection was refused"
    assert no_waiting, "and tried again"
    assert client.get_session() is session
    assert hooks() == before


def test_answers_are_limited_in_a_session_that_another_package_made_meanwhile(
    hub: HubServer, pushed: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed()
    monkeypatch.setattr("zoo.hub.limits._LARGEST", 100_000)
    monkeypatch.setattr("zoo.hub.client.time", SimpleNamespace(sleep=lambda _: client.close_session()))
    hub.faults.append(Fault("GET /api/models/ada/digits", status=503, times=1))
    hub.faults.append(Fault("GET /api/models/ada/digits", status=200, body=b" " * 150_000))
    with pytest.raises(HubError, match="at most 100 kB"):
        zoo.pull("ada/digits")


def test_a_refused_connection_is_one_message_in_the_end(
    hub: HubServer, refusals: list[int], no_waiting: list[float]
) -> None:
    refusals[0] = 1000
    with pytest.raises(HubError, match=r"cannot be reached, or the connection was lost \(ConnectionError: .*refused"):
        zoo.list_hub_models()
    assert len(no_waiting) == 3


def test_the_client_retries_uploads_after_a_refused_connection_in_the_same_session(
    hub: HubServer, refusals: list[int], no_waiting: list[float]
) -> None:
    refusals[0] = 1000
    session = client.get_session()
    with limited_responses(), pytest.raises(http_library().NetworkError):
        http_backoff("PUT", f"{hub.url}/upload/x", max_retries=2)
    assert refusals == [1000 - 3]
    assert len(no_waiting) == 2
    assert client.get_session() is session


def test_an_answer_that_stalls_after_a_fast_start_ends_in_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    library, now = http_library(), [0.0]
    monkeypatch.setattr("zoo.utils.stall.time", SimpleNamespace(monotonic=lambda: now[0]))

    class Stream(library.SyncByteStream):  # type: ignore[misc,name-defined]
        def __iter__(self) -> Iterator[bytes]:
            yield bytes(10**7)
            for _ in range(200):
                now[0] += 1
                yield b"x"

    request = library.Request("GET", "https://example.org", headers={"user-agent": "latent-zoo"})
    response = library.Response(200, request=request, stream=Stream())
    _limit_response(response)
    with pytest.raises(HubError, match="the server's response stalls: 61 bytes in 61 seconds"):
        response.read()


def test_a_trace_of_another_package_is_called() -> None:
    library, seen = http_library(), []
    request = library.Request(
        "GET",
        "https://example.org",
        headers={"user-agent": "latent-zoo"},
        extensions={"trace": lambda *a: seen.append(a)},
    )
    _prepare_request(request)
    _prepare_request(request)
    request.extensions["trace"]("connection.connect_tcp.started", {})
    with pytest.raises(ConnectionError, match="refused"):
        request.extensions["trace"]("connection.connect_tcp.failed", {"exception": OSError("refused")})
    with pytest.raises(ConnectionError, match="certificate"):
        request.extensions["trace"]("http_proxy.start_tls.failed", {"exception": OSError("certificate")})
    request.extensions["trace"]("http11.receive_response_headers.failed", {"exception": OSError("later")})
    assert [name.rpartition(".")[2] for name, _ in seen] == ["started", "failed", "failed", "failed"]
