"""The norm of the encoder's Jacobian against the closed form of one sigmoid layer."""

from __future__ import annotations

import pytest
import torch

import zoo
from zoo.errors import ComponentError
from zoo.model import Model


def make(preset: str = "ae-mlp-2d", directions: int | None = None, **changes: object) -> Model:
    torch.manual_seed(0)
    contractive = {"name": "contractive", "weight": 0.1, "directions": directions}
    sizes = {"data_shape": (1, 4, 4), "encoder": {"widths": [3], "activation": "sigmoid"}, "latent_dim": 3}
    return zoo.build(preset, **{**sizes, **changes}, regularisers={"contractive": contractive})


def test_of_one_sigmoid_layer_it_is_the_closed_form() -> None:
    """h = sigmoid(W x + b) has ‖J‖² = Σ_j (h_j (1 − h_j))² Σ_i W_ji² (Rifai et al. 2011, section 2)."""
    model, x = make(), torch.rand(8, 1, 4, 4)
    with torch.no_grad():
        model.posterior.head.weight.copy_(torch.eye(3))
    layer = model.encoder.blocks[0].layer
    h = model.encoder(x)
    expected = ((h * (1 - h)).square() @ layer.weight.square().sum(1)).mean()
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            assert model.loss(x).terms["contractive"].item() == pytest.approx(expected.item(), rel=1e-5)
    penalty = model.regularisers["contractive"](model.inference(x).draw())
    (found,) = torch.autograd.grad(penalty, layer.weight)
    torch.testing.assert_close(found, torch.autograd.grad(expected, layer.weight)[0])


@pytest.mark.parametrize("posterior", ["point", "diagonal_gaussian", "full_gaussian"])
def test_random_directions_give_the_exact_norm_in_the_mean(posterior: str) -> None:
    preset = "ae-mlp-2d" if posterior == "point" else "vae-mlp-2d"
    x = torch.rand(1, 1, 4, 4).expand(4000, 1, 4, 4)
    exact, estimated = (
        make(preset, directions, posterior=posterior).loss(x).terms["contractive"].item() for directions in (None, 1)
    )
    assert estimated == pytest.approx(exact, rel=0.05)


def test_values_that_were_not_observed_have_no_slope() -> None:
    model, x = make(), torch.rand(4, 1, 4, 4)
    mask = torch.ones_like(x, dtype=torch.bool)
    mask[:, :, 0] = False
    with torch.no_grad():
        model.encoder.blocks[0].layer.weight[:, 4:] = 0
    assert model.loss(x).terms["contractive"] > 0
    assert model.loss(x, mask=mask).terms["contractive"] == 0


def test_a_posterior_that_does_not_know_its_mean_is_refused() -> None:
    with pytest.raises(ComponentError, match=r"'contractive' .* posterior 'planar'"):
        make("vae-mlp-2d", posterior="planar")
