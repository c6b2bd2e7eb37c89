"""A separate Hub for each test, with an empty cache and an account."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import constants

import zoo
from tests.hub.repository import Repository
from tests.hub.server import Account, HubServer
from zoo.runs.run import Run

TOKEN = "hf_TestTokenOfAdaWhichMustNeverBeSeen"
READER = "hf_TestTokenThatMayOnlyReadXXXXXXXXXX"
QUICK = [
    "model.encoder.widths=[16]", "model.decoder.widths=[16]", "data.subset=200", "train.precision=fp32",
    "train.epochs=1", "evaluate.metrics=[elbo, mse]", "evaluate.figures=[{name: samples, count: 4}, loss]",
]  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let pass what the client's own use of its HTTP library warns of."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"))


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small run on digits."""
    return zoo.train("digits", out=tmp_path_factory.mktemp("runs") / "digits", overrides=QUICK)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A server with the accounts ada and guest; ada is logged in. What the server does not speak fails the test."""
    server = HubServer(accounts={TOKEN: Account("ada", organisations=("math",)), READER: Account("guest", False)})
    server.start()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    for name, value in {
        # Read from the environment when the client is imported, which was before.
        "ENDPOINT": server.url,
        "HUGGINGFACE_CO_URL_TEMPLATE": server.url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_CACHE": str(tmp_path / "home" / "hub"),
        "HF_TOKEN_PATH": str(tmp_path / "home" / "token"),
        "HF_HUB_OFFLINE": False,
        # Uploads go over HTTP: the storage service that hf_xet speaks to is another protocol.
        "HF_HUB_DISABLE_XET": True,
    }.items():
        monkeypatch.setattr(constants, name, value)
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    # Each new client reads all certificates of the system, which takes longer than most tests; HTTP needs none.
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    yield server
    server.stop()
    huggingface_hub.close_session()
    assert server.unknown == [], "the client called what the test server does not speak"


@pytest.fixture(scope="session")
def _made_by_pushes() -> dict[str, Any]:
    """What a server held after a push, by the push's options."""
    return {}


@pytest.fixture
def pushed(hub: HubServer, run: Run, _made_by_pushes: dict[str, Any]) -> Callable[..., Repository]:
    """Return a function that puts the run on the server as ada/digits: by a push the first time, then by a copy."""

    def put(**options: str) -> Repository:
        key = repr(sorted(options.items()))
        if key not in _made_by_pushes:
            zoo.push(run, "ada/digits", **options)
            _made_by_pushes[key] = copy.deepcopy((hub.repositories, hub.objects))
            hub.requests.clear()
        repositories, objects = copy.deepcopy(_made_by_pushes[key])
        hub.repositories.update(repositories)
        hub.objects.update(objects)
        return hub.repositories["ada/digits"]

    return put


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits between attempts take no time; they are recorded."""
    waits: list[float] = []
    clock = SimpleNamespace(**{name: getattr(__import__("time"), name) for name in ("time", "monotonic")})
    clock.sleep = waits.append
    for module in (
        "zoo.hub.client.time", "zoo.hub.commit.time", "zoo.hub.transfer.time", "huggingface_hub.utils._http.time",
    ):  # fmt: skip
        monkeypatch.setattr(module, clock)
    return waits


@pytest.fixture
def environment(hub: HubServer, tmp_path: Path) -> dict[str, str]:
    """The environment of a separate process that talks to the server, with an empty cache."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("HF_")},
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": TOKEN,
        "HF_HOME": str(tmp_path / "another-home"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture
def cache(hub: HubServer) -> Path:
    """The cache of this process."""
    return Path(constants.HF_HUB_CACHE)
