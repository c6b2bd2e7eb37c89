"""A loss that grows on training data is reported with both numbers; one that falls or rises a little is not."""

from __future__ import annotations

import math

import pytest

from zoo.evaluation.divergence import divergence_note


def history_of(*losses: float, term: str = "loss") -> list[dict]:
    return [{"epoch": n, "step": 10 * n, "train": {term: loss}} for n, loss in enumerate(losses, 1)]


@pytest.mark.parametrize(
    "losses", [(20.0, 19.0, 3e12), (20.0, 19.0, 3e12, 500.0), (-50.0, -60.0, 800.0), (0.5, 30.0, 29.0)]
)
def test_growth_is_reported_with_the_epochs_and_a_remedy(losses: tuple[float, ...]) -> None:
    note = divergence_note(history_of(*losses), "loss", 3e13, higher_is_better=False)
    assert note is not None
    assert "in epoch " in note
    assert "train.optimizer.lr" in note


def test_both_numbers_are_those_of_the_largest_growth() -> None:
    note = divergence_note(history_of(20.0, 19.0, 3e12, 4e11), "loss", 3e13, higher_is_better=False)
    assert "from 19.00 in epoch 2 to 3e+12 in epoch 3" in (note or "")


@pytest.mark.parametrize("losses", [(), (3e12,), (3e12, 1e6, 20.0), (20.0, 25.0, 18.0), (0.01, 0.5), (-50.0, 300.0)])
def test_a_loss_that_falls_or_rises_a_little_is_not(losses: tuple[float, ...]) -> None:
    assert divergence_note(history_of(*losses), "loss", 3e13, higher_is_better=False) is None


def test_a_bound_diverges_downwards_and_epochs_of_the_warm_up_do_not_compare() -> None:
    bounds = history_of(-1.0, -20.0, -5000.0, term="elbo")
    assert "from -20.00 in epoch 2 to -5,000.00" in (
        divergence_note(bounds, "elbo", -1.0, higher_is_better=True, warmup_steps=20) or ""
    )
    assert (
        divergence_note(history_of(-1.0, -20.0, term="elbo"), "elbo", -1.0, higher_is_better=True, warmup_steps=20)
        is None
    )
    assert divergence_note(history_of(-1.0, 9e9, term="elbo"), "elbo", -1.0, higher_is_better=True) is None


def test_a_loss_that_explodes_in_the_first_epoch_is_compared_with_that_before_training() -> None:
    falling = history_of(8e8, 3e8, 4e7)
    note = divergence_note(falling, "loss", 21.8, higher_is_better=False)
    assert "from 21.80 before training to 8e+08 in epoch 1" in (note or "")
    assert divergence_note(falling, "loss", math.nan, higher_is_better=False) is None
    assert divergence_note(falling, "loss", 21.8, higher_is_better=False, warmup_steps=1) is None
