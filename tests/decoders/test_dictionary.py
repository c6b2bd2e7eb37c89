"""A dictionary of unit directions."""

from __future__ import annotations

import torch
from torch import Tensor

import zoo
from zoo.model import Model


def sparse(**changes: object) -> Model:
    torch.manual_seed(0)
    return zoo.build("sparse-ae-top-k-512d", data_shape=(2, 5), latent_dim=40, posterior={"k": 3}, **changes)


def test_it_begins_as_the_transpose_of_the_encoder_and_shares_its_bias():
    model = sparse()
    torch.testing.assert_close(model.decoder.directions(), model.posterior.head.weight)
    assert model.decoder.bias is model.encoder.pre_bias
    names = [name for name, _ in model.named_parameters() if "bias" in name]
    assert names == ["encoder.pre_bias", "posterior.head.bias"]


def test_a_random_start_and_a_bias_of_its_own():
    model = sparse(decoder={"tied_start": False}, encoder={"pre_bias": False})
    assert not torch.allclose(model.decoder.directions(), model.posterior.head.weight)
    assert {name for name, _ in model.named_parameters()} >= {"decoder.bias", "decoder.weight"}


def test_few_latents_are_summed_to_the_same_as_all():
    model = sparse()
    x = torch.randn(7, 2, 5)
    samples = model.inference(x).draw()
    assert samples.carry is not None
    with torch.no_grad():
        model.decoder.weight.mul_(torch.rand(40, 1) + 0.5)
        model.encoder.pre_bias.normal_()
    by_hand = samples.z[0] @ model.decoder.directions() + model.decoder.bias
    torch.testing.assert_close(samples.data.mean[0].flatten(1), by_hand)
    torch.testing.assert_close(model.decode(samples.z[0]).mean.flatten(1), by_hand)
    torch.testing.assert_close(model.inference(x).draw(4).data.mean[2], model.reconstruct(x))


def test_the_output_does_not_depend_on_the_length_of_a_direction():
    def gradients(model: Model, x: Tensor) -> tuple[Tensor, Tensor]:
        loss = model.loss(x).total
        return loss, *torch.autograd.grad(loss, model.decoder.weight)

    model, x = sparse(), torch.randn(20, 2, 5)
    loss, gradient = gradients(model, x)
    torch.testing.assert_close((gradient * model.decoder.weight).sum(1), torch.zeros(40), atol=1e-5, rtol=0)
    with torch.no_grad():
        model.decoder.weight.mul_(3.0)
    longer, smaller = gradients(model, x)
    torch.testing.assert_close(longer, loss)
    torch.testing.assert_close(3 * smaller, gradient, atol=1e-5, rtol=1e-5)


def test_directions_keep_unit_norm_through_training():
    model, x = sparse(), torch.randn(50, 2, 5)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(5):
        optimizer.zero_grad()
        model.loss(x).total.backward()
        optimizer.step()
    torch.testing.assert_close(model.decoder.directions().norm(dim=1), torch.ones(40))
    torch.testing.assert_close(model.decoder.column_norms(), torch.ones(40))


def test_without_unit_norm_the_columns_are_free():
    model = sparse(decoder={"unit_norm": False})
    with torch.no_grad():
        model.decoder.weight.mul_(2.0)
    torch.testing.assert_close(model.decoder.column_norms(), torch.full((40,), 2.0))
    torch.testing.assert_close(model.decoder.directions(), model.decoder.weight)


def test_the_shared_bias_is_written_once_and_loaded_for_both(tmp_path):
    model = sparse()
    with torch.no_grad():
        model.encoder.pre_bias.normal_()
    restored = zoo.load(zoo.save(model, tmp_path))
    assert restored.decoder.bias is restored.encoder.pre_bias
    assert torch.equal(restored.decoder.bias, model.decoder.bias)
