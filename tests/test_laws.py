"""Laws that every component of the registry obeys; a new component is tested by being there."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import zoo
from tests.models import batch, model_with, seed, trained_components
from zoo.errors import why_not
from zoo.model import Model

KINDS = ("encoder", "posterior", "prior", "decoder", "likelihood", "network", "objective", "regulariser", "corruption")
COMPONENTS = trained_components(*KINDS)
every_component = pytest.mark.parametrize(
    ("kind", "name"), COMPONENTS, ids=[f"{kind}-{name}" for kind, name in COMPONENTS]
)


def model_of(kind: str, name: str) -> Model:
    model = model_with(**{kind: name})
    assert model is not None, f"no setting of tests/models.py can hold the {kind} {name!r}: add one"
    return model


def loss_of(model: Model, number: int = 3) -> Tensor:
    seed(number)
    return model(*batch(model)).total


@every_component
def test_the_loss_is_finite_and_reaches_every_parameter_of_the_model(kind: str, name: str) -> None:
    model = model_of(kind, name).train()
    adversaries = {id(p) for adversary in model.adversaries().values() for p in adversary.parameters()}
    loss = loss_of(model)
    assert loss.isfinite()
    loss.backward()
    unreached = [
        name for name, p in model.named_parameters() if p.requires_grad and p.grad is None and id(p) not in adversaries
    ]
    assert unreached == []
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


@every_component
def test_the_same_seed_gives_the_same_weights_loss_and_samples(kind: str, name: str) -> None:
    first, second = model_of(kind, name), model_of(kind, name)
    for mine, other in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(mine, other)
    assert torch.equal(loss_of(first.train()), loss_of(second.train()))
    assert torch.equal(drawn(first.eval()), drawn(second.eval()))


@every_component
def test_a_trained_model_saves_and_loads_to_the_same_outputs(kind: str, name: str, tmp_path: Path) -> None:
    model = model_of(kind, name).train()
    loss_of(model).backward()
    torch.optim.Adam(model.parameters(), lr=1e-2, fused=True).step()
    model.eval()
    restored = zoo.load(zoo.save(model, tmp_path))
    assert restored.spec == model.spec
    assert torch.equal(loss_of(restored), loss_of(model))
    assert torch.equal(drawn(restored), drawn(model))
    x, labels = batch(model)
    if why_not(model.require_reconstruction) is None:
        assert torch.equal(restored.reconstruct(x, labels), model.reconstruct(x, labels))


@every_component
def test_training_lowers_the_loss(kind: str, name: str) -> None:
    model = model_of(kind, name).train()
    adversaries = {id(p) for adversary in model.adversaries().values() for p in adversary.parameters()}
    optimizer = torch.optim.Adam([p for p in model.parameters() if id(p) not in adversaries], lr=3e-3, fused=True)
    before = mean_loss(model)
    for step in range(30):
        optimizer.zero_grad()
        loss_of(model, step).backward()
        optimizer.step()
        if step == 7 and mean_loss(model) < before:
            return  # most need no more
    assert mean_loss(model) < before


@torch.no_grad()
def mean_loss(model: Model) -> float:
    model.eval()
    losses = [loss_of(model, 100 + k).item() for k in range(4)]
    model.train()
    return sum(losses) / len(losses)


PARTS = [(kind, name) for kind, name in COMPONENTS if kind != "regulariser"]


@pytest.mark.parametrize(("kind", "name"), PARTS, ids=[f"{kind}-{name}" for kind, name in PARTS])
@torch.no_grad()
def test_the_loss_does_not_change_when_the_batch_is_repeated(kind: str, name: str) -> None:
    """Regularisers of a whole batch are estimates over its examples, which repeated examples make dependent."""
    model = model_of(kind, name).eval()
    x, labels = batch(model)
    repeated = x.repeat(4, *[1] * (x.ndim - 1)), None if labels is None else labels.repeat(4)
    once, often = ([] for _ in range(2))
    for number in range(20):
        seed(number)
        before = torch.get_rng_state()
        once.append(model(x, labels).total)
        drew_nothing = torch.equal(torch.get_rng_state(), before)
        often.append(model(*repeated).total)
        if drew_nothing:
            break  # every other seed would give the same
    difference = torch.stack(often) - torch.stack(once)
    error = difference.std(correction=min(1, len(difference) - 1)) / len(difference) ** 0.5
    assert difference.mean().abs() <= 4 * error + 1e-4 * torch.stack(once).abs().mean()


def drawn(model: Model, n: int = 4) -> Tensor:
    seed(2)
    labels = torch.arange(n) % model.classes if model.classes else None
    return model.sample(n, labels)
