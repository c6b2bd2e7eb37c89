"""The flow prior: its density, its draws, and what it can learn."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal

import zoo
from tests.minimise import minimise
from zoo.divergences import StandardNormal
from zoo.nn.flows.distributions import FlowDistribution, Inverse
from zoo.nn.flows.masked import Autoregressive
from zoo.priors.flow import Flow

EVERY = pytest.mark.parametrize("structure", ["autoregressive", "coupling"])
TRANSFORMS = pytest.mark.parametrize("transform", ["affine", "spline"])


def random_flow(latent_dim: int, structure: str, transform: str, **options: object) -> Flow:
    torch.manual_seed(0)
    prior = Flow(latent_dim=latent_dim, condition_dim=0, structure=structure, transform=transform, **options)
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return prior.double()


@EVERY
@TRANSFORMS
@pytest.mark.parametrize("latent_dim", [1, 2, 5])
def test_it_begins_as_the_standard_normal(structure: str, transform: str, latent_dim: int) -> None:
    z = torch.randn(20, latent_dim)
    p = Flow(latent_dim=latent_dim, condition_dim=0, structure=structure, transform=transform)()
    torch.testing.assert_close(p.log_prob(z), Normal(0.0, 1.0).log_prob(z).sum(-1))


@TRANSFORMS
def test_the_density_integrates_to_one(transform: str) -> None:
    p = random_flow(2, "autoregressive", transform, widths=[16], steps=2)()
    line = torch.linspace(-9, 9, 151, dtype=torch.float64)
    with torch.no_grad():
        mass = p.log_prob(torch.cartesian_prod(line, line)).exp().sum() * (line[1] - line[0]) ** 2
    assert mass.item() == pytest.approx(1.0, abs=2e-3)


@EVERY
@TRANSFORMS
def test_draws_come_with_their_density(structure: str, transform: str) -> None:
    p = random_flow(5, structure, transform)()
    z, log_prob = p.rsample_and_log_prob((30,))
    torch.testing.assert_close(p.log_prob(z), log_prob, atol=1e-5, rtol=1e-5)


@EVERY
@TRANSFORMS
def test_the_log_density_is_that_of_the_noise_and_the_jacobian(structure: str, transform: str) -> None:
    p = random_flow(4, structure, transform)()
    z = torch.randn(4, dtype=torch.float64)

    def noise(z: torch.Tensor) -> torch.Tensor:
        for bijection in reversed(p.maps):
            z, _ = bijection.inverse(z)
        return z

    log_det = torch.linalg.slogdet(torch.autograd.functional.jacobian(noise, z)).logabsdet
    torch.testing.assert_close(p.log_prob(z), Normal(0.0, 1.0).log_prob(noise(z)).sum() + log_det)


def test_a_linear_flow_is_a_gaussian_prior() -> None:
    """With linear maps the density is N(μ, Σ), Σ = (JᵀJ)⁻¹ of the map to the noise."""
    p = random_flow(3, "autoregressive", "affine", widths=[], steps=1)
    # The scale of a variable is the same everywhere where it does not depend on those before it.
    with torch.no_grad():
        p.steps[0].network.output.weight.view(3, 2, 3)[:, 1] = 0.0
    zero = torch.zeros(3, dtype=torch.float64)
    to_noise = torch.autograd.functional.jacobian(lambda z: p.steps[0](p.standardise(z)[0])[0], zero)
    origin = p.steps[0](p.standardise(zero)[0])[0]
    mean = -torch.linalg.solve(to_noise, origin)
    z = torch.randn(7, 3, dtype=torch.float64)
    gaussian = MultivariateNormal(mean, precision_matrix=to_noise.T @ to_noise)
    torch.testing.assert_close(p().log_prob(z), gaussian.log_prob(z))


def test_a_flow_posterior_without_context_is_a_gaussian_posterior_under_a_flow_prior() -> None:
    """KL(f#q ‖ p) = KL(q ‖ f⁻¹#p), draw by draw: why a posterior's flow has to see x."""
    torch.manual_seed(0)
    f = Autoregressive(3, [16], activation="tanh").double()
    torch.nn.init.normal_(f.network.output.weight, std=0.5)
    zero = torch.zeros(3, dtype=torch.float64)
    p = StandardNormal(Normal(zero, torch.ones_like(zero)), 1)
    q = Independent(Normal(torch.randn(4, 3, dtype=torch.float64), 0.5), 1)
    z = q.sample((50,))
    moved, log_det = f(z)
    flow_posterior = FlowDistribution(q, [f]).log_prob(moved) - p.log_prob(moved)
    flow_prior = q.log_prob(z) - FlowDistribution(p, [Inverse(f)]).log_prob(z)
    torch.testing.assert_close(flow_posterior, flow_prior)
    torch.testing.assert_close(log_det, -f.inverse(moved)[1])


@EVERY
@TRANSFORMS
def test_it_learns_two_moons_better_than_any_gaussian(structure: str, transform: str) -> None:
    torch.manual_seed(0)
    angle = torch.pi * torch.rand(300)
    upper = torch.stack([angle.cos(), angle.sin()], 1)
    moons = torch.where(torch.rand(300, 1) < 0.5, upper, torch.tensor([1.0, 0.5]) - upper)
    moons = moons + 0.1 * torch.randn_like(moons)
    prior = Flow(latent_dim=2, condition_dim=0, structure=structure, transform=transform, steps=2, widths=[32])
    assert prior.fit(moons) is False
    minimise(lambda: -prior().log_prob(moons).mean(), prior.parameters(), iterations=40)
    best_gaussian = MultivariateNormal(moons.mean(0), torch.cov(moons.T)).log_prob(moons).mean()
    assert prior().log_prob(moons).mean().item() > best_gaussian.item() + 0.3


def test_fitting_begins_with_the_moments_of_the_latents() -> None:
    torch.manual_seed(0)
    latents = torch.tensor([3.0, -40.0]) + torch.tensor([0.1, 20.0]) * torch.randn(5000, 2)
    prior = Flow(latent_dim=2, condition_dim=0)
    prior.fit(latents)
    z = prior().sample((20_000,))
    torch.testing.assert_close(z.mean(0), latents.mean(0), rtol=0.02, atol=0)
    torch.testing.assert_close(z.std(0), latents.std(0), rtol=0.05, atol=0)


def test_in_a_model_with_classes_each_has_its_own_density() -> None:
    torch.manual_seed(0)
    model = zoo.build("cvae-mlp-2d", data_shape=(1, 8, 8), prior="flow").eval()
    for step in model.latent_prior.steps:
        torch.nn.init.normal_(step.network.output.weight)
    labels = torch.tensor([0, 1, 2])
    p = model.inference(labels=labels).prior
    assert p.batch_shape == (3,)
    assert p.log_prob(torch.zeros(3, 2)).unique().numel() == 3
    assert model.sample(3, labels).shape == (3, 1, 8, 8)
    assert model.log_likelihood(torch.rand(3, 1, 8, 8), labels, num_samples=5).isfinite().all()


def test_it_is_fitted_to_a_trained_model() -> None:
    torch.manual_seed(0)
    model = zoo.build(
        "ae-mlp-2d", data_shape=(1, 8, 8), fitted_prior={"name": "flow", "widths": [16], "steps": 2}
    ).eval()
    p = model.inference(fitted=True).prior
    assert p.sample((5,)).shape == (5, 2)
    loss = model.fitted_prior.fit_loss(model.inference(torch.rand(6, 1, 8, 8), fitted=True), torch.randn(1, 6, 2))
    loss.backward()
    assert all(parameter.grad is not None for parameter in model.fitted_prior.parameters())


@pytest.mark.parametrize(
    ("structure", "first"),
    [
        ("autoregressive", [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]),
        ("coupling", [[1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 0], [1, 1, 0, 1]]),
    ],
)
def test_variables_depend_on_those_before_them_in_an_order_that_each_step_reverses(
    structure: str, first: list[list[int]]
) -> None:
    """The Jacobians of the steps are triangular, or of two blocks of halves, one in turn the mirror of the other."""
    prior, z = random_flow(4, structure, "affine", widths=[32], steps=3), torch.randn(4, dtype=torch.float64)
    for step, expected in zip(prior.steps, [first, [row[::-1] for row in first[::-1]], first], strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda z, step=step: step(z[None])[0][0], z)
        assert (jacobian != 0).int().tolist() == expected


def test_a_checkpoint_holds_what_is_learned_alone() -> None:
    names = Flow(latent_dim=2, condition_dim=0, steps=1).state_dict()
    assert {name.partition(".")[0] for name in names} == {"standardise", "steps"}
