"""Which epoch is best, when training stops early, and that neither is decided while a bound warms up."""

from __future__ import annotations

from typing import Any

import pytest

from tests.training.trainers import trainer
from zoo.data import Data
from zoo.errors import RecipeError

STILL = {"name": "sgd", "lr": 1e-12}
"""An optimiser that changes next to nothing, so that no epoch is better than the first."""


def test_early_stopping_waits_for_its_patience(digits: Data) -> None:
    run, recorded = trainer(digits, epochs=50, optimizer=STILL, early_stopping={"patience": 3, "min_delta": 1.0})
    assert run.run().finished
    assert [record["epoch"] for record in recorded.records] == [1, 2, 3, 4]
    assert recorded.best == [1]


WARMED_UP = [
    {"objective": {"beta": {"name": "linear", "end": 1.0, "over": {"epochs": 6}}}},
    {"objective": {"beta_warmup": {"epochs": 6}}},
    {"objective": {"beta_warmup": {"steps": 26}}},  # in the sixth epoch of five steps
    {"objective": {"beta": {"name": "exponential", "start": 0.1, "end": 1.0, "over": {"epochs": 6}}}},
    {"objective": {"beta": {"name": "cyclical", "end": 1.0, "over": {"epochs": 8}, "cycles": 2, "share": 0.5}}},
]


@pytest.mark.parametrize("model", WARMED_UP)
def test_no_epoch_is_judged_before_the_bound_is_warm(digits: Data, model: dict[str, Any]) -> None:
    stopping = {"patience": 2, "min_delta": 1e6}  # no epoch ever improves
    run, recorded = trainer(digits, model=model, epochs=50, optimizer=STILL, early_stopping=stopping)
    position = run.run()
    # Each epoch of the warm-up replaces the one before; the sixth is the first that is judged, and stays the best.
    assert recorded.best == [1, 2, 3, 4, 5, 6]
    assert (position.epoch, position.best_epoch) == (8, 6)


def test_without_a_warm_up_the_first_epoch_is_judged(digits: Data) -> None:
    run, recorded = trainer(digits, epochs=50, optimizer=STILL, early_stopping={"patience": 2, "min_delta": 1e6})
    assert (run.run().epoch, recorded.best) == (3, [1])


def test_the_last_epoch_is_best_where_the_warm_up_outlasts_the_run(digits: Data) -> None:
    run, recorded = trainer(digits, model={"objective": {"beta_warmup": {"epochs": 9}}}, epochs=3)
    position = run.run()
    assert (recorded.best, position.best, position.best_epoch) == ([1, 2, 3], None, 3)


def test_a_resumed_run_judges_as_an_undisturbed_one(digits: Data) -> None:
    options: dict[str, Any] = {"model": WARMED_UP[0], "epochs": 8}
    whole, recorded = trainer(digits, **options)
    whole.run()
    for index in (2, 6):
        second, again = trainer(digits, **options)
        second.resume(recorded.states[index])
        assert second.run() == whole.position
        assert recorded.best[-len(again.best) :] == again.best


@pytest.mark.parametrize(("term", "best"), [("kl", min), ("elbo", max), ("reconstruction", min), ("loss", min)])
def test_the_monitored_term_decides_which_epoch_is_best(digits: Data, term: str, best: Any) -> None:
    run, recorded = trainer(digits, epochs=6, monitor=term, optimizer={"name": "adam", "lr": 2e-2})
    position = run.run()
    values = [record["validation"][term] for record in recorded.records]
    assert position.best == best(values)
    assert position.best_epoch == recorded.best[-1] == values.index(best(values)) + 1


def test_early_stopping_follows_the_monitored_term(digits: Data) -> None:
    """The ELBO rises for many epochs, but the KL term, which rises with it, does not improve once."""
    stopping = {"patience": 2}
    options: dict[str, Any] = {"epochs": 12, "early_stopping": stopping, "optimizer": {"name": "adam", "lr": 5e-3}}
    by_kl, recorded = trainer(digits, monitor="kl", **options)
    epochs = by_kl.run().epoch
    rises = [record["validation"]["kl"] for record in recorded.records]
    assert rises[-1] > min(rises)
    by_elbo, _ = trainer(digits, monitor="elbo", **options)
    assert by_elbo.run().epoch > epochs


def test_an_unknown_term_is_refused_before_training_with_those_there_are(digits: Data) -> None:
    with pytest.raises(RecipeError, match=r"train\.monitor: unknown term 'elbow'") as refusal:
        trainer(digits, monitor="elbow")
    assert "Did you mean 'elbo'? Available: elbo, kl, loss, reconstruction." in str(refusal.value)
