"""Priors over codes that are learned, before and after: ``pixelcnn`` and ``transformer``."""

from __future__ import annotations

import copy
import functools
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

import zoo
from tests.models import SIZES
from zoo.errors import ComponentError
from zoo.model import Model
from zoo.posteriors.residual_quantized import ResidualQuantized
from zoo.posteriors.vector_quantized import VectorQuantized
from zoo.priors.pixelcnn import PixelCnn
from zoo.training.prior_fit import PriorFit

PRIORS = ["pixelcnn", "transformer"]
every_prior = pytest.mark.parametrize("name", PRIORS)


def build(**changes: object) -> Model:
    torch.manual_seed(0)
    parts = {"encoder": {"channels": [4, 6]}, "decoder": {"channels": [6, 4]}, "posterior": {"codes": 8}}
    return zoo.build("vqvae-conv-16d", data_shape=(1, 8, 8), latent_dim=4, **{**parts, **changes})


def small(name: str) -> dict:
    return {"name": name, **SIZES["prior"][name]}


@functools.cache
def digits() -> tuple[Tensor, Tensor]:
    batch = next(zoo.load_data("digits", subset=600).train.batches(300))
    return batch.x, batch.labels


def train(
    model: torch.nn.Module, parameters: list, *batch: Tensor, steps: int = 45, rate: float = 0.01, size: int = 32
) -> list[float]:
    optimizer, losses = torch.optim.Adam(parameters, lr=rate), []
    for step in range(steps):
        torch.manual_seed(step)
        optimizer.zero_grad()
        chosen = torch.randint(len(batch[0]), (size,))
        loss = model(*(each[chosen] for each in batch)).total
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@functools.cache
def trained(classes: int | None = None) -> Model:
    """A model of digits with an unfitted prior of each kind, trained once."""
    changes = {"classes": classes, "conditioned": ["prior"]} if classes else {}
    model = build(**changes).train()
    x, labels = digits()
    train(model, list(model.parameters()), *((x, labels) if classes else (x,)), steps=60, size=64)
    return model.eval()


@functools.cache
def fitted(name: str, classes: int | None = None) -> tuple[Model, list[float]]:
    """The trained model with a prior fitted to its codes, and the losses of the fit; both are shared by the tests."""
    changes = {"classes": classes, "conditioned": ["prior"]} if classes else {}
    model = build(fitted_prior=small(name), **changes).eval()
    model.load_state_dict(trained(classes).state_dict(), strict=False)
    fit = PriorFit(model).train()
    x, labels = digits()
    losses = train(fit, list(fit.training_parameters().values()), *((x, labels) if classes else (x,)), rate=0.03)
    return model.eval(), losses


@every_prior
def test_a_fit_begins_uniform_lowers_the_nats_of_the_codes_and_changes_the_prior_alone(name: str) -> None:
    model, losses = fitted(name)
    nats = 4 * math.log(8)
    assert losses[0] == pytest.approx(nats, abs=1e-4)
    assert sum(losses[-5:]) / 5 < 0.6 * nats
    before = trained().state_dict()
    assert before.keys() < model.state_dict().keys()
    assert all(torch.equal(model.state_dict()[key], tensor) for key, tensor in before.items())


@every_prior
def test_bounds_under_the_fitted_prior_are_in_nats_of_its_codes(name: str, tmp_path: Path) -> None:
    model, _ = fitted(name)
    x = digits()[0][:20].round()
    inference = model.inference(x, fitted=True)
    log_prior = inference.prior.codes.log_prob(inference.posterior.codes.indices)
    torch.testing.assert_close(inference.prior.log_prob(inference.posterior.mean), log_prior)
    torch.testing.assert_close(inference.draw(2).kl(), -log_prior)
    log_likelihood = inference.log_likelihood(inference.decode(inference.posterior.mean))
    torch.testing.assert_close(model.log_likelihood(x, fitted=True), log_likelihood + log_prior)
    torch.testing.assert_close(model.log_likelihood(x), log_likelihood - 4 * math.log(8))
    assert model.log_likelihood(x, fitted=True).mean() > model.log_likelihood(x).mean()
    restored = zoo.load(zoo.save(model, tmp_path))
    assert torch.equal(restored.log_likelihood(x, fitted=True), model.log_likelihood(x, fitted=True))
    torch.manual_seed(1)
    drawn = model.sample(5)
    torch.manual_seed(1)
    assert torch.equal(restored.sample(5), drawn)


