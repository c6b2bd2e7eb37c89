"""Activations by name."""

import typing

import pytest
import torch
from torch.nn import functional as F

from zoo.nn.layers.activations import ActivationName, activation

KNOWN = {
    "relu": F.relu,
    "gelu": F.gelu,
    "silu": F.silu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "elu": F.elu,
    "leaky_relu": lambda x: torch.where(x > 0, x, 0.2 * x),
}


@pytest.mark.parametrize("name", typing.get_args(ActivationName))
def test_a_name_means_its_function(name):
    x = torch.linspace(-4, 4, 101)
    torch.testing.assert_close(activation(name)(x), KNOWN[name](x))


@pytest.mark.parametrize("name", typing.get_args(ActivationName))
def test_has_nothing_to_train_and_leaves_its_input_alone(name):
    x = torch.linspace(-4, 4, 101)
    before = x.clone()
    module = activation(name)
    module(x)
    assert torch.equal(x, before)
    assert not module.state_dict()
