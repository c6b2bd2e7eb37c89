"""KL divergences: known answers, both gradients, and Monte Carlo against the closed form."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Distribution, Independent, Laplace, MultivariateNormal, Normal

from zoo.divergences import (
    StandardNormal,
    aggregate_log_densities,
    is_diagonal,
    kl_divergence,
    log_prob_of_pairs,
)
from zoo.errors import ComponentError

DIMENSIONS = st.integers(1, 6)
SEEDS = st.integers(0, 2**31 - 1)


def random_lower(d: int, generator: torch.Generator) -> Tensor:
    lower = torch.randn(d, d, generator=generator, dtype=torch.float64).tril(-1)
    return lower + torch.diag(0.3 + torch.rand(d, generator=generator, dtype=torch.float64))


def gaussian(mean: Tensor, lower: Tensor, kind: str) -> Distribution:
    if kind == "full":
        return MultivariateNormal(mean, scale_tril=lower)
    return Independent(Normal(mean, lower.diagonal(dim1=-2, dim2=-1)), 1)


def formula(q: Distribution, p: Distribution) -> Tensor:
    """The textbook form with inverses and determinants, which the package never uses."""

    def moments(distribution: Distribution) -> tuple[Tensor, Tensor]:
        if isinstance(distribution, MultivariateNormal):
            return distribution.mean, distribution.covariance_matrix
        return distribution.mean, torch.diag_embed(distribution.variance)

    (mean, cov), (other_mean, other_cov) = moments(q), moments(p)
    inverse, difference = other_cov.inverse(), other_mean - mean
    trace = (inverse @ cov).diagonal(dim1=-2, dim2=-1).sum(-1)
    distance = (difference.unsqueeze(-2) @ inverse @ difference.unsqueeze(-1))[..., 0, 0]
    return 0.5 * (trace + distance - mean.shape[-1] + other_cov.logdet() - cov.logdet())


@pytest.mark.parametrize("first", ["diagonal", "full"])
@pytest.mark.parametrize("second", ["diagonal", "full"])
@settings(max_examples=20, deadline=None)
@given(d=DIMENSIONS, seed=SEEDS)
def test_every_pair_agrees_with_the_textbook_formula(first: str, second: str, d: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    means = torch.randn(2, 4, d, generator=generator, dtype=torch.float64)
    lowers = torch.stack([random_lower(d, generator) for _ in range(4)])
    q = gaussian(means[0], lowers, first)
    p = gaussian(means[1, 0], random_lower(d, generator), second)
    assert torch.allclose(kl_divergence(q, p, method="closed_form"), formula(q, p), rtol=1e-9)


@pytest.mark.parametrize("first", ["diagonal", "full"])
@pytest.mark.parametrize("second", ["diagonal", "full"])
def test_the_divergence_of_a_gaussian_from_itself_is_zero(first: str, second: str) -> None:
    lower = torch.diag(torch.tensor([0.5, 2.0, 1.0]))
    q, p = (gaussian(torch.tensor([1.0, -2.0, 0.0]), lower, kind) for kind in (first, second))
    assert kl_divergence(q, p).abs() < 1e-6


@settings(max_examples=20, deadline=None)
@given(d=DIMENSIONS, seed=SEEDS)
def test_the_divergence_from_the_standard_normal_is_that_of_the_same_gaussian(d: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    normal = Normal(torch.zeros(d, dtype=torch.float64), torch.ones(d, dtype=torch.float64))
    mean = torch.randn(4, d, generator=generator, dtype=torch.float64).requires_grad_()
    scale = (0.1 + torch.rand(4, d, generator=generator, dtype=torch.float64)).requires_grad_()
    q, results = Independent(Normal(mean, scale), 1), []
    for p in (StandardNormal(normal, 1), StandardNormal(normal, 1).expand((4,)), Independent(normal, 1)):
        value = kl_divergence(q, p)
        results.append([value, *torch.autograd.grad(value.sum(), [mean, scale])])
    for found in zip(*results, strict=True):
        assert torch.allclose(found[0], found[2], rtol=1e-12)
        assert torch.equal(found[0], found[1])
    assert torch.allclose(torch.distributions.kl_divergence(q, StandardNormal(normal, 1)), results[0][0])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_the_divergence_from_the_standard_normal_is_as_precise_as_that_from_the_same_gaussian(
    dtype: torch.dtype,
) -> None:
    normal = Normal(torch.zeros(32), torch.ones(32))
    q = Independent(Normal(torch.linspace(-1, 1, 32).to(dtype), torch.linspace(0.1, 2, 32).to(dtype)), 1)
    found, expected = kl_divergence(q, StandardNormal(normal, 1)), kl_divergence(q, Independent(normal, 1))
    assert found.dtype == expected.dtype
    assert torch.allclose(found, expected, rtol=1e-6)


def test_a_standard_normal_of_another_shape_is_no_other_than_any_gaussian() -> None:
    p = StandardNormal(Normal(torch.zeros(2), torch.ones(2)), 1)
    one = Independent(Normal(torch.ones(2), 1.0), 1)
    assert torch.equal(kl_divergence(one, p.expand((4,))), torch.ones(4))
    with pytest.raises(RuntimeError, match="size of tensor"):
        kl_divergence(Independent(Normal(torch.zeros(5, 3), 1.0), 1), p)


@settings(max_examples=30, deadline=None)
@given(d=DIMENSIONS, seed=SEEDS)
def test_both_gradients_are_those_of_the_formulas(d: int, seed: int) -> None:
    """∂KL/∂μ = −Σ*⁻¹ (μ* − μ) and ∂KL/∂Σ = ½ (Σ*⁻¹ − Σ⁻¹)."""
    generator = torch.Generator().manual_seed(seed)
    mean, other_mean = torch.randn(2, d, generator=generator, dtype=torch.float64)
    lower, other = random_lower(d, generator), random_lower(d, generator)
    mean.requires_grad_()
    covariance = (lower @ lower.T).requires_grad_()
    q = MultivariateNormal(mean, scale_tril=torch.linalg.cholesky(covariance))
    kl_divergence(q, MultivariateNormal(other_mean, scale_tril=other)).backward()
    inverse = torch.cholesky_inverse(other)
    assert torch.allclose(mean.grad, -inverse @ (other_mean - mean.detach()), rtol=1e-7, atol=1e-9)
    assert torch.allclose(covariance.grad, 0.5 * (inverse - torch.cholesky_inverse(lower)), rtol=1e-6, atol=1e-8)


@settings(max_examples=10, deadline=None)
@given(d=DIMENSIONS, seed=SEEDS)
def test_the_gradient_through_the_diagonal_pairs_is_that_of_the_full_pair(d: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    mean = torch.randn(d, generator=generator, dtype=torch.float64)
    scale = 0.3 + torch.rand(d, generator=generator, dtype=torch.float64)
    p = MultivariateNormal(torch.zeros(d, dtype=torch.float64), scale_tril=random_lower(d, generator))
    gradients = []
    for kind in ("diagonal", "full"):
        inputs = [mean.clone().requires_grad_(), scale.clone().requires_grad_()]
        kl = kl_divergence(gaussian(inputs[0], torch.diag(inputs[1]), kind), p)
        gradients.append(torch.autograd.grad(kl, inputs))
    for diagonal, full in zip(*gradients, strict=True):
        assert torch.allclose(diagonal, full, rtol=1e-8)


@pytest.mark.parametrize("first", ["diagonal", "full"])
@pytest.mark.parametrize("second", ["diagonal", "full"])
def test_monte_carlo_lies_within_four_standard_errors_of_the_closed_form(first: str, second: str) -> None:
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    q = gaussian(torch.randn(3, generator=generator, dtype=torch.float64), random_lower(3, generator), first)
    p = gaussian(torch.zeros(3, dtype=torch.float64), random_lower(3, generator), second)
    samples = q.sample(torch.Size([200_000]))
    log_ratios = q.log_prob(samples) - p.log_prob(samples)
    estimate = kl_divergence(q, p, method="monte_carlo", samples=samples)
    error = log_ratios.std() / len(samples) ** 0.5
    assert (estimate - kl_divergence(q, p, method="closed_form")).abs() < 4 * error


def test_the_gradient_of_the_estimate_agrees_with_that_of_the_closed_form() -> None:
    torch.manual_seed(0)
    p = MultivariateNormal(torch.zeros(2), scale_tril=torch.tensor([[1.0, 0.0], [0.5, 0.8]]))
    mean = torch.tensor([0.7, -0.4], requires_grad=True)
    lower = torch.tensor([[0.6, 0.0], [0.3, 1.1]], requires_grad=True)
    expected = torch.autograd.grad(kl_divergence(MultivariateNormal(mean, scale_tril=lower), p), [mean, lower])
    # A gradient for each draw, so that the standard error of their mean is known.
    means, lowers = (t.detach().expand(50_000, *t.shape).clone().requires_grad_() for t in (mean, lower))
    q = MultivariateNormal(means, scale_tril=lowers, validate_args=False)
    estimates = torch.autograd.grad(kl_divergence(q, p, method="monte_carlo").sum(), [means, lowers])
    for exact, draws in zip(expected, estimates, strict=True):
        below = draws.tril() if draws.ndim == 3 else draws
        error = below.std(0) / len(below) ** 0.5
        assert ((below.mean(0) - (exact.tril() if exact.ndim == 2 else exact)).abs() <= 4 * error + 1e-7).all()


def test_auto_falls_back_to_monte_carlo_for_a_pair_without_a_closed_form() -> None:
    torch.manual_seed(0)
    q = Independent(Laplace(torch.zeros(2), 1.0), 1)
    p = MultivariateNormal(torch.zeros(2), torch.eye(2))
    # KL of Laplace(0, b = 1) from N(0, 1) is ½ log(2π) + E[x²]/2 − log(2b) − 1 with E[x²] = 2, for each dimension.
    exact = 2 * (0.5 * torch.log(torch.tensor(2 * torch.pi)) + 1 - torch.log(torch.tensor(2.0)) - 1)
    assert (kl_divergence(q, p, num_samples=200_000) - exact).abs() < 0.02
    with pytest.raises(ComponentError, match="no closed form"):
        kl_divergence(q, p, method="closed_form")


def test_the_closed_form_forms_no_inverse_and_no_determinant(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("an inverse or a determinant was formed")

    names = ["inverse", "logdet", "det", "slogdet", "cholesky_inverse"]
    for name in names:
        monkeypatch.setattr(torch, name, forbidden)
    for name in ("inv", "det", "slogdet", "inv_ex", "solve"):
        monkeypatch.setattr(torch.linalg, name, forbidden)
    generator = torch.Generator().manual_seed(0)
    for first in ("diagonal", "full"):
        for second in ("diagonal", "full"):
            q = gaussian(torch.zeros(3).double(), random_lower(3, generator), first)
            assert kl_divergence(q, gaussian(torch.ones(3).double(), random_lower(3, generator), second)) > 0


def test_one_draw_is_taken_where_nothing_else_is_said() -> None:
    q, p = (Independent(Normal(torch.full((5, 2), mean), 1.0), 1) for mean in (0.0, 1.0))
    torch.manual_seed(0)
    found = kl_divergence(q, p, method="monte_carlo")
    torch.manual_seed(0)
    z = q.rsample(torch.Size([1]))
    assert torch.equal(found, (q.log_prob(z) - p.log_prob(z))[0])


@pytest.mark.parametrize("event", [(4,), (3, 4), (2, 3, 4)])
def test_the_divergence_of_maps_is_the_sum_over_all_their_places(event: tuple[int, ...]) -> None:
    q, p = (Independent(Normal(torch.full((5, *event), mean), 1.0), len(event)) for mean in (0.0, 1.0))
    assert kl_divergence(q, p).tolist() == pytest.approx([0.5 * math.prod(event)] * 5)


def test_other_families_than_gaussians_are_not_taken_for_them() -> None:
    q, p = (Independent(Laplace(torch.full((5, 2), mean), 1.0), 1) for mean in (0.0, 1.0))
    assert kl_divergence(q, p).tolist() == pytest.approx([2 * math.exp(-1)] * 5)


def test_a_single_mean_is_shared_by_all_dimensions() -> None:
    q = Independent(Normal(torch.zeros(5, 3), 2.0), 1)
    p = Independent(Normal(torch.ones(3), 1.0), 1)
    assert kl_divergence(q, p).tolist() == pytest.approx([3 * (0.5 * (4 + 1 - 1) - math.log(2))] * 5)


@pytest.mark.parametrize("weights", [-math.log(4), torch.log(torch.tensor([[0.1, 0.2, 0.3, 0.4]] * 3))], ids=type)
def test_the_aggregate_density_is_the_weighted_sum_of_the_posteriors(weights: float | Tensor) -> None:
    torch.manual_seed(0)
    q, z = Independent(Normal(torch.randn(4, 2), torch.rand(4, 2) + 0.5), 1), torch.randn(3, 2)
    joint, single = aggregate_log_densities(q, z, weights)
    assert joint.shape == (3,)
    shares = torch.as_tensor(weights).exp().expand(3, 4)
    for row in range(3):
        densities = q.base_dist.log_prob(z[row]).exp()  # (4, 2)
        assert joint[row].exp().item() == pytest.approx((shares[row] * densities.prod(1)).sum().item(), rel=1e-5)
        expected = (shares[row, :, None] * densities).sum(0)
        assert torch.allclose(single[row].exp(), expected, rtol=1e-5)


@pytest.mark.parametrize("event", [(3,), (2, 4, 4)])
def test_densities_of_pairs_are_those_of_every_point_under_every_distribution(event: tuple[int, ...]) -> None:
    """Scales down to 1e-4 and means up to 10: a quadratic form in float32 would be wrong by whole nats."""
    torch.manual_seed(0)
    mean = (10 * torch.randn(5, *event)).requires_grad_()
    scale = torch.logspace(-4, 0, 5).reshape(5, *(1 for _ in event)).expand(5, *event).clone().requires_grad_()
    z = torch.cat([mean.detach() + scale.detach() * torch.randn_like(mean), torch.zeros(1, *event)]).requires_grad_()
    q = Independent(Normal(mean, scale), len(event))
    pairs, every = log_prob_of_pairs(q, z), q.log_prob(z.unsqueeze(1))
    torch.testing.assert_close(pairs, every, rtol=1e-5, atol=1e-3)
    near = torch.arange(5)
    parameters = (mean, scale, z)
    ours = torch.autograd.grad(pairs[near, near].sum(), parameters, retain_graph=True)
    theirs = torch.autograd.grad(every[near, near].sum(), parameters)
    torch.testing.assert_close(ours, theirs, rtol=2e-3, atol=1e-3)


def test_densities_of_pairs_of_other_families_are_their_own() -> None:
    q, z = Independent(Laplace(torch.randn(4, 3), 1.0), 1), torch.randn(6, 3)
    torch.testing.assert_close(log_prob_of_pairs(q, z), q.log_prob(z.unsqueeze(1)))


def test_gaussians_of_other_batch_shapes_are_compared_pair_by_pair() -> None:
    generator = torch.Generator().manual_seed(0)
    means, lowers = torch.randn(4, 2, generator=generator).double(), [random_lower(2, generator) for _ in range(4)]
    q = MultivariateNormal(means[:3, None], scale_tril=torch.stack(lowers[:3])[:, None])
    p = MultivariateNormal(means[2:], scale_tril=torch.stack(lowers[2:]))
    found = kl_divergence(q, p, method="closed_form")
    assert found.shape == (3, 2)
    for row in range(3):
        for column in range(2):
            one = MultivariateNormal(means[row], scale_tril=lowers[row])
            other = MultivariateNormal(means[2 + column], scale_tril=lowers[2 + column])
            assert torch.allclose(found[row, column], formula(one, other))


@pytest.mark.parametrize("dimensions", [0, 1, 2])
def test_independent_gaussians_are_diagonal_where_dimensions_are_of_the_event(dimensions: int) -> None:
    normal = Normal(torch.zeros(3, 2), 1.0)
    assert is_diagonal(Independent(normal, dimensions)) == (dimensions > 0)
    assert not is_diagonal(Independent(Laplace(torch.zeros(3, 2), 1.0), dimensions))
