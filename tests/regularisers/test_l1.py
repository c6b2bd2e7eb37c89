"""The sizes of codes, weighed by what they add to the output."""

from __future__ import annotations

import pytest
import torch

import zoo
from zoo.errors import ComponentError


def test_latents_are_weighed_by_the_norms_of_their_columns():
    linear = {"name": "mlp", "widths": []}
    model = zoo.build(
        "ae-mlp-2d", data_shape=(6,), encoder=linear, decoder=linear, regularisers={"l1": {"name": "l1", "weight": 2.0}}
    )
    x = torch.rand(9, 6)
    z, columns = model.encode(x).mean, model.decoder.output.weight
    expected = (z.abs() * columns.norm(dim=0)).sum(1).mean()
    loss, terms = model.loss(x)
    torch.testing.assert_close(terms["l1"], expected)
    torch.testing.assert_close(loss, terms["squared_error"] + 2 * expected)


def test_shorter_codes_and_longer_columns_do_not_evade_it():
    model = zoo.build("sparse-ae-l1-512d", data_shape=(6,), latent_dim=12, decoder={"unit_norm": False})
    x = torch.randn(9, 6)
    before = model.loss(x).terms["l1"]
    with torch.no_grad():
        for parameter in model.posterior.parameters():
            parameter.mul_(0.1)
        model.decoder.weight.mul_(10)
    torch.testing.assert_close(model.loss(x).terms["l1"], before)


def test_with_unit_norms_it_is_the_plain_sum():
    model = zoo.build("sparse-ae-l1-512d", data_shape=(6,), latent_dim=12)
    x = torch.randn(9, 6)
    torch.testing.assert_close(model.loss(x).terms["l1"], model.encode(x).mean.sum(1).mean())


def test_norms_of_a_decoder_with_hidden_layers_are_refused():
    deep = {"preset": "ae-mlp-2d", "data_shape": (6,)}
    with pytest.raises(ComponentError, match=r"the decoder 'mlp' is not linear"):
        zoo.build({**deep, "regularisers": {"l1": {"name": "l1"}}})
    model = zoo.build({**deep, "regularisers": {"l1": {"name": "l1", "decoder_norms": False}}})
    x = torch.rand(4, 6)
    torch.testing.assert_close(model.loss(x).terms["l1"], model.encode(x).mean.abs().sum(1).mean())
