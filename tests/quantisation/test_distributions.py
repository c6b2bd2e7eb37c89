"""Distributions over codes: counting measures, KL divergences by enumeration, and vectors in place of numbers."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, Independent

from zoo.divergences import kl_divergence
from zoo.errors import ComponentError
from zoo.posteriors.vector_quantized import VectorQuantized
from zoo.quantisation.distributions import CodeVectors, PointCodes, UniformCodes


def all_grids(codes: int, places: int) -> Tensor:
    return torch.tensor(list(itertools.product(range(codes), repeat=places)))


def test_uniform_codes_have_a_probability_that_sums_to_one() -> None:
    p = UniformCodes(3, (2, 2))
    grids = all_grids(3, 4).reshape(-1, 2, 2)
    assert p.log_prob(grids).exp().sum() == pytest.approx(1.0)
    assert p.entropy() == pytest.approx(4 * math.log(3))
    draws = p.sample((2000,))
    assert draws.shape == (2000, 2, 2)
    counts = torch.bincount(draws.flatten(), minlength=3) / draws.numel()
    torch.testing.assert_close(counts, torch.full((3,), 1 / 3), atol=0.03, rtol=0)


def test_a_point_has_probability_one_at_itself_and_none_elsewhere() -> None:
    indices = torch.tensor([[[0, 1], [2, 0]], [[1, 1], [1, 1]]])
    q = PointCodes(indices, 2)
    assert (q.batch_shape, q.event_shape) == ((2,), (2, 2))
    grids = all_grids(3, 4).reshape(-1, 1, 2, 2)
    assert q.log_prob(grids).exp().sum(0).tolist() == [1, 1]
    assert torch.equal(q.sample((3,)), indices.expand(3, 2, 2, 2))
    assert q.log_prob(q.sample((3,))).tolist() == [[0, 0]] * 3
    assert torch.equal(q.expand((5, 2)).sample(), indices.expand(5, 2, 2, 2))


def test_the_divergence_of_a_point_from_uniform_codes_is_their_entropy() -> None:
    q, p = PointCodes(torch.zeros(4, 2, 3, dtype=torch.long), 2), UniformCodes(7, (2, 3))
    torch.testing.assert_close(kl_divergence(q, p), torch.full((4,), 6 * math.log(7)))
    torch.testing.assert_close(kl_divergence(q, p, method="monte_carlo"), torch.full((4,), 6 * math.log(7)))


def test_the_divergence_of_independent_codes_is_that_of_the_sum_over_all_grids() -> None:
    logits = torch.randn(3, 2, 4)  # 3 examples, 2 places, 4 codes
    q, p = Independent(Categorical(logits=logits), 1), UniformCodes(4, (2,))
    grids = all_grids(4, 2)
    log_q = q.log_prob(grids[:, None])
    expected = (log_q.exp() * (log_q - p.log_prob(grids)[:, None])).sum(0)
    torch.testing.assert_close(kl_divergence(q, p), expected)


def test_other_independent_distributions_have_no_closed_form() -> None:
    q = Independent(torch.distributions.Poisson(torch.ones(3, 2)), 1)
    with pytest.raises(ComponentError, match="no closed form"):
        kl_divergence(q, UniformCodes(4, (2,)), method="closed_form")


def test_vectors_have_the_probability_of_their_codes() -> None:
    torch.manual_seed(0)
    quantiser = VectorQuantized(feature_shape=(3, 2), latent_dim=2, codes=4)
    logits = torch.randn(2, 4)
    p = CodeVectors(Independent(Categorical(logits=logits), 1), quantiser)
    assert (p.batch_shape, p.event_shape) == ((), (2, 2))
    grids = all_grids(4, 2)
    z = quantiser.embed(grids)
    torch.testing.assert_close(p.log_prob(z), p.codes.log_prob(grids))
    draws = p.sample((5,))
    torch.testing.assert_close(quantiser.embed(quantiser.indices(draws)), draws)
    q = CodeVectors(PointCodes(grids[:3], 1), quantiser)
    uniform = CodeVectors(UniformCodes(4, (2,)), quantiser)
    torch.testing.assert_close(kl_divergence(q, uniform), torch.full((3,), 2 * math.log(4)))
    torch.testing.assert_close(kl_divergence(q, p), -p.codes.log_prob(grids[:3]))
