"""Each part of the core trains as a run: it is killed and resumed to the same bytes, measured, drawn and loaded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

import zoo
from tests.runs.kill_and_resume import differences
from tests.runs.parts import MODELS, recipe
from zoo.callbacks import Callback, Training


class Killed(BaseException):
    """Ends a process without a chance to save anything, as far as the run can tell."""


class KillAfter(Callback):
    """Kills the run in an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch(self, training: Training, record: Mapping[str, Any]) -> None:
        if record["epoch"] == self.epoch:
            raise Killed


QUICK = {"vamp", "mixture fitted", "critic", "codes, flat decoder", "hierarchy", "sparse"}
"""One part of each kind: priors, fitted priors, adversaries, codes, levels, and regularisers that keep state."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in QUICK)) for name in MODELS]
)
def test_a_killed_run_resumes_to_the_same_bytes(name: str, tmp_path: Path) -> None:
    whole = zoo.train(recipe(name), out=tmp_path / "whole", callbacks={"kill": KillAfter(99)})
    with pytest.raises(Killed):
        zoo.train(recipe(name), out=tmp_path / "killed", callbacks={"kill": KillAfter(2)})
    zoo.train(recipe(name), out=tmp_path / "killed", resume=True, callbacks={"kill": KillAfter(99)})
    assert differences(tmp_path / "whole", tmp_path / "killed") == []
    losses = [record["validation"]["loss"] for record in whole.metrics]
    assert all(math.isfinite(loss) for loss in losses)
    # What an adversary adds to the loss rises with its skill.
    assert losses[-1] < losses[0] or whole.model.adversaries()

    restored = zoo.load(tmp_path / "whole")
    x = torch.zeros(2, 1, 8, 8)
    labels = torch.tensor([0, 1]) if restored.classes else None
    assert torch.equal(restored.reconstruct(x, labels), whole.model.reconstruct(x, labels))
    samples = []
    for model in (restored, whole.model):
        torch.manual_seed(0)
        samples.append(model.sample(2, labels))
    assert torch.equal(*samples)


@pytest.mark.parametrize("name", ["mixture fitted", "codes"])
def test_samples_begin_with_the_fitted_prior(name: str, tmp_path: Path) -> None:
    model = zoo.train(recipe(name), out=tmp_path / "run").model
    torch.manual_seed(0)
    fitted = model.latents(20)
    torch.manual_seed(0)
    assert torch.equal(fitted, model.latents(20, fitted=True))
    torch.manual_seed(0)
    assert not torch.equal(fitted, model.latents(20, fitted=False))
