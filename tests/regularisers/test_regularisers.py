"""What every regulariser of the registry promises."""

from __future__ import annotations

import pytest
import torch

import zoo
from tests.models import SETTINGS, batch, spec_with
from zoo.errors import ComponentError, RecipeError
from zoo.model import Model
from zoo.registry import find_component
from zoo.spec.resolve import merge

WEIGHT = {"name": "linear", "end": 4.0, "over": {"steps": 4}}


def make(name: str) -> Model:
    """Return the first model of the settings in which it can work, with a weight that rises from 1 to 4."""
    for setting in SETTINGS:
        try:
            return zoo.build(merge(spec_with(setting, regulariser=name), {"regularisers": {name: {"weight": WEIGHT}}}))
        except (ComponentError, RecipeError):
            continue
    raise AssertionError(f"no setting of tests/models.py can hold the regulariser {name!r}")


@pytest.mark.parametrize("name", zoo.list_components("regulariser"))
def test_its_weight_may_follow_a_schedule(name: str) -> None:
    torch.manual_seed(0)
    model = make(name).train()
    x, labels = batch(model)
    without = []
    for step in (0, 3):
        model.update_schedules(step, steps_per_epoch=10)
        torch.manual_seed(0)
        total, terms = model.loss(x, labels)
        own = [value for key, value in terms.items() if key.split(".")[0] == name]
        assert own, list(terms)
        without.append(total - (step + 1) * sum(own))
    torch.testing.assert_close(without[0], without[1])
    assert model.warmup_steps(steps_per_epoch=10) == 4


@pytest.mark.parametrize(
    ("name", "weight"),
    [
        ("total_correlation", 5.0),
        ("dip", 10.0),
        ("mmd", 10.0),
        ("decoder_jacobian", 1e-3),
        ("contractive", 0.1),
        ("code_norm", 0.01),
    ],
)
def test_a_recipe_that_names_no_weight_keeps_its_meaning(name: str, weight: float) -> None:
    needed = {"train_examples": 10} if name == "total_correlation" else {}
    regulariser = find_component("regulariser", name)(**needed)
    assert regulariser.weight.final == weight
    assert getattr(regulariser, "directions", 1) == 1
