"""The zero-inflated negative binomial likelihood."""

import pytest
import torch

from zoo.likelihoods.negative_binomial import NegativeBinomial
from zoo.likelihoods.zero_inflated_negative_binomial import ZeroInflatedNegativeBinomial

X = torch.tensor([[0.0], [1.0], [7.0]])


def pair(logit: float):
    inflated = ZeroInflatedNegativeBinomial(data_shape=(1,), size=4.0, concentration=2.0)
    plain = NegativeBinomial(data_shape=(1,), size=4.0, concentration=2.0)
    raw = torch.tensor([[0.3, logit]]).expand(3, 2)
    return inflated(raw), plain(raw[:, :1])


def test_without_extra_zeros_it_is_the_negative_binomial():
    inflated, plain = pair(-1e3)
    torch.testing.assert_close(inflated.log_prob(X), plain.log_prob(X))


@pytest.mark.parametrize("share", [0.1, 0.6])
def test_zeros_are_extra_or_counted(share):
    inflated, plain = pair(float(torch.logit(torch.tensor(share))))
    expected = (1 - share) * plain.log_prob(X).exp() + share * (X.squeeze(1) == 0)
    torch.testing.assert_close(inflated.log_prob(X).exp(), expected)


def test_all_zeros_may_be_extra():
    inflated, plain = pair(1e3)
    assert inflated.log_prob(X)[0] == 0
    torch.testing.assert_close(inflated.log_prob(X)[1:], plain.log_prob(X)[1:] - 1e3)


def test_a_learned_concentration_stays_above_a_ten_thousandth():
    likelihood = ZeroInflatedNegativeBinomial(data_shape=(1,), concentration_mode="per_pixel")
    p = likelihood(torch.tensor([[0.0, 0.0, -1e4]])).base_dist
    assert p.counts.concentration.item() == pytest.approx(1e-4)
