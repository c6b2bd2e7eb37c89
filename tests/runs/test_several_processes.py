"""Several processes on one machine, talking over gloo.

Most are forks that find each other as those of torchrun do; one test starts torchrun and accelerate themselves.
"""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import zoo
from tests.processes import Process, together
from zoo.spec.resolve import load_model_spec

AUTOENCODER = """
name: together
model: {preset: ae-mlp-2d, encoder: {widths: [32]}, decoder: {widths: [32]}}
data: {name: digits}
train: {epochs: 3, batch_size: 64, precision: fp32, device: cpu, clip_norm: 1.0, ema: 0.9}
evaluate: {metrics: [mse], figures: [loss]}
"""
REPOSITORY = Path(__file__).parents[2]  # a script is started in its own folder, and imports what the tests share
LAUNCHERS = {
    "torchrun": ["torch.distributed.run", "--standalone", "--nproc-per-node=2"],
    "accelerate": [
        # With --cpu it would start one process.
        *("accelerate.commands.launch", "--multi_gpu", "--num_processes=2", "--num_machines=1"),
        *("--mixed_precision=no", "--dynamo_backend=no", "--main_process_port=0"),
    ],
}


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "together.yaml").write_text(AUTOENCODER, encoding="utf-8")
    return tmp_path / "together.yaml"


def start(count: int, *command: object) -> list[Process]:
    return together(count, *command, env={**os.environ, "PYTHONPATH": str(REPOSITORY)})


def finish(processes: list[Process]) -> tuple[list[int | None], str, str]:
    """Wait for all processes; return the exit status of each, and what they all wrote."""
    written = [process.communicate(timeout=300) for process in processes]
    out, err = ("".join(texts) for texts in zip(*written, strict=True))
    return [process.returncode for process in processes], out, err


def words(*settings: str) -> list[str]:
    return [word for setting in settings for word in ("--set", setting)]


def trained(count: int, recipe: Path, out: Path, *settings: str) -> list[dict[str, Any]]:
    """Train to the end in so many processes, and return the record of each epoch."""
    status, _, err = finish(start(count, "-m", "zoo", "train", recipe, "--out", out, *words(*settings)))
    assert status == [0] * count, err
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


# 1,257 examples: 20 batches, and a last one of 41. 65 and 2 leave a last batch too short for all processes.
@pytest.mark.parametrize(
    ("count", "subset"),
    [pytest.param(2, "null", marks=pytest.mark.slow), (2, "65"), pytest.param(4, "67", marks=pytest.mark.slow)],
)
def test_the_loss_is_that_of_one_process(recipe: Path, tmp_path: Path, count: int, subset: str) -> None:
    alone = zoo.train(recipe, out=tmp_path / "alone", overrides=[f"data.subset={subset}"])
    together = trained(count, recipe, tmp_path / "together", f"data.subset={subset}")
    for one, many in zip(alone.metrics, together, strict=True):
        assert many["train"] == pytest.approx(one["train"], rel=1e-4)
        assert many["validation"] == pytest.approx(one["validation"], rel=1e-4)
    measured = json.loads((tmp_path / "together" / "evaluation.json").read_text(encoding="utf-8"))
    assert measured["metrics"] == pytest.approx(alone.evaluation["metrics"], rel=1e-3)
    weights = load_file(tmp_path / "together" / "model.safetensors")
    for name, tensor in load_file(tmp_path / "alone" / "model.safetensors").items():
        assert weights[name].sub(tensor).abs().max() < 1e-3, name


@pytest.mark.slow
def test_noise_differs_between_processes(recipe: Path, tmp_path: Path) -> None:
    settings = ["model.preset=vae-mlp-2d", "train.epochs=8", "evaluate.metrics=[elbo, log_likelihood, mse]"]
    alone = zoo.train(recipe, out=tmp_path / "alone", overrides=settings)
    trained(2, recipe, tmp_path / "together", *settings)
    state = load_file(tmp_path / "together" / "state" / "training.safetensors")
    assert not torch.equal(state["random.cpu"], state["random.cpu.1"])
    measured = json.loads((tmp_path / "together" / "evaluation.json").read_text(encoding="utf-8"))
    for name in ("elbo", "log_likelihood"):
        assert measured["metrics"][name] == pytest.approx(alone.evaluation["metrics"][name], abs=1.0)
        assert measured["details"][name]["standard_error"] == pytest.approx(
            alone.evaluation["details"][name]["standard_error"], rel=0.1
        )


