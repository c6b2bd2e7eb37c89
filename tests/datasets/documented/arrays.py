"""Arrays in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from tests.datasets.documented.case import Case, Options
from zoo.data import load_data
from zoo.errors import DataError

X = np.random.default_rng(0).standard_normal((12, 3))
Y = np.arange(12) % 2
PIXELS = np.random.default_rng(0).integers(0, 256, (12, 6, 9), dtype=np.uint8)


def npz(options: Options | None = None, **arrays: Any):
    """Return what writes an archive of these arrays and loads it with these options."""

    def make(root: Path) -> Options:
        np.savez(root / "data.npz", **arrays)
        return {"name": "arrays", "path": "data.npz", **(options or {})}

    return make


def each_format(root: Path) -> Options:
    """Write one array in all formats; load the first, and compare the others with it."""
    np.savez(root / "data.npz", x=X)
    save_file({"x": X}, root / "data.safetensors")
    np.save(root / "data.npy", X)
    return {"name": "arrays", "path": "data.npz"}


def load_each_format(options: Options, note):
    loaded = [load_data({**options, "path": f"data.{suffix}"}, note=note) for suffix in ("npz", "npy", "safetensors")]
    first = loaded[0].train.examples(12)
    assert torch.allclose(first, torch.from_numpy(X).float())
    assert all(torch.equal(data.train.examples(12), first) for data in loaded)
    return loaded[0]


def load_each_labels(options: Options, note):
    labels = {
        "texts": (np.array(["no", "yes"])[Y], ("no", "yes")),
        "bytes": (np.array([b"no", b"yes"])[Y], ("no", "yes")),
        "integers": (Y * 2 + 3, ("3", "5")),
        "booleans": (Y > 0, ("0", "1")),
        "whole floats": (Y + 1.0, ("1", "2")),
    }
    for values, names in labels.values():
        np.savez("data.npz", x=X, y=values)
        data = load_data(options, note=note)
        assert data.info.class_names == names
        assert data.train.labels.tolist() == Y.tolist()
    return data


def refuse_each(*labels: np.ndarray):
    """Return what loads each of these labels, all of which are to be refused by name, and raises the last refusal."""

    def load(options: Options, note):
        for values in labels:
            np.savez("data.npz", x=X, y=values)
            with pytest.raises(DataError, match="'y'") as caught:
                load_data(options, note=note)
        raise caught.value

    return load


def pattern(root: Path, *arrays: np.ndarray) -> Options:
    for number, array in enumerate(arrays):
        np.save(root / f"x-{number}.npy", array)
    return {"name": "arrays", "path": "x-*.npy"}


def with_checkpoints(root: Path) -> Options:
    for name in ("a", ".ipynb_checkpoints"):
        (root / name).mkdir()
        np.save(root / name / "x.npy", X)
    return {"name": "arrays", "path": "*/x.npy"}


def damaged(root: Path) -> Options:
    np.savez(root / "data.npz", x=X)
    (root / "data.npz").write_bytes((root / "data.npz").read_bytes()[:-40])
    return {"name": "arrays", "path": "data.npz"}


def load_each_fit(options: Options, note):
    for fit in ("stretch", "crop", "pad"):
        data = load_data({**options, "fit": fit}, note=note)
        assert data.info.data_shape == (1, 8, 8)
    return data


def refuse_each_field(options: Options, note):
    for name, value in {"resize": [8, 8], "pad": 1, "augment": {"flip": "horizontal"}}.items():
        with pytest.raises(DataError) as caught:
            load_data({**options, name: value}, note=note)
        assert caught.value.where == f"data.{name}"
    raise caught.value


BROKEN = X.copy()
BROKEN[7, 1] = np.nan
ALL = {"x_train": X, "x_val": X[:4], "x_test": X[:2], "y_train": Y, "y_val": Y[:4], "y_test": Y[:2]}

ARRAYS = {
    "`x`": Case(each_format, (12, 0, 0), load=load_each_format),
    "`x_train`, `x_val` and `x_test` with labels": Case(npz(**ALL), (12, 4, 2), ("0", "1")),
    "`X_train`, `X_Valid` and `X_testing`": Case(npz(X_train=X, X_Valid=X[:4], X_testing=X[:2]), (12, 4, 2), ()),
    "`train_x` and `dev_x`": Case(npz(train_x=X, dev_x=X[:4]), (12, 4, 0), ()),
    "`x` and `x_train`": Case(npz(x=X, x_train=X), says=("one array for the train split, got 'x' and 'x_train'",)),
    "`x_val` and `x_valid`": Case(npz(x=X, x_val=X, x_valid=X), says=("'x_val' and 'x_valid'", "validation split")),
    "`x` and `ids`": Case(npz(x=X, ids=Y), (12, 0, 0), says=("not used: the array ids",)),
    "labels for one split alone": Case(npz(x=X, x_test=X, y=Y), says=("no array 'y_test'",)),
    "fewer labels than examples": Case(npz(x=X, y=Y[:9]), says=("expected 12 labels", "'x' (12, 3)", "shape (9,)")),
    "labels that are texts, bytes, integers, booleans or whole floats": Case(npz(x=X), load=load_each_labels),
    "labels with fractions, NaN, infinity or dates": Case(
        npz(x=X),
        says=("datetime64[D]",),
        load=refuse_each(
            Y + 0.5,
            np.where(Y, 1.0, np.nan),
            np.where(Y, 1.0, np.inf),
            np.array(["2026-01-01"] * 12, "M8[D]"),
        ),
    ),
    "labels of type object, as from pandas": Case(
        npz(x=X, y=np.array(["no", "yes"] * 6, dtype=object)), says=("in 'y' of", "`y.astype(str)`")
    ),
    "examples of type object": Case(npz(x=X.astype(object), y=Y), says=("in 'x' of", "`x.astype(float)`")),
    "examples with texts, or of five dimensions": Case(
        npz(x=np.array([["a", "b"]] * 12)), says=("expected an array of numbers, got 'x' of type <U1",)
    ),
    "a NaN among the examples": Case(npz(x=BROKEN), says=("example 7 of x in",)),
    "images with channels last": Case(npz(x=np.zeros((4, 8, 8, 3), np.uint8)), says=("channels_last: true",)),
    "images of several shapes in a pattern of files": Case(
        lambda root: pattern(root, PIXELS, PIXELS[:, :4]), says=("rows of shape (6, 9)", "x-0.npy", "x-1.npy")
    ),
    "images, with `resize` and any `fit`": Case(npz({"resize": [8, 8]}, x=PIXELS), load=load_each_fit),
    "bytes that are 0 and 1": Case(npz(x=PIXELS % 2), says=("from 0 to 1", "value_range")),
    "vectors, with `resize`, `pad` or `augment`": Case(npz(x=X), load=refuse_each_field),
    "a pattern that also matches `.ipynb_checkpoints/`": Case(with_checkpoints, (12, 0, 0)),
    "damaged content": Case(damaged, says=("{folder}/data.npz cannot be read",)),
}
