"""What users of huggingface_hub expect of a model, and what its environment variables do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import zoo
from tests.hub.conftest import TOKEN
from tests.hub.server import HubServer
from zoo.errors import CheckpointError, InputError
from zoo.hub.address import Address
from zoo.model import Model
from zoo.runs.job import Run


def test_save_push_and_open_by_the_names_of_the_ecosystem(hub: HubServer, run: Run, tmp_path: Path) -> None:
    model = run.model
    assert model.save_pretrained(tmp_path / "digits") is None
    assert sorted(path.name for path in (tmp_path / "digits").iterdir()) == ["config.json", "model.safetensors"]
    assert Model.from_pretrained(tmp_path / "digits").spec == model.spec
    url = model.push_to_hub("ada/digits", commit_message="Hello", private=True, branch="main")
    assert url == f"{hub.url}/ada/digits/commit/{hub.repositories['ada/digits'].head.oid}"
    assert hub.repositories["ada/digits"].log()[0] == "Hello"
    assert model.save_pretrained(tmp_path / "other", push_to_hub=True).startswith(f"{hub.url}/ada/other/commit/")
    x = torch.rand(3, 1, 8, 8)
    for again in (
        Model.from_pretrained("ada/digits"),
        Model.from_pretrained("hf://ada/digits"),
        Model.from_pretrained("ada/digits", revision=hub.repositories["ada/digits"].head.oid),
        Model.from_pretrained("ada/digits", local_files_only=True),
        Model.from_pretrained("ada/digits", cache_dir=tmp_path / "cache", token=TOKEN, force_download=True),
    ):
        assert not again.training
        assert torch.equal(again.reconstruct(x), model.reconstruct(x))
    assert (tmp_path / "cache" / "models--ada--digits").is_dir()
    assert Model.from_pretrained("vae-mlp-2d.digits").spec.preset == "vae-mlp-2d"


def test_loading_is_strict_and_never_falls_back_to_a_pickle(hub: HubServer, run: Run) -> None:
    run.model.push_to_hub("ada/digits")
    repository = hub.repositories["ada/digits"]
    other = zoo.build("ae-mlp-2d", data_shape=(1, 8, 8))
    other.push_to_hub("ada/other")
    repository.edit({"model.safetensors": hub.repositories["ada/other"].head.files["model.safetensors"].content})
    with pytest.raises(CheckpointError, match="unexpected tensor"):
        Model.from_pretrained("ada/digits")
    repository.edit({"model.safetensors": None, "pytorch_model.bin": b"x"})
    with pytest.raises(CheckpointError, match="never from a pickle"):
        Model.from_pretrained("ada/digits")
    assert not hub.asked("pytorch_model.bin")


def test_the_environment_is_respected(hub: HubServer, run: Run, environment: dict[str, str]) -> None:
    zoo.push(run.model, "ada/digits", private=True)
    program = "import zoo; print(zoo.pull('ada/digits').path)"

    def pull(**changes: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", program]
        return subprocess.run(command, env=environment | changes, capture_output=True, text=True, check=False)

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
    subprocess.run([sys.executable, "-c", program], check=True)


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
    with pytest.raises(InputError, match=r"hf://user/name|be called"):
        Address.parse(text)


def test_two_revisions_are_one_too_many() -> None:
    assert Address.parse("ada/b", "v1") == Address.parse("ada/b@v1") == Address.parse("ada/b@v1", "v1")
    with pytest.raises(InputError, match="two revisions came"):
        Address.parse("ada/b@v1", "v2")
