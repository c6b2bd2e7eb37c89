"""Gumbel-softmax: the law of the codes, the bound by enumeration, and what relaxation is for."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import kl_divergence

import zoo
from zoo.errors import ComponentError
from zoo.posteriors.gumbel import Gumbel


def posterior(**options: object) -> Gumbel:
    torch.manual_seed(0)
    return Gumbel(**{"feature_shape": (6,), "latent_dim": 4, "codes": 3, "variables": 2, **options})


@pytest.mark.parametrize("temperature", [0.1, 1.0, 5.0])
def test_the_largest_weight_has_the_law_of_the_code_at_every_temperature(temperature: float) -> None:
    made = posterior(temperature=temperature)
    q = made(torch.randn(1, 6))
    indices = q.draw(torch.Size([40_000]), q).levels[0].z
    assert torch.equal(indices.unique(), torch.arange(3))
    for variable in range(2):
        found = torch.bincount(indices[:, 0, variable], minlength=3) / len(indices)
        torch.testing.assert_close(found, q.probabilities[0, variable], atol=0.01, rtol=0)


def test_a_small_temperature_gives_codes_and_a_large_one_their_mean() -> None:
    h = torch.randn(4, 6)
    made = posterior(temperature=1e-3)
    z = made(h).rsample((50,))
    codes = made.embed(made.indices(z))
    assert (z - codes).abs().mean() < 0.02
    made = posterior(temperature=1e4)
    torch.testing.assert_close(
        made(h).rsample((50,)), made.vectors.mean(1).flatten().expand(50, 4, 4), atol=1e-2, rtol=0
    )


def test_draws_in_evaluation_are_codes_with_the_stated_moments() -> None:
    made = posterior().eval()
    q = made(torch.randn(3, 6))
    z = q.rsample((20_000,))
    assert torch.equal(made.embed(made.indices(z)), z)
    torch.testing.assert_close(z.mean(0), q.mean, atol=0.05, rtol=0)
    torch.testing.assert_close(z.var(0), q.variance, atol=0.08, rtol=0.05)


def test_hard_draws_are_codes_with_the_gradient_of_relaxed_ones() -> None:
    h = torch.randn(4, 6, requires_grad=True)
    gradients = []
    for hard in (True, False):
        made = posterior(hard=hard)
        torch.manual_seed(1)
        z = made(h).rsample()
        if hard:
            torch.testing.assert_close(made.embed(made.indices(z)), z)
        gradients += torch.autograd.grad(z.sum(), h)
    torch.testing.assert_close(*gradients)


def test_the_divergence_is_the_sum_over_the_probabilities() -> None:
    made = posterior()
    q = made(torch.randn(5, 6))
    probabilities = q.probabilities
    expected = (probabilities * (probabilities * 3).log()).sum((1, 2))
    model = zoo.build(
        "vae-mlp-2d",
        data_shape=(4,),
        latent_dim=4,
        posterior={"name": "gumbel", "codes": 3, "variables": 2},
        prior="uniform_codes",
    )
    torch.testing.assert_close(kl_divergence(q.codes, model.prior.codes), expected)


def test_the_bound_in_evaluation_and_its_gradient_are_those_of_the_discrete_model() -> None:
    torch.manual_seed(0)
    model = zoo.build(
        "vae-mlp-2d",
        data_shape=(5,),
        latent_dim=4,
        encoder={"widths": [8]},
        decoder={"widths": [8]},
        posterior={"name": "gumbel", "codes": 3, "variables": 2, "temperature": 0.1},
        prior="uniform_codes",
        objective={"num_samples": 20_000},
    )
    x = torch.randint(2, (1, 5)).float()
    inference = model.eval().inference(x)
    numbers = torch.cartesian_prod(torch.arange(3), torch.arange(3))[:, None]
    log_likelihood = inference.log_likelihood(inference.decode(model.posterior.embed(numbers)))
    log_q = inference.posterior.codes.log_prob(numbers)
    exact = (log_q.exp() * (log_likelihood + 2 * math.log(1 / 3) - log_q)).sum()
    assert -model.loss(x).total.item() == pytest.approx(exact.item(), abs=0.01)
    (expected,) = torch.autograd.grad(exact, model.posterior.head.weight)
    (found,) = torch.autograd.grad(-model.train().loss(x).total, model.posterior.head.weight)
    # The relaxed gradient is biased, less so at a small temperature.
    assert torch.nn.functional.cosine_similarity(found.flatten(), expected.flatten(), dim=0) > 0.95


def test_the_temperature_follows_a_schedule() -> None:
    schedule = {"name": "exponential", "start": 1.0, "end": 0.25, "over": {"steps": 2}}
    model = zoo.build(
        "vae-mlp-2d",
        data_shape=(5,),
        latent_dim=4,
        posterior={"name": "gumbel", "codes": 3, "temperature": schedule},
        prior="uniform_codes",
    ).train()
    found = []
    for step in range(3):
        model.update_schedules(step, 10)
        found.append(float(model.inference(torch.rand(1, 5)).posterior.temperature))
    assert found == pytest.approx([0.5, 0.25, 0.25])


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"posterior": {"variables": 3}}, "model.posterior.variables"),
        ({"posterior": {"temperature": 0.0}}, "model.posterior.temperature"),
        ({"prior": "transformer"}, "model.prior"),
        ({"objective": {"kl": "monte_carlo"}}, "model.objective"),
        ({"objective": {"name": "iwae"}}, "model.objective"),
    ],
)
def test_what_cannot_work_is_refused(changes: dict, where: str) -> None:
    base = {"latent_dim": 4, "posterior": {"name": "gumbel", "codes": 3}, "prior": "uniform_codes"}
    if "posterior" in changes:
        changes = {"posterior": base["posterior"] | changes["posterior"]}
    with pytest.raises(ComponentError) as refusal:
        zoo.build("vae-mlp-2d", data_shape=(5,), **(base | changes))
    assert refusal.value.where == where


def test_a_density_of_relaxed_codes_is_refused() -> None:
    q = posterior()(torch.randn(2, 6))
    with pytest.raises(ComponentError, match="relaxed"):
        q.codes.log_prob(torch.zeros(2, 2, dtype=torch.long))
