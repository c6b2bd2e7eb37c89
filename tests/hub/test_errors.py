"""What can go wrong with the Hub: each ends in one message that says what happened and what to do."""

from __future__ import annotations

import errno
import hashlib
import io
import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from huggingface_hub import constants

import zoo
from tests.hub.conftest import READER, TOKEN
from tests.hub.faults import Fault
from tests.hub.repository import Repository, git_blob
from tests.hub.server import HubServer
from zoo.errors import InputError, ZooError, ZooWarning
from zoo.hub import transfer
from zoo.hub.errors import HubError, HubInputError, hub_errors
from zoo.runs.run import Run
from zoo.utils import stall

WEIGHTS = "GET /download/"


@pytest.fixture
def digits(hub: HubServer, pushed: Callable[..., Repository]) -> HubServer:
    """A hub that holds ada/digits."""
    pushed(tag="v1")
    return hub


def assert_clean(cache: Path) -> None:
    """The cache holds whole files alone: each is what its name, a checksum, says, and no link leads nowhere."""
    for path in cache.rglob("*"):
        assert path.exists(), f"{path} leads nowhere"
        assert not path.name.endswith((".incomplete", ".partial")), path
        if path.parent.name == "blobs":
            content = path.read_bytes()
            assert path.name in (hashlib.sha256(content).hexdigest(), git_blob(content)), path


def failure(call: Any, kind: type[ZooError] = HubError) -> str:
    with pytest.raises(kind) as caught:
        call()
    text = str(caught.value)
    assert TOKEN not in text
    assert "secret-of" not in text
    assert "\n" in text, "a remedy is missing"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return text


@pytest.mark.parametrize(
    ("status", "headers", "said", "remedy"),
    [
        (401, {"X-Error-Message": "Invalid credentials in Authorization header"}, "not accept this token", "log in"),
        (403, {"X-Error-Message": "Your token lacks a scope"}, "that (403): Your token lacks a scope", "write access"),
        (403, {"X-Error-Code": "GatedRepo"}, "this account has not accepted its terms", "Accept the terms"),
        (403, {"X-Error-Message": "Access to this resource is disabled."}, "the Hub has disabled", "hf://"),
        (401, {"X-Error-Code": "RepoNotFound"}, "no such repository, or it is private and you are", "Check the name"),
        (404, {"X-Error-Code": "RepoNotFound"}, "this account has no access to it (404)", "Check the name"),
        (404, {"X-Error-Code": "RevisionNotFound"}, "no such branch, tag or commit", "/tree/main"),
        (429, {"Retry-After": "300"}, "too many requests to the Hub", "Try again in 300 seconds"),
        (500, {}, "the Hub has an internal error (500): something broke", "Try again later"),
        (503, {}, "the Hub has an internal error (503)", "status.huggingface.co"),
        (418, {}, "the Hub refuses the request (418)", "hf://"),
    ],
)  # fmt: skip
def test_an_answer_that_is_an_error_is_told(
    status: int,
    headers: dict[str, str],
    said: str,
    remedy: str,
    digits: HubServer,
    cache: Path,
    no_waiting: list[float],
) -> None:
    digits.faults.append(Fault("GET /api/models/ada/digits", status=status, headers=headers))
    with pytest.raises(ZooError) as caught:
        zoo.pull("ada/digits")
    text = str(caught.value)
    assert text.startswith("hf://ada/digits: ")
    assert said in text
    assert remedy.lower() in text.lower()
    assert TOKEN not in text
    assert caught.value.exit_status == (2 if isinstance(caught.value, HubInputError) else 1)
    assert isinstance(caught.value, HubInputError) == (status == 404 or "no such repository" in said)
    assert_clean(cache)


@pytest.mark.parametrize("kind", ["status", "drop", "cut"])
def test_what_passes_is_tried_again(
    kind: Any, digits: HubServer, run: Run, cache: Path, no_waiting: list[float]
) -> None:
    for pattern in ("GET /api/models/ada/digits", "GET /ada/digits/resolve/.*/config.json", WEIGHTS):
        if kind == "cut" and pattern != WEIGHTS:
            continue
        if (kind, pattern) == ("status", WEIGHTS):
            digits.faults.append(Fault(pattern, status=429, times=2))
        else:
            digits.faults.append(Fault(pattern, kind, status=503, times=2))
    assert zoo.pull("ada/digits").spec == run.model.spec
    assert no_waiting
    assert_clean(cache)


