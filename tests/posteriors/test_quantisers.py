"""Laws that hold for every quantiser of the registry."""

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
from zoo.model import Model
from zoo.posteriors import Quantiser
from zoo.registry import find_component

QUANTISERS = [name for name in zoo.list_components("posterior") if find_component("posterior", name).discrete]
DETERMINISTIC = [name for name in QUANTISERS if find_component("posterior", name).deterministic]
every_quantiser = pytest.mark.parametrize("name", QUANTISERS)


def quantiser(name: str, feature_shape: tuple[int, ...] = (6, 4, 3)) -> Quantiser:
    torch.manual_seed(0)
    options = SIZES["posterior"][name]
    return find_component("posterior", name)(feature_shape=feature_shape, latent_dim=2, **options)


def trained(name: str, steps: int = 5) -> Quantiser:
    """A quantiser whose codebooks were started from random features."""
    made = quantiser(name)
    for _ in range(steps):
        made(torch.randn(20, 6, 4, 3))
    return made.eval()


def model_with(name: str, **changes: object) -> Model:
    torch.manual_seed(0)
    parts = {"encoder": {"channels": [4, 6]}, "decoder": {"channels": [6, 4]}}
    posterior = {"name": name, **SIZES["posterior"][name]}
    return zoo.build(
        "vqvae-conv-16d", data_shape=(1, 8, 8), latent_dim=2, **{"posterior": posterior, **parts, **changes}
    )


@functools.cache
def digits(size: int) -> Tensor:
    return next(zoo.load_data("digits", subset=2 * size).train.batches(size)).x


@every_quantiser
def test_codes_and_their_vectors_have_the_stated_shapes(name: str) -> None:
    made = trained(name)
    q = made(torch.randn(5, 6, 4, 3))
    assert (q.batch_shape, q.event_shape) == ((5,), made.latent_shape)
    assert q.rsample((3,)).shape == q.sample((3,)).shape == (3, 5, *made.latent_shape)
    assert q.codes.sample().shape == (5, *made.grid)
    assert sum(made.codebook_places) == math.prod(made.grid)


@every_quantiser
def test_a_quantiser_without_noise_has_one_draw_for_each_example(name: str) -> None:
    made = trained(name)
    draws = made(torch.randn(5, 6, 4, 3)).sample((30,))
    assert made.deterministic == bool((draws == draws[0]).all())


@every_quantiser
def test_numbers_and_vectors_of_codes_are_each_others_inverse(name: str) -> None:
    made = trained(name)
    indices = torch.randint(made.codes, (3, 5, *made.grid))
    z = made.embed(indices)
    assert z.shape == (3, 5, *made.latent_shape)
    # Two codes may have the same vector, but no vector has another one's number.
    assert torch.equal(made.embed(made.indices(z)), z)
    q = made(torch.randn(7, 6, 4, 3))
    z = q.rsample()
    assert torch.equal(made.embed(made.indices(z)), z)


@every_quantiser
def test_draws_are_the_vectors_of_the_codes_that_count(name: str) -> None:
    model = model_with(name).train()
    model.loss(torch.rand(20, 1, 8, 8))
    samples = model.eval().inference(torch.rand(4, 1, 8, 8)).draw(3)
    (level,) = samples.levels
    assert torch.equal(model.posterior.embed(level.z), samples.z)


@every_quantiser
def test_the_rate_under_the_uniform_prior_is_at_most_n_log_k(name: str) -> None:
    model = model_with(name)
    x = torch.rand(4, 1, 8, 8)
    nats = math.prod(model.posterior.grid) * math.log(model.posterior.codes)
    kl = model.eval().inference(x).draw().kl()
    if name in DETERMINISTIC:
        torch.testing.assert_close(kl, torch.full((4,), nats))
        assert model.train()(x).terms["kl"] == pytest.approx(nats)
    assert (kl <= nats + 1e-4).all()
    uniform = model.prior
    torch.testing.assert_close(uniform.log_prob(uniform.sample((3,))), torch.full((3,), -nats))


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_the_likelihood_is_the_joint_probability_of_the_only_code(name: str) -> None:
    model = model_with(name).eval()
    x = torch.randint(2, (4, 1, 8, 8)).float()
    inference = model.inference(x)
    expected = inference.log_joint(inference.posterior.mean)
    torch.testing.assert_close(model.log_likelihood(x, num_samples=7), expected)
    torch.testing.assert_close(-model.loss(x).terms["elbo"], -expected.mean())


