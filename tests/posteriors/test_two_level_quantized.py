"""Codes on two maps: sizes, conditioning of the fine map on the coarse one, a prior over both."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import nn

import zoo
from zoo.errors import ComponentError
from zoo.posteriors.two_level_quantized import TwoLevelQuantized


@pytest.mark.parametrize(("places", "top"), [((7, 7), (4, 4)), ((4, 3), (2, 2)), ((9,), (5,)), ((1, 1), (1, 1))])
def test_half_of_the_channels_repeat_the_top_codes(places: tuple[int, ...], top: tuple[int, ...]) -> None:
    made = TwoLevelQuantized(feature_shape=(6, *places), latent_dim=4, codes=8).eval()
    assert made.codebook_places == (math.prod(top), math.prod(places))
    numbers = torch.randint(8, (5, sum(made.codebook_places)))
    z = made.embed(numbers)
    coarse = made.books[0].look_up(numbers[:, : math.prod(top)].reshape(5, *top)).movedim(-1, 1)
    fine = made.books[1].look_up(numbers[:, math.prod(top) :].reshape(5, *places)).movedim(-1, 1)
    torch.testing.assert_close(z[:, 2:], fine)
    for place in itertools.product(*map(range, places)):
        expected = coarse[(slice(None), slice(None), *(index // 2 for index in place))]
        torch.testing.assert_close(z[(slice(None), slice(0, 2), *place)], expected)
    assert torch.equal(made.indices(z), numbers)


def test_the_bottom_codes_see_the_top_codes() -> None:
    torch.manual_seed(0)
    made, h = TwoLevelQuantized(feature_shape=(6, 4, 4), latent_dim=4, codes=32).eval(), torch.randn(20, 6, 4, 4)
    before = made(h).codes.indices
    made.books[0].begin_at(5 * torch.randn(32, 2))
    after = made(h).codes.indices
    assert (before[:, 4:] != after[:, 4:]).any()


def test_the_prior_of_the_bottom_given_the_top_sums_to_one_over_all_grids() -> None:
    torch.manual_seed(0)
    model = zoo.build(
        "vqvae-conv-16d",
        data_shape=(1, 8, 8),
        encoder={"channels": [4, 4, 4]},
        decoder={"channels": [4, 4, 4]},
        posterior={"name": "two_level_quantized", "codes": 3},
        fitted_prior={"name": "transformer", "width": 8, "depth": 1, "heads": 2},
    ).eval()
    for parameter in model.fitted_prior.parameters():
        nn.init.normal_(parameter, std=1.5)
    codes = model.inference(fitted=True).prior.codes
    assert model.posterior.codebook_places == (1, 1)
    grids = torch.cartesian_prod(torch.arange(3), torch.arange(3))
    joint = codes.log_prob(grids).exp().reshape(3, 3)
    assert joint.sum().item() == pytest.approx(1.0, abs=1e-5)
    conditional = joint / joint.sum(1, keepdim=True)
    assert (conditional[0] - conditional[1]).abs().max() > 0.01


@pytest.mark.parametrize(
    ("options", "message"),
    [({"feature_shape": (6,), "latent_dim": 4}, "maps"), ({"feature_shape": (6, 4, 4), "latent_dim": 3}, "even")],
)
def test_features_that_are_no_maps_and_odd_channels_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ComponentError, match=message):
        TwoLevelQuantized(**options)
