"""Which classes are sampled, and which kinds of files can hold samples."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import zoo
from zoo.cli._samples import check_format, labels_of
from zoo.errors import InputError
from zoo.model import Model
from zoo.spec.data_description import DataDescription


def conditional(*classes: dict[str, Any]) -> Model:
    """Return what sampling knows of a model of these classes."""
    data = DataDescription(shape=(2,), classes=list(classes))
    return cast("Model", SimpleNamespace(classes=len(classes) or 3, data=data))


NAMED = conditional({"name": "cat"}, {"name": "dog"}, {"name": "bird"})
RARE = conditional({"name": "cat", "examples": 5}, {"name": "dog", "examples": 0}, {"name": "bird", "examples": 2})


@pytest.mark.parametrize(
    ("model", "label", "expected"),
    [
        (NAMED, None, [0, 0, 1, 1, 2, 2]),
        (NAMED, "dog", [1] * 6),
        (RARE, None, [0, 0, 0, 2, 2, 2]),
        (RARE, "bird", [2] * 6),
        (conditional(), "2", [2] * 6),
    ],
)
def test_classes_take_turns_or_one_is_chosen(model: Model, label: str | None, expected: list[int]) -> None:
    found = labels_of(model, label, 6)
    assert found is not None
    assert found.tolist() == expected


def test_classes_without_training_examples_are_left_out_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    labels_of(NAMED, None, 6)
    assert capsys.readouterr().err == ""
    labels_of(RARE, None, 6)
    assert capsys.readouterr().err == "Note: classes without training examples are not sampled: dog\n"


@pytest.mark.parametrize(
    ("model", "label", "words"),
    [
        (RARE, "dog", "expected a class with training examples, got 'dog'"),
        (NAMED, "cow", "'cow'"),
        (conditional(), "3", "expected a class number from 0 to 2, got '3'"),
        (conditional(), "-1", "expected a class number from 0 to 2, got '-1'"),
        (SimpleNamespace(classes=None), "1", "the model is not conditional"),
    ],
)
def test_a_class_that_cannot_be_sampled_is_refused(model: Model, label: str, words: str) -> None:
    with pytest.raises(InputError) as refusal:
        labels_of(model, label, 6)
    assert words in str(refusal.value)
    assert refusal.value.where == "--label"


def test_a_model_without_classes_has_no_labels() -> None:
    assert labels_of(cast("Model", SimpleNamespace(classes=None)), None, 6) is None


@pytest.mark.parametrize(
    ("shape", "kinds", "others"),
    [((1, 8, 8), ["png", "pdf", "npy", "npz"], ["csv", "txt", ""]), ((5,), ["npy", "npz", "csv"], ["txt"])],
)
def test_files_that_cannot_hold_the_samples_are_refused_with_those_that_can(
    shape: tuple[int, ...], kinds: list[str], others: list[str]
) -> None:
    model = zoo.build("vae-mlp-2d", data_shape=shape)
    for kind in kinds:
        check_format(model, Path(f"samples.{kind}"))
    for kind in others:
        with pytest.raises(
            InputError, match=rf"expected a file with one of the suffixes .*{kinds[-1]}.* got '\.?{kind}'"
        ):
            check_format(model, Path(f"samples.{kind}" if kind else "samples"))
