"""A reader is told why an estimate of log p(x) is below that of the ELBO."""

from __future__ import annotations

import pytest

import zoo
from zoo.evaluation.evaluate import choose_metrics, evaluation_context, record
from zoo.evaluation.measurement import FITTED, Measurement, Result
from zoo.evaluation.noise import notes_on_noise

LOWER, UPPER = Result("elbo"), Result("log_likelihood", at_least="elbo")


@pytest.mark.parametrize(("lower", "upper", "count"), [(-3.0, -2.0, 0), (-2.0, -2.0, 0), (-2.0, -3.0, 1)])
def test_only_numbers_in_the_wrong_order_have_a_note(lower, upper, count):
    assert len(notes_on_noise([Measurement(LOWER, lower), Measurement(UPPER, upper)])) == count


def test_numbers_of_different_priors_are_not_compared():
    assert not notes_on_noise([Measurement(LOWER, -2.0), Measurement(UPPER, -3.0, source=FITTED)])
    assert not notes_on_noise([Measurement(UPPER, -3.0)])


def test_the_note_says_that_the_examples_differ():
    (note,) = notes_on_noise([Measurement(LOWER, -2.0), Measurement(UPPER, -3.0, examples=1000)])
    assert "from the first 1,000 and all examples and different draws" in note


@pytest.mark.parametrize(("num_samples", "noted"), [(1, True), (50, False)])
def test_an_evaluation_explains_an_elbo_above_the_log_likelihood(num_samples, noted):
    model = zoo.load("vae-mlp-2d.digits")
    context = evaluation_context(model, zoo.load_data("digits"), "test")
    metrics = choose_metrics(context, ["elbo", {"name": "log_likelihood", "num_samples": num_samples}])
    made = record(context, metrics, "test")
    below = made["metrics"]["log_likelihood"] < made["metrics"]["elbo"]
    assert below == noted == any("log_likelihood" in note for note in made["notes"])
