"""The layer that returns the parameters of a distribution, and the map to a positive scale."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from zoo.nn.layers.head import Head, positive


def test_a_scale_is_softplus_above_a_floor() -> None:
    raw = torch.tensor([-1e4, -2.0, 0.0, 3.0, 1e4], requires_grad=True)
    scale = positive(raw, 0.5)
    expected = [0.5, math.log1p(math.exp(-2)) + 0.5, math.log(2) + 0.5, math.log1p(math.exp(3)) + 0.5, 1e4 + 0.5]
    assert scale.tolist() == pytest.approx(expected)
    scale.sum().backward()
    torch.testing.assert_close(raw.grad, raw.detach().sigmoid())


def test_a_head_in_16_bits_computes_in_32() -> None:
    torch.manual_seed(0)
    head, h = Head(3, 2).bfloat16(), torch.randn(5, 3).bfloat16()
    expected = F.linear(h.float(), head.weight.float(), head.bias.float())
    with torch.autocast("cpu", torch.bfloat16):
        found = head(h)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected)
