"""Measuring a model: what is chosen, recorded and refused."""

from __future__ import annotations

import pytest
import torch

import zoo
from zoo.data import Data, split_of_tensor
from zoo.errors import ComponentError, DataError, InputError
from zoo.evaluation.evaluate import choose_metrics, evaluation_context, final_split, record
from zoo.evaluation.record import merged
from zoo.model import Model


@pytest.fixture(scope="module")
def data() -> Data:
    return zoo.load_data(zoo.load_recipe("digits").data)


@pytest.fixture(scope="module")
def model() -> Model:
    torch.manual_seed(0)
    return zoo.build("vae-mlp-2d", data_shape=(1, 8, 8)).eval()


def test_a_record_repeats_itself(model: Model, data: Data) -> None:
    context = evaluation_context(model, data)
    chosen = choose_metrics(context, ["elbo", {"name": "log_likelihood", "num_samples": 5, "examples": 20}])
    made = record(context, chosen, "test", seed=3)
    assert made["settings"] == [
        {"name": "elbo", "num_samples": 10},
        {"name": "log_likelihood", "num_samples": 5, "examples": 20},
    ]
    assert (made["dataset"], made["split"], made["examples"], made["seed"]) == ("digits", "test", 270, 3)
    assert zoo.evaluate(model, data, made["settings"], seed=3) == made["metrics"]
    assert zoo.evaluate(model, data, made["settings"], seed=4) != made["metrics"]


def test_new_numbers_join_the_others_and_replace_those_of_the_same_name() -> None:
    def of(seed: int, name: str, value: float) -> dict[str, object]:
        details = {name: {"metric": name}}
        return {
            "seed": seed,
            "metrics": {name: value},
            "details": details,
            "settings": [{"name": name}],
            "notes": ["a"],
        }

    joined = merged(of(0, "elbo", 1.0), of(0, "mse", 2.0))
    assert joined["metrics"] == {"elbo": 1.0, "mse": 2.0}
    assert joined["details"] == {"elbo": {"metric": "elbo"}, "mse": {"metric": "mse"}}
    assert joined["settings"] == [{"name": "elbo"}, {"name": "mse"}]
    assert merged(of(0, "elbo", 1.0), of(0, "elbo", 5.0))["metrics"] == {"elbo": 5.0}


def test_the_split_is_chosen_by_name(model: Model, data: Data) -> None:
    one = zoo.evaluate(model, data, ["mse"], split="validation")
    assert one == zoo.evaluate(model, data.validation, ["mse"])
    assert one != zoo.evaluate(model, data, ["mse"])
    assert final_split(data) == "test"
    assert final_split(Data(data.info, data.train, None, None)) == "train"


@pytest.mark.parametrize(
    ("whole", "message"),
    [
        (torch.rand(5, 1, 9, 8), r"shape \(1, 8, 8\), as in the model, got \(1, 9, 8\)"),
        (torch.rand(0, 1, 8, 8), "the split is empty"),
        (torch.randn(5, 1, 8, 8) * 9, r"expects data in \[0, 1\]"),
        (torch.full((5, 1, 8, 8), torch.nan), "expected finite values"),
        (torch.zeros(5, 1, 8, 8, dtype=torch.uint8), "floating-point"),
    ],
)
def test_data_that_do_not_fit_are_refused(model: Model, whole: torch.Tensor, message: str) -> None:
    with pytest.raises(DataError, match=message):
        zoo.evaluate(model, whole)


def test_data_in_another_range_than_the_model_s_are_refused() -> None:
    model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), data_range=(-1.0, 1.0), likelihood="gaussian")
    x, data = torch.rand(9, 1, 8, 8), zoo.load_data("digits", subset=50)
    with pytest.raises(
        DataError, match=r"^data\.scale: expected data in \[-1, 1\], as in training, got those of digits in \[0, 1\]"
    ):
        zoo.evaluate(model, data, ["mse"])
    with pytest.raises(DataError, match="got those of tensor"):
        zoo.evaluate(model, split_of_tensor(x), ["mse"])
    zoo.evaluate(model, zoo.load_data("digits", subset=50, scale="symmetric"), ["mse"])
    zoo.evaluate(model, split_of_tensor(x, data_range=(-1.0, 1.0)), ["mse"])
    zoo.evaluate(model, x, ["mse"])  # they may happen to be positive


def test_labels_that_a_conditional_model_needs_are_missed() -> None:
    conditional = zoo.build("cvae-mlp-2d", data_shape=(1, 8, 8))
    with pytest.raises(DataError, match="conditional and needs labels"):
        zoo.evaluate(conditional, torch.rand(5, 1, 8, 8))


def test_a_split_that_is_not_there_is_named(model: Model) -> None:
    split = split_of_tensor(torch.rand(9, 1, 8, 8))
    with pytest.raises(DataError, match=r"data\.test: there is no test split"):
        zoo.evaluate(model, Data(split.info, split, None, None))
    with pytest.raises(InputError, match=r"split: unknown split 'tests'\nDid you mean 'test'"):
        zoo.evaluate(model, Data(split.info, split, None, None), split="tests")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("elbow", r"metrics\[0\]: unknown metric 'elbow'\nDid you mean 'elbo'"),
        ({"name": "elbo", "samples": 3}, r"metrics\[0\]\.samples"),
        ("denoising", r"metrics\[0\]: metric 'denoising' does not apply: the model's objective is 'vae'"),
        ("mixture_modes", "'mixture_modes' does not apply: the data are not from a known mixture"),
        ({"name": "sample_quality", "sources": ["fited"]}, r"metrics\[0\]\.sources"),
    ],
)
def test_metrics_that_cannot_be_are_refused(model: Model, data: Data, metric: object, message: str) -> None:
    with pytest.raises(ComponentError, match=message):
        zoo.evaluate(model, data, [metric])  # type: ignore[list-item]


def test_what_nobody_named_is_what_fits_and_is_not_slow(model: Model, data: Data) -> None:
    names = [each.spec.name for each in choose_metrics(evaluation_context(model, data), None)]
    assert {"elbo", "log_likelihood", "mse", "active_units", "neighbour_accuracy", "sample_quality"} <= set(names)
    assert not {"fid", "denoising", "mixture_modes"} & set(names)


def test_a_tensor_is_raw_unless_it_can_only_be_prepared() -> None:
    model, data = zoo.load("vae-mlp-2d.digits"), zoo.load_data("digits").test
    prepared = data.examples(20)
    raw = (prepared * 16).round().to(torch.uint8)
    expected = zoo.evaluate(model, prepared, ["mse"])
    for form in (raw, raw.float(), raw.numpy(), raw[:, 0].long(), (raw, data.labels[:20])):
        assert zoo.evaluate(model, form, ["mse"]) == expected
    with pytest.raises(DataError, match=r"expected values in \[0, 16\].*which look prepared already"):
        zoo.evaluate(model, prepared.numpy(), ["mse"])
    with pytest.raises(DataError, match=r"expected values in \[0, 16\]"):
        zoo.evaluate(model, raw * 10, ["mse"])