def test_the_wait_is_as_long_as_the_server_asks(digits: HubServer, no_waiting: list[float]) -> None:
    digits.faults.append(Fault("GET /api/models", status=429, headers={"Retry-After": "17"}, times=1))
    zoo.pull("ada/digits")
    assert no_waiting == [17.0]


def test_no_network(digits: HubServer, cache: Path, monkeypatch: pytest.MonkeyPatch, no_waiting: list[float]) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    for call in (lambda: zoo.pull("ada/digits"), lambda: zoo.list_hub_models()):
        text = failure(call)
        assert "the Hub at http://127.0.0.1:9 cannot be reached" in text
        assert "Check the network" in text
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    text = failure(lambda: zoo.pull("ada/digits"))
    assert "the model is not in the cache, and HF_HUB_OFFLINE is set" in text
    assert not cache.exists() or assert_clean(cache) is None


def test_a_connection_that_is_always_cut(digits: HubServer, cache: Path, no_waiting: list[float]) -> None:
    # A server that sends nothing more than a beginning, over and over, makes no progress in the end.
    digits.faults.append(Fault(WEIGHTS, "drop"))
    text = failure(lambda: zoo.pull("ada/digits"))
    assert "the connection was lost" in text
    assert_clean(cache)


def test_a_connection_cut_in_the_middle_goes_on_from_there(
    digits: HubServer,
    cache: Path,
    no_waiting: list[float],
    capfd: pytest.CaptureFixture[str],
) -> None:
    digits.faults.append(Fault(WEIGHTS, "cut", times=1))
    zoo.pull("ada/digits")
    first, second = digits.asked(WEIGHTS)
    assert "range" not in first.headers
    assert second.headers["range"].startswith("bytes=")
    assert "secret-of-download" not in "".join(capfd.readouterr()), "who has the signed address has the file"
    assert_clean(cache)


def test_secrets_are_removed_from_what_the_client_logs() -> None:
    client, written = logging.getLogger("huggingface_hub"), io.StringIO()
    handler = logging.StreamHandler(written)
    client.addHandler(handler)
    try:
        with hub_errors("ada/digits", endpoint="https://hub", token=TOKEN):
            client.warning("Retrying %s with %s", "https://storage/file?X-Signature=secret-of-download", TOKEN)
    finally:
        client.removeHandler(handler)
    assert written.getvalue().startswith("Retrying https://storage/file")
    assert "secret-of-download" not in written.getvalue()
    assert TOKEN not in written.getvalue()


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "recipe.yaml"])
def test_a_flipped_byte_is_noticed_and_not_kept(name: str, digits: HubServer, cache: Path) -> None:
    pattern = WEIGHTS if name == "model.safetensors" else f"GET /ada/digits/resolve/.*/{name}"
    digits.faults.append(Fault(pattern, "flip"))
    text = failure(lambda: zoo.pull("ada/digits"))
    assert f"the downloaded {name} does not have the checksum that the Hub announced; it was deleted" in text
    assert_clean(cache)
    digits.faults.clear()
    zoo.pull("ada/digits")
    assert_clean(cache)


