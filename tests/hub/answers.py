"""What the test server answers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Answer:
    """Status, headers and body."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def as_json(value: Any, status: int = 200, **headers: str) -> Answer:
    """Answer with JSON."""
    return Answer(status, {"Content-Type": "application/json", **headers}, json.dumps(value).encode())


class RefusedError(Exception):
    """An error as the Hub words it: a status, a code and a message in headers, and JSON."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        headers = {"X-Error-Message": message, "Content-Type": "application/json", "X-Request-Id": "test-request"}
        if code:
            headers["X-Error-Code"] = code
        self.answer = Answer(status, headers, json.dumps({"error": message}).encode())
        super().__init__(message)
