"""Values that are not finite are found in every type, and are an error of the model where torch refuses to draw."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from zoo.errors import NotFiniteError
from zoo.utils.finite import drawing, is_finite

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


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float16, torch.float32, torch.float64, torch.complex64])
def test_nan_and_infinity_are_not_finite_in_every_type(dtype: torch.dtype) -> None:
    largest = 1e300 if dtype == torch.float64 else 1.0
    assert is_finite(torch.tensor([0.0, largest]).to(dtype) if largest == 1 else torch.tensor([largest], dtype=dtype))
    assert not is_finite(torch.tensor([0.0, float("nan"), 1.0]).to(dtype))
    if dtype != torch.float8_e4m3fn:  # which has no infinity
        assert not any(is_finite(torch.tensor([0.0, sign * float("inf")]).to(dtype)) for sign in (1, -1))
    assert is_finite(torch.tensor([], dtype=dtype))
    assert is_finite(torch.tensor([1, 2]))
