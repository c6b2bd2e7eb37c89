"""Data are loaded by name, from a mapping or from a spec, and files are read as their options say."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from PIL import Image

from zoo.data import load_data
from zoo.errors import InputError
from zoo.preparation.preprocessing import preprocess
from zoo.spec import DataSpec


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


def test_a_streamed_file_of_arrays_keeps_its_labels(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(40.0).reshape(40, 1))
    np.save(tmp_path / "y.npy", np.arange(40) % 3)
    options = {"path": str(tmp_path / "x.npy"), "labels": str(tmp_path / "y.npy"), "in_memory_limit_mb": 0}
    data = load_data(DataSpec.model_validate({"name": "arrays", **options}))
    for batch in data.train.batches(8, order=torch.randperm(len(data.train))):
        assert torch.equal(batch.labels, batch.x[:, 0].long() % 3)


def test_the_published_mnist():
    root = os.environ.get("ZOO_TEST_DATA")
    if root is None:
        pytest.skip("ZOO_TEST_DATA is not set: it names a folder with published datasets")
    data = load_data(DataSpec.model_validate({"name": "mnist", "root": root, "download": False}))
    assert [len(split) for split in (data.train, data.validation, data.test)] == [54_000, 6_000, 10_000]
    assert abs(data.test.examples(10_000).mean().item() - 0.1325) < 1e-4
