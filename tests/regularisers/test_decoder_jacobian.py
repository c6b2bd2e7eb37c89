"""The norm of the decoder's Jacobian against the whole Jacobian by automatic differentiation."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import zoo
from zoo.model import Model
from zoo.regularisers._jacobian import squared_jacobian_norm

SMALL = {"data_shape": (1, 4, 4), "encoder": {"widths": [16]}, "decoder": {"widths": [16], "activation": "tanh"}}


def make(preset: str = "ae-mlp-2d", **changes: object) -> Model:
    torch.manual_seed(0)
    smooth = {"name": "decoder_jacobian", "weight": 0.1}
    return zoo.build(preset, **{**SMALL, **changes}, regularisers={"smooth": smooth})


def exact(model: Model, z: Tensor) -> Tensor:
    """Return ‖∂D/∂z‖_F² at one latent (d,), with D the mean of p(x|z)."""
    jacobian = torch.autograd.functional.jacobian(lambda at: model.decode(at[None]).mean[0], z, create_graph=True)
    return jacobian.square().sum()


def test_all_outputs_in_turn_are_exact_and_random_directions_are_so_in_the_mean() -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(4000, 3, requires_grad=True), torch.randn(3, 5)
    y = torch.tanh(x @ weight)
    slopes = (1 - y.square()).detach()
    expected = (slopes.square() @ weight.square().T).sum().item()
    norm = squared_jacobian_norm(y, x, None, differentiable=False).item()
    assert norm == pytest.approx(expected, rel=1e-4)
    assert squared_jacobian_norm(y, x, 3, differentiable=False).item() == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("grad", [True, False])
def test_the_term_is_the_mean_squared_norm_of_the_decoders_jacobian(grad: bool) -> None:
    model = make()
    x = torch.rand(1, 1, 4, 4).expand(4000, 1, 4, 4)
    z = model.encode(x[:1]).mean[0].detach()
    with torch.set_grad_enabled(grad):
        terms = model.loss(x).terms
    assert terms["smooth"].item() == pytest.approx(exact(model, z).item(), rel=0.05)


def test_training_is_told_that_it_differentiates_twice() -> None:
    assert make().with_second_derivatives() == ["regularisers.smooth"]


def test_its_gradient_is_that_of_the_norm_for_decoder_and_encoder() -> None:
    model = make()
    x = torch.rand(1, 1, 4, 4).expand(20_000, 1, 4, 4)
    layers = [model.decoder.output.weight, model.posterior.head.weight]
    penalty = model.regularisers["smooth"](model.inference(x).draw())
    found = torch.autograd.grad(penalty, layers)
    expected = torch.autograd.grad(exact(model, model.encode(x[:1]).mean[0]), layers)
    for mine, other in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, other, rtol=0.1, atol=0.06 * other.abs().max().item())


def test_what_the_posterior_computed_for_the_decoder_is_not_taken_for_a_constant() -> None:
    model = make("hvae-mlp-12d", latent_dim=4)
    x = torch.rand(1, 1, 4, 4).expand(3000, 1, 4, 4)
    samples = model.inference(x).draw()
    assert samples.carry is not None
    expected = torch.stack([exact(model, z.detach()) for z in samples.z[0, :50]]).mean()
    assert model.regularisers["smooth"](samples).item() == pytest.approx(expected.item(), rel=0.15)


def test_it_makes_the_decoder_flatter() -> None:
    torch.manual_seed(0)
    x, norms = torch.rand(32, 1, 4, 4).round(), []
    for weight in (0.0, 0.3):
        model = make()
        model.regularisers["smooth"].weight.final = weight
        optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
        for _ in range(25):
            optimizer.zero_grad()
            model.loss(x).total.backward()
            optimizer.step()
        norms.append(model.loss(x).terms["smooth"].item())
    assert 0 < norms[1] < 0.5 * norms[0]
