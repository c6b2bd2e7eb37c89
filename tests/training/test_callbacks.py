"""Callbacks: when they are called, what they may do, and that they cannot disturb training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

import zoo
from tests.training.trainers import same_tensors, trainer, weights
from zoo.callbacks import Callback, Training
from zoo.data import Data
from zoo.errors import ComponentError, InputError, OtherProcessError, RunError, TrainingError
from zoo.spec import TrainSpec
from zoo.training.callbacks import CallbackRunner
from zoo.training.loop import InterruptedTrainingError
from zoo.training.resolve import make_callbacks, resolve_training


class Watcher(Callback):
    """Notes what it is called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, int]] = []

    def _note(self, method: str, training: Training) -> None:
        self.calls.append((method, training.epoch, training.step))

    def on_start(self, training: Training) -> None:
        self._note("start", training)

    def on_steps(self, training: Training, loss: float) -> None:
        assert loss == pytest.approx(loss)
        self._note("steps", training)

    def on_epoch(self, training: Training, record: Mapping[str, Any]) -> None:
        assert not training.model.training
        assert record["epoch"] == training.epoch
        self._note("epoch", training)

    def on_end(self, training: Training) -> None:
        self._note("end", training)


def test_each_method_is_called_in_its_moment(digits: Data) -> None:
    watcher = Watcher()
    run, _ = trainer(digits, epochs=2, callbacks={"w": watcher})
    run.run()
    assert watcher.calls == [("start", 0, 0), ("steps", 0, 1), ("epoch", 1, 5), ("epoch", 2, 10), ("end", 2, 10)]


def test_a_resumed_run_starts_its_callbacks_again_and_a_finished_one_calls_none(digits: Data) -> None:
    run, recorded = trainer(digits, epochs=2)
    run.run()
    for state, expected in ((recorded.states[0], ["start", "epoch", "end"]), (recorded.states[1], [])):
        watcher = Watcher()
        again, _ = trainer(digits, epochs=2, callbacks={"w": watcher})
        again.resume(state)
        again.run()
        assert [method for method, _, _ in watcher.calls] == expected


def test_an_interruption_is_no_end(digits: Data) -> None:
    watcher = Watcher()
    run, _ = trainer(digits, epochs=2, callbacks={"w": watcher})
    run.should_stop = lambda: "SIGINT" if run.step == 7 else None
    with pytest.raises(InterruptedTrainingError):
        run.run()
    assert "end" not in [method for method, _, _ in watcher.calls]


class Noisy(Callback):
    """Draws noise wherever it can."""

    def __init__(self) -> None:
        self.drawn: list[float] = []

    def _draw(self, training: Training) -> None:
        self.drawn.append(float(training.model.sample(3, noise=True).sum()))

    def on_start(self, training: Training) -> None:
        self._draw(training)

    def on_steps(self, training: Training, loss: float) -> None:
        self._draw(training)

    def on_epoch(self, training: Training, record: Mapping[str, Any]) -> None:
        self._draw(training)

    def state(self) -> dict[str, Tensor]:
        return {"noise": torch.rand(3)}


def test_the_noise_of_a_callback_leaves_training_as_it_is(digits: Data) -> None:
    with_it, _ = trainer(digits, callbacks={"noisy": Noisy()})
    without, _ = trainer(digits)
    for run in (with_it, without):
        torch.manual_seed(1)
        run.run()
    assert torch.equal(weights(with_it.model), weights(without.model))


def test_the_noise_of_a_callback_is_the_same_each_epoch(digits: Data) -> None:
    noisy = Noisy()
    run, _ = trainer(digits, optimizer={"name": "sgd", "lr": 1e-30}, callbacks={"noisy": noisy})
    run.run()
    assert len(set(noisy.drawn)) == 1


class Adds(Callback):
    """Adds a field to each record."""

    def __init__(self, name: str = "added") -> None:
        self.name = name

    def on_epoch(self, training: Training, record: Mapping[str, Any]) -> dict[str, Any]:
        return {self.name: 10.0 * training.epoch}


