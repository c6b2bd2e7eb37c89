"""Laws that every registered likelihood obeys."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Distribution

from tests.likelihoods.variants import IDS, VARIANTS, build, given_total, raw_parameters
from zoo.errors import ComponentError, DataError
from zoo.likelihoods import Likelihood, Support

every_variant = pytest.mark.parametrize(("name", "options"), VARIANTS, ids=IDS)
UNCONDITIONAL = [(name, options) for name, options in VARIANTS if not given_total(options)]
every_unconditional_variant = pytest.mark.parametrize(("name", "options"), UNCONDITIONAL, ids=str)
SHAPES = [(5,), (1, 8, 8), (3, 4, 5), (2, 7)]


def grid(likelihood: Likelihood) -> tuple[torch.Tensor, torch.Tensor]:
    """Return values (N, 1) that stand for the support of a single number, and their weights (N,)."""
    support = likelihood.support
    if likelihood.discrete:
        step = likelihood.exact_support.step
        last = support.high if math.isfinite(support.high) else 3000.0
        x = torch.arange(0, round((last - support.low) / step) + 1, dtype=torch.float64) * step + support.low
        return x[:, None], torch.ones_like(x)
    u = (torch.arange(40_000, dtype=torch.float64) + 0.5) / 40_000
    if math.isfinite(support.low):
        return (support.low + (support.high - support.low) * u)[:, None], torch.full_like(u, 1 / len(u))
    angle = math.pi * (u - 0.5)
    return angle.tan()[:, None], math.pi / angle.cos().square() / len(u)


def summed(p: Distribution, likelihood: Likelihood, power: int = 0) -> torch.Tensor:
    """Return E[x^power], (batch,), by summing or integrating over a single number."""
    x, weights = grid(likelihood)
    return (p.log_prob(x[:, None]).exp() * weights[:, None] * x**power).sum(0)


@pytest.mark.parametrize(
    ("name", "options", "shape"),
    [(*variant, shape) for variant in VARIANTS for shape in SHAPES if variant[0] != "columns" or len(shape) == 1],
    ids=str,
)
def test_event_and_batch_shapes_are_those_of_the_data_and_the_latents(name, options, shape):
    likelihood = build(name, shape, **options)
    p = likelihood(raw_parameters(likelihood, 4, 2))
    assert p.batch_shape == (4, 2)
    assert p.event_shape == shape
    assert p.mean.shape == (4, 2, *shape)
    drawn = p.sample()
    assert drawn.shape == (4, 2, *shape)
    assert p.sample((3,)).shape == (3, 4, 2, *shape)
    assert likelihood.support.contains(drawn).all()
    assert p.log_prob(drawn[0]).shape == (4, 2)


@every_variant
def test_probabilities_of_all_values_sum_to_one(name, options):
    likelihood = build(name, (1,), **options).double()
    p = likelihood(raw_parameters(likelihood, 6).double())
    if given_total(options):
        p = p.given(torch.full((6,), 5.0, dtype=torch.float64))
        x, weights = grid(likelihood)
        total = (p.log_prob(x[:, None]).exp().squeeze(-1) * weights[:, None]).sum(0)
    else:
        total = summed(p, likelihood)
    torch.testing.assert_close(total, torch.ones(6, dtype=torch.float64), rtol=0, atol=1e-4)


@every_unconditional_variant
def test_mean_and_variance_are_those_of_the_probabilities(name, options):
    likelihood = build(name, (1,), **options).double()
    p = likelihood(raw_parameters(likelihood, 6).double())
    mean = summed(p, likelihood, 1)
    half_a_level = 0.5 * (likelihood.support.step or 0) if name == "discretised_logistic" else 0
    torch.testing.assert_close(p.mean.squeeze(1), mean, rtol=1e-3, atol=1e-3 + half_a_level)
    variance = summed(p, likelihood, 2) - mean.square()
    # A grid does not find the variance of heavy tails, which may be infinite.
    largest = p.variance.max() if name == "student_t" else variance.max()
    if name != "discretised_logistic" and largest < 50:
        torch.testing.assert_close(p.variance.squeeze(1), variance, rtol=2e-2, atol=1e-3)


@every_variant
def test_draws_have_the_probabilities_that_are_stated(name, options):
    torch.manual_seed(0)
    likelihood = build(name, (1,), **options)
    p = likelihood(raw_parameters(likelihood, 1))
    draws = p.sample((20_000,)).double().flatten()
    if given_total(options):
        assert draws.mean().item() == pytest.approx(p.mean.item(), rel=0.1)
        return
    # The distribution function at the quartiles of the draws: robust where a variance is infinite.
    x, weights = grid(likelihood)
    masses = p.log_prob(x[:, None].float()).double().squeeze(1).exp() * weights
    for quantile in (0.25, 0.5, 0.75):
        value = draws.quantile(quantile, interpolation="higher")
        stated = masses[x.squeeze(1) <= value + 1e-6].sum().item()
        found = (draws <= value + 1e-6).double().mean().item()
        assert found == pytest.approx(stated, abs=0.015)


@pytest.mark.parametrize(
    ("name", "options", "shape"),
    [
        (*variant, shape)
        for variant in VARIANTS
        for shape in [(4,), (2, 2, 1)]
        if variant[0] != "columns" or shape == (4,)
    ],
    ids=str,
)
def test_a_mask_keeps_the_observed_values_alone(name, options, shape):
    likelihood = build(name, shape, **options)
    p = likelihood(raw_parameters(likelihood, 2, 3))
    x = p.sample()[0]
    everything, nothing = torch.ones(3, *shape, dtype=torch.bool), torch.zeros(3, *shape, dtype=torch.bool)
    torch.testing.assert_close(likelihood.log_prob(p, x, everything), likelihood.log_prob(p, x))
    torch.testing.assert_close(likelihood.log_prob(p, x), p.log_prob(x))
    assert not likelihood.log_prob(p, x, nothing).any()
    mask = torch.tensor([[True, False, True, False], [False, True, True, True], [True] * 4]).reshape(3, *shape)
    masked = likelihood.log_prob(p, x, mask)
    torch.testing.assert_close(masked, likelihood.log_prob(p, torch.where(mask, x, torch.nan), mask))
    if not given_total(options):
        torch.testing.assert_close(masked + likelihood.log_prob(p, x, ~mask), p.log_prob(x))


@every_variant
def test_missing_values_that_are_nan_leave_the_gradient_finite(name, options):
    likelihood = build(name, (4,), **options)
    raw = raw_parameters(likelihood, 3).requires_grad_()
    p = likelihood(raw)
    mask = torch.tensor([[True, False, True, False], [False] * 4, [True] * 4])
    x = torch.where(mask, p.sample(), torch.nan)
    likelihood.log_prob(p, x, mask).sum().backward()
    assert raw.grad.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in likelihood.parameters())


@every_variant
@pytest.mark.parametrize("size", [1e2, 1e4])
def test_extreme_parameters_give_finite_log_probabilities_and_gradients(name, options, size):
    likelihood = build(name, (1,), **options)
    count = likelihood.parameter_shape[0]
    corners = torch.cartesian_prod(*[torch.tensor([-size, 0.0, size])] * min(count, 6)).reshape(-1, min(count, 6))
    raw = torch.nn.functional.pad(corners, (0, count - corners.shape[1])).requires_grad_()
    support = likelihood.support
    low = support.low if math.isfinite(support.low) else -1e4
    high = support.high if math.isfinite(support.high) else 1e4
    for value in (low, high):
        raw.grad = None
        log_prob = likelihood.log_prob(likelihood(raw), torch.full((len(raw), 1), value))
        assert log_prob.isfinite().all()
        log_prob.sum().backward()
        assert raw.grad.isfinite().all()
        if likelihood.discrete:
            assert log_prob.max() <= 1e-4


@every_variant
def test_gradients_are_those_of_finite_differences(name, options):
    likelihood = build(name, (3,), **options).double()
    raw = (0.7 * raw_parameters(likelihood, 2)).double().requires_grad_()
    x = likelihood(raw).sample()
    assert torch.autograd.gradcheck(lambda values: likelihood.log_prob(likelihood(values), x), raw)


@every_variant
def test_log_probabilities_are_float32_from_bf16_parameters_and_close_to_float64(name, options):
    likelihood = build(name, (6,), **options)
    raw = raw_parameters(likelihood, 4).bfloat16()
    x = likelihood(raw.float()).sample()
    found = likelihood(raw).log_prob(x)
    assert found.dtype == torch.float32
    exact = likelihood.double()(raw.double()).log_prob(x.double())
    assert exact.dtype == torch.float64
    torch.testing.assert_close(found.double(), exact, rtol=2e-5, atol=2e-4)


@every_variant
def test_examples_do_not_depend_on_each_other(name, options):
    likelihood = build(name, (4,), **options)
    raw = raw_parameters(likelihood, 5)
    x = likelihood(raw).sample()
    alone = torch.cat([likelihood(raw[i : i + 1]).log_prob(x[i : i + 1]) for i in range(5)])
    torch.testing.assert_close(likelihood(raw).log_prob(x), alone)


@every_variant
def test_the_density_of_what_was_observed_is_exact_and_no_code_of_the_missing_values(name, options):
    likelihood = build(name, (4,), **options)
    x = likelihood(raw_parameters(likelihood, 3)).sample()
    missing = torch.where(torch.eye(3, 4) > 0, torch.nan, x)
    assert likelihood.is_exact(missing)
    assert not likelihood.is_code_length(missing)
    assert likelihood.caution(missing) is None


@every_variant
def test_own_draws_are_taken_and_other_values_are_refused_by_name(name, options):
    likelihood = build(name, (4,), **options)
    x = likelihood(raw_parameters(likelihood, 3)).sample()
    likelihood.check_values(x)
    assert likelihood.is_exact(x)
    assert likelihood.is_code_length(x) == likelihood.discrete
    assert likelihood.caution(x) is None
    with pytest.raises(DataError, match=r"x.*: the likelihood \w+ expects .*, got (nan|inf)"):
        likelihood.check_values(torch.where(torch.eye(3, 4) > 0, torch.inf, x))
    if likelihood.support != Support() and name != "columns":
        with pytest.raises(DataError, match=f"expects {str(likelihood.support)[:8]}.*, got -1"):
            likelihood.check_values(torch.where(torch.eye(3, 4) > 0, -1.0, x))
    if likelihood.support.step is not None:
        with pytest.raises(DataError, match=r"expects .*, got 0\.37"):
            likelihood.check_values(torch.where(torch.eye(3, 4) > 0, 0.37, x))
        likelihood.check_values(torch.where(torch.eye(3, 4) > 0, torch.nan, x), torch.eye(3, 4) == 0)


@every_variant
def test_a_stated_range_that_exceeds_the_support_is_refused(name, options):
    likelihood = build(name, (4,), **options)
    support = likelihood.support
    if math.isinf(support.low):
        likelihood.check_range(None)
        return
    inside = (support.low, support.high if math.isfinite(support.high) else 255.0)
    likelihood.check_range(inside)
    with pytest.raises(
        DataError, match=r"data\.scale: the likelihood \w+ expects data in \[0, .*got data in \[-1, .*\nUse `sc"
    ):
        likelihood.check_range((-1.0, inside[1]))
    if math.isfinite(support.high):
        with pytest.raises(DataError, match=r"got data without a stated range\nState the range"):
            likelihood.check_range(None)
    else:
        likelihood.check_range(None)


def test_values_that_depend_on_each_other_have_no_shares():
    class Rows(Likelihood):
        def forward(self, raw):
            rows = torch.distributions.MultivariateNormal(raw, torch.eye(3))
            return torch.distributions.Independent(rows, raw.ndim - 2)

    likelihood = Rows((2, 3))
    for batch in ((), (4,), (2, 3)):
        x = torch.zeros(*batch, 2, 3)
        assert likelihood.log_prob_by_value(likelihood(x), x) is None
    assert likelihood.log_prob_by_value(torch.distributions.MultivariateNormal(torch.zeros(3), torch.eye(3)), x) is None


def test_a_distribution_whose_values_depend_on_each_other_takes_no_mask():
    class Correlated(Likelihood):
        def forward(self, raw):
            return torch.distributions.MultivariateNormal(raw, torch.eye(2))

    likelihood = Correlated((2,))
    p, x = likelihood(torch.zeros(1, 2)), torch.zeros(1, 2)
    assert likelihood.log_prob(p, x).item() == pytest.approx(-math.log(2 * math.pi))
    with pytest.raises(ComponentError, match="Correlated cannot leave out missing values"):
        likelihood.log_prob(p, x, torch.ones(1, 2, dtype=torch.bool))


@every_variant
@pytest.mark.parametrize("masked", [False, True], ids=["all observed", "some missing"])
def test_what_each_value_adds_sums_to_the_whole(name, options, masked):
    likelihood = build(name, (5,), **options)
    p = likelihood(raw_parameters(likelihood, 3))
    x = p.sample()
    mask = torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) < 0.6 if masked else None
    try:
        whole = likelihood.log_prob(p, x, mask)
    except ComponentError:  # its values depend on each other, so that none can be left out
        return
    parts = likelihood.log_prob_by_value(p, x, mask)
    if parts is None:
        assert not isinstance(p, torch.distributions.Independent)
        assert name != "columns"
        return
    assert parts.shape == x.shape
    torch.testing.assert_close(parts.sum(-1), whole)
    if mask is not None and name != "columns":
        assert (parts[~mask] == 0).all()


@every_variant
def test_densities_are_no_code_lengths_and_probabilities_are(name, options):
    """Draws from densities hardly ever coincide, those from probabilities do."""
    torch.manual_seed(0)
    likelihood = build(name, (1,) if name != "columns" else (5,), **options)
    draws = likelihood(raw_parameters(likelihood, 1)).sample((400,)).flatten(1)
    coincide = all(len(column.unique()) < 390 for column in draws.T)
    assert likelihood.discrete == coincide
    assert likelihood.is_code_length(draws) == likelihood.discrete
