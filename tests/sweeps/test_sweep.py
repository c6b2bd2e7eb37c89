"""A sweep trains what it says, survives kills and failures, and does not mistake another sweep for its own."""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import zoo
from tests.processes import Process
from tests.sweeps.conftest import COMMAND, GRID, SEEDS, SMALL, Forks, finished, numbers
from zoo.errors import ComponentError, InputError, RecipeError, RunError, TrainingError
from zoo.sweeps import work
from zoo.sweeps.results import Sweep

TINY = [*SMALL[1:], "train.epochs=1", "data.subset=50"]


@pytest.fixture(autouse=True)
def _one_figure_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the figures of sweeps, but for that of the undisturbed one, which is trained before."""
    monkeypatch.setattr(importlib.import_module("zoo.sweeps.sweep"), "plot_sweep", lambda results: None)


def test_each_run_is_what_train_makes_of_its_values_and_seed(undisturbed: Sweep, tmp_path: Path) -> None:
    assert len(undisturbed.runs) == 12
    assert {run.state for run in undisturbed.runs} == {"done"}
    chosen = next(run for run in undisturbed.runs if run.name == "beta=4,seed=2")
    alone = zoo.train(
        "digits", out=tmp_path / "run", quiet=True, overrides=[*SMALL, "model.objective.beta=4", "seed=2"]
    )
    assert json.loads((chosen.path / "evaluation.json").read_text()) == alone.evaluation
    weights = zoo.load(chosen.path).state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in alone.model.state_dict().items())
    best = max(record["validation"]["elbo"] for record in alone.metrics if record["best"])
    entry = undisturbed.table.row("validation.elbo", "test").entries[3]
    assert entry is not None
    assert entry.values is not None
    assert entry.values["2"] == best
    assert undisturbed.table.columns == ("beta=0.5", "beta=1", "beta=2", "beta=4")
    assert (undisturbed.path / "figures" / "sweep.png").stat().st_size > 10_000


def wait_for(condition: Callable[[], bool], seconds: float = 400) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills as POSIX does")
def test_a_sweep_in_processes_that_was_killed_ends_with_the_same_numbers(undisturbed: Sweep, tmp_path: Path) -> None:
    """Two runs at a time; the sweep is killed without a warning, and its processes end by themselves."""
    out = tmp_path / "sweep"
    command = ["-m", "zoo", *COMMAND, "--out", out, "--quiet"]
    killed = Process(*command, "--jobs", "2")
    wait_for(lambda: len(finished(out)) >= 2 or killed.poll() is not None)
    killed.kill()
    killed.communicate()
    before = {name: (out / "runs" / name / "evaluation.json").stat().st_mtime_ns for name in finished(out)}
    assert not (out / "sweep.json").exists(), "it was killed too late to show anything"
    found = zoo.sweep("digits", [GRID], seeds=SEEDS, overrides=SMALL, out=out, resume=True, quiet=True)
    assert numbers(out) == numbers(undisturbed.path)
    assert (out / "table.csv").read_bytes() == (undisturbed.path / "table.csv").read_bytes()
    after = {name: (out / "runs" / name / "evaluation.json").stat().st_mtime_ns for name in before}
    assert after == before, "a run that was done was done again"
    assert found.failed == []


LONG = """
import multiprocessing
import sys

import zoo
from tests.sweeps.conftest import SMALL, Forks

multiprocessing.get_context = Forks
long = [*SMALL, "train.epochs=1000000", "train.checkpoint_every={epochs: 1000000}"]
zoo.sweep("digits", overrides=long, out=sys.argv[1], jobs=2, quiet=True)
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes as Linux shows them")
def test_the_processes_of_a_sweep_that_was_killed_save_their_state_and_end(tmp_path: Path) -> None:
    run = tmp_path / "sweep" / "runs" / "digits,seed=0"
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    killed = Process("-c", LONG, tmp_path / "sweep", env=environment)
    wait_for(lambda: (run / "metrics.jsonl").is_file() or killed.poll() is not None)
    assert not (run / "state" / "training.safetensors").exists()
    assert len(processes_of(killed.pid)) == 2
    killed.kill()
    killed.communicate()
    try:
        wait_for(lambda: not processes_of(killed.pid), seconds=60)
    finally:
        for number in processes_of(killed.pid):
            os.kill(number, signal.SIGKILL)
    assert (run / "state" / "training.safetensors").is_file()


