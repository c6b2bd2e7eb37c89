"""Optimisers by name."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from zoo.errors import ComponentError
from zoo.spec.component import ComponentSpec
from zoo.training.optimizers import check_optimizer, make_optimizer, optimizer_classes


def spec(name: str, **options: object) -> ComponentSpec:
    return ComponentSpec.model_validate({"name": name, **options})


@pytest.mark.parametrize("name", optimizer_classes())
def test_every_optimizer_minimises_a_bowl_with_its_defaults(name: str) -> None:
    parameter = nn.Parameter(torch.tensor([1.0, -2.0]))
    optimizer = make_optimizer(check_optimizer(spec(name)), [{"params": [parameter]}], torch.device("cpu"))
    before = parameter.detach().clone()
    for _ in range(20):
        optimizer.zero_grad()
        parameter.square().sum().backward()
        optimizer.step()
    assert parameter.square().sum() < before.square().sum()


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop", "radam"])
def test_the_usual_names_are_there(name: str) -> None:
    assert name in optimizer_classes()


def test_options_are_filled_with_their_defaults() -> None:
    assert check_optimizer(spec("adam", lr=0.01)).options["betas"] == [0.9, 0.999]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (spec("adamm"), r"unknown optimizer 'adamm'\nDid you mean 'adam'"),
        (spec("adam", learning_rate=0.1), r"train.optimizer.learning_rate: unknown option"),
        (spec("adam", lr="0.1"), r"train.optimizer.lr: expected a value like 0.001, got '0.1'"),
        (spec("adam", lr=True), r"train.optimizer.lr"),
        (spec("adam", lr=-1.0), r"train.optimizer.lr: .*[Ii]nvalid learning rate"),
        (spec("adam", lr=-1.0, weight_decay=-1.0), r"train.optimizer: .*[Ii]nvalid"),
        (spec("adam", betas=[0.9]), r"train.optimizer.betas"),
        (spec("adam", betas=[0.9, 1.5]), r"[Ii]nvalid beta"),
        (spec("sgd", nesterov=True, lr=0.1), r"train.optimizer.nesterov: .*[Nn]esterov"),
        (spec("adam", lr=float("nan")), r"train.optimizer.lr: expected .*, got nan"),
    ],
)
def test_what_is_wrong_is_named(wrong: ComponentSpec, message: str) -> None:
    with pytest.raises(ComponentError, match=message):
        check_optimizer(wrong)
