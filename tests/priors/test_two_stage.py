"""The two-stage VAE: its Gaussian known answer, γ, and its density."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from torch.distributions import MultivariateNormal

import zoo
from zoo.priors import two_stage
from zoo.priors.two_stage import TwoStage, TwoStageDistribution

COVARIANCE = torch.tensor([[2.0, 0.9, 0.0], [0.9, 0.6, 0.05], [0.0, 0.05, 0.05]])
MEAN = torch.tensor([1.0, -3.0, 0.5])


def trained(latents: torch.Tensor, steps: int, rate: float = 0.01, **options: object) -> TwoStage:
    prior = TwoStage(latent_shape=tuple(latents.shape[1:]), condition_dim=0, **options)
    assert prior.fit(latents) is False
    optimizer = torch.optim.Adam(prior.parameters(), lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        (-prior().elbo(latents[torch.randint(len(latents), (256,))]).mean()).backward()
        optimizer.step()
    return prior


@pytest.mark.parametrize("steps", [0, 100])
def test_draws_have_the_mean_and_covariance_of_gaussian_latents(steps: int) -> None:
    """A peer that adds γ ε to the mean and minimises a half of the squared error draws with a tenth of the spread."""
    torch.manual_seed(0)
    gaussian = MultivariateNormal(MEAN, COVARIANCE)
    latents = gaussian.sample((4000,))
    prior = trained(latents, steps, rate=0.003, widths=[32])
    z = prior().sample((40_000,))
    torch.testing.assert_close(z.mean(0), latents.mean(0), rtol=0, atol=0.06)
    torch.testing.assert_close(z.T.cov(), latents.T.cov(), rtol=0.05, atol=0.06)
    with torch.no_grad():
        bound, estimate = prior().elbo(latents).mean(), prior().log_prob(latents).mean()
    entropy = -gaussian.entropy()
    assert float(bound) == pytest.approx(float(entropy), abs=0.06)
    assert float(estimate) == pytest.approx(float(entropy), abs=0.06)


def test_before_training_each_draw_gives_the_density_of_the_best_linear_vae() -> None:
    """q(u|z) is then the exact posterior: p(z, u) / q(u|z) is p(z) for every u, and the bound is exact in the mean."""
    torch.manual_seed(0)
    latents = MultivariateNormal(MEAN, COVARIANCE).sample((500,)).double()
    latents[:, 2] = latents[:, 0] + 0.1 * latents[:, 2]
    prior = TwoStage(latent_shape=(3,), condition_dim=0, widths=[], num_samples=2).double()
    prior.fit(latents)
    mean, deviations = latents.mean(0), latents.std(0, correction=0)
    variances, axes = torch.linalg.eigh(torch.corrcoef(latents.T))
    assert variances.min() < 0.09 < variances.max()
    among = axes @ variances.clamp_min(0.09).diag() @ axes.T
    expected = MultivariateNormal(mean, deviations.diag() @ among @ deviations.diag())
    z = mean + 2 * deviations * torch.randn(20, 3).double()
    torch.testing.assert_close(prior().log_prob(z), expected.log_prob(z))
    bounds = prior().elbo(z.expand(2000, 20, 3)).detach()
    error = bounds.std(0) / 2000**0.5
    assert ((bounds.mean(0) - expected.log_prob(z)).abs() < 4.5 * error).all()


@pytest.mark.parametrize(("widths", "widest"), [([], 6), ([4], 6), ([8, 7], 8)])
def test_a_density_takes_memory_for_a_few_latents_at_a_time(
    widths: list[int], widest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each latent has a row for each draw of u, as long as the widest layer."""
    prior, rows = TwoStage(latent_shape=(3,), condition_dim=0, widths=widths, num_samples=2), []
    plain = TwoStageDistribution._log_likelihood

    def spy(self: TwoStageDistribution, y: torch.Tensor, u: torch.Tensor, condition: None) -> torch.Tensor:
        rows.append((len(y), len(u)))
        return plain(self, y, u, condition)

    monkeypatch.setattr(TwoStageDistribution, "_log_likelihood", spy)
    for largest, expected in [(2 * widest * 7, [7, 7, 1]), (1, [1] * 15)]:
        rows.clear()
        monkeypatch.setattr(two_stage, "_LARGEST", largest)
        assert prior().log_prob(torch.randn(5, 3, 3)).shape == (5, 3)
        assert rows == [(count, 2 * count) for count in expected]


def test_a_fit_minimises_the_mean_of_the_bounds() -> None:
    prior, z = TwoStage(latent_shape=(3,), condition_dim=0, widths=[4]), torch.randn(2, 5, 3)
    torch.manual_seed(0)
    loss = prior.fit_loss(SimpleNamespace(prior=prior()), z)
    torch.manual_seed(0)
    torch.testing.assert_close(loss, -prior().elbo(z).mean())


def test_the_density_integrates_to_one_and_lies_above_the_bound() -> None:
    torch.manual_seed(0)
    angles = 2 * torch.pi * torch.rand(3000)
    ring = torch.stack([angles.cos(), angles.sin()], 1) + 0.15 * torch.randn(3000, 2)
    prior = trained(ring, 80, widths=[32], num_samples=100)
    ticks = torch.linspace(-2.5, 2.5, 41)
    grid = torch.cartesian_prod(ticks, ticks)
    with torch.no_grad():
        mass = prior().log_prob(grid).exp().sum() * (ticks[1] - ticks[0]) ** 2
        estimate, bound = prior().log_prob(ring).mean(), prior().elbo(ring).mean()
    assert float(mass) == pytest.approx(1, abs=0.03)
    assert estimate > bound
    assert estimate > MultivariateNormal(ring.mean(0), ring.T.cov()).log_prob(ring).mean() + 0.2


