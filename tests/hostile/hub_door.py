"""A Hub on this machine whose answers the fuzzer changes."""

from __future__ import annotations

import os
import re
import shutil
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlencode

from huggingface_hub import constants
from huggingface_hub.utils import disable_progress_bars

import zoo
from tests.hub.faults import Fault
from tests.hub.server import Account, HubServer, Request

TOKEN = "hf_TestTokenOfTheFuzzerXXXXXXXXXXXXXX"
REPO = "ada/digits"
WAITING = ("zoo.hub.client", "zoo.hub.commit", "zoo.hub.transfer", "huggingface_hub.utils._http")


class HubDoor:
    """Pulls a model from a Hub, one of whose answers is another.

    Attributes:
        answers: what the Hub answers about the repository, by a name of a file that stands for the request.
    """

    def __init__(self, folder: Path, model: Path) -> None:
        self._cache = folder / "hub" / "cache"
        self._server = HubServer(accounts={TOKEN: Account("ada")}).start()
        speak_to(self._server, folder / "hub")
        zoo.push(model, REPO)
        self._server.requests.clear()
        self._pull()
        asked = {request.line: request for request in self._server.requests if request.line.startswith("GET /api/")}
        self._lines = {f"answer-{number}.json": line for number, line in enumerate(sorted(asked))}
        self.answers = {name: self._answer(asked[line]) for name, line in self._lines.items()}

    def read(self, path: Path) -> object:
        """Pull while the answer that the file stands for is its content."""
        body = path.read_bytes()
        headers = {"Content-Type": "application/json"}
        fault = Fault(f"^{re.escape(self._lines[path.name])}$", status=200, headers=headers, body=body)
        self._server.faults[:] = [fault]
        try:
            return self._pull()
        finally:
            self._server.faults.clear()

    def _pull(self) -> object:
        shutil.rmtree(self._cache, ignore_errors=True)
        return zoo.pull(REPO)

    def _answer(self, asked: Request) -> bytes:
        address = f"{self._server.url}{asked.line.removeprefix('GET ')}?{urlencode(asked.query, doseq=True)}"
        request = urllib.request.Request(address, headers={"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(request) as answer:
            return bytes(answer.read())


def speak_to(server: HubServer, home: Path) -> None:
    """Let the client speak to a server on this machine, and wait for nothing, until the process ends.

    Args:
        home: where its cache is.
    """
    url = server.url
    os.environ |= {"HF_ENDPOINT": url, "HF_TOKEN": TOKEN, "NO_PROXY": "127.0.0.1"}
    for name, value in {
        "ENDPOINT": url,
        "HUGGINGFACE_CO_URL_TEMPLATE": url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HOME": str(home),
        "HF_HUB_CACHE": str(home / "cache"),
        "HF_TOKEN_PATH": str(home / "token"),
        "HF_HUB_OFFLINE": False,
        "HF_HUB_DISABLE_XET": True,
    }.items():
        setattr(constants, name, value)
    disable_progress_bars()
    for module in WAITING:
        _stop_waiting(module)


def _stop_waiting(module: str) -> None:
    import importlib
    import time

    sleep: Callable[[float], None] = lambda seconds: None  # noqa: E731
    clock = SimpleNamespace(time=time.time, monotonic=time.monotonic, sleep=sleep)
    importlib.import_module(module).time = clock  # type: ignore[attr-defined]
