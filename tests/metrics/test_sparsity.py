"""Numbers of latents that fire, counted by hand."""

from __future__ import annotations

import pytest
import torch

import zoo
from zoo.errors import NotApplicableError


def sparse(**changes: object) -> zoo.model.Model:
    torch.manual_seed(0)
    return zoo.build("sparse-ae-top-k-512d", data_shape=(5,), latent_dim=12, posterior={"k": 3}, **changes)


def test_l0_and_the_share_of_dead_latents_are_counted() -> None:
    model, x = sparse(), torch.randn(700, 5)
    with torch.no_grad():
        model.posterior.head.bias[[1, 7, 8]] = -100.0
    found = zoo.evaluate(model, x, ["sparsity"])
    assert found == {"l0": pytest.approx(2.9, abs=0.1), "dead_share": pytest.approx(0.25)}
    z = model.eval().encode(x).mean
    assert found["l0"] == pytest.approx((z > 0).sum(1).float().mean().item())


def test_a_relu_gives_sparse_codes_too() -> None:
    model, x = zoo.build("sparse-ae-l1-512d", data_shape=(5,), latent_dim=12).eval(), torch.randn(300, 5)
    expected = (model.encode(x).mean > 0).sum(1).float().mean().item()
    assert zoo.evaluate(model, x, ["sparsity"])["l0"] == pytest.approx(expected)


def test_codes_that_are_not_sparse_are_not_counted() -> None:
    with pytest.raises(NotApplicableError, match="the latents are not sparse"):
        zoo.evaluate(zoo.build("linear-ae-8d", data_shape=(5,)), torch.randn(30, 5), ["sparsity"])


def test_every_declaration_says_what_is_better() -> None:
    measured = zoo.evaluate(sparse(), torch.randn(30, 5), ["sparsity", "explained_variance"]).measurements
    assert {key: each.result.better for key, each in measured.items()} == {
        "l0": "lower",
        "dead_share": "lower",
        "explained_variance": "higher",
    }
