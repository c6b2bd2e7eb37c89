"""A run directory whose files are cut, exchanged or gone: it continues to the same end, or says what is wrong."""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import zoo
from tests.hostile.conftest import QUICK, SETTINGS, ZooCli, assert_one_message
from zoo.errors import CheckpointError, RunError, TrainingError, ZooError
from zoo.figures.loss import plot_loss
from zoo.runs.directory import RunDirectory
from zoo.runs.run import Run
from zoo.training.state import Position, TrainingState

STATE = "state/training.safetensors"


def resume(run: Path, *overrides: str) -> Run:
    return zoo.train("digits", out=run, resume=True, overrides=[*QUICK, *overrides])


def files_of(run: Path) -> dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for path in run.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def whole(pristine: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run, continued to its fourth epoch undisturbed."""
    return resume(Path(shutil.copytree(pristine.path, tmp_path_factory.mktemp("whole") / "run")), "train.epochs=4")


@pytest.mark.parametrize("torn", ['{"epoch": 3, "st', '{"epoch"', "{", "\ufffd"])
def test_a_line_of_metrics_that_was_not_finished_does_not_count(torn: str, run: Path, whole: Run) -> None:
    with (run / "metrics.jsonl").open("a") as file:
        file.write(torn)
    assert resume(run, "train.epochs=4").metrics == whole.metrics
    assert files_of(run)["metrics.jsonl"] == files_of(whole.path)["metrics.jsonl"]


@pytest.mark.parametrize("content", ["[]\n[]\n", "{\n{\n", "\udcff\n", "1\n2\n", '{"epoch": 1}\n'])
def test_metrics_that_are_damaged_or_too_few_are_named(content: str, run: Path) -> None:
    (run / "metrics.jsonl").write_text(content, errors="surrogateescape")
    before = files_of(run)
    with pytest.raises(CheckpointError, match=r"metrics\.jsonl: "):
        resume(run, "train.epochs=4")
    assert files_of(run)["metrics.jsonl"] == before["metrics.jsonl"]


EPOCH = '{"epoch": 1, "step": 2, "train": {"loss": 1.0}, "best": true}'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"epoch"', '"epoc"'), ('"epoch": 1', '"epoch": true'), ('"epoch": 1', '"epoch": -1'),
        ('"epoch": 1', '"epoch": 1e400'), ('"epoch": 1', '"epoch": ' + "9" * 400), ('"step": 2', '"step": "2"'),
        ('"train"', '"xtrain"'), ('{"loss": 1.0}', "{}"), ('{"loss": 1.0}', "[1.0]"), ('{"loss": 1.0}', '"loss"'),
        ("1.0", "null"), ("1.0", "true"), ("1.0", '"1.0"'), ("1.0", "[1.0]"), ("1.0", "9" * 400), ("1.0", "9" * 5000),
        ('"best": true', '"best": 1'), ('"best": true', '"validation": {"loss": {}}, "best": true'),
        ('"best": true', '"adversaries": 3, "best": true'), ("1.0", "[" * 100_000), (EPOCH, '"epoch"'),
    ],
)  # fmt: skip
def test_the_record_of_an_epoch_that_is_none_is_named(before: str, after: str, tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    (tmp_path / "metrics.jsonl").write_text(EPOCH + "\n" + EPOCH.replace(before, after) + "\n")
    with pytest.raises(CheckpointError, match=r"metrics\.jsonl: ") as refusal:
        directory.training.read_metrics()
    assert len(str(refusal.value)) < 1000
    (tmp_path / "metrics.jsonl").write_text(EPOCH + "\n" + EPOCH.replace("1.0", "NaN") + "\n")
    assert len(directory.training.read_metrics()) == 2


@pytest.mark.slow
def test_a_curve_of_terms_with_odd_names_and_numbers_is_drawn() -> None:
    terms = {
        "$\\frac{": 1.0,
        "a\x1b[2J": float("nan"),
        "b" * 5000: -1e308,
        **{f"t{n}": float("inf") for n in range(2000)},
    }
    figure = plot_loss([{"epoch": 1, "train": terms, "adversaries": {"$_": 1.0}}] * 2, lambda term: None)
    figure.savefig(io.BytesIO(), dpi=20)
    assert len(figure.axes) == 64


def test_an_append_that_fails_leaves_whole_lines(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = RunDirectory(run)
    before = (run / "metrics.jsonl").read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zoo.utils.files.os.fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*metrics.jsonl'"):
        directory.training.append_metrics({"epoch": 3})
    assert (run / "metrics.jsonl").read_bytes() == before


@pytest.mark.parametrize("how", ["removed", "a link that leads nowhere"])
@pytest.mark.parametrize("epochs", [2, 4])
def test_a_lost_state_is_no_reason_to_begin_anew_without_a_word(how: str, epochs: int, run: Path) -> None:
    (run / STATE).unlink()
    if how != "removed":
        (run / STATE).symlink_to("moved-to-save-space")
    before = files_of(run)
    with pytest.raises(RunError, match=r"2 epochs are recorded, but the state .* is missing\nRestore the file"):
        resume(run, f"train.epochs={epochs}")
    assert {name: files_of(run)[name] for name in ("metrics.jsonl", "evaluation.json", "model.safetensors")} == {
        name: before[name] for name in ("metrics.jsonl", "evaluation.json", "model.safetensors")
    }


def test_a_run_that_was_killed_before_its_first_state_begins_anew(run: Path, pristine: Run) -> None:
    (run / STATE).unlink()
    (run / "evaluation.json").unlink()
    lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
    (run / "metrics.jsonl").write_text(lines[0])
    again = resume(run)
    assert again.metrics == pristine.metrics
    assert (run / "model.safetensors").read_bytes() == (pristine.path / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["train.optimizer=sgd", "train.optimizer.lr=0.002"], "that of another: train.optimizer.name was 'sgd'"),
        (["model.latent_dim=3"], "that of another: model.latent_dim was 3, is 2"),
        (["seed=5"], "that of another: seed was 5, is 0"),
        (["train.batch_size=50"], "that of another: train.batch_size was 50"),
    ],
)
def test_the_state_of_another_run_is_refused(overrides: list[str], words: str, run: Path, tmp_path: Path) -> None:
    other = zoo.train("digits", out=tmp_path / "other", overrides=[*QUICK, *overrides])
    shutil.copyfile(other.path / STATE, run / STATE)
    with pytest.raises(CheckpointError, match=words):
        resume(run, "train.epochs=4")


def change_state(run: Path, *, position: object = None, drop: str = "", cut: str = "", old: bool = False) -> None:
    """Rewrite a state with another position, without some tensors, or with some that are too short."""
    with safe_open(run / STATE, framework="pt") as file:
        facts = json.loads(file.metadata()["facts"])
    tensors = {name: tensor for name, tensor in load_file(run / STATE).items() if not (drop and name.startswith(drop))}
    tensors = {
        name: tensor.flatten()[:1].clone() if cut and name.startswith(cut) else tensor
        for name, tensor in tensors.items()
    }
    if position is not None:
        facts["position"] = position
    written = {"position": json.dumps(facts["position"])} if old else {"facts": json.dumps(facts)}
    save_file(tensors, run / STATE, metadata=written)


@pytest.mark.parametrize(
    "changes",
    [
        {"position": {"epoch": 1, "mood": "good"}},
        {"position": {"epoch": "many"}},
        {"position": [1, 2]},
        {"position": {"epoch": -5}, "drop": "rows"},
        {"drop": "model."},
        {"drop": "rows"},
        {"cut": "model."},
        {"cut": "random."},
        {"position": {"epoch": -5}, "old": True, "drop": "rows"},
    ],
    ids=str,
)
def test_a_state_of_another_version_is_a_message(changes: dict, run: Path) -> None:
    change_state(run, **changes)
    with pytest.raises(ZooError, match=r"(training\.safetensors|saved state)") as refusal:
        resume(run, "train.epochs=4")
    assert "\n" in str(refusal.value), "a remedy is missing"


def test_a_state_as_version_0_1_wrote_it_is_continued(run: Path, whole: Run) -> None:
    change_state(run, old=True)
    assert resume(run, "train.epochs=4").metrics == whole.metrics


@pytest.mark.parametrize("content", [b"", b"{", b"\xff" * 100, (2**40).to_bytes(8, "little") + b"{}"])
def test_a_damaged_state_is_a_message(content: bytes, run: Path) -> None:
    (run / STATE).write_bytes(content)
    with pytest.raises(CheckpointError, match=r"training\.safetensors: damaged"):
        resume(run, "train.epochs=4")


def test_a_folder_that_vanishes_is_not_made_again(run: Path) -> None:
    directory = RunDirectory(run)
    model = zoo.load(run)
    shutil.rmtree(run)
    for write in (
        lambda: directory.write_best(model),
        lambda: directory.write_last(model),
        lambda: directory.write_epoch(model, 3),
        lambda: directory.write_evaluation({}),
        lambda: directory.training.append_metrics({}),
        lambda: directory.training.write_state(TrainingState(Position(), {})),
    ):
        with pytest.raises(TrainingError, match="the run directory was removed"):
            write()
        assert not run.exists()


def test_a_run_whose_folder_is_removed_while_it_trains_fails(tmp_path: Path, zoo_process: ZooCli) -> None:
    program = (
        "import shutil, zoo.runs.recorder as r\n"
        "append = r.RunRecorder.on_epoch\n"
        "def on_epoch(self, record, *, is_best):\n"
        "    append(self, record, is_best=is_best)\n"
        "    if record['epoch'] == 3: shutil.rmtree('run')\n"
        "r.RunRecorder.on_epoch = on_epoch\n"
    )
    done = zoo_process("train", "digits", *SETTINGS, "--set", "train.epochs=9", "--out", "run", program=program)
    assert_one_message(done, "run: the run directory was removed", status=(1,))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("flags", [["--resume"], [], ["--overwrite"]])
@pytest.mark.parametrize("left", [".recipe.yaml.abc.partial", ".config.json.x_.partial"])
def test_what_a_kill_in_the_first_write_leaves_is_no_hindrance(
    flags: list[str], left: str, tmp_path: Path, zoo_cli: ZooCli
) -> None:
    (tmp_path / "run" / left).mkdir(parents=True)
    (tmp_path / "run" / left / "recipe.yaml").write_text("half")
    (tmp_path / "run" / "state").mkdir()
    done = zoo_cli("train", "digits", *SETTINGS, "--set", "train.epochs=1", "--quiet", "--out", "run", *flags)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "run" / left).exists()


@pytest.mark.parametrize("name", ["notes.txt", ".partial", ".mine.partial"])
def test_a_file_of_somebody_else_is_a_hindrance(name: str, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).write_text("mine")
    with pytest.raises(RunError, match="expected an empty directory or one with a run"):
        zoo.train("digits", out=tmp_path / "run", overrides=QUICK)
    assert (tmp_path / "run" / name).read_text() == "mine"


def test_a_lock_that_is_a_link_does_not_empty_what_it_leads_to(tmp_path: Path) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("mine")
    (tmp_path / "run" / "state").mkdir(parents=True)
    (tmp_path / "run" / "state" / "lock").symlink_to(precious)
    with pytest.raises(ZooError, match="it is a link"):
        zoo.train("digits", out=tmp_path / "run", overrides=QUICK)
    assert precious.read_text() == "mine"


EVALUATIONS = {
    "cut": b'{\n  "split": "te',
    "a list": b"[]",
    "no fields": b"{}",
    "not UTF-8": b"\xff\xfe",
    "empty": b"",
    "nested": b"[" * 100_000,
    "no metrics": b'{"split": "test", "dataset": "digits", "examples": 3, "seed": 0, "best_epoch": 1}',
    "numbers beyond all": b'{"split": "test", "dataset": "digits", "examples": 1%s, "seed": 0, "best_epoch": 1,'
    b' "metrics": {}}' % (b"0" * 400),
    "metrics that are none": b'{"split": "test", "dataset": "digits", "examples": 3, "seed": 0, "best_epoch": 1,'
    b' "metrics": {"elbo": {"a": 1}}, "settings": []}',
    "settings that are none": b'{"split": "test", "dataset": "digits", "examples": 3, "seed": 0, "best_epoch": 1,'
    b' "metrics": {"elbo": 1}, "settings": [3]}',
}


@pytest.mark.parametrize("content", EVALUATIONS.values(), ids=list(EVALUATIONS))
def test_a_damaged_evaluation_is_named_by_every_command(
    content: bytes, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from zoo.cli import cli

    (run / "evaluation.json").write_bytes(content)
    for command in (
        ["train", "digits", *SETTINGS, "--quiet", "--out", run, "--resume"],
        ["evaluate", run, "--metric", "elbo"],
        ["report", run],
        ["push", run, "ada/digits", "--dry-run"],
    ):
        with pytest.raises(CheckpointError, match=r"evaluation\.json: "):
            cli.main([str(word) for word in command], standalone_mode=False)
        assert (run / "evaluation.json").read_bytes() == content
    assert "Wrote" not in capsys.readouterr().out


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
@pytest.mark.parametrize("what", ["pipe", "/dev/zero", "directory", "/dev/full"])
@pytest.mark.parametrize(
    "name", ["config.json", "model.safetensors", "metrics.jsonl", STATE, "evaluation.json", "recipe.yaml", "state/lock"]
)
def test_what_is_no_file_is_refused_at_once(name: str, what: str, run: Path) -> None:
    (run / name).unlink()
    if what == "pipe":
        os.mkfifo(run / name)
    elif what == "directory":
        (run / name).mkdir()
    else:
        (run / name).symlink_to(what)
    read = {
        "config.json": lambda: zoo.load(run),
        "model.safetensors": lambda: zoo.load(run),
        "evaluation.json": lambda: RunDirectory(run).read_evaluation(),
    }.get(name, lambda: resume(run, "train.epochs=4"))
    with pytest.raises(ZooError):
        read()
    assert os.path.lexists(run / name)
