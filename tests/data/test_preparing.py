"""Examples are split, scaled and binarised as the recipe says, in memory or read on demand."""

from __future__ import annotations

import pytest
import torch

from zoo.datasets import Collection, Stored
from zoo.errors import DataError

SPLITS = ("train", "validation", "test")


def splits_of(data):
    return {name: getattr(data, name) for name in SPLITS}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scale": "symmetric"},
        {"scale": "standardise"},
        {"scale": "none"},
        {"resize": [5, 12]},
        {"pad": 2, "scale": "symmetric"},
        {"resize": [6, 6], "pad": 1, "binarise": "static"},
        {"binarise": "threshold"},
        {"binarise": "static"},
        {"binarise": "dynamic"},
        {"subset": 17},
    ],
    ids=str,
)
def test_streamed_and_held_data_are_the_same(prepare, images, labels, options):
    held = prepare(images, labels, **options)
    streamed = prepare(images, labels, streamed=True, **options)
    assert held.info.data_shape == streamed.info.data_shape
    assert held.info.data_range == streamed.info.data_range
    for name in SPLITS:
        draws = []
        for split in (splits_of(held)[name], splits_of(streamed)[name]):
            torch.manual_seed(0)
            draws.append(torch.cat([batch.x for batch in split.batches(8)]))
        assert torch.equal(draws[0], draws[1])
        assert draws[0].shape[1:] == held.info.data_shape


def test_splits_hold_every_example_once(prepare):
    examples = torch.arange(100.0).reshape(-1, 1)
    data = prepare(examples, stored_range=None)
    together = torch.cat([split.examples(len(split)) for split in splits_of(data).values()])
    assert torch.equal(together.sort(dim=0).values, examples)


def test_labels_stay_with_their_examples(prepare):
    examples = torch.arange(100.0).reshape(-1, 1)
    data = prepare(examples, torch.arange(100) % 7, stored_range=None, subset=30)
    for split in splits_of(data).values():
        assert torch.equal(split.labels, split.examples(len(split))[:, 0].long() % 7)


def test_the_datasets_own_splits_are_kept(prepare):
    stored = {name: Stored(torch.full((20, 2), float(number))) for number, name in enumerate(SPLITS)}
    data = prepare(collection=Collection(stored, None))
    for number, split in enumerate(splits_of(data).values()):
        assert len(split) == 20
        assert (split.examples(20) == number).all()


def test_shares_of_nothing_give_no_splits(prepare, images):
    data = prepare(images, validation=0.0, test=0.0)
    assert data.validation is None
    assert data.test is None
    assert len(data.train) == 60


@pytest.mark.parametrize(
    ("scale", "bounds", "expected"),
    [
        ("unit", (0, 1), lambda x: x / 255),
        ("symmetric", (-1, 1), lambda x: x / 127.5 - 1),
        ("none", (0, 255), lambda x: x),
    ],
)
def test_scales_state_their_range(prepare, images, scale, bounds, expected):
    data = prepare(images, scale=scale, validation=0.0, test=0.0)
    assert data.info.data_range == bounds
    assert torch.allclose(data.train.examples(60), expected(images.float()), atol=1e-6)


def test_standardised_features_have_mean_0_and_deviation_1_on_the_training_split(prepare):
    torch.manual_seed(0)
    examples = torch.randn(500, 4) * torch.tensor([1e-3, 1.0, 50.0, 0.0]) + torch.tensor([0.0, 1e3, -7.0, 0.1])
    data = prepare(examples, stored_range=None, scale="standardise")
    train = data.train.examples(len(data.train)).double()
    assert train.mean(0).abs().max() < 1e-3
    assert (train.std(0, correction=0)[:3] - 1).abs().max() < 1e-3
    assert (train[:, 3] == 0).all()
    assert data.test.examples(len(data.test)).double().mean(0).abs()[:3].max() > 1e-3
    assert data.info.data_range is None


def test_values_without_a_range_are_left_as_they_are(prepare):
    examples = torch.randn(50, 3) * 100
    data = prepare(examples, stored_range=None, validation=0.0, test=0.0)
    assert torch.equal(data.train.examples(50), examples)
    assert data.info.data_range is None


def test_padding_is_background_in_every_scale(prepare, images):
    for scale, background in (("unit", 0), ("symmetric", -1)):
        assert (prepare(images, pad=2, scale=scale).train.examples(3)[..., :2, :] == background).all()


@pytest.mark.parametrize("binarise", ["static", "dynamic"])
def test_binarised_pixels_have_the_images_mean(prepare, binarise):
    values = torch.tensor([0, 51, 128, 255], dtype=torch.uint8).reshape(1, 1, 2, 2)
    torch.manual_seed(0)
    data = prepare(values.repeat(9000, 1, 1, 1), binarise=binarise)
    for split in splits_of(data).values():
        drawn, mean = split.examples(len(split)), values[0] / 255
        assert drawn.unique().tolist() == [0, 1]
        assert ((drawn.mean(0) - mean).abs() <= 4 * (mean * (1 - mean) / len(split)).sqrt()).all()


def test_dynamic_binarisation_differs_between_epochs_and_repeats_for_evaluation(prepare, images):
    data = prepare(images, binarise="dynamic")

    def epoch(split):
        return torch.cat([batch.x for batch in split.batches(8)])

    torch.manual_seed(0)
    first, second = epoch(data.train), epoch(data.train)
    torch.manual_seed(0)
    assert not torch.equal(first, second)
    assert torch.equal(first, epoch(data.train))
    for split in (data.validation, data.test):
        assert torch.equal(epoch(split), epoch(split))


def test_static_binarisation_follows_the_split_seed_alone(prepare, images):
    options = {"binarise": "static", "validation": 0.0, "test": 0.0}
    torch.manual_seed(0)
    first = prepare(images, **options).train.examples(60)
    torch.manual_seed(1)
    assert torch.equal(prepare(images, **options).train.examples(60), first)
    assert not torch.equal(prepare(images, split_seed=1, **options).train.examples(60), first)


def test_an_example_keeps_its_static_pixels_in_whatever_split_it_falls(prepare, images):
    whole = prepare(images, binarise="static", validation=0.0, test=0.0).train.examples(60)
    data = prepare(images, binarise="static")
    parts = torch.cat([split.examples(len(split)) for split in splits_of(data).values()])
    assert {tuple(image.flatten().tolist()) for image in parts} == {tuple(image.flatten().tolist()) for image in whole}


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"resize": [4, 4]}, "data.resize"),
        ({"pad": 1}, "data.pad"),
        ({"scale": "symmetric"}, "data.scale"),
        ({"binarise": "static"}, "data.binarise"),
        ({"subset": 1000}, "data.subset"),
    ],
    ids=str,
)
def test_what_vectors_cannot_do_is_refused_by_its_field(prepare, options, where):
    with pytest.raises(DataError) as caught:
        prepare(torch.randn(50, 3), stored_range=None, **options)
    assert caught.value.where == where
    assert caught.value.remedy


@pytest.mark.parametrize("scale", ["symmetric", "standardise", "none"])
def test_binarising_needs_the_unit_scale(prepare, images, scale):
    with pytest.raises(DataError) as caught:
        prepare(images, binarise="dynamic", scale=scale)
    assert caught.value.where == "data.binarise"
