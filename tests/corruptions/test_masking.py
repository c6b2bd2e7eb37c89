"""A share of the values is hidden."""

from __future__ import annotations

import torch

from zoo.corruptions.masking import Masking


def test_a_share_of_the_values_is_zero_and_the_others_are_as_they_were() -> None:
    torch.manual_seed(0)
    x = torch.rand(1000, 50) + 1
    hidden = Masking(share=0.3)(x)
    assert abs((hidden == 0).float().mean() - 0.3) < 0.01
    assert torch.equal(hidden[hidden != 0], x[hidden != 0])
    assert (hidden == 0).float().mean(0).std() < 0.03  # each value by itself
