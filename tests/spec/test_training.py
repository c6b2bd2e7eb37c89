"""The length of a run: what the number of examples decides where the recipe does not."""

from __future__ import annotations

import math

import pytest

from zoo.spec import Duration, TrainSpec


@pytest.mark.parametrize(
    ("examples", "batch_size", "epochs", "steps"),
    [
        (1, 32, 200, 200),
        (120, 32, 200, 800),
        (1_000, 32, 94, 3_008),
        (2_000, 128, 188, 3_008),
        (55_000, 128, 15, 6_450),
    ],
)
def test_few_examples_are_passed_over_more_often(examples: int, batch_size: int, epochs: int, steps: int) -> None:
    found = TrainSpec().for_examples(examples)
    assert (found.batch_size, found.epochs) == (batch_size, epochs)
    assert found.epochs * math.ceil(examples / found.batch_size) == steps
    assert found.checkpoint_every == Duration(epochs=max(1, epochs // 20))


def test_what_is_stated_stays_and_the_rest_goes_by_it() -> None:
    stated = TrainSpec(epochs=7, batch_size=50, checkpoint_every=Duration(steps=9)).for_examples(10)
    assert (stated.epochs, stated.batch_size, stated.checkpoint_every) == (7, 50, Duration(steps=9))
    assert TrainSpec(batch_size=500).for_examples(5_000).epochs == 200
    assert TrainSpec(epochs=400).for_examples(5_000).checkpoint_every == Duration(epochs=1)
    again = stated.for_examples(1_000_000)
    assert again.model_dump() == stated.model_dump()


def test_a_run_that_is_resumed_keeps_the_length_that_its_recipe_leaves_open() -> None:
    begun = TrainSpec().for_examples(1_000)
    assert TrainSpec().with_length_from(begun).for_examples(9) == begun
    assert TrainSpec(epochs=3).with_length_from(begun).epochs == 3
