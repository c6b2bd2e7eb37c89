"""Repositories that mean harm: refused, nothing executed, nothing written outside the cache."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

import zoo
from tests.hub.faults import Fault
from tests.hub.repository import Repository, StoredFile
from tests.hub.server import HubServer
from zoo.errors import ZooError, ZooWarning
from zoo.hub.address import Address
from zoo.hub.download import fetch


class Bomb:
    """Unpickling this makes a file in the working directory."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("exploded"),))


@pytest.fixture
def repository(pushed: Callable[..., Repository]) -> Repository:
    """A repository with a good model, to be spoilt."""
    return pushed()


@pytest.fixture(autouse=True)
def nothing_happens_outside_the_cache(
    hub: HubServer, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Work in an empty directory, and compare the whole of it and of its surroundings afterwards."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)

    def outside() -> set[Path]:
        return {path for path in tmp_path.rglob("*") if not path.is_relative_to(cache) and path != cache.parent}

    before = outside()
    yield
    assert outside() == before
    for path in cache.rglob("*"):
        assert path.resolve().is_relative_to(cache.resolve()), f"{path} leads out of the cache"


def refused(message: str) -> None:
    for call in (lambda: zoo.pull("ada/digits"), lambda: zoo.load("hf://ada/digits")):
        with pytest.raises(ZooError, match=message) as refusal:
            call()
        assert "hf://ada/digits" in str(refusal.value)


def change_config(repository: Repository, change: dict[str, Any], **spec: Any) -> None:
    config = json.loads(repository.head.files["config.json"].content)
    config |= change
    config["spec"] |= spec
    repository.edit({"config.json": json.dumps(config).encode()})


def test_the_bomb_works() -> None:
    pickle.loads(pickle.dumps(Bomb()))
    assert Path("exploded").exists(), "an execution would be seen"
    Path("exploded").unlink()


def test_a_pickle_named_as_safetensors(repository: Repository) -> None:
    repository.edit({"model.safetensors": pickle.dumps(Bomb())})
    refused("not a safetensors file")


def test_a_pickle_beside_the_weights_is_not_even_fetched(repository: Repository, hub: HubServer) -> None:
    names = ["pytorch_model.bin", "training.pt", "state/training.safetensors", "config.py", "modeling.py"]
    repository.edit(dict.fromkeys(names, pickle.dumps(Bomb())))
    zoo.pull("ada/digits")
    assert not [name for name in names if hub.asked(f"/resolve/.*/{name}$")]


@pytest.mark.parametrize(
    "name",
    [
        "../../../escaped.png", "figures/../../../../escaped.png", "/tmp/escaped.png", "figures/..png",
        "figures/a/b.png",
        "figures\\..\\escaped.png", "figures/%2e%2e%2fescaped.png", "..", "figures/.hidden.png", "README.md/../x",
        "figures/\x1b[2J.png", "figures/a\nb.png", "figures/\u202egnp.png",
    ],
)  # fmt: skip
def test_a_path_that_leads_out(name: str, repository: Repository, hub: HubServer) -> None:
    repository.commit({**repository.head.files, name: StoredFile(b"escaped")}, "escape")
    pulled = fetch(Address("ada/digits"), everything=True)
    assert set(pulled.names) == set(repository.head.files) - {name, ".gitattributes"}
    assert hub.asked(r"escaped|hidden|/b\.png|\.\.png") == []


def test_an_oversized_header(repository: Repository) -> None:
    repository.edit({"model.safetensors": (2**40).to_bytes(8, "little") + b"{}" * 100})
    refused(r"its header claims 1.1 TB")
    repository.edit({"model.safetensors": (18 * 10**6).to_bytes(8, "little") + b" " * 18 * 10**6})
    refused(r"its header claims 18 MB.*at most 17 MB are read")


@pytest.mark.parametrize("name", ["config.json", "recipe.yaml", "evaluation.json", "README.md"])
def test_an_oversized_file_is_not_fetched(name: str, repository: Repository, hub: HubServer) -> None:
    repository.edit({name: b" " * 5_000_000})
    with pytest.raises(ZooError, match=rf"expected at most .* in {name}, got 5 MB\nIt was not downloaded"):
        zoo.pull("ada/digits")
    assert not hub.asked("(HEAD|GET) /ada/digits/resolve")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"encoder": {"name": "resnet"}}, "unknown encoder 'resnet'"),
        ({"encoder": {"name": "os.system"}}, "unknown encoder 'os.system'"),
        ({"encoder": {"name": "../../evil"}}, "unknown encoder"),
        ({"encoder": {"name": "mlp", "__class__": "os.system"}}, "unknown field"),
        ({"encoder": {"name": "mlp", "widths": "https://evil.example/w"}}, "expected a list, got"),
        ({"encoder": {"name": "mlp", "activation": "exec"}}, "activation"),
        ({"auto_map": {"AutoModel": "modeling.Evil"}}, "unknown field"),
        ({"latent_dim": 10**12}, "asks for .* of memory, more than .* of weights can fill"),
        ({"data_shape": [1, 10**6, 10**6], "data": None}, "one example of shape .* takes 4 TB"),
    ],
)
def test_a_config_names_registered_components_of_a_plausible_size_alone(
    spec: dict[str, Any], message: str, repository: Repository
) -> None:
    change_config(repository, {}, **spec)
    refused(message)


