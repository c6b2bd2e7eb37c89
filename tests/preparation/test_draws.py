import pytest
import torch

from zoo.preparation.draws import permutation, uniform


def test_the_numbers_are_uniform():
    numbers = uniform(0, "noise", torch.arange(1000), 1000).double()
    count = numbers.numel()
    assert numbers.min() >= 0
    assert numbers.max() < 1
    for power in (1, 2, 3):
        variance = 1 / (2 * power + 1) - 1 / (power + 1) ** 2
        assert abs(numbers.pow(power).mean() - 1 / (power + 1)) < 4 * (variance / count) ** 0.5
    # Of a chi-squared statistic with 255 degrees of freedom, the deviation is √510.
    expected = count / 256
    statistic = ((torch.histc(numbers, 256, 0, 1) - expected).square() / expected).sum()
    assert abs(statistic - 255) < 4 * 510**0.5


@pytest.mark.parametrize("axis", [0, 1])
def test_neighbours_are_uncorrelated(axis):
    centred = uniform(0, "noise", torch.arange(1000), 1000).double() - 0.5
    ahead = centred.narrow(axis, 1, 999)
    behind = centred.narrow(axis, 0, 999)
    assert abs((ahead * behind).mean()) < 4 * (1 / 12) / ahead.numel() ** 0.5


def test_rows_may_be_read_in_any_order_and_number():
    rows = torch.randperm(3000)
    whole = uniform(3, "noise", torch.arange(3000), 100)
    assert torch.equal(uniform(3, "noise", rows, 100), whole[rows])
    assert torch.equal(uniform(3, "noise", rows[:1], 100), whole[rows[:1]])


def test_seeds_and_streams_are_unrelated():
    draws = [uniform(seed, stream, torch.arange(100), 100) for seed in (0, 1, 2**63) for stream in ("a", "b")]
    for index, first in enumerate(draws):
        for second in draws[:index]:
            assert abs(torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1]) < 0.04


def test_the_numbers_are_these_on_every_machine():
    numbers = uniform(0, "noise", torch.tensor([0, 1]), 2) * 2**24
    assert numbers.tolist() == [[13969765.0, 6345120.0], [2521145.0, 2086762.0]]
    assert permutation(0, "split", 8).tolist() == [3, 5, 2, 7, 6, 4, 0, 1]


def test_every_order_is_about_as_likely():
    counts: dict[tuple[int, ...], int] = {}
    for seed in range(6000):
        order = tuple(permutation(seed, "split", 3).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 6
    assert all(abs(count - 1000) < 4 * (1000 * 5 / 6) ** 0.5 for count in counts.values())