def processes_of(session: int) -> list[int]:
    """Return the processes of a session that have not ended."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, of = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):  # it has just ended
            continue
        if int(of) == session and state != "Z":
            found.append(int(folder.name))
    return found


def test_a_run_that_ends_without_a_word_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes are forks of this one, whose training ends itself in two ways."""
    monkeypatch.setattr(multiprocessing, "get_context", Forks)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)  # a fork of several threads hangs in those it does not have
    train = work.train

    def train_or_end(recipe, **options):
        if recipe.seed == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if recipe.seed == 2:
            raise ValueError("a fault\nwith a second line")
        return train(recipe, **options)

    monkeypatch.setattr(work, "train", train_or_end)
    found = zoo.sweep("digits", seeds=3, overrides=TINY, out=tmp_path / "s", jobs=3, quiet=True)
    assert [run.state for run in found.runs] == ["done", "failed", "failed"]
    _, killed, raised = (run.problem or "" for run in found.runs)
    assert "ended by SIGKILL, perhaps because the machine ran out of memory" in killed
    assert raised.startswith("ValueError: a fault\nSee ")
    assert "with a second line" in (tmp_path / "s" / "failures" / "digits,seed=2.txt").read_text()


def test_a_run_that_fails_does_not_stop_the_others_and_is_trained_again(tmp_path: Path) -> None:
    grid = {"train.optimizer.lr": [1e30, 1e-3]}
    found = zoo.sweep("digits", grid, overrides=TINY, out=tmp_path / "s", quiet=True)
    failed, done = found.runs
    assert (failed.state, done.state) == ("failed", "done")
    assert "not finite" in (failed.problem or "")
    assert found.best == "lr=0.001"
    document = json.loads((tmp_path / "s" / "sweep.json").read_text())
    assert document["cells"][0]["runs"][0]["problem"] == failed.problem
    again = zoo.sweep("digits", grid, overrides=TINY, out=tmp_path / "s", resume=True, quiet=True)
    assert [run.state for run in again.runs] == ["failed", "done"]


