"""VAE-GAN: each player descends on its own loss, as written in the paper, and a critic on Gaussian data is the best."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import zoo
from tests.minimise import minimise
from zoo.errors import ComponentError
from zoo.model import Model
from zoo.nn.adversary import Discriminator, MapDiscriminator
from zoo.regularisers.data_critic import DataCritic

BETA, A = 0.7, 3.0


def make(data_shape: tuple[int, ...] = (1, 8, 8), **options: object) -> Model:
    torch.manual_seed(0)
    critic = {"name": "data_critic", "channels": [4, 8], "width": 16, "adversarial_weight": A, **options}
    return zoo.build(
        "vae-mlp-2d",
        data_shape=data_shape,
        encoder={"widths": [16]},
        decoder={"widths": [16]},
        objective={"beta": BETA, "reconstruction_weight": 0.0},
        regularisers={"gan": critic},
    ).train()


def gradients(loss: Tensor, model: Model, *parts: str) -> Tensor:
    parameters = [p for part in parts for p in getattr(model, part).parameters()]
    found = torch.autograd.grad(loss, parameters, retain_graph=True)
    return torch.cat([each.flatten() for each in found])


def the_papers(model: Model, x: Tensor, layer: int = -1) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return L_rec, L_GAN as the decoder minimises it, the critic's loss and the KL term, written out once more."""
    critic = model.adversaries()["gan"]
    torch.manual_seed(1)
    samples = model.inference(x).draw()
    z = samples.z[0]
    z_p = model.prior.sample((len(x),))
    reconstruction, made = model.decode(z).mean, model.decode(z_p).mean
    distance = 0.5 * (critic.layers(x)[layer] - critic.layers(reconstruction)[layer]).square().flatten(1).sum(1).mean()
    d, d_rec, d_p = (torch.sigmoid(critic.logits(each)) for each in (x, reconstruction, made))
    fooled = -0.5 * (d_rec.log().mean() + d_p.log().mean())
    own = -0.5 * d.log().mean() - 0.25 * (1 - d_rec).log().mean() - 0.25 * (1 - d_p).log().mean()
    return distance, fooled, own, samples.kl().mean()


@pytest.mark.parametrize("layer", [0, 1])
def test_the_encoder_and_the_decoder_have_the_gradients_of_the_paper(layer: int) -> None:
    model, x = make(layer=layer), torch.rand(12, 1, 8, 8)
    distance, fooled, _, kl = the_papers(model, x, layer)
    torch.manual_seed(1)
    total = model.loss(x).total
    torch.testing.assert_close(
        gradients(total, model, "encoder", "posterior"), gradients(distance + BETA * kl, model, "encoder", "posterior")
    )
    torch.testing.assert_close(
        gradients(total, model, "decoder"), gradients(distance + A * fooled, model, "decoder"), rtol=1e-4, atol=1e-6
    )


def test_the_decoder_does_not_help_the_critic() -> None:
    """A step along the adversarial part of the decoder's gradient raises the critic's loss."""
    x = torch.rand(64, 1, 8, 8)
    losses = []
    for rate in (0.0, 1e-2):
        model = make(adversarial_weight=1e3)
        _, fooled, _, _ = the_papers(model, x)
        parameters = [*model.decoder.parameters()]
        for p, g in zip(parameters, torch.autograd.grad(fooled, parameters), strict=True):
            p.data -= rate * g
        losses.append(the_papers(model, x)[2].item())
        torch.manual_seed(1)
    assert losses[1] > losses[0]


def test_the_encoder_does_not_see_the_adversarial_term() -> None:
    x, found = torch.rand(12, 1, 8, 8), []
    for weight in (0.0, 100.0):
        model = make(adversarial_weight=weight)
        torch.manual_seed(1)
        found.append(gradients(model.loss(x).total, model, "encoder", "posterior"))
    assert torch.equal(*found)


def test_the_critic_sees_data_reconstructions_and_samples() -> None:
    model, x = make(), torch.rand(12, 1, 8, 8)
    own = the_papers(model, x)[2]
    torch.manual_seed(1)
    evidence = model(x).evidence["gan"]
    torch.manual_seed(1)
    z = model.inference(x).draw().z[0]
    expected = (x, model.decode(z).mean, model.decode(model.prior.sample((12,))).mean)
    for shown, each in zip(evidence, expected, strict=True):
        torch.testing.assert_close(shown, each.detach())
    torch.testing.assert_close(model.adversaries()["gan"](*evidence), own)


