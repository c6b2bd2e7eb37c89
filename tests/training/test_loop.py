"""The training loop: what it minimises, what it tells, when it stops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import zoo
from zoo.data import Data, load_data
from zoo.errors import TrainingError
from zoo.model import Model
from zoo.spec import DataSpec, TrainSpec
from zoo.training.devices import make_accelerator
from zoo.training.loop import InterruptedTrainingError, Trainer
from zoo.training.optimizers import check_optimizer
from zoo.training.snapshot import Position, Snapshot
from zoo.utils.distributed import ProcessGroup
from zoo.utils.seeds import epoch_order, seeded


class Recorder:
    """Keeps all that the trainer tells."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.snapshots: list[Snapshot] = []
        self.best: list[int] = []

    def on_steps(self, position: Position, total_steps: int, loss: float) -> None:
        self.steps, self.total_steps = position.step, total_steps

    def on_epoch(self, record: dict[str, Any], model: Model, *, is_best: bool) -> None:
        self.records.append(record)
        self.best += [record["epoch"]] if is_best else []

    def on_snapshot(self, snapshot: Snapshot) -> None:
        tensors = {name: tensor.clone() for name, tensor in snapshot.tensors.items()}
        self.snapshots.append(Snapshot(Position(**snapshot.facts), tensors))


@pytest.fixture(scope="module")
def digits() -> Data:
    return load_data(DataSpec(name="digits", subset=300))


def trainer(data: Data, seed: int = 0, **options: Any) -> tuple[Trainer, Recorder]:
    torch.manual_seed(seed)
    model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), encoder={"widths": [32]}, decoder={"widths": [32]})
    spec = TrainSpec.model_validate({"epochs": 3, "batch_size": 64, "precision": "fp32", "device": "cpu", **options})
    spec = spec.model_copy(update={"optimizer": check_optimizer(spec.optimizer)})
    recorder = Recorder()
    return Trainer(model, data, spec, seed, make_accelerator(spec), recorder), recorder


def weights(model: Model) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def test_an_epoch_sees_each_example_once_in_an_order_of_its_own() -> None:
    orders = [epoch_order(100, 0, epoch) for epoch in range(3)] + [epoch_order(100, 1, 0)]
    assert all(sorted(order.tolist()) == list(range(100)) for order in orders)
    assert len({tuple(order.tolist()) for order in orders}) == 4
    assert torch.equal(orders[0], epoch_order(100, 0, 0))


def test_training_lowers_the_loss_and_reports_means_over_all_examples(digits: Data) -> None:
    run, told = trainer(digits, epochs=8, optimizer={"name": "adam", "lr": 5e-3})
    run.run()
    losses = [record["validation"]["loss"] for record in told.records]
    assert losses[-1] < losses[0] - 5
    assert told.steps == told.total_steps == 8 * 5
    record = told.records[-1]
    assert record["train"]["loss"] == pytest.approx(record["train"]["reconstruction"] + record["train"]["kl"], rel=1e-5)


def test_the_mean_of_an_epoch_weighs_a_short_last_batch_by_its_size(digits: Data) -> None:
    # With a learning rate of (almost) nothing, the epoch's mean is the mean of one pass in evaluation.
    run, told = trainer(digits, epochs=1, batch_size=128, optimizer={"name": "sgd", "lr": 1e-12})
    run.run()
    torch.manual_seed(1)
    expected = run.evaluate(digits.train)["loss"]
    assert told.records[0]["train"]["loss"] == pytest.approx(expected, rel=5e-3)


def test_the_seed_decides_everything(digits: Data) -> None:
    runs = [trainer(digits, seed=seed)[0] for seed in (0, 0, 1)]
    for run in runs:
        torch.manual_seed(run.seed)
        run.run()
    first, same, other = (weights(run.model) for run in runs)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("index", [0, 2, 5])
def test_a_run_that_goes_on_from_any_snapshot_ends_the_same(digits: Data, index: int) -> None:
    options: dict[str, Any] = {"checkpoint_every": {"steps": 2}, "schedule": "one_cycle", "clip_norm": 1.0}
    whole, told = trainer(digits, **options)
    whole.run()
    second, told_again = trainer(digits, **options)
    second.resume(told.snapshots[index])
    second.run()
    assert torch.equal(weights(second.model), weights(whole.model))
    assert told_again.records == told.records[-len(told_again.records) :]


