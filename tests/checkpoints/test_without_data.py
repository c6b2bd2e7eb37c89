"""Checkpoints that do not know their data: of version 0.1, and of models that were built without data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import zoo
from zoo.errors import CheckpointError, InputError
from zoo.model import Model

SINCE = ("data", "conditioned", "train_examples", "fitted_prior", "regularisers")


@pytest.fixture
def old(tmp_path: Path) -> Model:
    """A model as version 0.1 wrote it."""
    folder = zoo.save(zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), data_range=(0.0, 1.0)), tmp_path / "old")
    config = json.loads((folder / "config.json").read_text())
    config["format_version"] = 1
    for field in SINCE:
        del config["spec"][field]
    (folder / "config.json").write_text(json.dumps(config))
    return zoo.load(folder)


def test_it_loads_and_knows_shape_and_range_alone(old: Model) -> None:
    assert (old.data.shape, old.data.range) == ((1, 8, 8), (0.0, 1.0))
    assert not old.data.is_known
    assert old.data.class_names == old.data.column_names == ()


def test_raw_data_are_refused_in_words_and_prepared_data_are_taken(old: Model) -> None:
    for call in (lambda: old.preprocess(np.zeros((1, 8, 8))), lambda: old.postprocess(torch.zeros(1, 1, 8, 8))):
        with pytest.raises(
            InputError, match=r"does not know how its data were prepared.*version 0\.1(?s:.)*in \[0, 1\]"
        ):
            call()
    assert old.encode(torch.rand(2, 1, 8, 8)).mean.shape == (2, 2)
    assert zoo.evaluate(old, zoo.load_data("digits", subset=20), ["mse"])["mse"] > 0


def test_it_is_written_as_it_was_read(old: Model, tmp_path: Path) -> None:
    again = zoo.load(zoo.save(old, tmp_path / "again"))
    assert again.spec == old.spec
    assert not again.data.is_known


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shape": [1, 9, 9]}, r"expected `shape` \(1, 8, 8\), to which stored examples are prepared, got \(1, 9, 9\)"),
        ({"range": [0.0, 2.0]}, r"`data_range` is \(0\.0, 1\.0\), but `data\.range` is \(0\.0, 2\.0\)"),
        ({"secret": 1}, "unknown field"),
        ({"scaling": {"name": "unit", "span": 0.0}}, "expected a positive span, got 0"),
        ({"stored": {"dtype": "object", "shape": [1, 8, 8]}}, "uint8"),
    ],
    ids=str,
)
def test_a_description_that_is_not_of_the_model_is_refused(
    change: dict[str, object], said: str, tmp_path: Path
) -> None:
    folder = zoo.save(zoo.load("vae-mlp-2d.digits"), tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    config["spec"]["data"] |= change
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises((CheckpointError, InputError), match=said) as refusal:
        zoo.load(folder)
    assert "config.json" in str(refusal.value)