def test_a_cached_file_that_went_bad_is_fetched_again_or_refused_without_a_network(
    digits: HubServer, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = zoo.pull("ada/digits").path / "model.safetensors"
    content = weights.read_bytes()
    weights.resolve().write_bytes(content[:-1] + b"!")
    assert (zoo.pull("ada/digits").path / "model.safetensors").read_bytes() == content
    weights.resolve().write_bytes(content[:-1] + b"!")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.warns(ZooWarning, match="using the copy"):
        text = failure(lambda: zoo.load("hf://ada/digits"))
    assert "model.safetensors in the cache was damaged, and has been removed" in text
    assert_clean(cache)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk(number: int, digits: HubServer, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    receive = transfer._Transfer._receive

    def fill(self: Any, response: Any, bar: Any) -> None:
        if "/download/" in str(response.url):
            self.opened.write(b"half of it")
            raise OSError(number, "No space left on device")
        receive(self, response, bar)

    monkeypatch.setattr(transfer._Transfer, "_receive", fill)
    text = failure(lambda: zoo.pull("ada/digits"))
    assert "the disk is full" in text
    assert "HF_HOME" in text
    assert_clean(cache)
    monkeypatch.setattr(transfer._Transfer, "_receive", receive)
    zoo.pull("ada/digits")


def test_a_disk_that_is_too_small_is_noticed_before(
    digits: HubServer, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    assert "the disk is full" in failure(lambda: zoo.pull("ada/digits"))
    assert not digits.asked(WEIGHTS)
    assert_clean(cache)


def test_what_is_not_there(digits: HubServer, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    text = failure(lambda: zoo.pull("ada/nothing"), HubInputError)
    assert "no such repository, or it is private and this account has no access to it (404)" in text
    monkeypatch.setenv("HF_TOKEN", "")
    text = failure(lambda: zoo.pull("ada/nothing"), HubInputError)
    assert "you are not logged in (401)" in text
    text = failure(lambda: zoo.pull("ada/digits", revision="v9"), HubInputError)
    assert text.startswith("hf://ada/digits@v9: there is no such branch, tag or commit")
    digits.repositories["ada/digits"].edit({"config.json": None})
    with pytest.raises(InputError, match=r"it has no config.json, so it is not a model of latent-zoo"):
        zoo.pull("ada/digits")
    digits.repositories["ada/digits"].edit({"model.safetensors": None, "pytorch_model.bin": b"x"})
    with pytest.raises(InputError, match=r"no config.json and no model.safetensors(.|\n)*never from a pickle"):
        zoo.pull("ada/digits")


def test_a_gated_model(digits: HubServer, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = digits.repositories["ada/digits"]
    repository.gated = True
    text = failure(lambda: zoo.pull("ada/digits", token=READER))
    assert "this account has not accepted its terms" in text
    assert f"Accept the terms at {digits.url}/ada/digits" in text
    repository.allowed.add("guest")
    assert zoo.pull("ada/digits", token=READER).spec == run.model.spec


def test_a_token_that_is_wrong_or_may_not_write(digits: HubServer, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = "hf_ThisTokenIsOfNobodyAtAll"
    text = failure(lambda: zoo.push(run, "ada/digits", token=wrong))
    assert "the Hub does not accept this token (401)" in text
    assert wrong not in text
    text = failure(lambda: zoo.push(run.model, "ada/digits", token=READER))
    assert "this account has no permission to do that (403)" in text
    text = failure(lambda: zoo.push(run.model, "bob/new"))
    assert "(403): You don't have the rights to create a model under the namespace 'bob'" in text
    monkeypatch.setenv("HF_TOKEN", "")
    text = failure(lambda: zoo.push(run.model, "ada/new"))
    assert "Log in with `hf auth login`" in text


@pytest.mark.parametrize(
    "pattern",
    [
        "POST .*/preupload/", "POST .*/objects/batch", "PUT /upload/", "POST .*/verify", "POST .*/commit/",
        "POST /api/repos/create", "POST .*/tag/",
    ],
)  # fmt: skip
def test_a_push_gets_over_what_passes(pattern: str, hub: HubServer, run: Run, no_waiting: list[float]) -> None:
    hub.faults += [Fault(pattern, "drop", times=1), Fault(pattern, status=503, times=1)]
    zoo.push(run, "ada/digits", tag="v1")
    assert hub.repositories["ada/digits"].log() == [f"digits, by latent-zoo {zoo.__version__}", "initial commit"]
    assert hub.repositories["ada/digits"].tags == {"v1": hub.repositories["ada/digits"].head.oid}


@pytest.mark.parametrize("pattern", ["POST .*/preupload/", "PUT /upload/", "POST .*/commit/"])
def test_a_push_that_fails_for_good_leaves_the_branch_as_it_was(
    pattern: str, hub: HubServer, run: Run, no_waiting: list[float]
) -> None:
    hub.faults.append(Fault(pattern, status=500))
    assert "the Hub has an internal error (500)" in failure(lambda: zoo.push(run, "ada/digits"))
    assert hub.repositories["ada/digits"].log() == ["initial commit"]


def test_a_commit_whose_answer_is_lost_is_not_made_twice(hub: HubServer, run: Run, no_waiting: list[float]) -> None:
    hub.faults.append(Fault("POST .*/commit/", "lose", times=1))
    pushed = zoo.push(run, "ada/digits")
    assert pushed.commit == hub.repositories["ada/digits"].head.oid
    assert len(hub.repositories["ada/digits"].log()) == 2
    assert len(hub.asked("POST .*/commit/")) == 1


def test_somebody_else_is_faster(digits: HubServer, run: Run, no_waiting: list[float]) -> None:
    repository = digits.repositories["ada/digits"]

    def theirs() -> None:
        repository.edit({"theirs.txt": b"x"}, "theirs")

    digits.faults.append(Fault("POST .*/preupload/", "nothing", times=1, before=theirs))
    text = failure(lambda: zoo.push(zoo.build("ae-mlp-2d", data_shape=(1, 8, 8)), "ada/digits"))
    assert "somebody else has pushed to this repository in the meantime; your model was not pushed" in text
    assert f"{digits.url}/ada/digits/commits/main" in text
    assert repository.log()[0] == "theirs"
    zoo.push(zoo.build("ae-mlp-2d", data_shape=(1, 8, 8)), "ada/digits")
    assert "theirs.txt" in repository.head.files


def test_a_token_is_in_no_message_whatever_the_server_says(digits: HubServer, no_waiting: list[float]) -> None:
    body = f'{{"error": "you sent {TOKEN} and Bearer abc.def to http://x/y?X-Amz-Signature=123 \\u001b[31m"}}'.encode()
    digits.faults.append(Fault("GET /api/models/ada/digits", status=500, body=body))
    text = failure(lambda: zoo.pull("ada/digits"))
    assert "you sent *** and Bearer *** to http://x/y [31m" in text
    assert "\x1b" not in text


def test_more_than_was_announced_is_not_received(digits: HubServer, cache: Path) -> None:
    digits.faults.append(Fault(WEIGHTS, "swell"))
    text = failure(lambda: zoo.pull("ada/digits"))
    assert "the server sends more than the" in text
    assert_clean(cache)


def test_a_server_that_falls_silent_ends_in_a_message(
    digits: HubServer, cache: Path, no_waiting: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.2)
    digits.faults.append(Fault(WEIGHTS, "silence"))
    assert "cannot be reached, or the connection was lost" in failure(lambda: zoo.pull("ada/digits"))
    assert len(digits.asked(WEIGHTS)) == 4
    assert_clean(cache)


def test_a_server_that_sends_a_byte_now_and_then_ends_in_a_message(
    digits: HubServer, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stall, "WINDOW_SECONDS", 0.1)
    digits.faults.append(Fault(WEIGHTS, "drip"))
    assert "the download of model.safetensors stalls: " in failure(lambda: zoo.pull("ada/digits"))
    assert_clean(cache)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Welcome</html>", b"[]", b"3", b"null", b'{"sha": 3}', b'{"id": "a/b", "sha": "../.."}',
        b'{"id": "a/b", "sha": "' + b"a" * 40 + b'", "siblings": [{}]}',
        b'{"id": "a/b", "sha": "' + b"a" * 40 + b'", "siblings": 3}',
        b'{"id": "a/b", "sha": "' + b"a" * 40 + b'", "siblings": [{"rfilename": "config.json", "size": -1}]}',
        b'{"id": "a/b", "sha": "' + b"a" * 40 + b'", "siblings": [{"rfilename": ["x"], "size": 1, "blobId": "x"}]}',
        b'{"id": "a/b", "sha": "' + b"a" * 40 + b'", "siblings": [{"rfilename": "config.json", "size": 3,'
        b' "blobId": "../../x"}]}',
        b"[" * 100_000, b"\xff\xfe", b"",
    ],
    ids=lambda body: body[-30:].decode("latin-1"),
)  # fmt: skip
def test_a_server_that_is_no_hub(body: bytes, digits: HubServer, cache: Path, no_waiting: list[float]) -> None:
    digits.faults.append(Fault("GET /api/models/ada/digits", status=200, body=body))
    assert digits.url in failure(lambda: zoo.pull("ada/digits"))
    assert not digits.asked("/resolve/")
    assert_clean(cache)
