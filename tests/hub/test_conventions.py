"""What users of huggingface_hub expect of a model, and what its environment variables do."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import torch
from huggingface_hub import hf_hub_download, scan_cache_dir

import zoo
from tests import processes
from tests.hub.conftest import TOKEN
from tests.hub.server import HubServer
from zoo.errors import CheckpointError, InputError
from zoo.hub.address import Address
from zoo.runs.run import Run


def test_a_model_is_opened_as_users_of_huggingface_hub_know_it(hub: HubServer, run: Run, tmp_path: Path) -> None:
    zoo.push(run.model, "ada/digits", private=True)
    x = torch.rand(3, 1, 8, 8)
    for again in (
        zoo.load("hf://ada/digits"),
        zoo.load(f"hf://ada/digits@{hub.repositories['ada/digits'].head.oid}"),
        zoo.load("hf://ada/digits", local_files_only=True),
        zoo.load("hf://ada/digits", cache_dir=tmp_path / "cache", token=TOKEN, force_download=True),
    ):
        assert not again.training
        assert torch.equal(again.reconstruct(x), run.model.reconstruct(x))
    assert (tmp_path / "cache" / "models--ada--digits").is_dir()


def test_the_cache_has_the_layout_that_the_client_knows(hub: HubServer, run: Run, cache: Path) -> None:
    zoo.push(run, "ada/digits")
    path = zoo.pull("ada/digits").path
    (repository,) = scan_cache_dir(cache).repos
    (revision,) = repository.revisions
    assert (repository.repo_id, revision.refs, revision.snapshot_path) == ("ada/digits", {"main"}, path)
    assert {file.file_name for file in revision.files} >= {"config.json", "model.safetensors", "README.md"}
    offline = hf_hub_download("ada/digits", "model.safetensors", local_files_only=True)
    assert Path(offline) == path / "model.safetensors"


def test_loading_is_strict_and_never_falls_back_to_a_pickle(hub: HubServer, run: Run) -> None:
    zoo.push(run.model, "ada/digits")
    repository = hub.repositories["ada/digits"]
    zoo.push(zoo.build("ae-mlp-2d", data_shape=(1, 8, 8)), "ada/other")
    repository.edit({"model.safetensors": hub.repositories["ada/other"].head.files["model.safetensors"].content})
    with pytest.raises(CheckpointError, match="unexpected tensor"):
        zoo.load("hf://ada/digits")
    repository.edit({"model.safetensors": None, "pytorch_model.bin": b"x"})
    with pytest.raises(CheckpointError, match="never from a pickle"):
        zoo.load("hf://ada/digits")
    assert not hub.asked("pytorch_model.bin")


@pytest.mark.slow
def test_the_environment_is_respected(hub: HubServer, run: Run, environment: dict[str, str]) -> None:
    zoo.push(run.model, "ada/digits", private=True)
    program = "import zoo; print(zoo.pull('ada/digits').path)"

    def pull(**changes: str) -> subprocess.CompletedProcess[str]:
        return processes.run("-c", program, env=environment | changes)

    done = pull()
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(environment["HF_HOME"])
    offline = pull(HF_HUB_OFFLINE="1", HF_ENDPOINT="http://127.0.0.1:9")
    assert offline.stdout == done.stdout
    assert "using the copy in the cache" in offline.stderr
    elsewhere = pull(HF_HOME=environment["HF_HOME"] + "-2", HF_TOKEN="")
    assert "no such repository, or it is private" in elsewhere.stderr


def test_the_client_is_imported_only_when_it_is_used() -> None:
    program = (
        "import sys, zoo, zoo.hub.locate; zoo.load('vae-mlp-2d.digits'); assert 'huggingface_hub' not in sys.modules"
    )
    processes.run("-c", program, check=True)


@pytest.mark.parametrize(
    "text", ["ada/digits", "hf://ada/digits", "hf://ada/digits@v1.0", "a/b@refs/pr/1", "A-b/c_d.e"]
)
def test_an_address_is_read_and_written(text: str) -> None:
    assert str(Address.parse(text)) == f"hf://{text.removeprefix('hf://')}"


@pytest.mark.parametrize(
    "text",
    [
        "digits", "ada/digits/x", "hf://", "ada/", "/digits", "ada/../x", "ada/x--y", "ada/x.git", "-a/b", "ada/b@",
        "ada/b@../x", "ada/b@-x", "ada/b@x y", "ada/" + "x" * 100, "https://huggingface.co/ada/b",
        "ada/b?x=1", "ada/b@x@y",
    ],
)  # fmt: skip
def test_an_address_that_can_be_none_is_refused_before_anybody_is_asked(text: str) -> None:
    with pytest.raises(InputError, match=r"hf://user/name|expected a branch, tag or commit"):
        Address.parse(text)


def test_two_revisions_are_one_too_many() -> None:
    assert Address.parse("ada/b", "v1") == Address.parse("ada/b@v1") == Address.parse("ada/b@v1", "v1")
    with pytest.raises(InputError, match="expected one revision, got"):
        Address.parse("ada/b@v1", "v2")
