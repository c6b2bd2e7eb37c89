"""Limits on answers hold for all threads that ask, and for no other package."""

from __future__ import annotations

import threading

import huggingface_hub as hub

from zoo.hub.errors import http_library
from zoo.hub.limits import _limit_response, _refuse_compression, hub_calls


def hooks() -> dict[str, list[object]]:
    return {name: [*hub.get_session().event_hooks.get(name, [])] for name in ("request", "response")}


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
    assert seen[0]["request"].count(_refuse_compression) == seen[0]["response"].count(_limit_response) == 1
    assert hooks() == before


def test_hooks_that_others_set_meanwhile_stay():
    session, theirs = hub.get_session(), lambda request: None
    before = session.event_hooks
    try:
        with calls():
            session.event_hooks = {**session.event_hooks, "request": [*session.event_hooks["request"], theirs]}
        assert theirs in hooks()["request"]
        assert _refuse_compression not in hooks()["request"]
    finally:
        session.event_hooks = before


def test_requests_of_other_packages_are_left_alone():
    library = http_library()
    request = library.Request(
        "GET", "https://example.org", headers={"user-agent": "another", "accept-encoding": "gzip"}
    )
    _refuse_compression(request)
    assert request.headers["accept-encoding"] == "gzip"
    stream = library.Response(200, request=request, content=b"x")
    kept = stream.stream
    _limit_response(stream)
    assert stream.stream is kept
