"""The autoencoder objective."""

from __future__ import annotations

import pytest
import torch

import zoo
from tests.minimise import minimise
from zoo.errors import ComponentError


def test_the_loss_is_the_squared_error_summed_over_an_example() -> None:
    model = zoo.build("ae-mlp-2d", data_shape=(1, 4, 4))
    x = torch.rand(8, 1, 4, 4)
    expected = (x - model.reconstruct(x)).square().sum() / 8
    assert model.loss(x).total.item() == pytest.approx(expected.item(), rel=1e-5)


def test_values_that_were_not_observed_cost_nothing() -> None:
    torch.manual_seed(0)
    model = zoo.build("ae-mlp-2d", data_shape=(1, 4, 4))
    x, mask = torch.rand(8, 1, 4, 4), torch.rand(8, 1, 4, 4) < 0.7
    expected = ((x - model.reconstruct(x, mask=mask)).square() * mask).sum() / 8
    assert model.loss(x, mask=mask).total.item() == pytest.approx(expected.item(), rel=1e-5)


def test_it_keeps_what_the_principal_components_keep() -> None:
    """Baldi & Hornik (1989): a linear code of d numbers leaves the variance outside the first d components."""
    torch.manual_seed(0)
    x = torch.randn(500, 2) @ torch.randn(2, 6) + 0.1 * torch.randn(500, 6)
    x = x - x.mean(0)
    parts = {"likelihood": "gaussian", "encoder": {"widths": [32]}, "decoder": {"widths": [32]}}
    model = zoo.build("ae-mlp-2d", data_shape=(6,), data_range=None, **parts)
    minimise(lambda: model.loss(x).total, model.parameters(), iterations=200)
    outside = torch.linalg.svdvals(x)[2:].square().sum() / len(x)
    assert model.loss(x).total.item() < 1.1 * outside.item()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"posterior": "diagonal_gaussian"}, ["autoencoder", "diagonal_gaussian", "`point`"]),
        ({"likelihood": {"name": "gaussian", "scale_mode": "shared"}}, ["autoencoder", "gaussian", "fixed"]),
        ({"likelihood": {"name": "gaussian", "scale_mode": "per_pixel"}}, ["autoencoder", "gaussian", "fixed"]),
        ({"prior": {"name": "gaussian", "learned": True}}, ["autoencoder", "gaussian", "fixed prior"]),
    ],
)
def test_parts_that_it_would_leave_untrained_are_refused(changes: dict, named: list[str]) -> None:
    with pytest.raises(ComponentError) as refusal:
        zoo.build("ae-mlp-2d", **changes)
    assert all(name in str(refusal.value) for name in named)
