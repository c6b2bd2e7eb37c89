"""What ``evaluation.json`` holds, and what version 0.1 wrote there."""

from __future__ import annotations

import json

import pytest

import zoo
from zoo.errors import CheckpointError
from zoo.evaluation.evaluate import choose_metrics, evaluation_context, record
from zoo.evaluation.measurement import FITTED, PRIOR, TRAINING_DATA
from zoo.evaluation.record import measurements_of, metric_of, read_record
from zoo.registry.catalogue import pretrained_files
from zoo.runs.directory import RunDirectory

OF_0_1 = {
    "dataset": "digits", "split": "test", "examples": 270, "seed": 0,
    "metrics": {
        "elbo": -24.4, "elbo_standard_error": 0.2, "reconstruction": 21.4, "kl": 3.0,
        "log_likelihood": -24.1, "log_likelihood_standard_error": 0.17, "log_likelihood_samples": 200,
        "log_likelihood_examples": 100, "bits_per_dimension": 0.54,
        "linear_probe_accuracy": 0.76, "linear_probe_learned_from": "training data",
        "recall_data": 0.9, "recall_prior": 0.06, "recall_aggregate": 0.5, "sample_quality_examples": 270,
        "kl_per_dimension": [1.5, 1.4],
        "of_a_plug_in": 3.0, "of_a_plug_in_standard_error": 0.5,
    },
    "settings": [
        {"name": name}
        for name in ("elbo", "log_likelihood", "linear_probe", "sample_quality", "kl_per_dimension", "not_installed")
    ],
    "best_epoch": 3,
    "notes": [],
}  # fmt: skip


def test_a_record_of_0_1_is_read_as_one_of_today() -> None:
    made = read_record(json.loads(json.dumps(OF_0_1)))
    assert list(made["metrics"]) == [
        "elbo", "reconstruction", "kl", "log_likelihood", "bits_per_dimension", "linear_probe_accuracy",
        "recall_data", "recall_prior", "recall_fitted", "kl_per_dimension", "of_a_plug_in",
    ]  # fmt: skip
    found = {each.key: each for each in measurements_of(made)}
    assert (found["elbo"].value, found["elbo"].standard_error, found["elbo"].result.unit) == (-24.4, 0.2, "nats")
    assert found["log_likelihood"].examples == found["bits_per_dimension"].examples == 100
    assert found["recall_prior"].examples is None, "they were all of the split"
    assert found["linear_probe_accuracy"].note == "learned from training data"
    sources = [found[f"recall_{end}"].source for end in ("data", "prior", "fitted")]
    assert sources == [TRAINING_DATA, PRIOR, FITTED]
    assert found["recall_fitted"].value == 0.5
    assert found["of_a_plug_in"].standard_error == 0.5
    assert metric_of(made, "recall_prior") == "sample_quality"
    assert metric_of(made, "of_a_plug_in") is None
    assert (made["best_epoch"], made["settings"]) == (3, OF_0_1["settings"])
    assert read_record(made) == made


@pytest.mark.parametrize("name", pretrained_files())
def test_every_number_of_a_pretrained_model_is_explained(name: str) -> None:
    from zoo.hub.locate import locate

    evaluation = RunDirectory(locate(name)).read_evaluation()
    assert evaluation is not None
    measurements = measurements_of(evaluation)
    assert measurements
    assert all(each.result.explanation and metric_of(evaluation, each.key) for each in measurements)
    assert not [name for name in evaluation["metrics"] if name.endswith(("_error", "_samples", "_examples", "_from"))]


def test_what_is_written_is_what_is_read() -> None:
    model, data = zoo.load("vae-mlp-2d.digits"), zoo.load_data("digits")
    context = evaluation_context(model, data)
    chosen = choose_metrics(context, ["elbo", "neighbour_accuracy", "kl_per_dimension"])
    made = {**record(context, chosen, "test"), "best_epoch": 1}
    measured = zoo.evaluate(model, data, ["elbo", "neighbour_accuracy", "kl_per_dimension"]).measurements
    assert measurements_of(read_record(json.loads(json.dumps(made)))) == list(measured.values())


@pytest.mark.parametrize(
    "document",
    [
        [1],
        {"metrics": 3},
        {"metrics": {"elbo": {"a": 1}}},
        None,
        {"metrics": {}, "details": [1]},
        {"metrics": {}, "details": {"a": 1}},
    ],
)
def test_what_is_no_record_is_refused(document: object) -> None:
    with pytest.raises(CheckpointError, match="expected"):
        read_record({**OF_0_1, **document} if isinstance(document, dict) else document)


def test_details_in_another_form_are_left_out() -> None:
    details = {"elbo": {"standard_error": "low", "unit": 3, "better": "sideways", "source": "prior", "examples": [1]}}
    (found,) = measurements_of(read_record({**OF_0_1, "metrics": {"elbo": 1.0}, "details": details}))
    assert (found.standard_error, found.result.unit, found.result.better) == (None, "3", None)
    assert (found.source, found.examples, found.result.name) == (None, None, "elbo")