def test_a_component_of_a_package_that_is_not_installed_is_named_with_the_package(repository: Repository) -> None:
    change_config(
        repository,
        {"components": {"posterior": {"name": "moebius_flow", "distribution": "zoo-moebius", "version": "2.1"}}},
        posterior={"name": "moebius_flow"},
    )
    refused(r"the posterior 'moebius_flow' is not installed\nIt came from 'zoo-moebius' 2.1")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"library_name": "transformers"}, "expected a model of latent-zoo, got one of 'transformers'"),
        ({"format_version": 99}, "expected a format version up to 2, got 99"),
    ],
)
def test_a_model_of_another_package_or_format(change: dict[str, Any], message: str, repository: Repository) -> None:
    change_config(repository, change)
    refused(message)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (b"!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path [exploded]]", "recipe.yaml"),
        (b"name: x\ndata: !!python/object/new:os.system ['touch exploded']\n", "recipe.yaml"),
        (b"name: &a [x, x]\ndata: [*a, *a, *a]\n", "without YAML aliases"),
        (b"\xff\xfe\x00", "recipe.yaml"),
        (b"[" * 100_000, "recipe.yaml"),
        (b"name: x\n", "recipe.yaml"),
    ],
)
def test_a_recipe_that_is_more_than_data(recipe: bytes, message: str, repository: Repository) -> None:
    repository.edit({"recipe.yaml": recipe})
    refused(message)


@pytest.mark.parametrize(
    "data",
    [
        "{name: mnist, root: /etc}", "{name: mnist, root: data}", "{name: arrays, path: ../../secret.npy}",
        "{name: arrays, path: ~/secret.npy}", "{name: image_folder, root: 'https://evil.example/x'}",
        "{name: arrays, path: 'C:\\\\secret.npy'}",
    ],
)  # fmt: skip
def test_a_recipe_names_no_place_on_this_machine(data: str, repository: Repository) -> None:
    text = repository.head.files["recipe.yaml"].content.decode()
    before, _, after = text.partition("data:\n")
    rest = after[after.index("train:") :]
    repository.edit({"recipe.yaml": f"{before}data: {data}\n{rest}".encode()})
    refused(r"recipe.yaml: data.(root|path): expected a shared recipe without paths")


@pytest.mark.parametrize("text", ["[1]", '{"metrics": 3}', '{"metrics": {"elbo": {"a": 1}}}', "{", "NaN"])
def test_an_evaluation_that_is_none(text: str, repository: Repository) -> None:
    repository.edit({"evaluation.json": text.encode()})
    refused("evaluation.json")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "recipe.yaml"])
