"""What may stand in place of β KL in the objective `vae`: a capacity, free bits, schedules of each."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import zoo
from tests import linear_gaussian
from zoo.errors import ComponentError
from zoo.model import Model

X = linear_gaussian.data(20)
FOUR_STEPS = {"over": {"steps": 4}}


def make(**objective: Any) -> Model:
    return linear_gaussian.randomise(linear_gaussian.build("diagonal_gaussian", **objective)).train()


def terms(model: Model) -> dict[str, float]:
    torch.manual_seed(0)
    total, found = model.loss(X)
    return {"total": total.item(), **{name: value.item() for name, value in found.items()}}


def divergences() -> torch.Tensor:
    return make().inference(X).draw().kl().detach()


def test_no_capacity_with_a_weight_of_one_is_the_plain_bound() -> None:
    for capacity_of in ("batch", "example"):
        assert terms(make(capacity=0.0, capacity_of=capacity_of)) == pytest.approx(terms(make()), rel=1e-6)


@pytest.mark.parametrize("capacity", [0.3, 50.0])
def test_the_distance_of_the_mean_or_of_each_example_from_the_capacity_is_weighted(capacity: float) -> None:
    expected = {"batch": (divergences().mean() - capacity).abs(), "example": (divergences() - capacity).abs().mean()}
    for capacity_of, distance in expected.items():
        found = terms(make(beta=10.0, capacity=capacity, capacity_of=capacity_of))
        assert found["total"] == pytest.approx(found["reconstruction"] + 10 * distance.item(), rel=1e-5)
        assert found["elbo"] == pytest.approx(-found["reconstruction"] - found["kl"], rel=1e-5)


def test_each_example_pays_at_least_as_much_as_their_mean() -> None:
    capacity = divergences().median().item()
    each, mean = (terms(make(capacity=capacity, capacity_of=of))["total"] for of in ("example", "batch"))
    assert each > mean + 0.01


def test_the_capacity_rises_on_a_schedule_and_is_full_in_validation() -> None:
    changing = make(beta=3.0, capacity={"name": "linear", "end": 2.0, **FOUR_STEPS})
    for step in range(6):
        changing.update_schedules(step, steps_per_epoch=10)
        now = make(beta=3.0, capacity=min(2.0, 0.5 * (step + 1)))
        assert terms(changing) == pytest.approx(terms(now), rel=1e-6)
    changing.update_schedules(0, steps_per_epoch=10)
    assert terms(changing.eval()) == pytest.approx(terms(make(beta=3.0, capacity=2.0)), rel=1e-6)
    assert changing.warmup_steps(10) == 4


def test_each_latent_pays_for_its_kl_divergence_or_its_free_bits_whichever_is_more_and_not_in_validation() -> None:
    q = make().encode(X)
    of_latents = (0.5 * (q.mean.square() + q.variance - 1 - q.variance.log())).mean(0).detach()
    free = of_latents.mean().item()
    assert of_latents.min() < free < of_latents.max()
    found = terms(make(free_bits=free, beta=2.0))
    assert found["kl"] == pytest.approx(of_latents.sum().item(), rel=1e-5)
    expected = found["reconstruction"] + 2 * (free + of_latents.max().item())
    assert found["total"] == pytest.approx(expected, rel=1e-5)
    assert terms(make(free_bits=50.0).eval()) == pytest.approx(terms(make()), rel=1e-6)


def test_free_bits_may_follow_a_schedule() -> None:
    changing = make(free_bits={"name": "linear", "start": 8.0, "end": 0.0, **FOUR_STEPS})
    for step in range(5):
        changing.update_schedules(step, steps_per_epoch=10)
        now = make(free_bits=max(0.0, 6.0 - 2 * step))
        assert terms(changing) == pytest.approx(terms(now), rel=1e-6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"capacity": 5.0, "free_bits": 1.0}, "each replaces the KL term"),
        ({"capacity": 5.0, "bound": "importance_weighted"}, "`capacity` cannot work together"),
        ({"free_bits": 1.0, "bound": "importance_weighted"}, "`free_bits` cannot work together"),
        ({"capacity": -1.0}, r"objective\.capacity: expected a weight of at least 0"),
    ],
)
def test_what_would_mean_nothing_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ComponentError, match=words):
        zoo.build("vae-mlp-2d", objective=options)
