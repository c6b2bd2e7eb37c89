"""Laws that hold for every posterior in the registry, each in a model whose evidence is known by quadrature."""

from __future__ import annotations

import copy
import functools
from pathlib import Path

import pytest
import torch

import zoo
from tests import linear_gaussian
from zoo.model import Model
from zoo.nn.flows.distributions import EstimatedMoments
from zoo.posteriors import posterior_mean
from zoo.registry import find_component
from zoo.regularisers.dip import mean_covariance
from zoo.spec.options import wiring_of

POSTERIORS = [
    name
    for name in zoo.list_components("posterior")
    if not find_component("posterior", name).discrete
    and "feature_shape" not in wiring_of(find_component("posterior", name))
]
WITH_DENSITY = [name for name in POSTERIORS if find_component("posterior", name).density != "none"]
WITH_DENSITY_ANYWHERE = [name for name in POSTERIORS if find_component("posterior", name).density == "any"]


def make(name: str, latent_dim: int = 2) -> Model:
    objective = {"name": "vae" if name in WITH_DENSITY else "autoencoder"}
    return linear_gaussian.build(name, latent_dim=latent_dim, **objective)


@functools.cache
def trained(name: str) -> tuple[Model, torch.Tensor]:
    """A model that begins at random, trained by 50 steps of the posterior, and their losses; tests only read it."""
    bound = {"bound": "importance_weighted", "num_samples": 16} if name in WITH_DENSITY else {"name": "autoencoder"}
    model, x = linear_gaussian.randomise(linear_gaussian.build(name, **bound), 0.15), linear_gaussian.data(64)
    optimizer = torch.optim.Adam(model.posterior.parameters(), lr=0.05)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.2, total_iters=50)
    losses = []
    for _ in range(50):
        optimizer.zero_grad()
        losses.append(model.loss(x).total)
        losses[-1].backward()
        optimizer.step()
        schedule.step()
    return model, torch.stack(losses).detach()


@pytest.mark.parametrize("name", POSTERIORS)
@pytest.mark.parametrize("latent_dim", [1, 7])
def test_it_gives_a_distribution_over_latents_for_each_example(name: str, latent_dim: int) -> None:
    if latent_dim == 1 and find_component("posterior", name).manifold == "sphere":
        with pytest.raises(AssertionError, match="a sphere needs at least 2 dimensions"):
            make(name, latent_dim)
        return
    q = make(name, latent_dim).encode(torch.randn(5, 3))
    assert (q.batch_shape, q.event_shape) == ((5,), (latent_dim,))
    assert q.rsample().shape == (5, latent_dim)
    assert q.rsample(torch.Size([4])).shape == q.sample(torch.Size([4])).shape == (4, 5, latent_dim)


