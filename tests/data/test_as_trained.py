"""Other data are prepared as a model's training data were: nothing is learned from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import zoo
from zoo.data import load_data
from zoo.datasets import Collection, Stored
from zoo.errors import DataError
from zoo.model import Model

GENERATOR = torch.Generator().manual_seed(0)
TABLE = torch.randn(80, 3, generator=GENERATOR) * torch.tensor([1.0, 10.0, 100.0]) + torch.tensor([0.0, 50.0, -300.0])


def model_of(info: Any, **overrides: Any) -> Model:
    spec = {"data_shape": info.data_shape, "data_range": info.data_range, "data": info.description}
    return zoo.build("vae-mlp-2d", likelihood="gaussian", **spec, **overrides).eval()


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Name an array of rows as data, in a file."""

    def path(**arrays):
        np.savez(tmp_path / "data.npz", **arrays)
        return str(tmp_path / "data.npz")

    return path


def same_scaling(one, other):
    return torch.equal(torch.as_tensor(one.shift), torch.as_tensor(other.shift)) and torch.equal(
        torch.as_tensor(one.span), torch.as_tensor(other.span)
    )


@pytest.mark.parametrize("change", [lambda x: x, lambda x: x * 100 + 1e6, lambda x: x[:1], lambda x: x[:, :] * 0])
def test_means_and_deviations_are_those_of_the_training_data(prepare, files, change):
    trained = prepare(TABLE, stored_range=None, scale="standardise")
    scaling = trained.info.scaling
    rows = change(TABLE)
    other = load_data("arrays", path=files(x=rows.numpy()), like=trained.info.description, whole=True)
    assert same_scaling(other.info.scaling, scaling)
    assert (len(other.train), other.validation, other.test) == (len(rows), None, None)
    assert torch.equal(other.train.examples(len(rows)), scaling(rows))


def test_whoever_loaded_them_a_model_sees_other_data_as_in_training(prepare):
    trained = prepare(TABLE, stored_range=None, scale="standardise")
    model = model_of(trained.info)
    moved = prepare(TABLE * 100 + 1e6, stored_range=None, scale="standardise")  # by their own means: the same numbers
    assert torch.allclose(moved.test.examples(5), trained.test.examples(5), atol=1e-3)
    usual, far = (zoo.evaluate(model, data, ["elbo"])["elbo"] for data in (trained, moved))
    assert far < usual - 1e6
    assert zoo.evaluate(model, moved.test, ["elbo"])["elbo"] == far
    unscaled = prepare(TABLE, stored_range=None, scale="none")
    assert zoo.evaluate(model, unscaled, ["elbo"])["elbo"] == pytest.approx(usual)


def test_rows_in_memory_are_prepared_as_well(prepare):
    trained = prepare(TABLE, stored_range=None, scale="standardise")
    model = model_of(trained.info)
    whole = prepare(TABLE, stored_range=None, scale="standardise", validation=0.0, test=0.0)
    expected = zoo.evaluate(model, whole, ["mse"], split="train")
    assert zoo.evaluate(model, TABLE.numpy(), ["mse"]) == expected
    assert zoo.evaluate(model, TABLE.tolist(), ["mse"])["mse"] == pytest.approx(expected["mse"])
    assert zoo.evaluate(model, TABLE.numpy()[3], ["mse"])["mse"] > 0