def test_validation_does_not_disturb_the_noise_of_training(digits: Data) -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    with seeded(5):
        torch.rand(100)
    assert torch.equal(torch.rand(3), expected)


def test_a_loss_that_is_not_finite_stops_with_the_step_and_the_term(digits: Data) -> None:
    run, told = trainer(digits, epochs=5)
    original, calls = run.model.objective.loss, 0

    def poisoned(parts: Any, x: torch.Tensor, labels: Any = None) -> Any:
        nonlocal calls
        loss = original(parts, x, labels)
        calls += run.model.training
        if calls == 8 and run.model.training:
            terms = loss.terms | {"kl": loss.terms["kl"] * float("nan")}
            return loss._replace(total=loss.total * float("nan"), terms=terms)
        return loss

    run.model.objective.loss = poisoned  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match=r"the term 'kl' became nan at step 8 \(epoch 2\)") as stop:
        run.run()
    assert "last good checkpoint is kept" in str(stop.value)
    assert told.best == [1]
    assert all(tensor.isfinite().all() for tensor in told.snapshots[-1].tensors.values() if tensor.is_floating_point())


def test_early_stopping_waits_for_its_patience(digits: Data) -> None:
    run, told = trainer(
        digits, epochs=50, optimizer={"name": "sgd", "lr": 1e-12}, early_stopping={"patience": 3, "min_delta": 1.0}
    )
    position = run.run()
    assert position.finished
    assert [record["epoch"] for record in told.records] == [1, 2, 3, 4]
    assert told.best == [1]


def test_a_request_to_stop_saves_the_state_first(digits: Data) -> None:
    run, told = trainer(digits)
    run.should_stop = lambda: "SIGTERM" if run.position.step == 7 else None
    with pytest.raises(InterruptedTrainingError, match="stopped by SIGTERM after step 7 of 15"):
        run.run()
    assert told.snapshots[-1].position.step == 7
    resumed, _ = trainer(digits)
    resumed.resume(told.snapshots[-1])
    resumed.run()
    undisturbed, _ = trainer(digits)
    undisturbed.run()
    assert torch.equal(weights(resumed.model), weights(undisturbed.model))


class Pair(ProcessGroup):
    """Two processes that do the same, of which this is one."""

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        return 2 * values

    def any(self, flag: bool) -> bool:
        self.asked()
        return flag

    def asked(self) -> None:
        """Another process was asked."""

    def first(self, work: Callable[[], Any]) -> Any:
        return work()

    def gather(self, values: torch.Tensor) -> torch.Tensor:
        return values

    def copy_from_first(self, values: torch.Tensor) -> None:
        pass


@pytest.mark.parametrize(
    ("seconds", "later"), [(30.0, [*range(6, 16)]), (2.5, [6, 8, 10, 12, 14, 15]), (0.01, [10, 15])]
)
def test_several_processes_ask_each_other_whether_to_stop_every_few_seconds(
    digits: Data, monkeypatch: pytest.MonkeyPatch, seconds: float, later: list[int]
) -> None:
    """They ask after each step until it is known what one takes, then every five seconds, and after each epoch of 5."""
    run, _ = trainer(digits)
    run.processes = Pair(count=2)
    asked: list[int] = []
    monkeypatch.setattr(Pair, "asked", lambda self: asked.append(run.position.step))
    monkeypatch.setattr("zoo.training.loop.time.monotonic", lambda: run.position.step * seconds)
    run.run()
    assert asked == [1, 2, 3, 4, 5, *later]


def test_the_gradient_norm_is_clipped(digits: Data) -> None:
    free, _ = trainer(digits, epochs=1, optimizer={"name": "sgd", "lr": 1e-3})
    clipped, _ = trainer(digits, epochs=1, optimizer={"name": "sgd", "lr": 1e-3}, clip_norm=1e-3)
    start = weights(clipped.model).clone()
    free.run()
    clipped.run()
    assert (weights(clipped.model) - start).norm() <= 5 * 1e-3 * 1e-3 * 1.01
    assert (weights(free.model) - start).norm() > 100 * (weights(clipped.model) - start).norm()
