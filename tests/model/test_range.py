"""Data in other units than those of training are refused, rather than encoded into nonsense."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import zoo
from zoo.errors import InputError, ZooWarning
from zoo.model import Model

BYTES = torch.randint(0, 256, (3, 1, 4, 4), generator=torch.Generator().manual_seed(0)).float()
UNIT = BYTES / 255


def of_range(data_range: tuple[float, float] | None, likelihood: str = "gaussian", **overrides: object) -> Model:
    torch.manual_seed(0)
    return zoo.build(
        "vae-mlp-2d", data_shape=(1, 4, 4), data_range=data_range, likelihood=likelihood, **overrides
    ).eval()


CALLS = {
    "encode": lambda model, x: model.encode(x),
    "reconstruct": lambda model, x: model.reconstruct(x),
    "loss": lambda model, x: model.loss(x),
    "log_likelihood": lambda model, x: model.log_likelihood(x, num_samples=2),
    "impute": lambda model, x: model.impute(x, torch.ones_like(x, dtype=torch.bool), num_samples=2),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
@pytest.mark.parametrize(
    ("data_range", "likelihood", "x"),
    [
        ((0.0, 1.0), "bernoulli", BYTES),
        (None, "bernoulli", BYTES),  # what a Bernoulli variable can be is known without data
        ((0.0, 1.0), "gaussian", BYTES),
        ((0.0, 1.0), "gaussian", UNIT * 2 - 1),
        ((-1.0, 1.0), "gaussian", BYTES),
        ((0.0, 255.0), "gaussian", BYTES - 300),
        ((0.0, 1.0), "gaussian", UNIT.clone().index_put_((torch.tensor(1),), torch.tensor(torch.nan))),
        (None, "gaussian", torch.full((2, 1, 4, 4), torch.inf)),
    ],
    ids=["unit", "support", "density", "symmetric", "bytes", "negative", "NaN", "infinity"],
)
def test_other_units_are_refused_with_the_remedy(call, data_range, likelihood, x: Tensor) -> None:
    model = of_range(data_range, likelihood)
    with pytest.raises(InputError, match=r"x: expected (data in|finite numbers)") as refusal:
        call(model, x)
    if x.isfinite().all():
        assert "model.preprocess" in str(refusal.value)


@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
@pytest.mark.parametrize(
    ("data_range", "x"),
    [((0.0, 1.0), UNIT), ((0.0, 1.0), UNIT * 1.00001), ((-1.0, 1.0), UNIT), ((0.0, 255.0), BYTES), (None, BYTES * 1e3)],
)
def test_data_in_range_but_for_rounding_are_taken(call, data_range, x: Tensor) -> None:
    call(of_range(data_range), x)


def test_unobserved_values_may_be_anything() -> None:
    x, mask = UNIT.clone(), torch.ones_like(UNIT, dtype=torch.bool)
    x[:, :, 0], mask[:, :, 0] = torch.nan, False
    model = of_range((0.0, 1.0))
    assert model.encode(x, mask=mask).mean.isfinite().all()
    assert model.log_likelihood(x, mask=mask, num_samples=2).isfinite().all()
    assert model.impute(x, mask).isfinite().all()


def test_a_training_step_does_not_look_at_the_range() -> None:
    model = of_range((0.0, 1.0))
    assert model(BYTES).total.isfinite()
    assert model.inference(BYTES).posterior.mean.isfinite().all()


def test_an_empty_batch_has_no_values_outside() -> None:
    assert of_range((0.0, 1.0)).encode(torch.zeros(0, 1, 4, 4)).mean.shape == (0, 2)


def test_a_class_without_training_examples_is_not_sampled_without_a_warning() -> None:
    classes = [{"name": "often", "examples": 5}, {"name": "never", "examples": 0}, {"name": "uncounted"}]
    data = {"shape": [1, 4, 4], "range": [0.0, 1.0], "classes": classes}
    model = of_range((0.0, 1.0), classes=3, data=data)
    with pytest.warns(ZooWarning, match="the class 'never' had no training examples"):
        model.sample(2, torch.tensor([0, 1]))
    model.sample(2, torch.tensor([0, 2]))