def test_the_terms_add_up_and_the_loss_has_no_unit() -> None:
    model, x = make(weight=2.0), torch.rand(12, 1, 8, 8)
    loss, terms = model.loss(x)
    assert loss.item() == pytest.approx(
        (BETA * terms["kl"] + 2 * (terms["gan.features"] + terms["gan.adversarial"])).item(), rel=1e-5
    )
    assert [model.unit_of(term) for term in ("kl", "gan.features", "loss")] == ["nats", None, None]
    # The bound is still reported, and is that of the likelihood.
    assert terms["elbo"].item() == pytest.approx(-(terms["reconstruction"] + terms["kl"]).item(), rel=1e-5)


def test_the_best_critic_of_gaussian_data_is_the_log_ratio_to_the_mixture_of_both_fakes() -> None:
    """Data N(0, 1), reconstructions N(0.5, 1), samples N(−1, 1): the logit is log p(x) − log ½(q₁(x) + q₂(x))."""
    torch.manual_seed(0)
    critic = DataCritic(data_shape=(1,), width=32).critic
    drawn = [mean + torch.randn(2500, 1) for mean in (0.0, 0.5, -1.0)]
    minimise(lambda: critic(*drawn), critic.parameters(), iterations=30)
    x = torch.linspace(-2, 2, 41)
    log_densities = [-(x - mean).square() / 2 for mean in (0.0, 0.5, -1.0)]
    best = log_densities[0] - torch.logaddexp(log_densities[1], log_densities[2]) + math.log(2)
    with torch.no_grad():
        error = critic.logits(x[:, None]) - best
    assert error.abs().mean() < 0.12 < best.std() / 2


@pytest.mark.parametrize("data_shape", [(3, 8, 9), (2, 12), (5,), (1, 4, 4)])
def test_it_takes_data_of_any_shape(data_shape: tuple[int, ...]) -> None:
    model = make(data_shape)
    loss = model.loss(torch.rand(4, *data_shape)).total
    loss.backward()
    assert loss.isfinite()


def test_values_that_were_not_observed_are_not_seen() -> None:
    model, x = make(), torch.rand(12, 1, 8, 8)
    mask = torch.rand(x.shape) < 0.7
    other = torch.where(mask, x, torch.rand(x.shape))
    torch.manual_seed(1)
    first = model(x, None, mask)
    torch.manual_seed(1)
    second = model(other, None, mask)
    assert torch.equal(first.total, second.total)
    assert all((shown[~mask] == 0).all() for shown in first.evidence["gan"])


def test_a_conditional_model_makes_examples_of_the_batchs_classes() -> None:
    torch.manual_seed(0)
    critic = {"name": "data_critic", "channels": [4]}
    model = zoo.build("cvae-mlp-2d", data_shape=(1, 8, 8), classes=3, regularisers={"gan": critic}).train()
    labels, x = torch.arange(6) % 3, torch.rand(6, 1, 8, 8)
    torch.manual_seed(1)
    made = model(x, labels).evidence["gan"][2]
    torch.manual_seed(1)
    model.inference(x, labels).draw()
    torch.testing.assert_close(made, model.decode(model.prior.sample((6,)), labels).mean.detach())


@pytest.mark.parametrize(("options", "message"), [({"layer": 2}, "expected a layer from 0 to 1"), ({"layer": -1}, "")])
def test_layers_that_are_not_there_are_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(ComponentError, match=rf"regularisers\.gan\.layer.*{message}"):
        make(**options)


def test_a_denoiser_is_refused() -> None:
    with pytest.raises(ComponentError, match="regularisers"):
        zoo.build("denoiser-conv-16d", data_shape=(1, 8, 8), regularisers={"gan": "data_critic"})


@pytest.mark.parametrize(
    ("data_shape", "critic"),
    [
        ((1, 8, 8), MapDiscriminator),
        ((3, 8), MapDiscriminator),
        ((1, 7, 28), Discriminator),
        ((3, 7), Discriminator),
        ((64,), Discriminator),
        ((1, 8, 8, 8), Discriminator),
    ],
)
def test_maps_of_eight_pixels_or_steps_a_side_have_a_critic_of_maps(data_shape: tuple[int, ...], critic: type) -> None:
    assert type(DataCritic(data_shape=data_shape).critic) is critic