def test_without_validation_data_the_number_says_that_it_is_of_training_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = zoo.sweep("digits", overrides=[*TINY, "data.validation=0"], out=tmp_path / "s")
    assert "training" in found.table.row("validation.elbo", "test").heading
    assert "There are no validation data" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("grid", "options", "message"),
    [
        ("model.objective.beta=1,abc", {}, "--grid model.objective.beta=\"abc\": model.objective.beta"),
        ("model.latent_dim=2,-1", {}, "--grid model.latent_dim=-1: model.latent_dim"),
        ("model.objective.betta=1,2", {}, "Did you mean 'beta'"),
        ("model.posterior=diagonal_gaussian,ful_gaussian", {}, "Did you mean 'full_gaussian'"),
        ("train.optimizer.lr=log(1e-4,1e-2)", {}, "--search optuna"),
        ("model.latent_dim=2", {"metric": "eblo"}, "Did you mean 'elbo'"),
        ("model.latent_dim=2", {"metric": "codebook_perplexity"}, "Add 'codebook' to `evaluate.metrics`"),
        ("model.latent_dim=2", {"metric": "kl"}, "neither higher nor lower"),
        ("model.latent_dim=2", {"metric": "validation.elbow"}, "Did you mean 'elbo'"),
        ("model.latent_dim=2", {"trials": 3}, "has no effect on a grid"),
        ("model.latent_dim=2", {"search": "optuna"}, "expected the number of trials"),
        ("model.latent_dim=2", {"jobs": 0}, "jobs: expected a whole number from 1"),
        ("model.latent_dim=2", {"seeds": [1, 1]}, "different seeds"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_before_anything_is_written(grid, options, message, tmp_path) -> None:
    with pytest.raises((RecipeError, ComponentError, InputError)) as refused:
        zoo.sweep("digits", [grid], overrides=TINY, out=tmp_path / "s", quiet=True, **options)
    assert message in str(refused.value)
    assert not (tmp_path / "s").exists()


def test_another_sweep_and_other_files_are_left_alone_and_more_of_the_same_is_added(
    undisturbed: Sweep, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(undisturbed.path, tmp_path / "s"))
    options = {"seeds": SEEDS, "overrides": SMALL, "out": out, "quiet": True}
    with pytest.raises(RunError, match="the directory already contains a sweep\nContinue it with --resume"):
        zoo.sweep("digits", [GRID], **options)
    with pytest.raises(RunError, match=r"another sweep: grid.model.objective.beta was \[0.5, 1, 2, 4\], is"):
        zoo.sweep("digits", ["model.objective.beta=1,2"], **options, resume=True)
    assert numbers(out) == numbers(undisturbed.path)
    found = zoo.sweep("digits", [f"{GRID},8"], **options, resume=True)
    assert len(found.runs) == 15
    assert found.table.columns[:4] == undisturbed.table.columns
    assert [row.entries[:4] for row in found.table.rows] == [row.entries for row in undisturbed.table.rows]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("words")
    with pytest.raises(RunError, match="or one with a sweep"):
        zoo.sweep("digits", [GRID], **{**options, "out": tmp_path / "mine"}, resume=True)


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_done_and_the_state_of_what_was_going(undisturbed: Sweep, tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    stopped = Process("-m", "zoo", *COMMAND, "--out", out)
    wait_for(lambda: len(finished(out)) >= 1 or stopped.poll() is not None)
    stopped.send_signal(signal.SIGINT)
    _, err = stopped.communicate()
    assert stopped.returncode == 1, err
    assert err.count("Error: ") == 1
    assert "of 12 runs done" in err
    assert "with --resume" in err
    zoo.sweep("digits", [GRID], seeds=SEEDS, overrides=SMALL, out=out, resume=True, quiet=True)
    assert numbers(out) == numbers(undisturbed.path)


def test_a_search_that_was_stopped_goes_on_with_the_same_trials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("optuna", reason="optuna is not installed: pip install 'latent-zoo[sweep]'")
    grid = ["train.optimizer.lr=log(1e-4,1e-1)", "model.posterior=diagonal_gaussian,full_gaussian"]

    def searched(out: Path, **options) -> Sweep:
        options = {"search": "optuna", "trials": 3, "seeds": [3], "overrides": TINY, "quiet": True, **options}
        return zoo.sweep("digits", grid, out=out, **options)

    whole = searched(tmp_path / "whole")
    assert len(whole.runs) == 3
    assert whole.best in whole.groups
    real, calls = work.train, []

    def interrupted(*arguments, **options):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    monkeypatch.setattr(work, "train", interrupted)
    with pytest.raises(TrainingError, match="interrupted, with 2 of 3 runs done"):
        searched(tmp_path / "stopped")
    searched(tmp_path / "stopped", resume=True)
    assert len(calls) == 3 + 1
    assert numbers(tmp_path / "stopped") == numbers(tmp_path / "whole")


@pytest.mark.parametrize(
    ("options", "name"), [({"engine": "ray"}, "ray"), ({"search": "optuna", "trials": 1}, "optuna")]
)
def test_a_missing_package_is_named_with_the_command_that_installs_it(options, name, tmp_path, monkeypatch) -> None:
    real = importlib.import_module

    def import_module(module: str, package: str | None = None):
        if module == name:
            raise ModuleNotFoundError(module)
        return real(module, package)

    monkeypatch.setattr(importlib, "import_module", import_module)
    with pytest.raises(InputError, match=rf"needs {name}, which is not installed\n.*pip install 'latent-zoo\[sweep\]'"):
        zoo.sweep("digits", ["model.latent_dim=2"], overrides=TINY, out=tmp_path / "s", quiet=True, **options)


def test_data_in_memory_are_swept(tmp_path: Path) -> None:
    torch.manual_seed(0)
    x = torch.rand(60, 6)
    recipe = {"name": "rows", "model": {"preset": "vae-mlp-8d", "likelihood": "gaussian"}, "data": "memory"}
    small = ["train.epochs=1", "evaluate={metrics: [mse], figures: []}", "model.encoder.widths=[8]"]
    options = {"data": x, "overrides": small, "out": tmp_path / "s", "quiet": True}
    found = zoo.sweep(recipe, {"model.latent_dim": [1, 3]}, metric="mse", **options)
    assert [run.state for run in found.runs] == ["done", "done"]
    assert found.best in ("latent_dim=1", "latent_dim=3")
    with pytest.raises(RunError, match="another sweep"):
        zoo.sweep({**recipe, "name": "others"}, {"model.latent_dim": [1, 3]}, metric="mse", resume=True, **options)


def test_a_combination_without_the_number_is_in_the_table_and_not_ranked(tmp_path: Path) -> None:
    """An autoencoder has no bound on log p(x)."""
    grid = ["model={preset: vae-mlp-2d},{preset: ae-mlp-2d}"]
    small = [text for text in TINY if not text.startswith("model.") and "metrics" not in text]
    options = {"overrides": [*small, "evaluate.metrics=[mse]"], "out": tmp_path / "s", "quiet": True}
    found = zoo.sweep("digits", grid, **options)
    first, _ = found.table.columns
    assert found.best == first
    assert [entry is None for entry in found.table.row("validation.elbo", "test").entries] == [False, True]
    assert None not in found.table.row("mse", "test").entries
