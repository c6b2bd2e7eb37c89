"""Each part of the core trains as a run: it is killed and resumed to the same bytes, measured, drawn and loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

import zoo
from tests.runs.kill_and_resume import differences
from zoo.callbacks import Callback, Training
from zoo.spec.resolve import merge

MLP: Mapping[str, Any] = {
    "preset": "vae-mlp-2d",
    "encoder": {"widths": [32]},
    "decoder": {"widths": [32]},
}
MAPS: Mapping[str, Any] = {
    "objective": "vae",
    "latent_dim": 4,
    "encoder": {"name": "conv", "channels": [8, 8]},
    "posterior": {"name": "vector_quantized", "codes": 8},
    "prior": "uniform_codes",
    "decoder": {"name": "conv_map", "channels": [8, 8]},
    "likelihood": "bernoulli",
}
CRITIC = {"name": "total_correlation_critic", "weight": 5.0, "width": 16, "depth": 2}
LEVELS = {"latent_dim": 4, "posterior": "top_down", "prior": "top_down"}
CONDITIONAL = {"classes": 10, "prior": "class_gaussian", "conditioned": ["prior"]}
VAMP = {"prior": {"name": "vamp", "components": 5}}
FLOW = {"posterior": "autoregressive_flow"}
MODELS: dict[str, Mapping[str, Any]] = {
    "vamp": merge(MLP, VAMP),
    "class gaussian": merge(MLP, CONDITIONAL),
    "mmd": merge({**MLP, "preset": "ae-mlp-2d"}, {"regularisers": {"mmd": {"name": "mmd", "weight": 10.0}}}),
    "critic": merge(MLP, {"regularisers": {"tc": CRITIC}}),
    "two critics": merge(MLP, {"regularisers": {"tc": CRITIC, "more": {**CRITIC, "weight": 1.0}}}),
    "mixture fitted": merge({**MLP, "preset": "ae-mlp-2d"}, {"fitted_prior": {"name": "mixture", "components": 3}}),
    "codes": {**MAPS, "fitted_prior": {"name": "pixelcnn"}},
    "codes, flat decoder": {**MAPS, "decoder": {"name": "mlp", "widths": [32]}},
    "hierarchy": {**MLP, **LEVELS, "decoder": "top_down"},
    "hierarchy, free bits": {**MLP, **LEVELS, "objective": {"name": "vae", "free_bits": 0.5}},
    "hierarchy under iwae": {
        **MLP,
        **LEVELS,
        "objective": {"name": "iwae", "num_samples": 3, "gradient": "dreg"},
    },
    "flow": merge(MLP, FLOW),
    "vamp with flow": merge(merge(MLP, VAMP), FLOW),
    "iwae": {**MLP, "objective": {"name": "iwae", "num_samples": 3, "gradient": "dreg"}},
}


def recipe(name: str) -> dict[str, Any]:
    training = {"batch_size": 32, "checkpoint_every": {"steps": 3}, "optimizer": {"lr": 3e-3}}
    return {
        "name": "part",
        "model": MODELS[name],
        "data": {"name": "digits", "subset": 160, "binarise": "static"},
        "train": {"epochs": 3, **training},
        "fit": {"epochs": 2, **training} if "fitted_prior" in MODELS[name] else None,
        "evaluate": {"metrics": [{"name": "mse"}], "figures": []},
    }


class Killed(BaseException):
    """Ends a process without a chance to save anything, as far as the run can tell."""


class KillAfter(Callback):
    """Kills the run in an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch(self, training: Training, record: Mapping[str, Any]) -> None:
        if record["epoch"] == self.epoch:
            raise Killed


@pytest.mark.parametrize("name", MODELS)
def test_a_killed_run_resumes_to_the_same_bytes(name: str, tmp_path: Path) -> None:
    whole = zoo.train(recipe(name), out=tmp_path / "whole", callbacks={"kill": KillAfter(99)})
    with pytest.raises(Killed):
        zoo.train(recipe(name), out=tmp_path / "killed", callbacks={"kill": KillAfter(2)})
    zoo.train(recipe(name), out=tmp_path / "killed", resume=True, callbacks={"kill": KillAfter(99)})
    assert differences(tmp_path / "whole", tmp_path / "killed") == []
    losses = [record["validation"]["loss"] for record in whole.metrics]
    assert losses[-1] < losses[0]

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
    fitted = model.latents(200)
    torch.manual_seed(0)
    assert torch.equal(fitted, model.latents(200, fitted=True))
    torch.manual_seed(0)
    assert not torch.equal(fitted, model.latents(200, fitted=False))
