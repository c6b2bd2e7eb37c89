"""The divergence along a variation: closed form, estimates and derivatives agree."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal, StudentT

from zoo.analysis import kl_variation as module
from zoo.analysis.kl_variation import (
    VariationKind,
    correlation_range,
    default_values,
    gaussian_variation,
    kl_variation,
)
from zoo.errors import InputError
from zoo.figures.kl_variation import vary_posterior

MEAN = torch.tensor([0.5, -1.0, 0.3], dtype=torch.float64)
COVARIANCE = torch.tensor([[1.0, 0.3, 0.0], [0.3, 0.5, 0.1], [0.0, 0.1, 2.0]], dtype=torch.float64)
PRIORS = {
    "standard": Independent(Normal(torch.zeros(3, dtype=torch.float64), 1.0), 1),
    "full": MultivariateNormal(
        torch.tensor([1.0, 0.0, -0.5], dtype=torch.float64),
        torch.tensor([[2.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 0.7]], dtype=torch.float64),
    ),
}
KINDS = get_args(VariationKind)


def by_hand(mean: Tensor, covariance: Tensor, prior: Distribution) -> Tensor:
    """The formula of the textbook, with the inverse and the determinants that the code avoids."""
    other = prior.covariance_matrix if isinstance(prior, MultivariateNormal) else prior.variance.diag()
    inverse, difference = torch.linalg.inv(other), prior.mean - mean
    return 0.5 * (
        (inverse @ covariance).trace()
        + difference @ inverse @ difference
        - len(mean)
        + (torch.linalg.det(other) / torch.linalg.det(covariance)).log()
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS)
def test_closed_form_and_derivatives_are_those_of_the_formulas(kind: VariationKind, prior: Distribution) -> None:
    values = default_values(kind, 9).double()
    variation = gaussian_variation(kind, MEAN, COVARIANCE)
    result = kl_variation(variation, prior, values, num_samples=[2])
    expected = torch.stack([by_hand(m, c, prior) for m, c in zip(*variation(values), strict=True)])
    assert result.closed_form is not None
    assert torch.allclose(result.closed_form, expected)
    assert torch.allclose(result.formula, result.automatic, atol=1e-9)
    step = 1e-6
    nearby = kl_variation(variation, prior, values + step, num_samples=[2]).closed_form
    assert torch.allclose((nearby - result.closed_form) / step, result.formula, atol=1e-2, rtol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_estimates_lie_within_their_errors_and_sharpen_with_more_draws(kind: VariationKind) -> None:
    torch.manual_seed(0)
    values = default_values(kind, 7).double()
    result = kl_variation(gaussian_variation(kind, MEAN, COVARIANCE), PRIORS["full"], values, num_samples=[50, 5000])
    for k, estimate in result.estimates.items():
        assert ((estimate.mean - result.closed_form).abs() < 4.5 * estimate.standard_error + 1e-9).all(), k
    for k, estimate in result.gradient_estimates.items():
        assert ((estimate.mean - result.formula).abs() < 4.5 * estimate.standard_error + 1e-9).all(), k
    ratio = result.estimates[50].standard_error / result.estimates[5000].standard_error
    assert torch.allclose(ratio, torch.full_like(ratio, 10.0), rtol=0.4)


def test_a_prior_without_a_closed_form_is_estimated() -> None:
    prior = Independent(StudentT(torch.full((3,), 5.0, dtype=torch.float64)), 1)
    result = kl_variation(gaussian_variation("move", MEAN, COVARIANCE), prior, default_values("move", 5).double())
    assert result.closed_form is result.formula is result.automatic is None
    assert (result.estimates[1000].mean > 0).all()


def test_factors_are_computed_once_for_each_t_and_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 512 latents, all covariances and draws at once took 2 GiB, and a factor for each estimate took minutes."""
    d, largest = 24, 2**13
    lower = torch.eye(d).double() + 0.02 * torch.randn(d, d, generator=torch.Generator().manual_seed(0)).tril().double()
    prior = MultivariateNormal(torch.zeros(d).double(), torch.eye(d).double())
    values = default_values("rotate").double()
    results, factors, cholesky = [], [], torch.linalg.cholesky
    monkeypatch.setattr(torch.linalg, "cholesky", lambda x: factors.append(x.shape) or cholesky(x))
    for bound in (2**22, largest):
        monkeypatch.setattr(module, "_LARGEST", bound)
        torch.manual_seed(0)
        variation = gaussian_variation("rotate", torch.zeros(d).double(), lower @ lower.T)
        results.append(kl_variation(variation, prior, values, num_samples=[50, 100]))
    whole, *parts = factors
    assert whole == (41, d, d)
    assert sum(shape[0] for shape in parts) == 41
    assert max(shape[0] for shape in parts) * 100 * d <= largest
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(other, one)


def test_turning_a_posterior_costs_nothing_under_a_prior_that_is_round() -> None:
    values = default_values("rotate", 5).double()
    variation = gaussian_variation("rotate", MEAN, COVARIANCE)
    result = kl_variation(variation, PRIORS["standard"], values, num_samples=[2])
    assert torch.allclose(result.closed_form, result.closed_form[0].expand(5))


def test_correlating_keeps_the_variances() -> None:
    _, covariances = gaussian_variation("correlate", MEAN, COVARIANCE)(torch.tensor([0.0, 0.9], dtype=torch.float64))
    assert torch.allclose(covariances.diagonal(dim1=1, dim2=2), COVARIANCE.diagonal().expand(2, 3))
    assert torch.allclose(covariances[:, 0, 1], torch.tensor([0.0, 0.9], dtype=torch.float64) * 0.5**0.5)


def test_what_cannot_vary_is_refused() -> None:
    with pytest.raises(InputError, match="two of the 1 dimensions"):
        gaussian_variation("rotate", torch.zeros(1), torch.eye(1))
    with pytest.raises(InputError, match="got 'turn'"):
        gaussian_variation("turn", MEAN, COVARIANCE)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least 2 samples"):
        kl_variation(gaussian_variation("move", MEAN, COVARIANCE), PRIORS["full"], torch.zeros(1), num_samples=[1])


@pytest.mark.parametrize("d", [2, 3, 8])
def test_correlations_lie_where_the_covariance_is_positive_definite(d: int) -> None:
    torch.manual_seed(d)
    lower = torch.randn(d, d, dtype=torch.float64)
    covariance = lower @ lower.T + 0.01 * torch.eye(d, dtype=torch.float64)
    low, high = correlation_range(covariance, (0, d - 1))
    vary = gaussian_variation("correlate", torch.zeros(d, dtype=torch.float64), covariance, plane=(0, d - 1))

    def smallest(t: float) -> float:
        return float(torch.linalg.eigvalsh(vary(torch.tensor([t], dtype=torch.float64))[1])[0].min())

    margin = 1e-3 * (high - low)
    assert smallest(low + margin) > 0
    assert smallest(high - margin) > 0
    assert smallest(low - margin) < 0
    assert smallest(high + margin) < 0


def test_every_way_to_vary_a_strongly_correlated_posterior_is_shown() -> None:
    torch.manual_seed(0)
    lower = torch.randn(8, 8, dtype=torch.float64)
    covariance, identity = lower @ lower.T + 1e-6 * torch.eye(8), torch.eye(8, dtype=torch.float64)
    prior = MultivariateNormal(torch.zeros_like(lower[0]), identity)
    for name, variation in vary_posterior(torch.zeros_like(lower[0]), covariance, prior, [10]).items():
        assert variation.closed_form is not None, name
        assert variation.closed_form.isfinite().all(), name
