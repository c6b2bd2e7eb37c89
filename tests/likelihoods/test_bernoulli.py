"""The Bernoulli likelihood."""

import itertools
import math

import pytest
import torch

from zoo.errors import DataError
from zoo.likelihoods.bernoulli import Bernoulli


def test_the_probabilities_of_all_binary_vectors_sum_to_one():
    p = Bernoulli(data_shape=(4,))(torch.randn(1, 4))
    everything = torch.tensor(list(itertools.product([0.0, 1.0], repeat=4)))
    assert p.log_prob(everything).exp().sum().item() == pytest.approx(1.0, abs=1e-6)


def test_extreme_logits_keep_a_finite_log_probability():
    p = Bernoulli(data_shape=(2,))(torch.tensor([[1e4, -1e4]]))
    assert p.log_prob(torch.tensor([[1.0, 0.0]])).item() == pytest.approx(0.0)
    assert p.log_prob(torch.tensor([[0.0, 1.0]])).item() == pytest.approx(-2e4)


def test_greyscale_data_are_taken_as_a_cross_entropy_with_a_caution():
    likelihood, grey, binary = Bernoulli(data_shape=(2,)), torch.tensor([[0.3, 1.0]]), torch.tensor([[0.0, 1.0]])
    log_prob = likelihood(torch.logit(torch.tensor([[0.3, 0.5]]))).log_prob(grey)
    entropy = -(0.3 * math.log(0.3) + 0.7 * math.log(0.7))
    assert log_prob.item() == pytest.approx(-entropy - math.log(2), rel=1e-5)
    likelihood.check_values(grey)
    assert not likelihood.is_exact(grey)
    assert not likelihood.is_code_length(grey)
    assert likelihood.caution(grey).startswith("pixels between black and white under a Bernoulli likelihood")
    assert likelihood.is_code_length(binary)
    assert likelihood.caution(binary) is None


def test_a_mask_of_greyscale_data_keeps_the_same_cross_entropy():
    likelihood, x = Bernoulli(data_shape=(3,)), torch.rand(4, 3)
    p = likelihood(torch.randn(4, 3))
    torch.testing.assert_close(likelihood.log_prob(p, x, torch.ones(4, 3, dtype=torch.bool)), p.log_prob(x))


def test_data_outside_the_support_are_refused_with_what_to_do():
    likelihood = Bernoulli(data_shape=(2,))
    likelihood.check_range((0.0, 1.0))
    for wrong in ((-1.0, 1.0), (0.0, 255.0), None):
        with pytest.raises(DataError, match=r"Bernoulli expects data in \[0, 1\], got data") as refusal:
            likelihood.check_range(wrong)
        assert "gaussian" in refusal.value.remedy


def test_the_log_probability_is_exact_for_zero_and_one_alone():
    likelihood = Bernoulli(data_shape=(1,))
    assert [likelihood.is_exact(torch.tensor([[x]])) for x in (0.0, 1.0, 0.5, 2.0, -1.0)] == [True] * 2 + [False] * 3