@every_quantiser
def test_importance_weights_average_to_the_evidence(name: str) -> None:
    """With all codes enumerated, log p(x) is known; a code without noise gives a part of the sum."""
    torch.manual_seed(0)
    options = {**SIZES["posterior"][name]}
    if name == "two_level_quantized":
        pytest.skip("its codes are too many to enumerate")
    model = zoo.build(
        "vae-mlp-2d",
        data_shape=(3,),
        encoder={"widths": [8]},
        decoder={"widths": [8]},
        posterior={"name": name, **options},
        prior="uniform_codes",
    ).eval()
    made, x = model.posterior, torch.randint(2, (5, 3)).float()
    n = math.prod(made.grid)
    numbers = torch.cartesian_prod(*[torch.arange(made.codes)] * n).reshape(-1, 1, *made.grid)
    with torch.no_grad():
        inference = model.inference(x)
        joint = inference.log_likelihood(inference.decode(made.embed(numbers).expand(-1, 5, *made.latent_shape)))
        evidence = (joint - n * math.log(made.codes)).logsumexp(0)
        if name in DETERMINISTIC:
            assert (model.log_likelihood(x, num_samples=1) <= evidence + 1e-5).all()
        else:
            torch.testing.assert_close(model.log_likelihood(x, num_samples=20_000), evidence, atol=0.02, rtol=0)


@pytest.mark.parametrize("name", DETERMINISTIC)
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_the_loss_does_not_change_when_the_batch_is_repeated(name: str, mode: str) -> None:
    """In training, too; peers sum the loss of the codes over the batch."""
    model, x = model_with(name), digits(20)
    for _ in range(3):
        model.train()(x)
    once, eight = (getattr(copy.deepcopy(model), mode)() for _ in range(2))
    first, second = once(x), eight(x.repeat(8, 1, 1, 1))
    torch.testing.assert_close(first.total, second.total)
    torch.testing.assert_close(first.terms, second.terms)


@every_quantiser
def test_nothing_changes_but_in_training(name: str) -> None:
    made = trained(name)
    before = copy.deepcopy(made.state_dict())
    made.eval()(torch.randn(9, 6, 4, 3))
    made.train()
    with torch.no_grad():
        made(torch.randn(9, 6, 4, 3))
    assert all(torch.equal(tensor, before[key]) for key, tensor in made.state_dict().items())


@every_quantiser
@pytest.mark.parametrize("feature_shape", [(6,), (6, 5), (6, 3, 2)])
def test_vectors_series_and_images_have_codes(name: str, feature_shape: tuple[int, ...]) -> None:
    if name == "two_level_quantized" and len(feature_shape) == 1:
        pytest.skip("a vector has no coarser map")
    made = quantiser(name, feature_shape)
    q = made(torch.randn(9, *feature_shape))
    assert made.latent_shape == (2, *feature_shape[1:])
    assert q.rsample().shape == (9, *made.latent_shape)
    assert q.codes.sample().shape == (9, *made.grid)


@every_quantiser
def test_codes_are_chosen_in_float32_under_autocast(name: str) -> None:
    made, h = trained(name), torch.randn(5, 6, 4, 3)
    if name == "two_level_quantized":
        pytest.skip("it has a convolution before its codes")
    exact = made(h).mean
    with torch.autocast("cpu", torch.bfloat16):
        q = made(h)
    torch.testing.assert_close(q.mean, exact)
    assert q.rsample().dtype == torch.float32


@every_quantiser
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_extreme_features_give_finite_losses_and_gradients(name: str, size: float) -> None:
    made = quantiser(name)
    h = torch.full((4, 6, 4, 3), size, requires_grad=True)
    q = made(h)
    value = q.rsample().sum() + sum(loss.sum() for loss in made.losses(q).values())
    value.backward()
    assert value.isfinite()
    assert h.grad is not None
    assert h.grad.isfinite().all()


@every_quantiser
@pytest.mark.parametrize("decoder", ["conv_map", "mlp"])
def test_it_trains_on_digits_with_a_decoder_of_maps_or_of_vectors(name: str, decoder: str, tmp_path: Path) -> None:
    model = model_with(name, decoder={"name": decoder}).train()
    x, optimizer = digits(200), torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for step in range(16):
        torch.manual_seed(step)
        optimizer.zero_grad()
        losses.append(model.loss(x[torch.randint(len(x), (32,))]).total)
        losses[-1].backward()
        optimizer.step()
    assert torch.stack(losses[-3:]).mean() < 0.9 * torch.stack(losses[:3]).mean()
    restored = zoo.load(zoo.save(model.eval(), tmp_path))
    assert torch.equal(restored.reconstruct(x), model.reconstruct(x))
    torch.manual_seed(0)
    drawn = model.sample(3)
    torch.manual_seed(0)
    assert torch.equal(restored.sample(3), drawn)
