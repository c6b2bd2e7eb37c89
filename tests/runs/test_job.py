"""The main job: what a run directory holds, and that nothing in it is ever lost."""

from __future__ import annotations

import json
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from filelock import FileLock

import zoo
from tests.runs.kill_and_resume import contents, differences, finish, kill_at, train
from zoo.errors import CheckpointError, RunError, TrainingError
from zoo.runs.plan import make_plan
from zoo.runs.run import Run
from zoo.spec.resolve import load_recipe
from zoo.training.progress import Silent

SMALL = ["model.encoder.widths=[16]", "model.decoder.widths=[16]", "data.subset=200", "train.precision=fp32"]
QUICK = [*SMALL, "train.epochs=3", "evaluate.metrics=[elbo, mse]", "evaluate.figures=[]"]


class Notes(Silent):
    """Keeps notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def job(out: Path, *overrides: str, **options: Any) -> Run:
    return zoo.train("digits", out=out, overrides=[*QUICK, *overrides], **options)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return job(tmp_path_factory.mktemp("runs") / "digits", "evaluate.figures=[loss]")


@pytest.fixture
def copied(run: Run, tmp_path: Path) -> Path:
    """A copy of the run, to be changed."""
    return Path(shutil.copytree(run.path, tmp_path / "run"))


def test_a_run_leaves_all_that_it_promises(run: Run) -> None:
    names = {str(path.relative_to(run.path)) for path in run.path.rglob("*") if path.is_file()}
    assert names >= {
        "recipe.yaml", "config.json", "model.safetensors", "last/config.json", "last/model.safetensors",
        "metrics.jsonl", "evaluation.json", "README.md", "figures/loss.png", "state/training.safetensors",
    }  # fmt: skip
    assert not [name for name in names if name.endswith(".partial")]


def test_the_recipe_is_written_with_every_default_and_repeats_the_run(run: Run, tmp_path: Path) -> None:
    recipe = yaml.safe_load((run.path / "recipe.yaml").read_text())
    assert recipe["model"]["data_shape"] == [1, 8, 8]
    assert recipe["model"]["posterior"] == {"name": "diagonal_gaussian", "floor": 1e-4}
    assert recipe["train"]["optimizer"]["betas"] == [0.9, 0.999]
    again = zoo.train(run.path / "recipe.yaml", out=tmp_path / "again")
    assert differences(run.path, again.path) == []


def test_metrics_hold_an_object_an_epoch_and_the_best_model_is_the_one_that_opens(run: Run) -> None:
    assert [record["epoch"] for record in run.metrics] == [1, 2, 3]
    assert {"loss", "elbo", "reconstruction", "kl"} == set(run.metrics[0]["train"]) == set(run.metrics[0]["validation"])
    best = max((record for record in run.metrics if record["best"]), key=lambda record: record["epoch"])
    assert run.evaluation["best_epoch"] == best["epoch"]
    assert zoo.load(run.path).spec == run.model.spec
    assert zoo.load(run.path / "last").spec == run.model.spec


def test_the_evaluation_can_be_repeated_to_the_last_digit(run: Run) -> None:
    data = zoo.load_data(run.recipe.data)
    assert zoo.evaluate(run.model, data, ["elbo", "mse"], seed=run.recipe.seed) == run.evaluation["metrics"]


def test_the_note_on_greyscale_pixels_is_recorded(run: Run, tmp_path: Path) -> None:
    assert "pixels between black and white under a Bernoulli likelihood" in run.evaluation["notes"][0]
    assert "between black and white" in (run.path / "README.md").read_text()
    assert job(tmp_path / "binary", "data.binarise=threshold", "train.epochs=1").evaluation["notes"] == []


def test_a_second_run_overwrites_a_first_only_if_asked_to(run: Run, copied: Path) -> None:
    before = contents(run.path)
    with pytest.raises(RunError, match=r"the directory already contains a run\n.*--resume.*--overwrite.*--out"):
        job(run.path)
    assert contents(run.path) == before
    (copied / "notes.txt").write_text("mine")
    second = job(copied, "seed=1", overwrite=True)
    assert second.evaluation != run.evaluation
    assert (copied / "notes.txt").read_text() == "mine"


def test_a_directory_or_file_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("…")
    with pytest.raises(RunError, match="expected an empty directory or one with a run"):
        job(tmp_path / "thesis", overwrite=True)
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["chapter1.tex"]
    with pytest.raises(RunError, match="expected a directory, got a file"):
        job(tmp_path / "thesis" / "chapter1.tex")


def test_resuming_a_finished_run_changes_nothing(run: Run) -> None:
    before = contents(run.path)
    assert job(run.path, "evaluate.figures=[loss]", resume=True).evaluation == run.evaluation
    assert contents(run.path) == before


def test_resuming_with_more_epochs_goes_on(copied: Path) -> None:
    longer = job(copied, "train.epochs=5", resume=True)
    assert [record["epoch"] for record in longer.metrics] == [1, 2, 3, 4, 5]
    assert longer.recipe.train.epochs == 5


def test_resuming_with_other_metrics_measures_them_and_trains_nothing(tmp_path: Path) -> None:
    before = job(tmp_path / "run", "train.epochs=1")
    after = job(tmp_path / "run", "train.epochs=1", "evaluate.metrics=[mse]", resume=True)
    assert after.metrics == before.metrics
    assert list(after.evaluation["metrics"]) == ["mse"]


def test_fewer_epochs_than_are_done_are_refused(copied: Path) -> None:
    with pytest.raises(RunError, match="expected a run of at most 1 epochs, as in the recipe, got one of 3 epochs"):
        job(copied, "train.epochs=1", resume=True)


def test_a_recipe_and_one_line_of_python_train_small_data_for_equally_long(monkeypatch: pytest.MonkeyPatch) -> None:
    table = np.random.default_rng(0).normal(size=(200, 3))
    monkeypatch.setattr("zoo.runs.fit.train", lambda recipe, *, data, **_: make_plan(load_recipe(recipe), print, data))
    one_line = zoo.fit(table, "vae-mlp-8d").recipe.train
    document = {"name": "own", "model": "vae-mlp-8d", "data": {"name": "scikit_learn", "table": "wine"}}
    for length in (one_line, make_plan(load_recipe(document), print).recipe.train):
        assert (length.epochs, length.batch_size) == (200, 32)


def test_a_length_that_the_recipe_leaves_open_is_that_of_the_run_when_it_is_resumed(tmp_path: Path) -> None:
    table = np.random.default_rng(0).normal(size=(60, 3))
    recipe = {"name": "own", "model": "vae-mlp-8d", "evaluate": {"metrics": ["mse"], "figures": []}}
    stated = ["train.epochs=2", "train.batch_size=20"]
    begun = zoo.train(recipe, data=table, out=tmp_path / "run", overrides=stated, quiet=True)
    assert yaml.safe_load((begun.path / "recipe.yaml").read_text())["train"]["epochs"] == 2
    before, seen = contents(begun.path), Notes()
    zoo.train(recipe, data=table, out=tmp_path / "run", resume=True, reporter=seen)
    assert contents(begun.path) == before
    assert seen.notes[-1] == "Training is finished: all 2 epochs are done."


def test_resuming_says_where_it_continues_and_with_which_other_settings(tmp_path: Path) -> None:
    job(tmp_path / "run", "train.epochs=1")
    seen = Notes()
    longer = job(tmp_path / "run", "train.epochs=2", "evaluate.metrics=[mse]", resume=True, reporter=seen)
    differ, schedule, where = [note for note in seen.notes if not note.startswith("Note: ")][:3]
    assert differ == ("Settings that differ from those so far: `train.epochs` is 2, was 1; `evaluate.metrics`.")
    assert schedule == "From now on, the learning rate follows the schedule for 2 epochs."
    assert where == "Continuing after step 4 of 8, epoch 1 of 2."
    assert "Resumed after epoch 1 with `train.epochs` 2 in place of 1." in longer.evaluation["notes"]


def test_resuming_another_recipe_is_refused_with_the_field(run: Run) -> None:
    with pytest.raises(RunError, match=r"model.objective.beta was 1.0, is 4.0"):
        job(run.path, "model.objective.beta=4", resume=True)


@pytest.mark.slow
def test_a_run_is_resumed_where_its_recipe_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    job(Path("mine"), "train.epochs=1")
    assert zoo.train("mine/recipe.yaml", resume=True, overrides=["train.epochs=2"]).path == Path("mine")
    Path("mine/metrics.jsonl").unlink()
    Path("mine/state/training.safetensors").unlink()  # as if killed in the first epoch
    assert zoo.train("mine/recipe.yaml", resume=True).path == Path("mine")
    assert not Path("runs").exists()
    Path("plain").mkdir()
    Path("plain/recipe.yaml").write_text(Path("mine/recipe.yaml").read_text())
    assert zoo.train("plain/recipe.yaml", resume=True).path == Path("runs/digits")


def test_resuming_on_more_or_fewer_data_is_refused(tmp_path: Path) -> None:
    pixels = (zoo.load_data("digits").train.examples(300) * 255).round().to(torch.uint8).numpy()
    data = f"data={{name: arrays, path: {tmp_path / 'x.npy'}}}"
    np.save(tmp_path / "x.npy", pixels[:200])
    job(tmp_path / "run", data, "train.epochs=1")
    job(tmp_path / "run", data, "train.epochs=2", resume=True)
    before = contents(tmp_path / "run")
    for rows in (300, 100):
        np.save(tmp_path / "x.npy", pixels[:rows])
        with pytest.raises(RunError, match="data: expected 153, 17, 30 examples") as refusal:
            job(tmp_path / "run", data, "train.epochs=3", resume=True)
        assert "--out" in str(refusal.value)
    assert {name: content for name, content in contents(tmp_path / "run").items() if name != "recipe.yaml"} == {
        name: content for name, content in before.items() if name != "recipe.yaml"
    }


def test_resuming_where_nothing_is_begins(tmp_path: Path) -> None:
    seen = Notes()
    assert job(tmp_path / "new", "train.epochs=1", resume=True, reporter=seen).metrics[0]["epoch"] == 1
    assert f"There is no run to resume in {tmp_path / 'new'}: a new run starts." in seen.notes
    seen = Notes()
    job(tmp_path / "new", "train.epochs=1", resume=True, reporter=seen)
    assert not [note for note in seen.notes if "resume" in note]


def test_two_processes_do_not_train_in_one_directory(copied: Path) -> None:
    with FileLock(copied / "state" / "lock"), pytest.raises(RunError, match="another process is training"):
        job(copied, overwrite=True)


def test_a_damaged_state_is_an_error_that_names_it(copied: Path) -> None:
    state = copied / "state" / "training.safetensors"
    state.write_bytes(state.read_bytes()[:500])
    with pytest.raises(CheckpointError, match=r"training.safetensors: damaged"):
        job(copied, "train.epochs=5", resume=True)


def test_a_loss_that_explodes_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    exploding = ["train.optimizer={name: sgd, lr: 1e20}", "train.checkpoint_every={steps: 1}"]
    with pytest.raises(TrainingError, match=r"became (nan|inf|-inf) at step \d+"):
        job(tmp_path / "run", *exploding)
    for path in (tmp_path / "run").rglob("*.safetensors"):
        from safetensors.torch import load_file

        assert all(value.isfinite().all() for value in load_file(path).values() if value.is_floating_point())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_finish_the_step_and_save_the_state(number: signal.Signals, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = train(folder, "--set", "train.epochs=2000")
    deadline = time.monotonic() + 120
    while not (folder / "state" / "training.safetensors").is_file() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in errors
    assert f"stopped by {number.name} after" in errors
    assert "--resume" in errors
    recorded = (folder / "metrics.jsonl").read_text().splitlines()
    assert all(json.loads(line) for line in recorded)


@pytest.mark.slow
def test_a_run_that_is_killed_and_resumed_ends_with_the_same_bytes(tmp_path: Path) -> None:
    duration = finish(tmp_path / "undisturbed")
    for index, share in enumerate((0.55, 0.8)):
        folder = tmp_path / f"killed-{index}"
        kill_at(folder, share * duration)
        finish(folder, "--resume")
        assert differences(tmp_path / "undisturbed", folder) == []


def test_training_leaves_the_global_state_of_torch_alone(tmp_path: Path) -> None:
    threads, kind, grad = torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled()
    job(tmp_path / "run", "train.epochs=1")
    assert (torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled()) == (threads, kind, grad)