def test_what_a_callback_returns_is_in_the_record(digits: Data) -> None:
    run, recorded = trainer(digits, callbacks={"a": Adds(), "b": Adds("more")})
    run.run()
    assert [(record["added"], record["more"]) for record in recorded.records] == [(10, 10), (20, 20), (30, 30)]


@pytest.mark.parametrize("name", ["train", "loss", "added"])
def test_a_field_that_is_there_already_is_not_overwritten(digits: Data, name: str) -> None:
    run, recorded = trainer(digits, callbacks={"first": Adds(), "second": Adds(name)})
    if name == "loss":  # which is within `train`
        run.run()
        return
    with pytest.raises(TrainingError, match=rf"train\.callbacks\.second: on_epoch returned the field '{name}'"):
        run.run()
    assert recorded.records == []


class Ends(Callback):
    """Asks to end training, from one of its methods."""

    def __init__(self, method: str, epoch: int = 2) -> None:
        self.method, self.epoch = method, epoch

    def on_start(self, training: Training) -> None:
        if self.method == "on_start":
            training.stop()

    def on_steps(self, training: Training, loss: float) -> None:
        if self.method == "on_steps":
            training.stop()

    def on_epoch(self, training: Training, record: Mapping[str, Any]) -> None:
        if self.method == "on_epoch" and training.epoch == self.epoch:
            training.stop()


@pytest.mark.parametrize(("method", "epochs"), [("on_start", 1), ("on_steps", 1), ("on_epoch", 2)])
def test_a_callback_ends_training_after_the_epoch(digits: Data, method: str, epochs: int) -> None:
    run, recorded = trainer(digits, epochs=9, callbacks={"ends": Ends(method)})
    position = run.run()
    assert (position.finished, position.stopped, position.epoch) == (True, "ends", epochs)
    assert len(recorded.records) == epochs
    # The last state is finished, too: a resumed run does not train on.
    again, more = trainer(digits, epochs=9)
    again.resume(recorded.states[-1])
    assert again.run().epoch == epochs
    assert more.records == []


def test_a_wish_to_stop_outlasts_an_interruption_within_the_epoch(digits: Data) -> None:
    run, recorded = trainer(digits, epochs=9, callbacks={"ends": Ends("on_steps")})
    run.should_stop = lambda: "SIGINT" if run.step == 3 else None
    with pytest.raises(InterruptedTrainingError):
        run.run()
    again, more = trainer(digits, epochs=9)
    again.resume(recorded.states[-1])
    position = again.run()
    assert (position.epoch, position.stopped, len(more.records)) == (1, "ends", 1)


class Counts(Callback):
    """Counts epochs, those before an interruption included."""

    def __init__(self, name: str = "count") -> None:
        self.name, self.count = name, torch.zeros((), dtype=torch.int64)

    def on_epoch(self, training: Training, record: Mapping[str, Any]) -> dict[str, Any]:
        self.count = self.count + 1
        return {self.name: int(self.count)}

    def state(self) -> dict[str, Tensor]:
        return {"count": self.count}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self.count = state["count"]


def test_the_state_of_a_callback_travels_with_that_of_training(digits: Data) -> None:
    run, recorded = trainer(digits, epochs=4, callbacks={"c": Counts(), "other": Counts("more")})
    run.run()
    assert int(recorded.states[1].tensors["callback.c.count"]) == 2
    again, more = trainer(digits, epochs=4, callbacks={"c": Counts(), "other": Counts("more")})
    again.resume(recorded.states[1])
    again.run()
    assert more.records == recorded.records[2:]
    assert same_tensors(more.states[-1], recorded.states[-1])