def test_gamma_falls_where_the_latents_lie_on_a_curve() -> None:
    torch.manual_seed(0)
    t = 2 * torch.rand(2000, 1) - 1
    prior = trained(torch.cat([t, t.square()], 1), 120, widths=[32])
    begins = TwoStage(latent_shape=(2,), condition_dim=0).gamma
    assert prior.gamma < 0.5 * begins


def test_latents_that_never_vary_are_drawn_as_they_are() -> None:
    torch.manual_seed(0)
    latents = torch.cat([torch.randn(500, 1), torch.full((500, 1), 7.0)], 1)
    prior = trained(latents, 20, widths=[8])
    z = prior().sample((100,))
    torch.testing.assert_close(z[:, 1], torch.full((100,), 7.0), rtol=0, atol=1e-3)
    assert prior().log_prob(latents).isfinite().all()


def test_in_a_model_with_classes_each_has_its_own_law() -> None:
    torch.manual_seed(0)
    model = zoo.build(
        "cvae-mlp-2d", data_shape=(1, 4, 4), classes=2, fitted_prior={"name": "two_stage", "widths": [16]}
    )
    prior, labels = model.fitted_prior, torch.arange(512) % 2
    z = 4.0 * (2 * labels - 1)[:, None] + 0.3 * torch.randn(512, 2)
    prior.fit(z, labels)
    optimizer = torch.optim.Adam(prior.parameters(), lr=0.01)
    for _ in range(150):
        optimizer.zero_grad()
        prior.fit_loss(model.inference(labels=labels, fitted=True), z[None]).backward()
        optimizer.step()
    drawn = model.latents(512, labels)
    assert (drawn[labels == 0].mean(0) + 4).abs().max() < 0.3
    assert (drawn[labels == 1].mean(0) - 4).abs().max() < 0.3
    with torch.no_grad():
        p = model.inference(labels=torch.tensor([0, 1]), fitted=True).prior
        nearer = p.log_prob(torch.full((2, 2), 4.0))
    assert nearer[1] > nearer[0] + 5


def test_as_prior_it_is_a_vae_with_two_levels() -> None:
    torch.manual_seed(0)
    model = zoo.build("vae-mlp-2d", data_shape=(1, 4, 4), prior={"name": "two_stage", "widths": [8]})
    x = torch.rand(8, 1, 4, 4)
    model.loss(x).total.backward()
    assert model.latent_prior.log_gamma.grad is not None
    assert model.log_likelihood(x, num_samples=5).isfinite().all()
    assert model.sample(3).shape == (3, 1, 4, 4)


def test_maps_are_one_event() -> None:
    prior = TwoStage(latent_shape=(2, 3, 3), condition_dim=0, widths=[8])
    prior.fit(torch.randn(100, 2, 3, 3))
    z = prior().sample((5,))
    assert z.shape == (5, 2, 3, 3)
    assert prior().log_prob(z).shape == (5,)


def test_gamma_comes_back_from_its_limit() -> None:
    """A limit without a gradient would keep γ there for ever, with latents at a density that is far too narrow."""
    torch.manual_seed(0)
    latents = torch.randn(500, 2)
    prior = TwoStage(latent_shape=(2,), condition_dim=0, widths=[])
    prior.fit(latents)
    with torch.no_grad():
        prior.log_gamma.fill_(-12.0)  # below the limit
    limit = prior.gamma.item()
    assert limit == pytest.approx(1e-4)
    for _ in range(130):
        (gradient,) = torch.autograd.grad(-prior().elbo(latents).mean(), [prior.log_gamma])
        with torch.no_grad():
            prior.log_gamma -= 0.1 * gradient.sign()
    assert prior.gamma.item() == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize(
    ("log_gamma", "sign", "passes"),
    [(-5.0, 1, True), (-5.0, -1, True), (-9.5, 1, False), (-9.5, -1, True)],
    ids=["above, down", "above, up", "below, down", "below, up"],
)
def test_gamma_does_not_drift_below_its_limit(log_gamma: float, sign: int, passes: bool) -> None:
    """dγ/d log γ = γ; below the limit of 10⁻⁴, only a descent that raises γ goes on."""
    prior = TwoStage(latent_shape=(2,), condition_dim=0, widths=[])
    with torch.no_grad():
        prior.log_gamma.fill_(log_gamma)
    (gradient,) = torch.autograd.grad(sign * prior.gamma, [prior.log_gamma])
    assert gradient.item() == pytest.approx(sign * max(math.exp(log_gamma), 1e-4) * passes)


def test_gamma_returns_at_once_after_many_steps_at_its_limit() -> None:
    prior = TwoStage(latent_shape=(2,), condition_dim=0, widths=[])
    optimizer = torch.optim.Adam([prior.log_gamma], lr=0.1)
    for step in range(400):
        optimizer.zero_grad()
        (prior.gamma.log() if step < 380 else -prior.gamma.log()).backward()
        optimizer.step()
    assert prior.gamma > 1.1e-4