@every_prior
def test_samples_have_the_frequencies_of_the_codes_of_the_data(name: str) -> None:
    model, _ = fitted(name)
    torch.manual_seed(0)
    drawn = model.posterior.indices(model.latents(1000)).flatten(1)
    data = model.inference(digits()[0]).posterior.codes.indices.flatten(1)
    found, expected = (
        torch.stack([torch.bincount(place, minlength=8) for place in codes.T]) / len(codes) for codes in (drawn, data)
    )
    # The fit is short: samples are much nearer to the data than uniform ones are, not equal to them.
    assert (found - expected).abs().sum() < 0.6 * (1 / 8 - expected).abs().sum()


@every_prior
def test_with_classes_it_learns_the_codes_of_each(name: str) -> None:
    model, _ = fitted(name, classes=10)
    x, labels = digits()
    assert model.inference(x, labels, fitted=True).prior.batch_shape == (len(x),)
    true, false = (
        model.inference(x, given, fitted=True).draw().log_prior.mean() for given in (labels, (labels + 1) % 10)
    )
    assert true > false + 0.1
    assert model.sample(6, torch.arange(6)).shape == (6, 1, 8, 8)
    prior = model.inference(labels=torch.arange(6), fitted=True).prior
    assert model.sample(6, torch.arange(6), latents=prior.tempered(0.5, top_k=2)).shape == (6, 1, 8, 8)


@every_prior
def test_it_is_learned_together_with_the_model(name: str) -> None:
    model = build(prior=small(name)).train()
    x, _ = digits()
    train(model, list(model.parameters()), x, rate=0.02)
    terms = model.eval().loss(x).terms
    assert terms["kl"] < 0.9 * 4 * math.log(8)
    torch.testing.assert_close(terms["elbo"], model.log_likelihood(x).mean())


@every_prior
def test_weights_in_16_bits_give_nearly_the_same_nats(name: str) -> None:
    model, _ = fitted(name)
    x, _ = digits()
    with torch.no_grad():
        codes = model.encode(x).sample()
        expected = model.inference(x, fitted=True).prior.log_prob(codes)
        halved = copy.deepcopy(model).to(torch.bfloat16)
        found = halved.inference(x, fitted=True).prior.log_prob(codes)
        torch.testing.assert_close(found, expected, rtol=0.02, atol=0.5)
        assert halved.sample(2).isfinite().all()


def test_pixelcnn_refuses_codes_of_several_codebooks_and_names_the_prior_that_takes_them() -> None:
    with pytest.raises(ComponentError, match="transformer"):
        build(posterior={"name": "residual_quantized", "codes": 8}, prior="pixelcnn")


def test_pixelcnn_takes_one_codebook_and_odd_kernels() -> None:
    single = VectorQuantized(feature_shape=(6, 4, 4), latent_dim=2, codes=4)
    two = ResidualQuantized(feature_shape=(6,), latent_dim=2, codes=4, codebooks=2)
    assert PixelCnn(posterior=single, condition_dim=0, depth=1, kernel_size=1).network.places == 16
    with pytest.raises(ComponentError, match=r"got 2 codebooks on a grid of shape \(2,\)"):
        PixelCnn(posterior=two, condition_dim=0)
    with pytest.raises(ComponentError, match="kernel_size: expected an odd number, got 4"):
        PixelCnn(posterior=single, condition_dim=0, kernel_size=4)


def test_the_transformer_refuses_heads_that_do_not_divide_its_width() -> None:
    with pytest.raises(ComponentError, match="multiple of `heads`"):
        build(prior={"name": "transformer", "width": 10, "heads": 4})


@pytest.mark.parametrize("posterior", ["residual_quantized", "product_quantized", "two_level_quantized"])
def test_the_transformer_models_codes_of_several_codebooks(posterior: str) -> None:
    model = build(posterior={"name": posterior, "codes": 8}, fitted_prior=small("transformer"))
    x, _ = digits()
    train(model.train(), list(model.parameters()), x, steps=5)
    fit = PriorFit(model.eval()).train()
    losses = train(fit, list(fit.training_parameters().values()), x, steps=12, rate=0.03)
    assert losses[0] == pytest.approx(math.prod(model.posterior.grid) * math.log(8), abs=1e-3)
    assert losses[-1] < 0.9 * losses[0]
    assert model.eval().sample(3).shape == (3, 1, 8, 8)
