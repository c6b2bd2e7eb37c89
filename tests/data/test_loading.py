import os

import numpy as np
import pytest
import torch
from PIL import Image

from zoo import registry
from zoo.data import load_data
from zoo.datasets import Collection, Stored
from zoo.errors import ComponentError, DataError, InputError
from zoo.preparation.preprocessing import preprocess
from zoo.spec import DataSpec

SPLITS = ("train", "validation", "test")


def splits_of(data):
    return {name: getattr(data, name) for name in SPLITS}


def test_data_are_named_described_or_specified():
    wanted = load_data(DataSpec(name="digits")).train.examples(3)
    for written in ("digits", {"name": "digits"}):
        assert torch.equal(load_data(written).train.examples(3), wanted)
        assert load_data(written, pad=2, subset=100).info.data_shape == (1, 12, 12)
    fewer = load_data(DataSpec(name="digits", pad=1), subset=100)
    assert (len(fewer.train), fewer.info.data_shape) == (100, (1, 10, 10))
    assert load_data({"name": "digits", "pad": 2}).info.data_shape == (1, 12, 12)
    for wrong, message in (
        ({"name": "digits", "pad": -1}, r"^data\.pad: "),
        ({"pad": 1}, r"^data\.name: missing"),
        (3, "^x: expected data, got int"),
        ("digitz", "Did you mean 'digits'"),
    ):
        with pytest.raises(InputError, match=message):
            load_data(wrong)
    with pytest.raises(InputError, match=r"^data\.padd: unknown field\nDid you mean 'pad'"):
        load_data("digits", padd=2)


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


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("limit", [1024, 0], ids=["held", "streamed"])
def test_image_files_of_any_size_are_brought_to_one_and_read_alike_afterwards(tmp_path, fit, limit):
    for number, (height, width) in enumerate([(20, 30), (31, 17), (8, 8), (5, 64)]):
        pixels = np.random.default_rng(number).integers(0, 256, (height, width, 4), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    data = load_data(
        {
            "name": "image_folder",
            "root": str(tmp_path),
            "background": "#102030",
            "in_memory_limit_mb": limit,
            "resize": [10, 12],
            "fit": fit,
            "pad": 1,
            "validation": 0.0,
            "test": 0.0,
            "workers": 0,
        }
    )
    examples = data.train.examples(4)
    assert examples.shape == (4, 3, 12, 14)
    assert torch.allclose(examples[:, :, 0, 0], torch.tensor([0x10, 0x20, 0x30]) / 255)
    files = [tmp_path / f"{number}.png" for number in range(4)]
    assert torch.equal(preprocess(files, data.info.description), examples)
    opened = []
    for file in files:
        with Image.open(file) as image:
            opened.append(image.copy())
    assert torch.equal(preprocess(opened, data.info.description), examples)


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


def test_a_streamed_file_of_arrays_keeps_its_labels(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(40.0).reshape(40, 1))
    np.save(tmp_path / "y.npy", np.arange(40) % 3)
    options = {"path": str(tmp_path / "x.npy"), "labels": str(tmp_path / "y.npy"), "in_memory_limit_mb": 0}
    data = load_data(DataSpec.model_validate({"name": "arrays", **options}))
    for batch in data.train.batches(8, order=torch.randperm(len(data.train))):
        assert torch.equal(batch.labels, batch.x[:, 0].long() % 3)


def test_an_unknown_dataset_gets_the_nearest_name():
    with pytest.raises(ComponentError) as caught:
        load_data(DataSpec(name="digit"))
    assert caught.value.where == "data.name"
    assert "'digits'" in caught.value.remedy


def test_an_unknown_option_gets_the_nearest_name():
    with pytest.raises(ComponentError, match=r"data\.rooot") as caught:
        load_data(DataSpec.model_validate({"name": "mnist", "rooot": "x"}))
    assert "'root'" in caught.value.remedy


@pytest.mark.parametrize("name", ["mnist", "cifar10", "image_folder"])
def test_a_folder_that_is_not_there_is_told_by_its_field(name, tmp_path):
    options = {} if name == "image_folder" else {"download": False}
    with pytest.raises(DataError, match="nowhere") as caught:
        load_data(DataSpec.model_validate({"name": name, "root": str(tmp_path / "nowhere"), **options}))
    assert caught.value.where == "data.root"


def test_a_datasets_refusal_of_an_option_is_told_by_its_field():
    with pytest.raises(DataError) as caught:
        load_data(DataSpec.model_validate({"name": "gaussian_mixture", "weights": [0.5]}))
    assert caught.value.where == "data.weights"


@pytest.mark.parametrize("name", registry.list_components("dataset"))
def test_every_dataset_says_when_to_choose_it_and_how(name):
    text = registry.find_component("dataset", name).__doc__
    assert text
    assert "Choose it" in text
    assert "Example:" in text


def test_the_published_mnist():
    root = os.environ.get("ZOO_TEST_DATA")
    if root is None:
        pytest.skip("ZOO_TEST_DATA is not set: it names a folder with published datasets")
    data = load_data(DataSpec.model_validate({"name": "mnist", "root": root, "download": False}))
    assert [len(split) for split in splits_of(data).values()] == [54_000, 6_000, 10_000]
    assert abs(data.test.examples(10_000).mean().item() - 0.1325) < 1e-4
