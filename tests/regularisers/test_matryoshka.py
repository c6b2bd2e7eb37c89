"""Reconstructions from the first latents."""

from __future__ import annotations

import pytest
import torch

import zoo
from zoo.errors import ComponentError
from zoo.regularisers.matryoshka import Matryoshka


def build(**nested: object) -> zoo.model.Model:
    torch.manual_seed(0)
    return zoo.build(
        "sparse-ae-top-k-512d",
        data_shape=(6,),
        latent_dim=16,
        posterior={"k": 8},
        regularisers={"nested": {"name": "matryoshka", **nested}},
    )


def test_it_is_the_error_of_the_first_latents_summed_over_the_groups():
    model, x = build(groups=[2, 8]), torch.randn(10, 6)
    z = model.encode(x).mean
    expected = sum((x - model.decode(cut(z, group)).mean).square().sum(1).mean() for group in (2, 8))
    torch.testing.assert_close(model.loss(x).terms["nested"], expected)


def cut(z: torch.Tensor, group: int) -> torch.Tensor:
    return torch.cat([z[:, :group], torch.zeros_like(z[:, group:])], 1)


def test_the_first_latents_learn_to_reconstruct_alone():
    x = torch.randn(400, 6, generator=torch.Generator().manual_seed(0)) * torch.tensor([5.0, 2, 1, 1, 1, 1])

    def error_of_first(weight: float) -> float:
        model = build(groups=[4], weight=weight)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        for _ in range(30):
            optimizer.zero_grad()
            model.loss(x).total.backward()
            optimizer.step()
        return model.loss(x).terms["nested"].item()

    assert error_of_first(1.0) < 0.7 * error_of_first(0.0)


@pytest.mark.parametrize(("groups", "message"), [([4, 2], "that rise"), ([], "that rise"), ([4, 16], "less than 16")])
def test_groups_that_are_not_nested_are_refused(groups, message):
    with pytest.raises(ComponentError, match=message):
        build(groups=groups)


@pytest.mark.parametrize(("latent_dim", "groups"), [(512, [64, 128, 256]), (5, [1, 2]), (1, [1])])
def test_groups_are_an_eighth_a_quarter_and_half_of_the_latents(latent_dim: int, groups: list[int]) -> None:
    assert Matryoshka(latent_dim=latent_dim).groups == groups
