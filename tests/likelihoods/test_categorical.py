"""The categorical likelihood."""

import itertools
import math

import pytest
import torch

from zoo.errors import ComponentError, DataError
from zoo.likelihoods.categorical import Categorical


def test_uniform_logits_cost_eight_bits_for_each_value():
    likelihood = Categorical(data_shape=(3, 4, 5))
    x = torch.randint(0, 256, (2, 3, 4, 5)) / 255
    bits = -likelihood(torch.zeros(2, 768, 4, 5)).log_prob(x) / (60 * math.log(2))
    torch.testing.assert_close(bits, torch.full((2,), 8.0))


def test_a_single_value_has_the_probabilities_of_the_table():
    table = torch.tensor([0.1, 0.2, 0.3, 0.4])
    p = Categorical(data_shape=(1,), levels=4, values="whole")(table.log().expand(4, 4))
    torch.testing.assert_close(p.log_prob(torch.arange(4.0)[:, None]).exp(), table)
    torch.testing.assert_close(p.mean[0], torch.tensor([2.0]))
    assert p.base_dist.mode[0].item() == 3


def test_logits_belong_to_the_channel_and_place_of_their_value():
    """Raw parameters are blocks of the data's shape, one for each level."""
    likelihood = Categorical(data_shape=(2, 3, 4), levels=5, values="whole")
    raw = torch.randn(1, 10, 3, 4)
    x = torch.randint(0, 5, (1, 2, 3, 4)).float()
    expected = 0.0
    for channel, row, column in itertools.product(range(2), range(3), range(4)):
        logits = torch.stack([raw[0, level * 2 + channel, row, column] for level in range(5)])
        expected += logits.log_softmax(0)[int(x[0, channel, row, column])]
    torch.testing.assert_close(likelihood(raw).log_prob(x)[0], expected)


def test_one_hot_data_have_the_probabilities_of_their_category():
    likelihood, whole = (
        Categorical(data_shape=shape, levels=4, values=values) for shape, values in (((4,), "one_hot"), ((1,), "whole"))
    )
    raw, category = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 1, 1])
    x = torch.nn.functional.one_hot(category, 4).float()
    p = likelihood(raw)
    torch.testing.assert_close(p.log_prob(x), whole(raw).log_prob(category[:, None].float()))
    torch.testing.assert_close(p.mean, raw.softmax(1))
    assert p.log_prob(torch.eye(4)[:, None]).exp().sum(0) == pytest.approx(torch.ones(6))
    drawn = p.sample((2000,))
    assert (drawn.sum(-1) == 1).all()
    torch.testing.assert_close(drawn.mean(0), p.mean, rtol=0, atol=0.06)
    likelihood.check_values(drawn[0])
    assert likelihood.is_code_length(drawn[0])


def test_one_hot_maps_have_their_categories_along_the_first_axis():
    likelihood, raw = Categorical(data_shape=(3, 2, 2), levels=3, values="one_hot"), torch.randn(5, 3, 2, 2)
    p = likelihood(raw)
    assert (p.batch_shape, p.event_shape) == ((5,), (3, 2, 2))
    x = p.sample()
    assert (x.sum(1) == 1).all()
    expected = (raw.log_softmax(1) * x).sum((1, 2, 3))
    torch.testing.assert_close(likelihood(raw).log_prob(x), expected)


def test_a_category_counts_if_all_of_its_entries_were_observed():
    likelihood, raw = Categorical(data_shape=(3,), levels=3, values="one_hot"), torch.randn(2, 3)
    x = torch.tensor([[0.0, 1.0, 0.0], [0.0, torch.nan, torch.nan]])
    mask = ~x.isnan()
    found = likelihood.log_prob(likelihood(raw), x, mask)
    torch.testing.assert_close(found, torch.stack([raw.log_softmax(1)[0, 1], torch.tensor(0.0)]))
    likelihood.check_values(x, mask)


@pytest.mark.parametrize("wrong", [[0.0, 0.0, 0.0], [1.0, 1.0, 0.0]])
def test_one_hot_data_without_a_single_one_are_refused(wrong):
    likelihood = Categorical(data_shape=(3,), levels=3, values="one_hot")
    with pytest.raises(DataError, match="expects a single 1 among zeros for each variable"):
        likelihood.check_values(torch.tensor([wrong]))


def test_one_hot_data_of_another_number_of_categories_are_refused():
    with pytest.raises(ComponentError, match=r"levels: expected data of shape \(4, …\), .* got \(3,\)"):
        Categorical(data_shape=(3,), levels=4, values="one_hot")


def test_the_variance_is_that_of_the_table():
    table = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.25] * 4, [0.0, 0.5, 0.5, 0.0]])
    p = Categorical(data_shape=(3,), levels=4, values="unit")(table.T.clamp(min=1e-12).log().reshape(1, 12))
    torch.testing.assert_close(p.variance, torch.tensor([[1.0, 1.25, 0.25]]) / 9)
    one_hot = Categorical(data_shape=(4,), levels=4, values="one_hot")(table.clamp(min=1e-12).log())
    torch.testing.assert_close(one_hot.variance, table * (1 - table))


def test_one_hot_data_are_zeros_and_ones():
    support = Categorical(data_shape=(3,), levels=3, values="one_hot").support
    assert support.contains(torch.tensor([0.0, 1.0, 0.5, 2.0, -1.0])).tolist() == [True, True, False, False, False]
