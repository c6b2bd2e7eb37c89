"""Codes on two maps: sizes, conditioning of the fine map on the coarse one, a prior over both."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import nn
from torch.distributions import Normal

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


@pytest.mark.parametrize("places", [(5, 4), (7,)])
def test_vectors_loss_and_coarse_vectors_are_those_of_both_maps(places: tuple[int, ...]) -> None:
    """Known answers: z of the codes; β times all squared distances; the mean fine vector beside the coarse ones."""
    torch.manual_seed(0)
    made = TwoLevelQuantized(feature_shape=(6, *places), latent_dim=6, codes=8, commitment=0.3).eval()
    h = torch.randn(4, 6, *places)
    q = made(h)
    numbers = q.codes.sample()
    torch.testing.assert_close(q.mean, made.embed(numbers))
    assert torch.equal(made.indices(q.mean), numbers)
    expected, coarse, fine = torch.zeros(4), *q.mean.chunk(2, 1)
    even = (slice(None), slice(None), *[slice(None, None, 2)] * len(places))
    for level, (inputs, chosen) in enumerate([(made.halve(h), coarse[even]), (torch.cat([h, coarse], 1), fine)]):
        vectors = made.norms[level](made.heads[level](inputs.movedim(1, -1).flatten(0, -2)))
        expected += (vectors - chosen.movedim(1, -1).flatten(0, -2)).square().view(4, -1).sum(1)
    torch.testing.assert_close(made.losses(q)["commitment"], 0.3 * expected)
    made.books[1].counts.copy_(torch.tensor([3.0, 1.0, *[0.0] * 6]))
    first, last = made.coarse_to_fine(q)
    mean = 0.75 * made.books[1].vectors[0] + 0.25 * made.books[1].vectors[1]
    torch.testing.assert_close(first[:, :3], coarse)
    torch.testing.assert_close(first[:, 3:], mean.view(3, *[1] * len(places)).expand_as(fine))
    torch.testing.assert_close(last, q.mean)
    assert made.coarse_to_fine(Normal(q.mean, 1.0)) == ()


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
