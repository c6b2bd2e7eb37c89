"""Links inside the directory of a run, which somebody else may have made: nothing outside is changed or published."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants

import zoo
from tests.hostile.conftest import QUICK, ZooCli, assert_one_message
from zoo.errors import CheckpointError, InputError, RunError, ZooError
from zoo.hub.bundle import Bundle, collect
from zoo.runs.card import update_card
from zoo.runs.directory import RunDirectory

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")

FILES = ("config.json", "model.safetensors", "recipe.yaml", "metrics.jsonl", "evaluation.json", "README.md")
FOLDERS = ("state", "last", "figures", "checkpoints", "checkpoints/epoch-0001")


def train(run: Path, **options: object) -> None:
    zoo.train("digits", out=run, overrides=[*QUICK, "train.keep_every=1"], **options)  # type: ignore[arg-type]


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """A folder of the user, with files of the names that a run has."""
    folder = tmp_path / "precious"
    folder.mkdir()
    for name in (*FILES, "training.safetensors", "samples.png"):
        (folder / name).write_text("mine")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def lead_elsewhere(place: Path, target: Path) -> None:
    """Replace a file or folder by a link."""
    if place.is_dir():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(target)


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("options", [{"resume": True}, {"overwrite": True}], ids=["resume", "overwrite"])
def test_a_run_is_not_written_through_a_link_to_a_folder(
    options: dict[str, bool], name: str, run: Path, precious: Path
) -> None:
    lead_elsewhere(run / name, precious)
    before, own = contents(precious), contents(run)
    with pytest.raises(RunError, match=rf"{name}: expected a folder, got a link to '.*precious'; runs are never"):
        train(run, **options)
    assert contents(precious) == before
    assert contents(run) == own
    assert (run / name).is_symlink()


def test_a_link_that_comes_while_a_run_trains_is_noticed(run: Path, precious: Path) -> None:
    directory, model = RunDirectory(run), zoo.load(run)
    lead_elsewhere(run / "last", precious)
    before = contents(precious)
    with pytest.raises(RunError, match="last: expected a folder, got a link"):
        directory.write_last(model)
    assert contents(precious) == before


def test_the_runs_of_a_sweep_are_not_written_through_a_link(tmp_path: Path, precious: Path) -> None:
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "sweep.yaml").touch()
    lead_elsewhere(tmp_path / "sweep" / "runs", precious)
    with pytest.raises(RunError, match="runs are never written through links"):
        zoo.sweep("digits", {"model.latent_dim": [2]}, out=tmp_path / "sweep", overrides=QUICK, resume=True)
    assert len(contents(precious)) == len(FILES) + 2


def test_figures_are_not_drawn_through_a_link_in_a_run(run: Path, precious: Path, zoo_cli: ZooCli) -> None:
    lead_elsewhere(run / "figures", precious)
    before = contents(precious)
    assert_one_message(zoo_cli("plot", run, "loss"), "figures: expected no link, got one to", status=(2,))
    assert contents(precious) == before


def test_a_run_with_a_link_is_refused_before_it_is_measured(
    run: Path, precious: Path, zoo_cli: ZooCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead_elsewhere(run / "figures", precious)
    monkeypatch.setattr("zoo.evaluation.evaluate.record", lambda *arguments, **options: pytest.fail("it was measured"))
    assert_one_message(zoo_cli("evaluate", run), "figures: expected a folder, got a link", status=(2,))


def test_a_run_may_be_a_link_as_a_whole(run: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(run)
    train(tmp_path / "link", overwrite=True)
    assert (run / "last" / "model.safetensors").is_file()
    assert (tmp_path / "link").is_symlink()


def test_overwriting_removes_links_to_files_and_keeps_what_they_lead_to(run: Path, precious: Path) -> None:
    for name in FILES:
        lead_elsewhere(run / name, precious / name)
    before = contents(precious)
    train(run, overwrite=True)
    assert contents(precious) == before
    assert not [name for name in FILES if (run / name).is_symlink()]
    zoo.load(run)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
@pytest.mark.parametrize(
    "target", ["nowhere", "circle", "/dev/null", "/dev/full", ".", "/proc/self/mem", "config.json/x"]
)
def test_a_link_that_leads_to_no_checkpoint_is_named(name: str, target: str, run: Path) -> None:
    lead_elsewhere(run / name, Path(name if target == "circle" else target))
    with pytest.raises(ZooError, match=name) as refusal:
        zoo.load(run)
    assert len(str(refusal.value)) < 1000


def test_a_checkpoint_of_links_to_files_is_loaded(run: Path, tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        shutil.move(run / name, tmp_path / name)
        (run / name).symlink_to(tmp_path / name)
    assert zoo.load(run).spec.latent_dim == 2


# What is pushed.


def collected(run: Path, tmp_path: Path) -> Bundle:
    (tmp_path / "workshop").mkdir(exist_ok=True)
    return collect(run, "ada/digits", tmp_path / "workshop")


@pytest.mark.parametrize(
    "name", [*(name for name in FILES if name != "metrics.jsonl"), "figures/samples.png", "figures"]
)
def test_what_a_link_leads_to_is_not_published(name: str, run: Path, precious: Path, tmp_path: Path) -> None:
    (run / "figures").mkdir(exist_ok=True)
    (run / "README.md").write_text((run / "README.md").read_text() + "\n![](figures/samples.png)\n")
    if (run / name).is_file():
        shutil.copyfile(run / name, precious / name)  # a file that a model may have
    target = {"figures": precious, "figures/samples.png": precious / "samples.png"}.get(name, precious / name)
    lead_elsewhere(run / name, target)
    with pytest.raises(InputError, match=r"got a link to '.*precious.* outside it"):
        collected(run, tmp_path)


def test_links_within_the_directory_are_pushed(run: Path, tmp_path: Path) -> None:
    (run / "model.safetensors").rename(run / "weights")
    (run / "model.safetensors").symlink_to("weights")
    assert "model.safetensors" in collected(run, tmp_path).files


def test_a_model_in_the_cache_of_the_client_is_pushed(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    snapshot, blobs = (tmp_path / "cache" / "models--ada--one" / name for name in ("snapshots/1", "blobs"))
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for name in ("config.json", "model.safetensors", "README.md"):
        shutil.copyfile(run / name, blobs / name)
        (snapshot / name).symlink_to(blobs / name)
    assert "README.md" in collected(snapshot, tmp_path).files
    (snapshot / "README.md").unlink()
    (snapshot / "README.md").symlink_to(run / "README.md")
    with pytest.raises(InputError, match="expected a file in the directory, got a link"):
        collected(snapshot, tmp_path)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "directory"])
@pytest.mark.parametrize("name", ["README.md", "figures/samples.png", "evaluation.json"])
def test_what_is_no_file_is_not_waited_for(name: str, make: Callable[[Path], None], run: Path, tmp_path: Path) -> None:
    (run / "figures").mkdir(exist_ok=True)
    (run / name).unlink(missing_ok=True)
    make(run / name)
    with pytest.raises(InputError, match=rf"{name}: expected a file, got a "):
        collected(run, tmp_path)


@pytest.mark.parametrize("what", ["large", "pipe", "directory", "nowhere"])
def test_a_card_that_is_none_is_left_alone(what: str, run: Path) -> None:
    card = run / "README.md"
    card.unlink()
    if what == "pipe":
        os.mkfifo(card)
    elif what == "large":
        card.touch()
        os.truncate(card, 30_000_000_000)
    elif what == "nowhere":
        card.symlink_to("nowhere")
    else:
        card.mkdir()
    directory = RunDirectory(run)
    evaluation, model = directory.read_evaluation(), zoo.load(run)
    assert evaluation is not None
    assert not update_card(run, directory.read_recipe(), model.data, evaluation)
    assert os.path.lexists(card)


def test_a_state_of_a_circle_of_links_is_a_message(run: Path) -> None:
    state = run / "state" / "training.safetensors"
    lead_elsewhere(state, Path(state.name))
    with pytest.raises((RunError, CheckpointError), match=r"training\.safetensors"):
        zoo.train("digits", out=run, resume=True, overrides=[*QUICK, "train.epochs=4"])
