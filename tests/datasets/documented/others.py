"""Other data sets, paths of recipes, and augmentation."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import torch

import zoo
from tests.datasets.documented.case import Case, Options
from tests.datasets.idx_files import write_mnist
from zoo.data import load_data


def named(name: str, **options: object):
    return lambda root: {"name": name, **options}


def load_without_torchvision(options: Options, note):
    names = [
        "torchvision",
        "torchvision.transforms.v2",
        *(name for name in sys.modules if name.startswith("torchvision.")),
    ]
    with mock.patch.dict(sys.modules, dict.fromkeys(names)):
        return load_data(options, note=note)


def only_training_is_changed(data) -> bool:
    changed = torch.cat([batch.x for batch in data.train.for_training().batches(64)])
    plain = load_data("digits", validation=0.1, test=0.1)
    alike = [
        torch.equal(getattr(data, split).examples(50), getattr(plain, split).examples(50))
        for split in ("train", "validation", "test")
    ]
    return (
        all(alike) and not torch.equal(changed[:50], plain.train.examples(50)) and data.test.for_training() is data.test
    )


def damaged_mnist(root: Path) -> Options:
    write_mnist(root / "MNIST" / "raw")
    path = root / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    return {"name": "mnist", "root": ".", "download": False}


def recipe(root: Path) -> Options:
    np.save(root / "x.npy", np.zeros((10, 3)))
    (root / "r.yaml").write_text("model: vae-mlp-2d\ndata: {name: arrays, path: x.npy, validation: 0.0, test: 0.0}\n")
    (root / "elsewhere").mkdir()
    return {}


def load_recipe_from_elsewhere(options: Options, note):
    os.chdir("elsewhere")  # the folder is set back after the test
    return load_data(zoo.load_recipe("../r.yaml").data, note=note)


def lost(root: Path) -> Options:
    recipe(root)
    (root / "x.npy").unlink()
    return {}


def folder_of_photos(root: Path) -> Options:
    (root / "photos").mkdir()
    return {"name": "photos"}


OTHERS = {
    "`digits` without torchvision": Case(named("digits"), (1797, 0, 0), load=load_without_torchvision),
    "`digits` with `augment`, without torchvision": Case(
        named("digits", augment={"flip": "both"}), says=("pip install torchvision",), load=load_without_torchvision
    ),
    "`digits` with `augment`": Case(
        named("digits", augment={"crop": 1}, validation=0.1, test=0.1), check=only_training_is_changed
    ),
    "`mnist` that is not there, with `download: false`": Case(
        named("mnist", root=".", download=False), says=("train-images-idx3-ubyte", "are missing", "{folder}/MNIST/raw")
    ),
    "`mnist` with a damaged file": Case(damaged_mnist, says=("train-images-idx3-ubyte is damaged",)),
    "`cifar10` that is not there, with `download: false`": Case(
        named("cifar10", root=".", download=False), says=("data_batch_1", "are missing", "{folder}/cifar-10-batches-py")
    ),
    "`gaussian_mixture` with weights that do not sum to 1": Case(
        named("gaussian_mixture", weights=[0.5, 0.6], means=[[0.0], [1.0]]), says=("expected weights that sum to 1",)
    ),
    "a relative path in a recipe, used from another folder": Case(recipe, (10, 0, 0), load=load_recipe_from_elsewhere),
    "a relative path that leads nowhere": Case(
        lost, says=("the file {folder}/x.npy does not exist",), load=load_recipe_from_elsewhere
    ),
    "the path of a folder in place of a name": Case(
        folder_of_photos, says=("looks like a path", '{{name: image_folder, root: "photos"}}')
    ),
}
