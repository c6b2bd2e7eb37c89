"""Data are corrupted for the encoder, in training alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import zoo
from tests.models import spec_with
from zoo.corruptions import Corruption
from zoo.errors import ComponentError
from zoo.model import Model
from zoo.spec.resolve import merge

NAMES = zoo.list_components("corruption")
every_corruption = pytest.mark.parametrize("name", NAMES)


def build(name: str, setting: str = "points") -> Model:
    torch.manual_seed(0)
    return zoo.build({**spec_with(setting), "corruption": name})


class Seen:
    """Keeps what an encoder sees."""

    def __init__(self, model: Model) -> None:
        self.x = torch.zeros(0)
        model.encoder.register_forward_pre_hook(self._keep)

    def _keep(self, module: torch.nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self.x = inputs[0]


@every_corruption
@pytest.mark.parametrize("setting", ["points", "vectors", "maps", "codes", "levels", "classes"])
def test_the_encoder_sees_corrupted_data_and_the_loss_clean_ones(name: str, setting: str) -> None:
    model, x = build(name, setting).train(), torch.randint(2, (5, 1, 8, 8)).float()
    labels = torch.arange(5) % 3 if model.classes else None
    seen = Seen(model)
    inference = model.inference(x, labels)
    inference.draw()
    assert not torch.equal(seen.x, x)
    assert seen.x.shape == x.shape
    assert torch.equal(inference.x, x)
    model.loss(x, labels).total.backward()


@every_corruption
def test_a_model_that_is_used_sees_its_data_as_they_are(name: str) -> None:
    model, x = build(name).eval(), torch.rand(5, 1, 8, 8)
    seen = Seen(model)
    plain = zoo.build(spec_with("points"))
    plain.load_state_dict(model.state_dict())
    assert torch.equal(model.loss(x).total, plain.eval().loss(x).total)
    assert torch.equal(seen.x, x)
    assert torch.equal(model.reconstruct(x), plain.reconstruct(x))


@every_corruption
def test_the_loss_is_that_of_the_corrupted_code_and_the_clean_data(name: str) -> None:
    model, x = build(name).train(), torch.rand(5, 1, 8, 8)
    torch.manual_seed(1)
    total = model.loss(x).total
    torch.manual_seed(1)
    corrupted = model.corruption(x)
    inference = model.eval().inference(corrupted)
    reconstruction = inference.decode(inference.posterior.mean).mean
    torch.testing.assert_close(total, (reconstruction - x).square().flatten(1).sum(1).mean())


@every_corruption
def test_missing_values_stay_hidden_from_the_encoder(name: str) -> None:
    model, x = build(name, "vectors").train(), torch.randint(2, (5, 1, 8, 8)).float()
    mask = torch.rand(5, 1, 8, 8) < 0.5
    seen = Seen(model)
    model.loss(x, mask=mask)
    assert seen.x[~mask].abs().max() == 0


@every_corruption
def test_equal_seeds_give_equal_noise_and_other_calls_other_noise(name: str) -> None:
    corruption: Corruption = build(name).corruption
    x = torch.rand(50, 7)
    kept = x.clone()
    torch.manual_seed(3)
    first, second = corruption(x), corruption(x)
    torch.manual_seed(3)
    assert torch.equal(corruption(x), first)
    assert not torch.equal(first, second)
    assert torch.equal(x, kept)


def test_it_is_saved_with_the_model(tmp_path) -> None:
    model = zoo.build("ae-mlp-2d", data_shape=(6,), corruption={"name": "gaussian", "scale": 0.7})
    assert zoo.load(zoo.save(model, tmp_path)).corruption.scale == 0.7


def test_pseudo_inputs_are_not_corrupted() -> None:
    model = zoo.build(merge(spec_with("vectors", prior="vamp"), {"corruption": "gaussian"})).train()
    seen = Seen(model)
    model.inference().prior.log_prob(torch.zeros(1, 2))
    pseudo_inputs = seen.x
    model.inference(torch.rand(3, 1, 8, 8)).prior.log_prob(torch.zeros(1, 2))
    assert len(pseudo_inputs) == 5
    assert torch.equal(seen.x, pseudo_inputs)


def test_an_objective_with_noise_of_its_own_refuses_it() -> None:
    with pytest.raises(ComponentError, match=r"model\.corruption: the objective 'denoising' uses no corruption"):
        zoo.build("denoiser-conv-16d", corruption="gaussian")
