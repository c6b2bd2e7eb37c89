"""A model goes to the Hub and comes back the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import huggingface_hub
import pytest
import torch
from huggingface_hub import HfApi, constants

import zoo
import zoo.hub.pull as pull_module
from tests import processes
from tests.hub.conftest import READER, TOKEN
from tests.hub.repository import Repository
from tests.hub.server import HubServer
from zoo.errors import InputError, RunError, ZooError, ZooWarning
from zoo.hub.errors import HubError
from zoo.runs.run import Run

Pushed = Callable[..., Repository]
PUSHED = {
    "model.safetensors", "config.json", "recipe.yaml", "evaluation.json", "README.md", "figures/samples.png",
    "figures/loss.png",
}  # fmt: skip


def files_of(hub: HubServer, name: str = "ada/digits", branch: str = "main") -> set[str]:
    repository = hub.repositories[name]
    return set(repository.commits[repository.branches[branch]].files) - {".gitattributes"}


def test_a_push_is_one_commit_of_the_files_of_the_model_and_no_others(hub: HubServer, run: Run) -> None:
    assert (run.path / "state" / "training.safetensors").is_file()
    pushed = zoo.push(run, "ada/digits")
    assert files_of(hub) == set(pushed.files) == set(pushed.changed) == PUSHED
    assert hub.repositories["ada/digits"].log() == [f"digits, by latent-zoo {zoo.__version__}", "initial commit"]
    assert {"metrics.jsonl", "state/training.safetensors", "last/model.safetensors"} <= set(pushed.left)
    assert pushed.url == f"{hub.url}/ada/digits/commit/{pushed.commit}"
    for name in ("model.safetensors", "config.json", "evaluation.json"):
        assert hub.repositories["ada/digits"].head.files[name].content == (run.path / name).read_bytes()


def test_pushing_twice_makes_no_second_commit(hub: HubServer, run: Run) -> None:
    first = zoo.push(run, "ada/digits")
    before = len(hub.asked(r"^PUT |/commit/"))
    second = zoo.push(run.path, "ada/digits")
    assert second.changed == ()
    assert second.commit == first.commit
    assert len(hub.repositories["ada/digits"].log()) == 2
    assert len(hub.asked(r"^PUT |/commit/")) == before


@pytest.mark.slow
def test_a_pull_in_a_new_process_with_an_empty_cache_gives_the_same_outputs(
    hub: HubServer, run: Run, environment: dict[str, str], tmp_path: Path
) -> None:
    zoo.push(run, "ada/digits", private=True)
    x = zoo.load_data(run.recipe.data).test.examples(5)
    torch.save({"x": x, "y": run.model.reconstruct(x)}, tmp_path / "wanted.pt")
    program = (
        "import sys, torch, warnings, zoo\n"
        "warnings.simplefilter('error')\n"
        "pulled = zoo.pull('ada/digits')\n"
        "wanted = torch.load(sys.argv[1], weights_only=True)\n"
        "assert torch.equal(pulled.model.reconstruct(wanted['x']), wanted['y'])\n"
        "assert torch.equal(zoo.load('hf://ada/digits').reconstruct(wanted['x']), wanted['y'])\n"
        "print(pulled.path)\n"
    )
    done = processes.run("-c", program, tmp_path / "wanted.pt", env=environment)
    assert done.returncode == 0, done.stderr
    path = Path(done.stdout.strip())
    assert path.is_relative_to(tmp_path / "another-home" / "hub")
    assert {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()} == PUSHED
    assert TOKEN not in done.stdout + done.stderr


def test_a_repository_is_created_as_asked(hub: HubServer, run: Run) -> None:
    zoo.push(run, "ada/open")
    zoo.push(run, "ada/closed", private=True)
    zoo.push(run.model, "math/shared")
    zoo.push(run.model, "mine")
    private = {name: repository.private for name, repository in hub.repositories.items()}
    assert private == {"ada/open": False, "ada/closed": True, "math/shared": False, "ada/mine": False}


def test_a_model_alone_is_pushed_without_a_recipe_and_takes_away_what_described_another(
    hub: HubServer, pushed: Pushed
) -> None:
    pushed()
    other = zoo.build("ae-mlp-2d", data_shape=(1, 8, 8))
    zoo.push(other, "ada/digits")
    assert files_of(hub) == {"model.safetensors", "config.json", "README.md"}
    assert zoo.pull("ada/digits").spec == other.spec


def test_a_branch_and_a_tag_are_made_and_found_again(hub: HubServer, run: Run) -> None:
    first = zoo.push(run, "ada/digits", tag="v1", message="The first")
    other = zoo.build("ae-mlp-2d", data_shape=(1, 8, 8))
    second = zoo.push(other, "ada/digits", revision="experiments/ae")
    assert hub.repositories["ada/digits"].log("experiments/ae")[1:] == ["The first", "initial commit"]
    assert zoo.pull("ada/digits", revision="v1").commit == zoo.pull("ada/digits").commit == first.commit
    assert zoo.load(f"hf://ada/digits@{second.commit}").spec == other.spec
    assert zoo.load("hf://ada/digits@experiments/ae").spec == other.spec
    zoo.push(run, "ada/digits", tag="v1")
    with pytest.raises(HubError, match=r"the tag 'v1' already belongs to another commit\n.*another --tag"):
        zoo.push(other, "ada/digits", tag="v1")


def test_the_revision_is_resolved_once_and_a_commit_in_between_does_not_mix(hub: HubServer, pushed: Pushed) -> None:
    pushed()
    pulled = zoo.pull("ada/digits")
    assert len(hub.asked(r"GET /api/models/ada/digits$")) == 1
    downloads = hub.asked(r"GET /ada/digits/resolve/")
    assert {request.path.split("/")[4] for request in downloads} == {pulled.commit}


def test_a_dry_run_lists_what_would_be_sent_and_asks_nobody(hub: HubServer, run: Run) -> None:
    planned = zoo.push(run, "ada/digits", dry_run=True)
    assert set(planned.files) == PUSHED
    assert planned.dry_run
    assert "metrics.jsonl" in planned.left
    assert hub.requests == []
    with pytest.raises(InputError, match=r"expected user/name, .*\nWrite the name as user/name"):
        zoo.push(run, "digits", dry_run=True)


def test_paths_of_this_machine_stay_here(hub: HubServer, tmp_path: Path) -> None:
    import numpy as np

    np.save(tmp_path / "secret-place.npy", np.random.default_rng(0).random((60, 5), dtype=np.float32))
    recipe = {
        "name": "table",
        "model": {
            "preset": "vae-mlp-2d",
            "encoder": {"widths": [4]},
            "decoder": {"widths": [4]},
            "likelihood": "gaussian",
        },
        "data": {"name": "arrays", "path": str(tmp_path / "secret-place.npy"), "scale": "standardise"},
        "train": {"epochs": 1},
        "evaluate": {"metrics": ["elbo"], "figures": []},
    }
    zoo.push(zoo.train(recipe, out=tmp_path / "run"), "ada/table")
    for name, file in hub.repositories["ada/table"].head.files.items():
        assert str(tmp_path).encode() not in file.content, name
    assert b"path: secret-place.npy" in hub.repositories["ada/table"].head.files["recipe.yaml"].content


def test_nothing_is_pushed_that_cannot_be_loaded(hub: HubServer, run: Run, tmp_path: Path) -> None:
    folder = zoo.save(run.model, tmp_path / "broken")
    (folder / "model.safetensors").write_bytes(b"1234567890")
    with pytest.raises(ZooError, match="not a safetensors file"):
        zoo.push(folder, "ada/digits")
    assert hub.requests == []


def test_a_pull_to_a_directory_is_whole_and_overwrites_nothing(pushed: Pushed, run: Run, tmp_path: Path) -> None:
    pushed()
    pulled = zoo.pull("ada/digits", to=tmp_path / "models" / "digits")
    assert pulled.path == tmp_path / "models" / "digits"
    names = {file.relative_to(pulled.path).as_posix() for file in pulled.path.rglob("*") if file.is_file()}
    assert names == PUSHED
    assert not any(file.is_symlink() for file in pulled.path.rglob("*"))
    assert zoo.load(pulled.path).spec == run.model.spec
    with pytest.raises(RunError, match="the directory is not empty"):
        zoo.pull("ada/digits", to=pulled.path)
    assert [path.name for path in pulled.path.parent.iterdir()] == ["digits"]


@pytest.mark.parametrize("place", [".", "./", "empty", "link", "new/below", "n" * 250, "x\nß"])
def test_a_pull_goes_to_every_form_of_a_directory(
    place: str, pushed: Pushed, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed()
    (tmp_path / "here" / "empty").mkdir(parents=True)
    (tmp_path / "here" / "link").symlink_to("empty")
    monkeypatch.chdir(tmp_path / "here" / "empty" if place.startswith(".") else tmp_path / "here")
    zoo.pull("ada/digits", to=place)
    assert zoo.load(place).spec == run.model.spec
    assert Path("config.json" if place.startswith(".") else f"{place}/config.json").is_file()
    assert not [path for path in (tmp_path / "here").rglob("*") if path.name.endswith(".partial")]


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("", "expected a directory, got an empty name"),
        ("file", "expected a directory, got a file"),
        ("dangling", "expected a directory, got a broken link"),
        ("full", "the directory is not empty"),
    ],
)
def test_a_pull_to_what_is_no_free_directory_is_refused_before_anybody_is_asked(
    place: str, says: str, hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("mine")
    Path("dangling").symlink_to("nowhere")
    Path("full").mkdir()
    Path("full", "file").write_text("mine")
    with pytest.raises(RunError, match=says):
        zoo.pull("ada/digits", to=place)
    assert hub.requests == []


def test_a_pull_that_fails_leaves_an_empty_directory_empty(
    pushed: Pushed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed()
    copy, copied = pull_module.shutil.copyfile, []

    def fill(source: Path, target: Path) -> None:
        if len(copied) == 6:
            raise OSError(28, "No space left on device")
        copied.append(target)
        copy(source, target)

    monkeypatch.setattr(pull_module.shutil, "copyfile", fill)
    (tmp_path / "here").mkdir()
    with pytest.raises(OSError, match="No space left"):
        zoo.pull("ada/digits", to=tmp_path / "here")
    assert list((tmp_path / "here").iterdir()) == []


def test_only_the_files_of_a_model_are_fetched(hub: HubServer, pushed: Pushed) -> None:
    pushed().edit({"big.bin": b"0" * 100, "code.py": b"1/0", "figures/../x.png": b"", "pytorch_model.bin": b""})
    pulled = zoo.pull("ada/digits")
    names = {file.relative_to(pulled.path).as_posix() for file in pulled.path.rglob("*") if file.is_file()}
    assert names == PUSHED
    before = len(hub.requests)
    zoo.load("hf://ada/digits")
    asked = {request.path.rpartition("/")[2] for request in hub.requests[before:]}
    assert asked == {"digits"}, "all else was in the cache"


@pytest.mark.parametrize("how", ["switched off", "unreachable", "failing"])
def test_without_a_network_the_cache_serves_and_says_so(
    how: str, hub: HubServer, pushed: Pushed, run: Run, monkeypatch: pytest.MonkeyPatch, no_waiting: list[float]
) -> None:
    commit = pushed(tag="v1").branches["main"]
    for revision in ("", "@v1"):
        zoo.load(f"hf://ada/digits{revision}")
    if how == "switched off":
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        reason = "HF_HUB_OFFLINE is set"
    elif how == "unreachable":
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
        reason = "the Hub at http://127.0.0.1:9 cannot be reached"
    else:
        from tests.hub.faults import Fault

        hub.faults.append(Fault("GET /api", status=503))
        reason = r"the Hub has an internal error \(503\)"
    for name in ("ada/digits", "ada/digits@v1", f"ada/digits@{commit}"):
        with pytest.warns(ZooWarning, match=rf"{reason}.*using the copy in the cache, commit {commit[:12]}"):
            model = zoo.load(f"hf://{name}")
        assert model.spec == run.model.spec
    assert no_waiting == [], "with a copy at hand nobody waits"
    with pytest.raises(HubError, match="hf://ada/digits@other"):
        zoo.load("hf://ada/digits@other")


def test_the_client_itself_understands_what_was_pushed(hub: HubServer, pushed: Pushed, run: Run) -> None:
    pushed(tag="v1")
    api = HfApi(endpoint=hub.url)
    tree = {entry.path: entry for entry in api.list_repo_tree("ada/digits", recursive=True)}
    assert set(tree) >= PUSHED
    assert tree["model.safetensors"].lfs.size == (run.path / "model.safetensors").stat().st_size
    assert [tag.name for tag in api.list_repo_refs("ada/digits").tags] == ["v1"]
    path = huggingface_hub.hf_hub_download("ada/digits", "evaluation.json", endpoint=hub.url)
    assert json.loads(Path(path).read_text()) == run.evaluation


def test_who_asks_is_said_with_every_request_and_no_token_reaches_the_storage(hub: HubServer, run: Run) -> None:
    zoo.push(run, "ada/digits")
    zoo.pull("ada/digits")
    zoo.list_hub_models()
    named = f"latent-zoo/{zoo.__version__}; hf_hub/"
    ours = [request for request in hub.requests if not request.path.startswith(("/upload/", "/api/agent-harnesses"))]
    assert {request.line for request in ours if not request.headers["user-agent"].startswith(named)} == set()
    stored = hub.asked("^(PUT|GET) /(up|down)load")
    assert len(stored) == 2
    assert not any("authorization" in request.headers for request in stored)


def test_models_on_the_hub_are_found_by_the_tag_of_the_package(hub: HubServer, run: Run) -> None:
    for name in ("ada/one", "ada/two", "math/three", "ada/four"):
        zoo.push(run.model, name)
    zoo.push(run.model, "ada/hidden", private=True)
    hub.repositories["ada/four"].edit({"README.md": b"---\nlibrary_name: other\ntags: [x]\n---\n"})
    assert zoo.list_hub_models() == ["ada/one", "ada/two", "math/three"]
    assert zoo.list_hub_models(author="math") == ["math/three"]
    assert zoo.list_hub_models(pattern="*/t*", limit=1) == ["ada/two"]


def test_a_token_can_be_given_by_hand(hub: HubServer, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    zoo.push(run.model, "ada/closed", private=True, token=TOKEN)
    assert zoo.load("hf://ada/closed", token=TOKEN).spec == run.model.spec
    for token in (None, False, READER):
        with pytest.raises(ZooError, match="no such repository, or it is private"):
            zoo.pull("ada/closed", revision="main", token=token)
