"""A run that version 0.1 began is finished by this one as 0.1 would have finished it.

``begun_with_0_1`` holds a run of latent-zoo 0.1 that was interrupted within its fourth epoch, and below ``expected``
what 0.1 made of the same recipe undisturbed. On the machine that both were made on, the bytes are the same; on others,
sums are rounded differently.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import zoo
from zoo.errors import RunError

BEGUN = Path(__file__).parent / "begun_with_0_1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(BEGUN, tmp_path / "run", ignore=shutil.ignore_patterns("expected"))
    return tmp_path / "run"


def test_it_ends_with_the_weights_of_0_1(folder: Path) -> None:
    """Its state has AdamW's moments, an average of the weights, noise, and a schedule and a warm-up under way."""
    run = zoo.train(folder / "recipe.yaml", out=folder, resume=True)
    for ours, theirs in (("last/model.safetensors", "last.safetensors"), ("model.safetensors", "best.safetensors")):
        found, expected = load_file(folder / ours), load_file(BEGUN / "expected" / theirs)
        assert found.keys() == expected.keys()
        for name, tensor in expected.items():
            torch.testing.assert_close(found[name], tensor, rtol=1e-3, atol=1e-4)
    expected_records = [json.loads(line) for line in (BEGUN / "expected/metrics.jsonl").read_text().splitlines()]
    assert [record["best"] for record in run.metrics] == [record["best"] for record in expected_records]
    for record, expected_record in zip(run.metrics, expected_records, strict=True):
        for split in ("train", "validation"):
            assert record[split] == pytest.approx(expected_record[split], rel=1e-3)


def test_it_is_finished_after_its_own_state_and_not_from_the_beginning(folder: Path) -> None:
    metrics = folder / "metrics.jsonl"
    metrics.write_text(metrics.read_text().replace('"epoch": 1,', '"epoch": 1.0,'))
    zoo.train(folder / "recipe.yaml", out=folder, resume=True)
    assert '"epoch": 1.0,' in metrics.read_text()


def test_another_recipe_is_refused_as_ever(folder: Path) -> None:
    with pytest.raises(RunError, match=r"train\.clip_norm was 5\.0, is 1\.0"):
        zoo.train(folder / "recipe.yaml", out=folder, resume=True, overrides=["train.clip_norm=1.0"])
