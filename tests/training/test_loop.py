"""The training loop: what it minimises, what it records, when it stops."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch

from tests.training.trainers import trainer, weights
from zoo.callbacks import Callback, Training
from zoo.data import Data
from zoo.errors import TrainingError
from zoo.model import StepLoss
from zoo.training.loop import InterruptedTrainingError
from zoo.utils.distributed import ProcessGroup
from zoo.utils.seeds import epoch_order, seeded


def test_an_epoch_sees_each_example_once_in_an_order_of_its_own() -> None:
    orders = [epoch_order(100, 0, epoch) for epoch in range(3)] + [epoch_order(100, 1, 0)]
    assert all(sorted(order.tolist()) == list(range(100)) for order in orders)
    assert len({tuple(order.tolist()) for order in orders}) == 4
    assert torch.equal(orders[0], epoch_order(100, 0, 0))


def test_training_lowers_the_loss_and_reports_means_over_all_examples(digits: Data) -> None:
    run, recorded = trainer(digits, epochs=8, optimizer={"name": "adam", "lr": 5e-3})
    run.run()
    losses = [record["validation"]["loss"] for record in recorded.records]
    assert losses[-1] < losses[0] - 5
    assert recorded.steps == recorded.total_steps == 8 * 5
    record = recorded.records[-1]
    assert record["train"]["loss"] == pytest.approx(record["train"]["reconstruction"] + record["train"]["kl"], rel=1e-5)


def test_a_term_with_a_gradient_does_not_keep_the_graphs_of_its_steps(
    digits: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, recorded = trainer(digits, epochs=1)
    graphs: list[weakref.ref[Any]] = []
    original = run.model.objective.loss

    def loss(*inputs: Any) -> StepLoss:
        total, terms, evidence = original(*inputs)
        graphs.append(weakref.ref(total))
        return StepLoss(total, {**terms, "mine": total}, evidence)

    monkeypatch.setattr(run.model.objective, "loss", loss)
    run.run()
    assert recorded.records[0]["train"]["mine"] == recorded.records[0]["train"]["loss"]
    assert not any(graph() is not None for graph in graphs)


def test_the_mean_of_an_epoch_weighs_a_short_last_batch_by_its_size(digits: Data) -> None:
    # With a learning rate of (almost) nothing, the epoch's mean is the mean of one pass in evaluation.
    run, recorded = trainer(digits, epochs=1, batch_size=128, optimizer={"name": "sgd", "lr": 1e-12})
    run.run()
    torch.manual_seed(1)
    expected = run.validation.means(digits.train, run.terms.names)["loss"]
    assert recorded.records[0]["train"]["loss"] == pytest.approx(expected, rel=5e-3)


def test_the_seed_decides_everything(digits: Data) -> None:
    runs = [trainer(digits, seed=seed)[0] for seed in (0, 0, 1)]
    for run in runs:
        torch.manual_seed(run.seed)
        run.run()
    first, same, other = (weights(run.model) for run in runs)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("index", [0, 2, 5])
def test_a_run_that_continues_from_any_state_ends_the_same(digits: Data, index: int) -> None:
    options: dict[str, Any] = {"checkpoint_every": {"steps": 2}, "schedule": "one_cycle", "clip_norm": 1.0}
    whole, recorded = trainer(digits, **options)
    whole.run()
    second, again = trainer(digits, **options)
    second.resume(recorded.states[index])
    second.run()
    assert torch.equal(weights(second.model), weights(whole.model))
    assert again.records == recorded.records[-len(again.records) :]


def test_validation_does_not_disturb_the_noise_of_training(digits: Data) -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    with seeded(5):
        torch.rand(100)
    assert torch.equal(torch.rand(3), expected)


def test_a_loss_that_is_not_finite_stops_with_the_step_and_the_term(digits: Data) -> None:
    run, recorded = trainer(digits, epochs=5)
    original, calls = run.model.objective.loss, 0

    def poisoned(*arguments: Any) -> StepLoss:
        nonlocal calls
        loss: StepLoss = original(*arguments)
        calls += run.model.training
        if calls == 8 and run.model.training:
            terms = loss.terms | {"kl": loss.terms["kl"] * float("nan")}
            return StepLoss(loss.total * float("nan"), terms, loss.evidence)
        return loss

    run.model.objective.loss = poisoned  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match=r"the term 'kl' became nan at step 8 \(epoch 2\)") as stop:
        run.run()
    assert "last good checkpoint is kept" in str(stop.value)
    assert recorded.best == [1]
    last = recorded.states[-1].tensors.values()
    assert all(tensor.isfinite().all() for tensor in last if tensor.is_floating_point())


def test_a_request_to_stop_saves_the_state_first(digits: Data) -> None:
    run, recorded = trainer(digits)
    run.should_stop = lambda: "SIGTERM" if run.position.step == 7 else None
    with pytest.raises(InterruptedTrainingError, match="stopped by SIGTERM after step 7 of 15"):
        run.run()
    assert recorded.states[-1].position.step == 7
    resumed, _ = trainer(digits)
    resumed.resume(recorded.states[-1])
    resumed.run()
    undisturbed, _ = trainer(digits)
    undisturbed.run()
    assert torch.equal(weights(resumed.model), weights(undisturbed.model))


class Pair(ProcessGroup):
    """Two processes that do the same, of which this is one."""

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        return 2 * values

    def any_of_each(self, *flags: bool) -> tuple[bool, ...]:
        self.asked()
        return flags

    def asked(self) -> None:
        """The other process was asked."""

    def first(self, work: Callable[[], Any]) -> Any:
        return work()

    def gather(self, values: torch.Tensor) -> torch.Tensor:
        return values

    def copy_from_first(self, values: torch.Tensor) -> None:
        pass


@pytest.mark.parametrize(
    ("seconds", "later"), [(30.0, [*range(6, 16)]), (2.5, [6, 8, 10, 12, 14, 15]), (0.01, [10, 15])]
)
@pytest.mark.parametrize("stops", [False, True])
def test_several_processes_agree_every_few_seconds_on_whether_to_stop(
    digits: Data, monkeypatch: pytest.MonkeyPatch, seconds: float, later: list[int], stops: bool
) -> None:
    """After each step until the duration of a step is known, then every five seconds, and after each epoch of 5 steps.

    The same message says whether a callback ends training.
    """

    class Ends(Callback):
        def on_epoch(self, training: Training, record: Any) -> None:
            if training.epoch == 2:
                training.stop()

    run, _ = trainer(digits, callbacks={"ends": Ends()} if stops else {})
    run.group = run.check_loss.group = Pair(count=2)
    asked: list[int] = []
    monkeypatch.setattr(Pair, "asked", lambda self: asked.append(run.position.step))
    monkeypatch.setattr("zoo.training.loss_check.time.monotonic", lambda: run.position.step * seconds)
    run.run()
    expected = [1, 2, 3, 4, 5, *later]
    assert asked == [step for step in expected if step <= (10 if stops else 15)]


def test_the_gradient_norm_is_clipped(digits: Data) -> None:
    free, _ = trainer(digits, epochs=1, optimizer={"name": "sgd", "lr": 1e-3})
    clipped, _ = trainer(digits, epochs=1, optimizer={"name": "sgd", "lr": 1e-3}, clip_norm=1e-3)
    start = weights(clipped.model).clone()
    free.run()
    clipped.run()
    assert (weights(clipped.model) - start).norm() <= 5 * 1e-3 * 1e-3 * 1.01
    assert (weights(free.model) - start).norm() > 100 * (weights(clipped.model) - start).norm()
