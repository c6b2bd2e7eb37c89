"""What watches a run: kept checkpoints, callbacks, experiment trackers, and the notes on how training ended."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import accelerate.tracking
import numpy as np
import pytest
import torch
from accelerate.tracking import GeneralTracker
from matplotlib.figure import Figure
from matplotlib.image import imread

import zoo
from tests.runs.kill_and_resume import contents, differences
from zoo.callbacks import Callback, Training
from zoo.errors import InputError, RecipeError, TrainingError
from zoo.report import gallery
from zoo.runs.run import Run
from zoo.training.progress import Silent

SMALL = [
    "model.encoder.widths=[16]", "model.decoder.widths=[16]", "data.subset=200", "train.precision=fp32",
    "train.device=cpu", "train.epochs=3", "evaluate.metrics=[mse]", "evaluate.figures=[]",
]  # fmt: skip


def job(out: Path, *overrides: str, **options: Any) -> Run:
    return zoo.train("digits", out=out, overrides=[*SMALL, *overrides], **options)


class Notes(Silent):
    """Keeps notes, and may interrupt the process after an epoch."""

    def __init__(self, interrupt_after: int = 0) -> None:
        self.notes: list[str] = []
        self.interrupt_after = interrupt_after

    def note(self, text: str) -> None:
        self.notes.append(text)

    def epoch(self, record: dict[str, Any]) -> None:
        if record["epoch"] == self.interrupt_after:
            signal.raise_signal(signal.SIGINT)


# Kept checkpoints.


@pytest.mark.parametrize(
    ("overrides", "kept"),
    [
        (["train.keep_every=2"], [2, 4]),
        (["train.keep_epochs=[1, 4]"], [1, 4]),
        (["train.keep_every=3", "train.keep_epochs=[1]"], [1, 3]),
        (["train.keep_epochs=[50]"], []),
        ([], []),
    ],
)
def test_checkpoints_of_chosen_epochs_are_kept(overrides: list[str], kept: list[int], tmp_path: Path) -> None:
    run = job(tmp_path / "run", "train.epochs=4", *overrides)
    folders = sorted(path.name for path in (run.path / "checkpoints").glob("*"))
    assert folders == [f"epoch-{epoch:04d}" for epoch in kept]
    for epoch in kept:
        # A checkpoint has the loss that was measured after its epoch.
        model = zoo.load(run.path / "checkpoints" / f"epoch-{epoch:04d}")
        split = zoo.load_data(run.recipe.data).validation
        assert split is not None
        torch.manual_seed(run.recipe.seed)
        with torch.no_grad():
            loss = float(model.loss(split.examples(len(split))).total)
        assert loss == pytest.approx(run.metrics[epoch - 1]["validation"]["loss"], rel=1e-5)


def test_the_last_epoch_of_a_kept_one_is_the_last_checkpoint(tmp_path: Path) -> None:
    run = job(tmp_path / "run", "train.keep_epochs=[3]", "train.ema=0.9")
    kept, last = run.path / "checkpoints/epoch-0003", run.path / "last"
    assert (kept / "model.safetensors").read_bytes() == (last / "model.safetensors").read_bytes()


def test_an_interrupted_run_keeps_the_same_checkpoints(tmp_path: Path) -> None:
    keeping = ["train.keep_every=1", "train.checkpoint_every={epochs: 2}"]
    whole = job(tmp_path / "whole", *keeping)
    with pytest.raises(TrainingError, match="stopped by SIGINT"):
        job(tmp_path / "parts", *keeping, reporter=Notes(interrupt_after=1))
    parts = job(tmp_path / "parts", *keeping, resume=True)
    assert differences(whole.path, parts.path) == []


def test_a_new_run_removes_the_checkpoints_of_the_one_that_it_replaces(tmp_path: Path) -> None:
    job(tmp_path / "run", "train.keep_every=1")
    run = job(tmp_path / "run", "train.keep_epochs=[2]", overwrite=True)
    assert [path.name for path in (run.path / "checkpoints").iterdir()] == ["epoch-0002"]


def test_what_is_kept_may_change_when_a_run_goes_on(tmp_path: Path) -> None:
    job(tmp_path / "run", "train.epochs=1")
    run = job(tmp_path / "run", "train.epochs=2", "train.keep_every=1", resume=True)
    assert [path.name for path in (run.path / "checkpoints").iterdir()] == ["epoch-0002"]


@pytest.mark.parametrize("wrong", ["train.keep_every=0", "train.keep_epochs=[0]", "train.keep_epochs=5"])
def test_epochs_that_there_are_not_are_refused(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"train\.keep_"):
        job(tmp_path / "run", wrong)


# Callbacks.


def test_callbacks_of_a_recipe_measure_and_draw_while_training_runs(tmp_path: Path) -> None:
    callbacks = (
        "train.callbacks={units: {name: metrics, metrics: [active_units, {name: elbo, num_samples: 2}]}, "
        "pictures: {name: figures, every: 2, figures: [{name: samples, count: 4}]}}"
    )
    run = job(tmp_path / "run", callbacks, "evaluate.figures=[loss]")
    plain = job(tmp_path / "plain")
    assert [0 <= record["active_units"] <= 2 for record in run.metrics] == [True] * 3
    assert [record["elbo"] for record in run.metrics] == pytest.approx(
        [record["validation"]["elbo"] for record in run.metrics], rel=0.05
    )
    assert [path.name for path in run.figures] == ["loss.png", "samples-epoch-0002.png"]
    assert (run.path / "model.safetensors").read_bytes() == (plain.path / "model.safetensors").read_bytes()


class Draws(Callback):
    """Draws two figures whose names would be those of one file, and both again after each epoch."""

    def on_epoch(self, training: Training, record: Mapping[str, Any]) -> None:
        for name, inches in (("a:b", 1), ("A_b", 2)):
            training.show(name, Figure(figsize=(inches, 1)))


def test_figures_with_similar_names_have_files_of_their_own(tmp_path: Path) -> None:
    run = job(tmp_path / "run", "train.epochs=2", callbacks={"draws": Draws()})
    files = {path.name: imread(path).shape[1] for path in (run.path / "figures").iterdir()}
    assert files == {"a_b.png": gallery.DPI, "A_b-2.png": 2 * gallery.DPI}


class Stops(Callback):
    """Ends training after its second epoch, which it counts itself."""

    def __init__(self) -> None:
        self.count = torch.zeros(())

    def on_epoch(self, training: Training, record: Mapping[str, Any]) -> dict[str, float]:
        self.count = self.count + 1
        if self.count == 2:
            training.stop()
        return {"count": float(self.count)}

    def state(self) -> dict[str, torch.Tensor]:
        return {"count": self.count}

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        self.count = state["count"]


def test_a_callback_given_as_an_object_ends_the_run_which_says_so(tmp_path: Path) -> None:
    run = job(tmp_path / "run", callbacks={"enough": Stops()})
    assert [record["count"] for record in run.metrics] == [1.0, 2.0]
    note = "The callback 'enough' ended training after epoch 2 of 3."
    assert note in run.evaluation["notes"]
    assert note in (run.path / "README.md").read_text()
    before = contents(run.path)
    assert job(run.path, resume=True).metrics == run.metrics
    assert contents(run.path) == before


def test_a_run_with_a_callback_that_is_interrupted_ends_with_the_same_bytes(tmp_path: Path) -> None:
    whole = job(tmp_path / "whole", callbacks={"enough": Stops()})
    with pytest.raises(TrainingError, match="stopped by SIGINT"):
        job(tmp_path / "parts", callbacks={"enough": Stops()}, reporter=Notes(interrupt_after=1))
    parts = job(tmp_path / "parts", callbacks={"enough": Stops()}, resume=True)
    assert differences(whole.path, parts.path) == []


def test_a_metric_that_does_not_apply_is_refused_before_the_first_step(tmp_path: Path) -> None:
    callbacks = "train.callbacks={bound: {name: metrics, metrics: [elbo]}}"
    model = "model={preset: ae-mlp-2d, encoder: {widths: [16]}, decoder: {widths: [16]}}"
    with pytest.raises(InputError, match=r"train\.callbacks\.bound\.metrics\[0\]: .*elbo"):
        zoo.train("digits", out=tmp_path / "run", overrides=[*SMALL[2:], model, callbacks])
    assert not (tmp_path / "run" / "metrics.jsonl").read_text()


# Notes on how training ended.


def test_a_run_shorter_than_its_warm_up_says_that_the_last_epoch_is_best(tmp_path: Path) -> None:
    run = job(tmp_path / "run", "model.objective.beta_warmup={epochs: 5}", "train.early_stopping={patience: 1}")
    assert run.evaluation["best_epoch"] == 3
    (note,) = [note for note in run.evaluation["notes"] if "warm" in note]
    assert note == (
        "Training ended after step 12, before the weights of the loss had warmed up (until step 20), so the last epoch "
        "counts as the best."
    )
    done = job(tmp_path / "done", "model.objective.beta_warmup={epochs: 2}")
    assert not [note for note in done.evaluation["notes"] if "warm" in note]


# Trackers.


class Tracker(GeneralTracker):
    """Keeps all that it is sent."""

    name = "memory"
    requires_logging_directory = False

    def __init__(self, fails: str = "") -> None:
        super().__init__()
        self.values: list[tuple[dict[str, Any], int]] = []
        self.images: dict[str, np.ndarray] = {}
        self.settings: dict[str, Any] = {}
        self.finished, self.fails = 0, fails

    @property
    def tracker(self) -> list[Any]:
        return self.values

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        self.settings |= values

    def log(self, values: dict[str, Any], step: int | None = None, **options: Any) -> None:
        if self.fails == "log":
            raise ConnectionError("no network")
        self.values.append((values, step or 0))

    def log_images(self, values: dict[str, np.ndarray], step: int | None = None, **options: Any) -> None:
        if self.fails == "log_images":
            raise ConnectionError("no network")
        self.images |= values

    def finish(self) -> None:
        self.finished += 1


def test_numbers_figures_and_final_metrics_reach_a_tracker_of_the_user_s_own(tmp_path: Path) -> None:
    tracker = Tracker()
    pictures = (
        "train.callbacks={pictures: {name: figures, every: 1, figures: [{name: samples, count: 4}]}, units: metrics}"
    )
    run = job(tmp_path / "run", pictures, "train.schedule=cosine", "evaluate.figures=[loss]", trackers=[tracker])
    assert tracker.settings["train.epochs"] == 3
    *epochs, final = tracker.values
    assert [step for _, step in tracker.values] == [4, 8, 12, 12]
    for record, (values, _) in zip(run.metrics, epochs, strict=True):
        assert values["train/loss"] == record["train"]["loss"]
        assert values["validation/kl"] == record["validation"]["kl"]
        assert values["learning_rate"] == record["learning_rate"]
        assert values["active_units"] == record["active_units"]
        assert "best" not in values
    assert final[0]["evaluation/mse"] == run.evaluation["metrics"]["mse"]
    assert set(tracker.images) == {"loss", *(f"samples-epoch-{epoch:04d}" for epoch in (1, 2, 3))}
    image = tracker.images["loss"]
    assert (image.dtype, image.ndim, image.shape[0], image.shape[3]) == (np.uint8, 4, 1, 3)
    assert tracker.finished == 1


class NumbersOnly(GeneralTracker):
    """A tracker that takes no images."""

    name = "numbers"
    requires_logging_directory = False

    def __init__(self) -> None:
        super().__init__()
        self.values: list[dict[str, Any]] = []

    @property
    def tracker(self) -> None:
        return None

    def log(self, values: dict[str, Any], step: int | None = None, **options: Any) -> None:
        self.values.append(values)


def test_a_tracker_that_takes_no_images_gets_the_numbers(tmp_path: Path) -> None:
    tracker = NumbersOnly()
    job(tmp_path / "run", "train.epochs=1", trackers=[tracker])
    assert [sorted(values)[0] for values in tracker.values] == ["evaluation/mse", "learning_rate"][::-1]


@pytest.mark.parametrize("fails", ["log", "log_images"])
def test_a_tracker_that_fails_is_left_out_with_a_note(fails: str, tmp_path: Path) -> None:
    broken, fine, seen = Tracker(fails), Tracker(), Notes()
    drawn = [] if fails == "log" else ["evaluate.figures=[loss]"]
    run = job(tmp_path / "run", *drawn, trackers=[broken, fine], reporter=seen)
    assert run.evaluation["metrics"]
    assert len(fine.values) == 4
    noted = [note for note in seen.notes if "tracker" in note]
    assert noted == ["The tracker 'memory' failed and is no longer used: ConnectionError: no network"]


def test_a_run_that_fails_finishes_its_trackers(tmp_path: Path) -> None:
    tracker = Tracker()
    with pytest.raises(TrainingError):
        job(tmp_path / "run", "train.optimizer={name: sgd, lr: 1e20}", trackers=[tracker])
    assert tracker.finished == 1


def test_a_class_that_is_registered_with_accelerate_is_named_by_recipes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made: list[Tracker] = []

    class Registered(Tracker):
        name = "registered"

        def __init__(self, run_name: str) -> None:
            super().__init__()
            made.append(self)

    monkeypatch.setitem(accelerate.tracking.LOGGER_TYPE_TO_CLASS, "registered", Registered)
    job(tmp_path / "run", "train.epochs=1", "train.trackers=[registered]")
    assert len(made[0].values) == 2


@pytest.mark.parametrize("wrong", [Tracker, "memory", 3])
def test_what_is_no_tracker_is_refused(wrong: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"trackers\[0\]: expected a tracker of accelerate"):
        job(tmp_path / "run", trackers=[wrong])


def test_a_fit_and_its_metrics_reach_the_tracker_under_their_own_names(tmp_path: Path) -> None:
    tracker = Tracker()
    prior = ["model.fitted_prior={name: gaussian, learned: true}", "fit={epochs: 2, device: cpu}"]
    job(tmp_path / "run", *prior, trackers=[tracker])
    fit = [values for values, _ in tracker.values if "fit/train/loss" in values]
    assert len(fit) == 2
    assert json.dumps(fit)