@pytest.mark.parametrize("name", POSTERIORS)
@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("size", [1e4, -1e4, 1.0])
def test_extreme_features_give_finite_draws_densities_and_gradients(name: str, autocast: bool, size: float) -> None:
    model = make(name)
    x = torch.full((2, 3), size, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        samples = model.inference(x).draw()
        value = samples.log_ratio.sum() if name in WITH_DENSITY else samples.z.sum()
    assert samples.z.dtype == value.dtype == torch.float32
    value.backward()
    assert value.isfinite()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    gradients = [parameter.grad for parameter in model.posterior.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("name", [name for name in POSTERIORS if find_component("posterior", name).has_moments])
def test_a_posterior_that_knows_its_moments_has_the_covariance_of_its_draws(name: str) -> None:
    model = linear_gaussian.randomise(make(name))
    q = model.encode(linear_gaussian.data(1))
    with torch.no_grad():
        expected = torch.cov(q.sample(torch.Size([20_000]))[:, 0].T)
        torch.testing.assert_close(mean_covariance(q), expected, rtol=0.1, atol=0.05)
    gradients = torch.autograd.grad(q.mean.sum(), list(model.posterior.parameters()), allow_unused=True)
    assert any(gradient is not None for gradient in gradients)


@pytest.mark.parametrize("name", [name for name in POSTERIORS if find_component("posterior", name).factorised])
def test_a_factorised_posterior_has_the_density_of_each_latent(name: str) -> None:
    model = linear_gaussian.randomise(make(name, latent_dim=3))
    q, z = model.encode(linear_gaussian.data(4)), torch.randn(4, 3)
    of_latents = q.base_dist.log_prob(z)
    assert of_latents.shape == (4, 3)
    torch.testing.assert_close(of_latents.sum(1), q.log_prob(z))


@pytest.mark.parametrize("name", POSTERIORS)
def test_draws_have_the_stated_mean_and_variance(name: str) -> None:
    model = linear_gaussian.randomise(make(name))
    q = model.encode(linear_gaussian.data(2))
    with torch.no_grad():
        z = q.rsample(torch.Size([20_000]))
        mean = posterior_mean(q)
        variance = q.variance
    scale, centre = z.std(0), z.mean(0)
    if model.posterior.manifold == "sphere":
        centre = centre / centre.norm(dim=-1, keepdim=True)
    loose = isinstance(q, EstimatedMoments)
    if model.posterior.manifold != "ball":  # there, the mean is the centre, which is not that of the coordinates
        assert ((centre - mean).abs() <= (0.1 if loose else 0.03) * scale + 1e-6).all()
    assert torch.allclose(z.var(0), variance, rtol=0.3 if loose else 0.05, atol=1e-6)


@pytest.mark.parametrize("name", WITH_DENSITY_ANYWHERE)
def test_the_density_integrates_to_one(name: str) -> None:
    model = linear_gaussian.randomise(make(name), spread=0.2)
    points, log_volume = linear_gaussian.latent_grid(model)
    with torch.no_grad():
        density = model.encode(linear_gaussian.data(2)).log_prob(points[:, None])
        mass = (density + log_volume[:, None]).logsumexp(0).exp()
    torch.testing.assert_close(mass, torch.ones(2), atol=2e-3, rtol=0)


@pytest.mark.parametrize("name", WITH_DENSITY)
def test_importance_weights_average_to_the_evidence(name: str) -> None:
    """E_q[p(x, z) / q(z|x)] = p(x) for every q; it is trained until the weights vary little."""
    model, _ = trained(name)
    x = linear_gaussian.data(64)[:3]
    torch.manual_seed(0)
    with torch.no_grad():
        weights = (model.inference(x).draw(20_000).log_weights - linear_gaussian.log_evidence(model, x)).exp()
    error = weights.std(0) / len(weights) ** 0.5
    assert (error < 0.04).all()
    assert ((weights.mean(0) - 1).abs() < 4 * error + 1e-4).all()


@pytest.mark.parametrize("name", WITH_DENSITY_ANYWHERE)
def test_the_density_of_a_draw_is_that_of_its_value(name: str) -> None:
    model = linear_gaussian.randomise(make(name)).double()
    samples = model.inference(linear_gaussian.data(5).double()).draw(7)
    torch.testing.assert_close(model.inference(samples.inference.x).posterior.log_prob(samples.z), samples.log_q)


@pytest.mark.parametrize("name", WITH_DENSITY_ANYWHERE)
def test_the_path_gradient_reaches_the_draw_and_no_weight(name: str) -> None:
    model = linear_gaussian.randomise(make(name))
    inference = model.inference(linear_gaussian.data(5))
    z = inference.draw(3).z.detach().requires_grad_()
    log_q = inference.path_log_q(z)
    torch.testing.assert_close(log_q, inference.posterior.log_prob(z))
    (gradient,) = torch.autograd.grad(log_q.sum(), z)
    assert gradient.norm(dim=-1).min() > 0
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("name", POSTERIORS)
def test_it_keeps_float32_under_autocast(name: str) -> None:
    model, x = make(name), linear_gaussian.data(4)
    exact = posterior_mean(model.encode(x))
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(posterior_mean(model.encode(x)), exact)


@pytest.mark.parametrize("name", POSTERIORS)
def test_equal_seeds_give_equal_draws_and_a_saved_model_the_same_outputs(name: str, tmp_path: Path) -> None:
    model, x = linear_gaussian.randomise(make(name)).eval(), linear_gaussian.data(5)

    def outputs(model: Model) -> list[torch.Tensor]:
        torch.manual_seed(3)
        draws = [model.inference(x).draw(2).z, model.reconstruct(x), model.loss(x).total, model.sample(3)]
        return draws + ([model.log_likelihood(x, num_samples=5)] if name in WITH_DENSITY else [])

    first, second = outputs(model), outputs(zoo.load(zoo.save(model, tmp_path)))
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


@pytest.mark.parametrize("name", POSTERIORS)
def test_every_weight_is_trained_and_the_loss_falls(name: str) -> None:
    done, losses = trained(name)
    assert losses[-10:].mean() < losses[:5].mean() - 0.2
    model = copy.deepcopy(done)
    model.zero_grad()
    model.latent_prior.requires_grad_(name in WITH_DENSITY)
    model.loss(linear_gaussian.data(64)).total.backward()
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)
