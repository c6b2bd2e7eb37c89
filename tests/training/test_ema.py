"""The moving average of the weights: its formula, where it is used, and that a resumed run keeps it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import zoo
from tests.training.trainers import trainer, weights
from zoo.data import Data
from zoo.errors import RecipeError
from zoo.training.ema import WeightAverage

SMALL = [
    "model.encoder.widths=[16]",
    "model.decoder.widths=[16]",
    "data.subset=200",
    "train.epochs=3",
    "train.precision=fp32",
    "train.device=cpu",
    "train.schedule=constant",
    "evaluate.metrics=[mse]",
    "evaluate.figures=[]",
]


def test_the_average_follows_its_recursion():
    layer, decay = nn.Linear(3, 2), 0.9
    average = WeightAverage(dict(layer.named_parameters()), decay)
    expected = layer.weight.detach().double().clone()
    for step in range(1, 40):
        with torch.no_grad():
            layer.weight.add_(torch.randn_like(layer.weight))
        average.update(step)
        d = min(decay, (1 + step) / (10 + step))
        expected = d * expected + (1 - d) * layer.weight.detach().double()
    torch.testing.assert_close(average.tensors()["weight"].double(), expected, rtol=0, atol=1e-5)


def test_after_the_averages_the_very_same_weights_are_back():
    layer = nn.Linear(3, 2)
    average = WeightAverage(dict(layer.named_parameters()), 0.5)
    with torch.no_grad():
        layer.weight.add_(1.0)
    before, pointer = layer.weight.detach().clone(), layer.weight.data_ptr()
    with average.installed():
        assert torch.equal(layer.weight, average.tensors()["weight"])
        assert not torch.equal(layer.weight, before)
    assert torch.equal(layer.weight, before)
    assert layer.weight.data_ptr() == pointer


def test_the_average_is_what_a_run_saves_and_scores(tmp_path: Path):
    plain = zoo.train("digits", out=tmp_path / "plain", overrides=SMALL)
    averaged = zoo.train("digits", out=tmp_path / "averaged", overrides=[*SMALL, "train.ema=0.99"])
    state = load_file(tmp_path / "averaged/state/training.safetensors")
    raw = load_file(tmp_path / "plain/last/model.safetensors")
    last = load_file(tmp_path / "averaged/last/model.safetensors")
    for name, tensor in last.items():
        # Averaging changes nothing in training itself, and what is saved is the average.
        assert torch.equal(state[f"model.{name}"], raw[name])
        assert torch.equal(tensor, state[f"average.{name}"])
    assert averaged.metrics[-1]["train"] == plain.metrics[-1]["train"]
    assert averaged.metrics[-1]["validation"] != plain.metrics[-1]["validation"]


def test_a_resumed_run_ends_with_the_same_bytes(tmp_path: Path):
    overrides = [*SMALL, "train.ema=0.9"]
    whole = zoo.train("digits", out=tmp_path / "whole", overrides=overrides)
    zoo.train("digits", out=tmp_path / "parts", overrides=[*overrides, "train.epochs=1"])
    parts = zoo.train("digits", out=tmp_path / "parts", resume=True, overrides=overrides)
    for name in ("model.safetensors", "last/model.safetensors", "state/training.safetensors", "metrics.jsonl"):
        assert (whole.path / name).read_bytes() == (parts.path / name).read_bytes(), name


def test_a_run_that_continues_within_an_epoch_keeps_the_average(digits: Data):
    options = {"checkpoint_every": {"steps": 2}, "ema": 0.9}
    whole, recorded = trainer(digits, **options)
    whole.run()
    second, again = trainer(digits, **options)
    second.resume(recorded.states[2])
    second.run()
    assert torch.equal(weights(second.model), weights(whole.model))
    assert again.records == recorded.records[-len(again.records) :]


@pytest.mark.parametrize("decay", [0, 1, -0.5, "much"])
def test_a_decay_out_of_range_is_refused(decay, tmp_path: Path):
    with pytest.raises(RecipeError, match=r"train\.ema"):
        zoo.train("digits", out=tmp_path / "run", overrides=[*SMALL, f"train.ema={decay}"])
