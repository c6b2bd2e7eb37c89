"""Device and precision."""

from __future__ import annotations

import pytest
import torch

from zoo.errors import InputError, RecipeError
from zoo.spec.training import TrainSpec
from zoo.training import devices
from zoo.training.devices import check_trackers, make_accelerator, mixed_precision, resolve_device, uses_bf16


def test_the_precision_that_is_asked_for_is_the_one_that_is_used() -> None:
    assert uses_bf16("bf16", "cpu")
    assert not uses_bf16("fp32", "cuda")
    assert not uses_bf16("auto", "mps")


def test_one_process_can_train_with_one_precision_after_another() -> None:
    linear = torch.nn.Linear(2, 2)
    for precision, expected in (("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp32", torch.float32)):
        accelerator = make_accelerator(TrainSpec(precision=precision, device="cpu"))
        precise = mixed_precision(accelerator)
        for _ in range(2):
            with precise():
                assert linear(torch.ones(1, 2)).dtype == expected


def test_a_recipe_s_precision_also_holds_within_a_context_of_the_user_s() -> None:
    linear = torch.nn.Linear(2, 2)
    precise = mixed_precision(make_accelerator(TrainSpec(precision="fp32", device="cpu")))
    with torch.autocast("cpu", torch.bfloat16), precise():
        assert linear(torch.ones(1, 2)).dtype == torch.float32


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_device_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(RecipeError, match=r"train.device: the device 'cuda' is not available\nAvailable: cpu"):
        resolve_device("cuda")


def test_a_tracker_that_is_unknown_or_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "get_available_trackers", lambda: ["wandb"])
    check_trackers(("wandb",))
    with pytest.raises(
        RecipeError, match=r"train.trackers\[1\]: unknown tracker 'tensorbord'\nDid you mean 'tensorboard'"
    ):
        check_trackers(("wandb", "tensorbord"))
    with pytest.raises(RecipeError, match=r"train.trackers\[0\]: the tracker 'tensorboard' is not installed"):
        check_trackers(("tensorboard",))


def test_a_variable_that_accelerate_refuses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_USE_CPU", "perhaps")
    message = "environment: accelerate refuses one of its variables, ACCELERATE_USE_CPU='perhaps': invalid truth value"
    with pytest.raises(InputError, match=message):
        make_accelerator(TrainSpec(device="cpu"))
