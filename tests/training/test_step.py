"""Steps that are compiled or captured do what eager ones do."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

import zoo
from zoo.errors import RecipeError, TrainingError
from zoo.model import Loss
from zoo.training import capture
from zoo.training.capture import CapturedStep
from zoo.training.optimizers import check_optimizer
from zoo.training.step import check_step
from zoo.utils.distributed import ProcessGroup

# 1,000 examples and batches of 128: the last one is short. The learning rate and β change from step to step.
RECIPE = {
    "name": "steps",
    "model": {
        "preset": "vae-mlp-2d",
        "encoder": {"widths": [32]},
        "decoder": {"widths": [32]},
        "objective": {"beta_warmup": {"steps": 10}},
        "regularisers": {"tc": {"name": "total_correlation_critic", "weight": 1.0, "width": 16, "depth": 1}},
    },
    "data": {"name": "digits", "subset": 1000},
    "train": {
        "epochs": 2,
        "batch_size": 128,
        "precision": "fp32",
        "schedule": "one_cycle",
        "ema": 0.9,
        "clip_norm": 5.0,
    },
    "evaluate": {"metrics": [], "figures": []},
}


def losses(tmp_path: Any, step: str, device: str) -> list[float]:
    overrides = [f"train.step={step}", f"train.device={device}"]
    run = zoo.train(RECIPE, out=tmp_path / step, overrides=overrides)
    adversary = [record["adversaries"]["tc"] for record in run.metrics]
    return [*adversary, *(record[split]["loss"] for record in run.metrics for split in ("train", "validation"))]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
@pytest.mark.filterwarnings("ignore")  # those of torch's compiler
def test_compiled_steps_have_the_losses_of_eager_ones(tmp_path: Any) -> None:
    assert losses(tmp_path, "compiled", "cpu") == pytest.approx(losses(tmp_path, "eager", "cpu"), rel=1e-3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_captured_steps_have_the_losses_of_eager_ones(tmp_path: Any) -> None:
    assert losses(tmp_path, "captured", "cuda") == pytest.approx(losses(tmp_path, "eager", "cuda"), rel=1e-3)


@pytest.mark.filterwarnings("ignore")
def test_a_compiler_that_fails_is_one_message(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._dynamo.exc import TorchDynamoException

    def fail(*arguments: Any) -> None:
        raise TorchDynamoException("no g++")

    monkeypatch.setattr(torch, "compile", lambda network: fail)
    with pytest.raises(TrainingError, match=r"train.step: the model cannot be compiled here: .*no g\+\+"):
        losses(tmp_path, "compiled", "cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="is about machines without CUDA")
def test_nothing_is_captured_on_a_cpu(tmp_path: Any) -> None:
    with pytest.raises(RecipeError, match=r"train.step: a step can be captured on CUDA only, not on cpu"):
        losses(tmp_path, "captured", "cpu")


def test_what_cannot_be_captured_is_refused_before_anything_is_removed(tmp_path: Any) -> None:
    before = zoo.train(RECIPE, out=tmp_path / "run", overrides=["train.device=cpu", "train.epochs=1"])
    with pytest.raises(RecipeError, match="captured"):
        zoo.train(RECIPE, out=tmp_path / "run", overwrite=True, overrides=["train.device=cpu", "train.step=captured"])
    assert (before.path / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"data": {"name": "digits", "binarise": "dynamic"}}, "pixels that are drawn"),
        ({"train": {"step": "captured", "optimizer": {"name": "sgd", "lr": 0.1}}}, "the optimizer 'sgd'"),
    ],
)
def test_the_error_says_why_a_step_cannot_be_captured(changes: dict[str, Any], reason: str) -> None:
    recipe = zoo.load_recipe({**RECIPE, "train": {"step": "captured"}, **changes})
    split = zoo.load_data(recipe.data).train
    train = recipe.train.model_copy(update={"optimizer": check_optimizer(recipe.train.optimizer)})
    with pytest.raises(RecipeError, match=reason):
        check_step(train.for_examples(len(split)), split, torch.device("cuda"), ProcessGroup())


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"regularisers": {"smooth": {"name": "decoder_jacobian"}}}, "regularisers.smooth"),
        ({"regularisers": {"flat": {"name": "contractive"}}}, "regularisers.flat"),
        ({"posterior": "hamiltonian"}, "posterior"),
    ],
)
def test_second_derivatives_cannot_be_compiled(tmp_path: Any, changes: dict[str, Any], place: str) -> None:
    recipe = {**RECIPE, "model": {**RECIPE["model"], **changes}, "train": {"step": "compiled"}}
    with pytest.raises(RecipeError, match=rf"train\.step: `model\.{place}` takes second derivatives"):
        zoo.train(recipe, out=tmp_path / "run")


class Recorded:
    """Stands in for a CUDA graph: work inside a capture is noted down and not done, and a replay does it."""

    def __init__(self) -> None:
        self.is_capturing = False
        self.total = torch.zeros(())
        self.seen: list[list[int]] = []
        self._noted: Tensor | None = None

    def work(self, indices: Tensor) -> Loss:
        if self.is_capturing:
            self._noted = indices
        else:
            self._do(indices)
        return Loss(self.total, {})

    def replay(self) -> None:
        assert self._noted is not None
        self._do(self._noted)

    def _do(self, indices: Tensor) -> None:
        self.seen.append(indices.tolist())
        self.total.fill_(float(indices.sum()))


class Stream:
    def __init__(self, device: torch.device | None = None) -> None:
        pass

    def wait_stream(self, other: Stream) -> None:
        pass


def test_each_batch_makes_one_step_captured_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = Recorded()

    @contextlib.contextmanager
    def graph(made: Recorded, stream: Stream) -> Iterator[None]:
        made.is_capturing = True
        yield
        made.is_capturing = False

    cuda = capture.torch.cuda
    monkeypatch.setattr(cuda, "Stream", Stream)
    monkeypatch.setattr(cuda, "current_stream", Stream)
    monkeypatch.setattr(cuda, "stream", contextlib.nullcontext)
    monkeypatch.setattr(cuda, "CUDAGraph", lambda: recorded)
    monkeypatch.setattr(cuda, "graph", graph)
    step = CapturedStep(recorded.work, 4, torch.device("cpu"))
    batches = [*torch.arange(30).split(4), torch.arange(4)]
    totals = [float(step(batch).total) for batch in batches]
    assert recorded.seen == [batch.tolist() for batch in batches]
    assert totals == [float(batch.sum()) for batch in batches]
