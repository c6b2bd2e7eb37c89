"""What identifies data is their content: not where they lie, how they are held, or how they are scaled."""

import numpy as np
import pytest
import torch

from zoo.data import load_data
from zoo.data.describing import with_digests
from zoo.datasets import Collection, Stored

SPLITS = ("train", "validation", "test")


def digests(data):
    return [getattr(data, name).digest() for name in SPLITS]


@pytest.mark.parametrize("options", [{}, {"binarise": "threshold"}, {"binarise": "static"}, {"binarise": "dynamic"}])
def test_held_and_streamed_data_have_the_same_digest(prepare, images, labels, options):
    held = digests(prepare(images, labels, **options))
    assert digests(prepare(images, labels, streamed=True, **options)) == held
    assert len(set(held)) == 3


def test_the_scale_does_not_matter_and_the_preparation_of_pixels_does(prepare, images):
    unit = digests(prepare(images))
    for scale in ("symmetric", "none", "standardise"):
        assert digests(prepare(images, scale=scale)) == unit
    others = [
        digests(prepare(images, **options))[0]
        for options in (
            {"pad": 1},
            {"resize": [4, 4]},
            *({"binarise": kind} for kind in ("threshold", "static", "dynamic")),
        )
    ]
    assert len({unit[0], *others}) == 6


def test_a_file_that_is_moved_is_the_same_data(tmp_path):
    found = []
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        np.save(tmp_path / place / "x.npy", np.arange(80.0).reshape(40, 2))
        for limit in (1024, 0):
            data = load_data("arrays", path=str(tmp_path / place / "x.npy"), in_memory_limit_mb=limit)
            found.append(digests(data))
    assert found == found[:1] * 4


def changed_value(x, y):
    return x + (torch.arange(len(x)) == 3)[:, None, None, None].to(x.dtype), y


def changed_order(x, y):
    return x.flip(0), y


def changed_labels(x, y):
    return x, (y + 1) % 4


def changed_type(x, y):
    return x.float(), y


@pytest.mark.parametrize("change", [changed_value, changed_order, changed_labels, changed_type])
def test_other_data_of_the_same_number_have_another_digest(prepare, images, labels, change):
    options = {"validation": 0.0, "test": 0.0}
    before = prepare(images, labels, **options).train.digest()
    assert prepare(images, labels, **options).train.digest() == before
    assert prepare(*change(images, labels), **options).train.digest() != before


def test_the_names_of_classes_count(prepare, images, labels):
    made = [
        prepare(collection=Collection({"train": Stored(images, labels)}, (0.0, 255.0), names)).train.digest()
        for names in (("a", "b", "c", "d"), ("b", "a", "c", "d"))
    ]
    assert made[0] != made[1]


def test_of_very_many_examples_some_thousand_stand_for_all(prepare, monkeypatch):
    monkeypatch.setattr("zoo.data.split._HASHED_WHOLE", 100)
    monkeypatch.setattr("zoo.data.split._HASHED_EXAMPLES", 10)
    examples = torch.arange(1000.0).reshape(-1, 1)
    options = {"validation": 0.0, "test": 0.0, "stored_range": None}
    before = prepare(examples, **options).train.digest()
    hit, missed = examples.clone(), examples.clone()
    hit[500], missed[501] = -1, -1
    assert prepare(hit, **options).train.digest() != before
    assert prepare(missed, **options).train.digest() == before
    assert prepare(examples[:-1], **options).train.digest() != before
    assert prepare(examples, streamed=True, **options).train.digest() == before


def test_a_description_counts_and_identifies_every_split(prepare, images, labels):
    data = prepare(images, labels)
    splits = with_digests(data.info.description, data).splits
    assert {name: split.examples for name, split in splits.items()} == {"train": 46, "validation": 5, "test": 9}
    assert [splits[name].digest for name in SPLITS] == digests(data)