def test_a_callback_that_joins_a_resumed_run_begins_anew(digits: Data) -> None:
    run, recorded = trainer(digits, epochs=3)
    run.run()
    again, more = trainer(digits, epochs=3, callbacks={"c": Counts()})
    again.resume(recorded.states[0])
    again.run()
    assert [record["count"] for record in more.records] == [1, 2]


class Broken(Callback):
    """Fails in one of its methods."""

    def __init__(self, method: str, error: Exception) -> None:
        self.method, self.error = method, error
        for name in ("on_start", "on_steps", "on_epoch", "on_end", "state"):
            if name == method:
                setattr(self, name, self._fail)

    def _fail(self, *arguments: Any) -> Any:
        raise self.error


@pytest.mark.parametrize("method", ["on_start", "on_steps", "on_epoch", "on_end", "state"])
def test_an_error_names_the_callback_and_its_method(digits: Data, method: str) -> None:
    run, _ = trainer(digits, callbacks={"fine": Adds(), "mine": Broken(method, KeyError("kl"))})
    expected = rf"train\.callbacks\.mine: {method} of the callback failed: KeyError: 'kl'\n"
    with pytest.raises(TrainingError, match=expected) as failure:
        run.run()
    assert isinstance(failure.value.__cause__, KeyError)


def test_an_error_of_the_zoo_stays_what_it_is_with_the_key_before_its_place(digits: Data) -> None:
    run, _ = trainer(digits, callbacks={"mine": Broken("on_start", RunError("no space", where="disk"))})
    with pytest.raises(RunError, match=r"^train\.callbacks\.mine\.disk: no space$"):
        run.run()


def test_an_error_between_two_epochs_stops_all_processes_when_they_next_agree(digits: Data) -> None:
    from tests.training.test_loop import Pair

    run, _ = trainer(digits, callbacks={"mine": Broken("on_steps", ValueError("no"))})
    run.group = run.check_loss.group = Pair(count=2)
    with pytest.raises(TrainingError, match=r"train\.callbacks\.mine: on_steps"):
        run.run()
    assert run.step == 1

    class Elsewhere(Pair):
        """The other process, in which no callback runs."""

        def any_of_each(self, *flags: bool) -> tuple[bool, ...]:
            return (*flags[:-1], True)

    other, _ = trainer(digits)
    other.group = other.check_loss.group = Elsewhere(rank=1, count=2)
    with pytest.raises(OtherProcessError, match="process 0 of 2 failed"):
        other.run()


def test_the_weights_that_a_callback_sees_are_those_that_are_saved(digits: Data) -> None:
    class Weighs(Callback):
        def on_epoch(self, training: Training, record: Mapping[str, Any]) -> dict[str, Any]:
            return {"weights": float(weights(training.model).double().sum())}

        def on_end(self, training: Training) -> None:
            self.last = float(weights(training.model).double().sum())

    weighs = Weighs()
    run, recorded = trainer(digits, ema=0.9, callbacks={"w": weighs})
    run.run()
    averages = sum(float(t.double().sum()) for n, t in recorded.states[-1].tensors.items() if n.startswith("average."))
    assert recorded.records[-1]["weights"] == pytest.approx(averages, rel=1e-9)
    assert weighs.last == pytest.approx(averages, rel=1e-9)


def test_numbers_and_figures_of_a_callback_are_recorded_under_the_step(digits: Data) -> None:
    from matplotlib.figure import Figure

    class Shows(Callback):
        def on_epoch(self, training: Training, record: Mapping[str, Any]) -> None:
            training.log({"half": training.epoch / 2})
            training.show(f"picture-{training.epoch}", Figure())

    run, recorded = trainer(digits, epochs=2, callbacks={"s": Shows()})
    run.run()
    assert recorded.values == [({"half": 0.5}, 5), ({"half": 1.0}, 10)]
    assert recorded.figures == [("picture-1", 5), ("picture-2", 10)]


# Callbacks by name, in recipes.


