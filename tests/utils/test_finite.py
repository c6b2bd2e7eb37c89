"""What torch refuses to draw because of NaN is an error of the model; other errors pass."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from zoo.errors import NotFiniteError
from zoo.utils.finite import drawing

NAN = torch.tensor([float("nan"), 1.0])


@pytest.mark.parametrize(
    "draw",
    [lambda: torch.normal(torch.zeros(2), NAN), lambda: NAN.multinomial(1), NAN.bernoulli, lambda: torch.poisson(NAN)],
    ids=["normal", "categorical", "Bernoulli", "Poisson"],
)
def test_parameters_that_are_not_finite_are_named(draw: Callable[[], Tensor]) -> None:
    with pytest.raises(NotFiniteError, match="samples cannot be drawn"), drawing("samples"):
        draw()


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="shapes") as refusal, drawing("samples"):
        torch.ones(2, 3) @ torch.ones(2, 3)
    assert not isinstance(refusal.value, NotFiniteError)