@pytest.mark.slow
def test_what_torchrun_began_and_a_signal_stopped_accelerate_finishes_to_the_same_bytes(
    recipe: Path, tmp_path: Path
) -> None:
    settings = ["model.preset=vae-mlp-2d", "train.epochs=15", "train.checkpoint_every={steps: 7}"]
    trained(2, recipe, tmp_path / "whole", *settings)
    out = tmp_path / "parts"
    command = ["-m", "zoo", "train", str(recipe), "--out", str(out), *words(*settings)]
    process = Process("-m", *LAUNCHERS["torchrun"], *command)
    while process.poll() is None and not ((out / "metrics.jsonl").is_file() and (out / "metrics.jsonl").stat().st_size):
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGTERM)
    (status,), _, err = finish([process])
    assert status != 0
    assert "The state is saved: repeat the command with --resume" in err
    epochs = len((out / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    assert 1 <= epochs < 15
    status, _, err = finish([Process("-m", *LAUNCHERS["accelerate"], *command, "--resume")])
    assert status == [0], err
    for name in ("model.safetensors", "last/model.safetensors", "metrics.jsonl", "evaluation.json"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


@pytest.mark.slow
def test_a_run_goes_on_with_another_number_of_processes(recipe: Path, tmp_path: Path) -> None:
    whole = zoo.train(recipe, out=tmp_path / "whole", overrides=["train.epochs=3"])
    zoo.train(recipe, out=tmp_path / "run", overrides=["train.epochs=1"])
    status, _, err = finish(start(2, "-m", "zoo", "train", recipe, "--out", tmp_path / "run", "--resume"))
    assert status == [0, 0], err
    text = (tmp_path / "run" / "metrics.jsonl").read_text(encoding="utf-8")
    for line, record in zip(text.splitlines(), whole.metrics, strict=True):
        assert json.loads(line)["train"] == pytest.approx(record["train"], rel=1e-4)


@pytest.mark.slow
def test_only_the_first_process_speaks_and_writes(recipe: Path, tmp_path: Path) -> None:
    status, out, err = finish(start(2, "-m", "zoo", "train", recipe, "--out", tmp_path / "run"))
    assert status == [0, 0], err
    assert len(re.findall("Wrote ", out)) == 1
    assert len(re.findall("epoch 3/3", err)) == 1
    assert len((tmp_path / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()) == 3


def test_a_run_in_the_way_is_refused_by_all_and_nothing_hangs(recipe: Path, tmp_path: Path) -> None:
    zoo.train(recipe, out=tmp_path / "run", overrides=["train.epochs=1"])
    status, _, err = finish(start(2, "-m", "zoo", "train", recipe, "--out", tmp_path / "run"))
    assert 0 not in status
    assert err.count("the directory already contains a run") == 1
    assert "zoo/runs/job.py" not in err


def test_a_batch_that_cannot_be_shared_is_refused(recipe: Path, tmp_path: Path) -> None:
    command = ["train", recipe, "--out", tmp_path / "run", *words("train.batch_size=63")]
    status, _, err = finish(start(2, "-m", "zoo", *command))
    assert 0 not in status
    assert "train.batch_size: a batch of 63 examples cannot be divided evenly among 2 processes" in err
    assert "zoo/training/loop.py" not in err


TOGETHER = """
import sys, torch, zoo
from torch import nn
from zoo.callbacks import Callback
from zoo.nn.adversary import Adversary
from zoo.regularisers import Regulariser


class Threshold(Adversary):
    def __init__(self):
        super().__init__()
        self.threshold = nn.Parameter(torch.zeros(2))

    def forward(self, z):
        return (z - self.threshold).square().sum(1).mean()


@zoo.register("regulariser", "follower")
class Follower(Regulariser):
    def __init__(self, *, weight: float = 1.0):
        super().__init__(weight)
        self.adversary = Threshold()

    def forward(self, samples):
        return (samples.z - self.adversary.threshold).square().sum(2).mean()

    def evidence(self, samples):
        return (samples.z[0],)


class Stops(Callback):
    def on_epoch(self, training, record):
        if training.epoch == 2:
            training.stop()
        return {"epochs_seen": training.epoch}


model = {"preset": "ae-mlp-2d", "encoder": {"widths": [16]}, "decoder": {"widths": [16]},
         "regularisers": {"f": "follower"}, "fitted_prior": {"name": "gaussian", "learned": True}}
train = {"epochs": 5, "batch_size": 64, "precision": "fp32", "device": "cpu", "turns":
         {"f": {"optimizer": {"name": "sgd", "lr": 0.1}, "steps": 2, "every": 2}}}
recipe = {"name": "together", "model": model, "data": {"name": "digits", "subset": 131}, "train": train,
          "fit": {**train, "epochs": 2, "turns": {}}, "evaluate": {"metrics": [], "figures": []}}
run = zoo.train(recipe, out=sys.argv[1], callbacks={"stops": Stops()})
assert [record["epoch"] for record in run.metrics] == [1, 2], run.metrics
assert "'stops' ended training" in run.evaluation["notes"][-1]
"""


@pytest.mark.slow
def test_adversaries_callbacks_and_the_fit_of_a_prior_are_as_in_one_process(tmp_path: Path) -> None:
    """131 examples leave a last batch of three: with turns every other step, and in both stages."""
    (tmp_path / "script.py").write_text(TOGETHER, encoding="utf-8")
    for count in (1, 2):
        status, _, err = finish(start(count, tmp_path / "script.py", tmp_path / f"run-{count}"))
        assert status == [0] * count, err

    def records(name: str, count: int) -> list[dict[str, Any]]:
        text = (tmp_path / f"run-{count}" / name).read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    for name in ("metrics.jsonl", "fit.jsonl"):
        for one, two in zip(records(name, 1), records(name, 2), strict=True):
            for part in ("train", "validation", "adversaries"):
                assert two.get(part, {}) == pytest.approx(one.get(part, {}), rel=1e-4), (name, part)
    assert records("metrics.jsonl", 2)[1]["adversaries"]["f"] > 0
    alone, together = (load_file(tmp_path / f"run-{count}" / "model.safetensors") for count in (1, 2))
    for name, tensor in alone.items():
        assert together[name].sub(tensor).abs().max() < 1e-3, name


UNUSED = """
import sys, torch, zoo
from torch import nn
from zoo.encoders.mlp import MLPEncoder


@zoo.register("encoder", "with_a_rest")
class WithARest(MLPEncoder):
    def __init__(self, *, data_shape: tuple[int, ...], condition_dim: int, widths: list[int] = [16]):
        super().__init__(data_shape=data_shape, condition_dim=condition_dim, widths=widths)
        self.never, self.sometimes = nn.Linear(3, 3), nn.Parameter(torch.zeros(()))
        self.normal = nn.BatchNorm1d(widths[-1], track_running_stats=True)
        self.calls = 0

    def forward(self, x, condition=None):
        features = super().forward(x, condition)
        self.calls += self.training
        if self.training and self.calls % 2:
            features = features + self.sometimes
        return self.normal(features) if sys.argv[2] == "normal" else features


model = {"preset": "ae-mlp-2d", "encoder": {"name": "with_a_rest"}, "decoder": {"widths": [16]}}
train = {"epochs": 3, "batch_size": 64, "precision": "fp32", "device": "cpu", "optimizer": {"name": "adamw"}}
recipe = {"name": "unused", "model": model, "data": {"name": "digits", "subset": 132}, "train": train,
          "evaluate": {"metrics": [], "figures": []}}
run = zoo.train(recipe, out=sys.argv[1])
assert run.model.encoder.sometimes != 0
zoo.save(run.model, f"{sys.argv[1]}-{run.rank}")
"""


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["none", "normal"])
def test_parameters_that_are_unused_or_used_in_some_steps_train_as_in_one_process(norm: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(UNUSED, encoding="utf-8")
    for count in (1, 2):
        arguments = [tmp_path / "script.py", tmp_path / f"run-{count}", norm]
        status, _, err = finish(start(count, *arguments))
        assert status == [0] * count, err
    names = ("run-1-0", "run-2-0", "run-2-1")
    alone, first, second = (load_file(tmp_path / name / "model.safetensors") for name in names)
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]) or "running" in name, name
        if norm == "none":  # statistics of a batch are those of a process's share
            assert tensor.sub(alone[name]).abs().max() < 1e-3, name
    assert first["encoder.never.weight"].equal(alone["encoder.never.weight"]), "weights without a gradient moved"


PRESETS = """
import math, sys, zoo

MIXTURE = {"name": "gaussian_mixture", "weights": [0.5, 0.5], "means": [[-1, 0], [1, 0]],
           "covariances": [[[0.1, 0], [0, 0.1]]] * 2}
for preset in sys.argv[2:]:
    scale = "symmetric" if preset.startswith("denoiser") else "unit"
    data = MIXTURE if preset == "denoiser-mlp" or "-table-" in preset else {"name": "digits", "scale": scale}
    train = {"epochs": 2, "batch_size": 64, "precision": "fp32", "device": "cpu"}
    evaluate = {"metrics": [], "figures": []}
    recipe = {"name": preset, "model": {"preset": preset}, "data": {**data, "subset": 130}, "train": train}
    run = zoo.train({**recipe, "evaluate": evaluate}, out=f"{sys.argv[1]}/{preset}")
    assert all(math.isfinite(record["validation"]["loss"]) for record in run.metrics)
    sys.stdout.write(f"trained {preset} in process {run.rank}\\n")  # at once: the other process writes, too
"""


def presets_with_parts_of_their_own() -> list[str]:
    """Return one preset of those that differ in their encoder, decoder and sizes only, which processes do not see."""
    chosen: dict[str, str] = {}
    roles = ("objective", "posterior", "prior", "likelihood", "fitted_prior", "network", "corruption")
    for preset in sorted(zoo.list_models(), key=lambda name: "-conv-" in name):
        spec = load_model_spec(preset)
        parts = [*(getattr(spec, role) for role in roles), *spec.regularisers.values()]
        chosen.setdefault(repr([part and part.name for part in parts]), preset)
    return [*chosen.values()]


@pytest.mark.slow
def test_a_script_trains_every_kind_of_preset_in_two_processes(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(PRESETS, encoding="utf-8")
    presets = presets_with_parts_of_their_own()
    status, out, err = finish(start(2, tmp_path / "script.py", tmp_path / "runs", *presets))
    assert status == [0, 0], err
    for preset in presets:
        assert {f"trained {preset} in process {rank}" for rank in (0, 1)} <= set(out.splitlines())


PARTS = """
import sys
from tests.runs.parts import recipe
import zoo

for name in sys.argv[2:]:
    content = recipe(name)
    content["data"]["subset"] = 320
    content["train"] |= {"precision": "fp32", "device": "cpu"}
    run = zoo.train(content, out=f"{sys.argv[1]}/{name}")
    sys.stdout.write(f"{run.rank} {name}: {run.metrics[-1]['validation']['loss']}\\n")
"""


@pytest.mark.slow
def test_every_part_has_the_loss_of_one_process_in_two(tmp_path: Path) -> None:
    """Each process has its own noise, so the losses agree within what another seed changes."""
    (tmp_path / "script.py").write_text(PARTS, encoding="utf-8")
    names = ["vamp", "class gaussian", "mmd", "critic", "codes", "hierarchy", "flow", "iwae", "sparse", "noisy input"]
    losses = []
    for count in (1, 2):
        arguments = [tmp_path / "script.py", tmp_path / f"runs-{count}", *names]
        status, out, err = finish(start(count, *arguments))
        assert status == [0] * count, err
        lines = [line.removeprefix("0 ") for line in out.splitlines() if line.startswith("0 ")]
        losses.append({name: float(loss) for name, _, loss in (line.rpartition(": ") for line in lines)})
    assert [*losses[0]] == [*losses[1]] == names
    for name, loss in losses[0].items():
        assert losses[1][name] == pytest.approx(loss, rel=0.1), name
    # Silent latents are counted over all processes, and nothing in this model is drawn at random.
    alone, together = (
        load_file(tmp_path / f"runs-{count}" / "sparse" / "last" / "model.safetensors")["posterior.silent"]
        for count in (1, 2)
    )
    assert alone.max() > 0
    assert (alone == together).float().mean() > 0.9