def test_a_symlink_is_the_text_of_its_target_and_no_way_out(
    name: str, repository: Repository, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # git stores a symlink as a file that holds the path; the Hub hands out that text.
    secret = tmp_path_factory.mktemp("elsewhere") / "secret"
    secret.write_text("{}")
    files = {**repository.head.files, name: StoredFile(os.fsencode(secret))}
    repository.commit(files, "a link")
    refused(f"{name}: ")
    assert secret.read_text() == "{}"


@pytest.mark.parametrize("place", ["{outside}/planted", "../../../../planted", "{outside}/secret"])
@pytest.mark.parametrize("header", ["ETag", "X-Linked-Etag", "X-Repo-Commit"])
def test_a_header_is_no_name_of_a_file(header: str, place: str, repository: Repository, hub: HubServer) -> None:
    outside = Path.cwd()
    (outside / "secret").write_text("mine")
    value = place.format(outside=outside)
    hub.faults.append(Fault("/resolve/", "nothing", headers={header: f'"{value}"'}))
    zoo.pull("ada/digits")
    hub.faults.insert(0, Fault("/resolve/", status=404, headers={header: value, "X-Error-Code": "EntryNotFound"}))
    repository.edit({"README.md": b"another"})
    with pytest.raises(ZooError):
        zoo.pull("ada/digits")
    assert (outside / "secret").read_text() == "mine"
    (outside / "secret").unlink()


def test_a_link_out_of_the_cache_is_removed_and_what_it_leads_to_is_kept(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = zoo.pull("ada/digits").path / "config.json"
    precious = Path("precious.txt").absolute()
    for link in (config, config.resolve()):
        precious.write_text("mine")
        link.unlink()
        link.symlink_to(precious)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        with pytest.warns(ZooWarning, match="using the copy"), pytest.raises(ZooError, match="leads out of the cache"):
            zoo.load("hf://ada/digits")
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        assert zoo.pull("ada/digits").model.spec.preset == "vae-mlp-2d"
        assert precious.read_text() == "mine"
        precious.unlink()


def test_what_others_wrote_is_printed_without_control_characters(
    repository: Repository, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluation = json.loads(repository.head.files["evaluation.json"].content)
    evaluation["dataset"] = "digits\x1b[2J\x1b]0;owned\x07"
    repository.edit({"evaluation.json": json.dumps(evaluation).encode()})
    from zoo.cli import cli

    cli.main(["pull", "ada/digits"], standalone_mode=False)
    said = capsys.readouterr().out
    assert "split of digits" in said
    assert "\x1b" not in said
    assert "\x07" not in said


@pytest.mark.parametrize(
    ("request_line", "headers", "status", "message"),
    [
        ("GET /api/models/ada/digits", {"Location": "file:///etc/passwd"}, 302, "cannot be"),
        ("/resolve/.*config.json", {"Location": "file:///etc/passwd"}, 302, "cannot be"),
        ("/resolve/.*config.json", {"Location": "ftp://127.0.0.1/x"}, 307, "cannot be"),
        ("/resolve/.*config.json", {"Location": "http://[::bad"}, 302, "cannot be"),
        ("/resolve/.*config.json", {"Location": "{self}"}, 302, "cannot be"),
        ("/resolve/.*config.json", {"Location": "data:text/plain,x"}, 301, "cannot be"),
        ("GET /api/models/ada/digits", {"Retry-After": "\u00b2"}, 503, "the Hub has an internal error"),
        ("GET /api/models/ada/digits", {"Retry-After": "9" * 400}, 503, "the Hub has an internal error"),
        ("GET /api/models/ada/digits", {"X-Error-Message": "\x9b31m\x1b[2J" * 9}, 403, "no permission to do that"),
        ("GET /api/models/ada/digits", {"Content-Encoding": "gzip"}, 200, "expected an uncompressed response"),
        ("GET /api/models/ada/digits", {"Content-Encoding": "gzip"}, 404, "expected an uncompressed response"),
        ("/resolve/.*config.json", {"Content-Encoding": "gzip"}, 200, "expected config.json uncompressed"),
    ],
)
def test_an_answer_that_leads_elsewhere_or_is_packed_is_one_message(
    request_line: str,
    headers: dict[str, str],
    status: int,
    message: str,
    repository: Repository,
    hub: HubServer,
    no_waiting: list[float],
) -> None:
    own = {name: value.format(self=f"{hub.url}/ada/digits/resolve/main/config.json") for name, value in headers.items()}
    hub.faults.append(Fault(request_line, status=status, headers=own))
    with pytest.raises(ZooError, match=message) as refusal:
        zoo.pull("ada/digits")
    assert "root:" not in str(refusal.value)
    assert "\x1b" not in str(refusal.value)
    assert len(str(refusal.value)) < 2000


@pytest.mark.parametrize("status", [200, 302, 404, 500])
@pytest.mark.parametrize("request_line", ["GET /api/models/ada/digits", "/resolve/.*config.json"])
def test_an_answer_that_does_not_end_is_not_read_to_its_end(
    request_line: str,
    status: int,
    repository: Repository,
    hub: HubServer,
    monkeypatch: pytest.MonkeyPatch,
    no_waiting: list[float],
) -> None:
    monkeypatch.setattr("zoo.hub.limits._LARGEST", 100_000)
    body = b" " * 150_000
    hub.faults.append(Fault(request_line, status=status, headers={"Location": "/elsewhere"}, body=body))
    with pytest.raises(ZooError, match=r"at most 100 kB|more than the .* that it announced"):
        zoo.pull("ada/digits")


@pytest.mark.parametrize("change", ["siblings", "rfilename", "size", "sha"])
def test_a_listing_that_is_none_is_one_message(change: str, repository: Repository, hub: HubServer) -> None:
    listings = {
        "siblings": {"sha": "a" * 40, "siblings": "x" * 9},
        "rfilename": {"sha": "a" * 40, "siblings": [{"rfilename": ["config.json"], "size": 3, "blobId": "a" * 40}]},
        "size": {"sha": "a" * 40, "siblings": [{"rfilename": "config.json", "size": 10**400, "blobId": "a" * 40}]},
        "sha": {"sha": "../../x", "siblings": []},
    }
    body = json.dumps({"id": "ada/digits", **listings[change]}).encode()
    headers = {"Content-Type": "application/json"}
    hub.faults.append(Fault("GET /api/models/ada/digits", status=200, headers=headers, body=body))
    with pytest.raises(ZooError, match="hf://ada/digits"):
        zoo.pull("ada/digits")