@pytest.mark.parametrize("scale", ["unit", "symmetric", "standardise", "none"])
def test_data_of_another_depth_are_brought_to_the_range_of_the_training_data(prepare, images, scale):
    trained = prepare(images, scale=scale, validation=0.0, test=0.0)
    shallow = Collection({"train": Stored((images // 16).float() / 15)}, (0.0, 1.0))
    exact = prepare(images // 16 * 17, scale="none", validation=0.0, test=0.0).train.examples(60)
    other = prepare(collection=shallow, like=trained.info.description, whole=True)
    assert other.info.data_range == trained.info.data_range
    assert torch.allclose(other.train.examples(60), trained.info.scaling(exact), atol=1e-5)


def test_values_outside_the_range_of_the_training_data_are_refused(prepare):
    trained = prepare(TABLE.clamp(-400, 400), stored_range=(-400.0, 400.0))
    with pytest.raises(DataError, match=r"expected values in \[-400, 400\].*got values from"):
        prepare(TABLE * 100, stored_range=None, like=trained.info.description)


@pytest.mark.parametrize(
    ("options", "same"), [({}, True), ({"scale": "unit"}, True), ({"scale": "standardise"}, False)]
)
def test_another_scale_than_that_of_training_is_refused(prepare, images, options, same):
    trained = prepare(images).info.description
    if same:
        prepare(images, like=trained, **options)
    else:
        with pytest.raises(DataError, match=r"^data\.scale: expected `scale: unit`"):
            prepare(images, like=trained, **options)


@pytest.mark.parametrize("options", [{"pad": 2}, {"resize": [4, 6]}, {"binarise": "threshold"}, {"binarise": "static"}])
def test_size_and_binarisation_are_those_of_the_training_data(prepare, images, options):
    trained = prepare(images, **options)
    other = prepare(images, like=trained.info.description)
    for name in ("train", "validation", "test"):
        expected, found = (getattr(data, name) for data in (trained, other))
        assert torch.equal(found.examples(len(found)), expected.examples(len(expected)))
        assert found.digest() == expected.digest()


def test_a_size_that_is_stated_is_kept(prepare, images):
    trained = prepare(images, pad=2).info.description
    assert prepare(images, like=trained, pad=0).info.data_shape == (3, 9, 7)


@pytest.fixture
def classes(prepare, images):
    """Prepare the images with labels of the given names, each in turn."""

    def run(*names, like=None, streamed=False):
        labels = torch.arange(60) % len(names)
        collection = Collection({"train": Stored(images, labels)}, (0.0, 255.0), names)
        return prepare(collection=collection, like=like, whole=like is not None, streamed=streamed)

    return run


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("names", [("dog",), ("wolf", "ant"), ("dog", "cat", "ant", "wolf")])
def test_classes_keep_the_numbers_that_they_had_in_training(classes, names, streamed):
    trained = classes("ant", "cat", "dog", "wolf").info.description
    other = classes(*names, like=trained, streamed=streamed)
    expected = [trained.class_names.index(names[number % len(names)]) for number in range(60)]
    assert other.train.labels.tolist() == expected
    assert next(other.train.batches(60)).labels.tolist() == expected
    assert other.info.class_names == trained.class_names


def test_a_split_that_somebody_else_loaded_is_numbered_as_well(classes):
    trained = classes("ant", "cat", "dog")
    conditional = model_of(trained.info, classes=3)
    alone = classes("dog")
    assert set(alone.train.labels.tolist()) == {0}
    context = zoo.evaluation.evaluate.evaluation_context(conditional, alone, "train")
    assert set(context.split.labels.tolist()) == {2}


def test_a_conditional_model_refuses_classes_that_it_does_not_know(classes):
    trained = classes("ant", "cat")
    unknown = classes("ant", "wolf", like=trained.info.description)
    with pytest.raises(DataError, match=r"expected the classes that the model was trained on \(ant, cat\), got 'wolf'"):
        zoo.evaluate(model_of(trained.info, classes=2), unknown, ["mse"], split="train")
    assert zoo.evaluate(model_of(trained.info), unknown, ["mse"], split="train")["mse"] > 0


def test_classes_without_names_go_by_their_numbers(prepare, images):
    trained = prepare(images, torch.arange(60) % 3)
    assert trained.info.class_names == ("0", "1", "2")
    other = prepare(images, torch.ones(60, dtype=torch.int64) * 2, like=trained.info.description, whole=True)
    assert set(other.train.labels.tolist()) == {2}


def test_training_examples_of_each_class_are_counted(prepare, images):
    labels = torch.cat([torch.zeros(59, dtype=torch.int64), torch.tensor([1])])
    data = prepare(collection=Collection({"train": Stored(images, labels)}, (0.0, 255.0), ("often", "rare", "never")))
    counted = {each.name: each.examples for each in data.info.description.classes}
    assert sum(counted.values()) == len(data.train)
    assert "never" in data.info.description.untrained_classes