def test_callbacks_of_a_recipe_are_resolved_with_their_defaults_and_made(digits: Data) -> None:
    spec = TrainSpec.model_validate({"callbacks": {"units": "metrics", "pictures": {"name": "figures", "every": 2}}})
    model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8))
    resolved = resolve_training(spec, model)
    assert resolved.callbacks["units"].options == {"metrics": ["active_units"], "every": 1, "split": "validation"}
    assert resolved.callbacks["pictures"].options == {"figures": ["samples"], "every": 2}
    assert list(make_callbacks(resolved)) == ["units", "pictures"]


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        ({"a": "metrcis"}, r"train\.callbacks\.a: unknown callback 'metrcis'\nDid you mean 'metrics'"),
        ({"a": {"name": "metrics", "evry": 1}}, r"train\.callbacks\.a\.evry: unknown field\nDid you mean 'every'"),
        ({"a": {"name": "metrics", "every": 0}}, r"train\.callbacks\.a\.every"),
        ({"a": {"name": "metrics", "metrics": []}}, r"train\.callbacks\.a\.metrics: expected a list of at least 1"),
    ],
)
def test_a_wrong_callback_is_refused_with_its_field(callbacks: dict[str, Any], message: str) -> None:
    model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8))
    with pytest.raises(ComponentError, match=message):
        resolve_training(TrainSpec.model_validate({"callbacks": callbacks}), model)


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        ({"mine": Callback}, r"callbacks\['mine'\]: expected a callback, got type\nExtend zoo\.callbacks\.Callback"),
        ({"mine": print}, "expected a callback, got builtin_function_or_method"),
        ({"units": Callback()}, "the recipe already has a callback of this key"),
        ({"a.b": Callback()}, "expected a key of letters, digits, hyphens and underscores"),
        ({"": Callback()}, "expected a key"),
        ({3: Callback()}, "expected a key"),
    ],
)
def test_objects_that_are_no_callbacks_are_refused(objects: dict[Any, Any], message: str) -> None:
    spec = TrainSpec.model_validate({"callbacks": {"units": "metrics"}})
    with pytest.raises(InputError, match=message):
        make_callbacks(spec, objects)


class Limit(Callback):
    """Ends training at a limit of the KL term."""

    def __init__(self, *, nats: float = 0.1) -> None:
        self.nats = nats

    def on_epoch(self, training: Training, record: Mapping[str, Any]) -> None:
        if record["validation"]["kl"] > self.nats:
            training.stop()


def test_a_callback_that_is_registered_is_named_by_recipes(digits: Data) -> None:
    zoo.register("callback", "limit")(Limit)
    run, _ = trainer(digits, epochs=5, named={"l": {"name": "limit", "nats": 0.0}})
    assert run.run().stopped == "l"


@pytest.mark.parametrize(
    ("returned", "words"),
    [(3, "got int"), ([1.0], "got list"), ({"t": torch.zeros(2)}, "a Tensor, which is not a JSON value")],
)
def test_what_a_record_cannot_hold_is_refused_with_the_key(returned: object, words: str) -> None:
    class Odd(Callback):
        def on_epoch(self, training: Training, record: Mapping[str, Any]) -> Any:
            return returned

    runner = CallbackRunner({"odd": Odd()}, seed=0)
    with pytest.raises(TrainingError, match=words) as caught:
        runner.on_epoch(None, {"epoch": 1})
    assert "odd" in str(caught.value)


def test_scalars_of_torch_become_numbers() -> None:
    class Scale(Callback):
        def on_epoch(self, training: Training, record: Mapping[str, Any]) -> Any:
            return {"scale": torch.tensor(2.0)}

    record: dict[str, Any] = {"epoch": 1}
    CallbackRunner({"scale": Scale()}, seed=0).on_epoch(None, record)
    assert record == {"epoch": 1, "scale": 2.0}


def test_callbacks_without_keys_are_refused() -> None:
    with pytest.raises(InputError, match=r"callbacks: expected callbacks by key, got list"):
        make_callbacks(TrainSpec(), [Callback()])
