"""Laws of every regulariser with an adversary: each player's loss moves that player alone, whoever makes the steps."""

from __future__ import annotations

import pytest
import torch

import zoo
from tests.models import batch, model_with
from zoo.model import Model


def model_of(name: str) -> Model:
    model = model_with(regulariser=name)
    assert model is not None
    return model.train()


ADVERSARIAL = [name for name in zoo.list_components("regulariser") if model_of(name).adversaries()]
every_adversary = pytest.mark.parametrize("name", ADVERSARIAL)


def touched(model: Model) -> set[str]:
    return {name for name, p in model.named_parameters() if p.grad is not None}


def of_the_adversary(model: Model, key: str) -> set[str]:
    own = {id(p) for p in model.adversaries()[key].parameters()}
    return {name for name, p in model.named_parameters() if id(p) in own}


def test_those_of_the_literature_are_there() -> None:
    assert {"total_correlation_critic", "code_critic", "data_critic"} <= set(ADVERSARIAL)


@every_adversary
def test_the_models_loss_leaves_the_adversary_alone(name: str) -> None:
    model = model_of(name)
    model.loss(*batch(model)).total.backward()
    assert touched(model) == {name for name, _ in model.named_parameters()} - of_the_adversary(model, name)
    assert all(p.requires_grad for p in model.parameters())


@every_adversary
def test_the_adversarys_loss_leaves_the_model_alone(name: str) -> None:
    model = model_of(name)
    evidence = model(*batch(model)).evidence[name]
    assert not any(tensor.requires_grad for tensor in evidence)
    model.adversaries()[name](*evidence).backward()
    assert touched(model) == of_the_adversary(model, name)


@every_adversary
def test_the_penalty_moves_the_model(name: str) -> None:
    """The gradient differs from that of the same model without the penalty."""
    model = model_of(name)
    gradients = []
    for weight in (0.0, 1.0):
        model.regularisers[name].weight.final = weight
        model.zero_grad()
        torch.manual_seed(0)
        model.loss(*batch(model)).total.backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.encoder.parameters() if p.grad is not None]))
    assert not torch.equal(*gradients)


@every_adversary
def test_there_is_no_evidence_in_evaluation(name: str) -> None:
    model = model_of(name).eval()
    assert model(*batch(model)).evidence == {}
