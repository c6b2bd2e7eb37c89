"""Dead latents learn from what the live ones leave over, and nothing else does."""

from __future__ import annotations

import pytest
import torch

import zoo
from zoo.errors import ComponentError
from zoo.model import Model
from zoo.regularisers.auxiliary_k import AuxiliaryK

DEAD = [1, 4, 6]


def model_with_dead(k: int | None = None, weight: float = 1.0) -> Model:
    """Return a model of 8 latents, of which three have been silent for long."""
    torch.manual_seed(0)
    model = zoo.build(
        "sparse-ae-top-k-512d",
        data_shape=(5,),
        latent_dim=8,
        posterior={"k": 2},
        regularisers={"auxiliary": {"k": k, "weight": weight, "dead_after": 1000}},
    )
    with torch.no_grad():
        model.encoder.pre_bias.normal_()
        model.posterior.head.bias.fill_(20.0)  # the two largest activations are of live latents
        model.posterior.head.bias[DEAD] = torch.tensor([0.3, -0.2, 0.1])
        model.posterior.silent[DEAD] = 2000
    return model.train()


def test_it_is_the_squared_error_of_the_error_without_the_bias():
    model, x = model_with_dead(k=2), torch.randn(6, 5)
    samples = model.inference(x).draw()
    found = model.regularisers["auxiliary"](samples)
    error = x - samples.data.mean[0]
    activations = (x - model.encoder.pre_bias) @ model.posterior.head.weight[DEAD].T + model.posterior.head.bias[DEAD]
    largest = activations.relu().topk(2)
    codes = torch.zeros(6, 3).scatter(1, largest.indices, largest.values)
    assert codes.max() > 0
    expected = (error - codes @ model.decoder.directions()[DEAD]).square().sum(1).mean()
    torch.testing.assert_close(found, expected)


def test_its_gradient_is_zero_on_latents_that_live():
    model, x = model_with_dead(), torch.randn(16, 5)
    term = model.regularisers["auxiliary"](model.inference(x).draw())
    weight, bias, atoms = torch.autograd.grad(
        term, [model.posterior.head.weight, model.posterior.head.bias, model.decoder.weight]
    )
    live = [latent for latent in range(8) if latent not in DEAD]
    for gradient in (weight, bias, atoms):
        assert gradient[live].abs().max() == 0
        assert gradient[DEAD].abs().max() > 0


def test_it_is_zero_without_dead_latents_and_outside_training():
    model, x = model_with_dead(), torch.randn(6, 5)
    assert model.loss(x).terms["auxiliary"] > 0
    assert model.eval().loss(x).terms["auxiliary"] == 0
    model.posterior.silent.zero_()
    assert model.train().loss(x).terms["auxiliary"] == 0


@pytest.mark.parametrize(
    ("changes", "culprit"),
    [({"posterior": "point"}, "posterior 'point'"), ({"decoder": {"name": "mlp", "widths": []}}, "decoder 'mlp'")],
)
def test_parts_without_dead_latents_are_refused(changes, culprit):
    with pytest.raises(ComponentError, match=f"cannot revive latents of the {culprit}"):
        zoo.build("sparse-ae-top-k-512d", **changes)


@pytest.mark.parametrize(("data_shape", "k"), [((3, 8), 12), ((7,), 3), ((1,), 1)])
def test_half_as_many_dead_latents_as_values_are_used(data_shape: tuple[int, ...], k: int) -> None:
    assert AuxiliaryK(data_shape=data_shape).k == k
