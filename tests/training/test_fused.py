"""Steps by the fused kernel itself are the steps of torch's optimisers, bit for bit."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import pytest
import torch
from torch import nn

from zoo.training.fused import FusedSteps


def _model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 2))


def _gradients(model: nn.Module, seed: int, *, without_last: bool = False) -> None:
    torch.manual_seed(seed)
    parameters = [*model.parameters()]
    for parameter in parameters:
        parameter.grad = torch.randn_like(parameter)
    if without_last:
        parameters[-1].grad = None


def _numbers(model: nn.Module) -> list[float]:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()]).tolist()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (torch.optim.Adam, {"lr": 0.1, "fused": True}),
        (torch.optim.Adam, {"lr": 0.1, "fused": True, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
        (torch.optim.AdamW, {"lr": 0.1, "fused": True, "amsgrad": True}),
        pytest.param(
            torch.optim.Adam,
            {"lr": 0.1, "fused": True, "weight_decay": 0.5, "decoupled_weight_decay": True},
            marks=pytest.mark.skipif(
                "decoupled_weight_decay" not in inspect.signature(torch.optim.Adam).parameters,
                reason="this torch has no such option",
            ),
        ),
        (torch.optim.Adam, {"lr": 0.1}),
        (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "fused": True}),
    ],
)
def test_the_steps_are_the_same(kind: Any, options: dict[str, Any]) -> None:
    ours, theirs = _model(), _model()
    optimizer, reference = kind(ours.parameters(), **options), kind(theirs.parameters(), **options)
    step = FusedSteps(optimizer)
    for number in range(6):
        for model in (ours, theirs):
            _gradients(model, number, without_last=number in (2, 4))
        for chosen in (optimizer, reference):
            chosen.param_groups[0]["lr"] = 0.1 / (1 + number)
        step()
        reference.step()
        assert _numbers(ours) == _numbers(theirs)


def test_a_state_that_is_loaded_is_used() -> None:
    ours = _model()
    optimizer = torch.optim.Adam(ours.parameters(), lr=0.1, fused=True)
    step = FusedSteps(optimizer)
    for number in range(3):
        _gradients(ours, number)
        step()
    weights, state = copy.deepcopy(ours.state_dict()), copy.deepcopy(optimizer.state_dict())
    _gradients(ours, 9)
    step()
    expected = _numbers(ours)
    ours.load_state_dict(weights)
    optimizer.load_state_dict(state)
    _gradients(ours, 9)
    step()
    assert _numbers(ours) == expected
    assert optimizer.state_dict()["state"][0]["step"] == 4


def test_every_group_of_parameters_is_trained() -> None:
    ours, theirs = _model(), _model()
    optimizers = [
        torch.optim.Adam([{"params": model[0].parameters()}, {"params": model[2].parameters(), "lr": 0.5}], fused=True)
        for model in (ours, theirs)
    ]
    step = FusedSteps(optimizers[0])
    for number in range(3):
        for model in (ours, theirs):
            _gradients(model, number)
        step()
        optimizers[1].step()
    assert _numbers(ours) == _numbers(theirs)


def test_the_kernel_makes_the_steps_of_every_group(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = _model(), _model()
    optimizers = [
        torch.optim.AdamW([{"params": model[0].parameters()}, {"params": model[2].parameters(), "lr": 0.5}], fused=True)
        for model in (ours, theirs)
    ]
    step = FusedSteps(optimizers[0])
    for number in range(4):
        for model in (ours, theirs):
            _gradients(model, number)
        if number == 1:
            monkeypatch.setattr(optimizers[0], "step", None)  # called in the first step alone
        step()
        optimizers[1].step()
    assert _numbers(ours) == _numbers(theirs)


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW])
def test_where_torch_lacks_the_kernel_its_public_step_is_called(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = _model(), _model()
    optimizer, reference = (kind(model.parameters(), lr=0.1, fused=True) for model in (ours, theirs))
    with monkeypatch.context() as without:
        for name in ("_fused_adam_", "_fused_adamw_"):
            without.delattr(torch, name)
        step = FusedSteps(optimizer)
    for number in range(3):
        for model in (ours, theirs):
            _gradients(model, number)
        step()
        reference.step()
    assert _numbers(ours) == _numbers(theirs)


def test_torch_s_own_step_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    model = _model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)
    step, asked = FusedSteps(optimizer), []
    inner = optimizer.step
    monkeypatch.setattr(optimizer, "step", lambda: asked.append(1) or inner())
    for number in range(4):
        _gradients(model, number)
        step()
    assert len(asked) == 1


def test_each_parameter_keeps_its_own_number_of_steps() -> None:
    model = _model()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1, fused=True)
    step = FusedSteps(optimizer)
    for number in range(5):
        _gradients(model, number, without_last=number == 3)
        step()
    assert [float(state["step"]) for state in optimizer.state.values()] == [5, 5, 5, 4]
    copied = copy.deepcopy(optimizer)  # which makes torch's own steps
    for parameter in copied.param_groups[0]["params"]:
        parameter.grad = torch.ones_like(parameter)
    copied.step()
    assert [float(state["step"]) for state in copied.state.values()] == [6, 6, 6, 5]
    assert [float(state["step"]) for state in optimizer.state.values()] == [5, 5, 5, 4]
