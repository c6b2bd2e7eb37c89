"""The VAE objective: what its terms are, and how they change with its options."""

from __future__ import annotations

import pytest
import torch

import zoo
from zoo.errors import ComponentError
from zoo.model import Model

SMALL = {"encoder": {"widths": [16]}, "decoder": {"widths": [16]}, "data_shape": (1, 4, 4)}


def make(**objective: object) -> Model:
    torch.manual_seed(0)
    return zoo.build("vae-mlp-2d", objective=objective, **SMALL)


def terms(model: Model, seed: int = 1) -> tuple[float, dict[str, float]]:
    torch.manual_seed(seed)
    x = torch.rand(8, 1, 4, 4)
    loss, parts = model.loss(x)
    return loss.item(), {name: value.item() for name, value in parts.items()}


@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_the_loss_is_reconstruction_plus_beta_times_kl_and_the_elbo_knows_no_beta(beta: float) -> None:
    loss, parts = terms(make(beta=beta))
    assert loss == pytest.approx(parts["reconstruction"] + beta * parts["kl"], rel=1e-5)
    assert parts["elbo"] == pytest.approx(-parts["reconstruction"] - parts["kl"], rel=1e-5)


def test_monte_carlo_kl_agrees_with_the_closed_form_in_the_mean() -> None:
    closed = terms(make(num_samples=20_000, kl="closed_form"))[1]["kl"]
    estimated = terms(make(num_samples=20_000, kl="monte_carlo"))[1]["kl"]
    assert estimated == pytest.approx(closed, abs=0.02)


def test_the_importance_weighted_bound_of_one_sample_is_the_monte_carlo_elbo() -> None:
    bound = terms(make(bound="importance_weighted"))[0]
    elbo = terms(make(kl="monte_carlo"))[0]
    assert bound == pytest.approx(elbo, rel=1e-6)


def test_the_importance_weighted_bound_reports_the_terms_of_the_elbo_and_weighs_its_ratios_by_beta() -> None:
    for num_samples in (1, 4):
        weighted, reported = terms(make(bound="importance_weighted", num_samples=num_samples, beta=3.0))
        assert reported == pytest.approx(terms(make(kl="monte_carlo", num_samples=num_samples))[1], rel=1e-5)
        if num_samples == 1:
            assert weighted == pytest.approx(reported["reconstruction"] + 3 * reported["kl"], rel=1e-5)


@pytest.mark.parametrize(
    ("options", "weighs"),
    [
        ({}, False),
        ({"kl": "closed_form"}, False),
        ({"kl": "monte_carlo"}, True),
        ({"bound": "importance_weighted"}, True),
    ],
)
def test_it_says_whether_densities_of_single_draws_are_weighed(options: dict, weighs: bool) -> None:
    assert make(**options).objective.uses_densities_of_draws is weighs


def test_the_importance_weighted_bound_rises_with_the_number_of_samples() -> None:
    x = torch.rand(2000, 1, 4, 4)
    losses = [make(bound="importance_weighted", num_samples=k).loss(x).total for k in (1, 10, 200)]
    assert losses[0] > losses[1] > losses[2]


@pytest.mark.parametrize(("warmup", "steps_per_epoch"), [({"steps": 10}, 3), ({"epochs": 2}, 5)])
def test_beta_rises_linearly_while_training_and_is_full_in_validation(warmup: dict, steps_per_epoch: int) -> None:
    model = make(beta=2.0, beta_warmup=warmup)
    weights = []
    for step in range(15):
        model.update_schedules(step, steps_per_epoch)
        loss, parts = terms(model.train())
        weights.append((loss - parts["reconstruction"]) / parts["kl"])
    assert weights == pytest.approx([2 * min(1.0, (step + 1) / 10) for step in range(15)], rel=1e-3)
    model.update_schedules(0, steps_per_epoch)
    loss, parts = terms(model.eval())
    assert loss == pytest.approx(parts["reconstruction"] + 2 * parts["kl"], rel=1e-5)


def test_the_loss_under_autocast_is_that_in_float32_up_to_rounding() -> None:
    model = make(num_samples=64)
    exact = terms(model)[0]
    with torch.autocast("cpu", torch.bfloat16):
        rounded = terms(model)[0]
    assert rounded == pytest.approx(exact, rel=2e-2)


def test_an_importance_weighted_bound_refuses_a_closed_form_kl() -> None:
    with pytest.raises(ComponentError, match="kl: closed_form"):
        make(bound="importance_weighted", kl="closed_form")


def test_the_objective_samples_means_unless_it_is_asked_for_noise() -> None:
    model, found = make().eval(), []
    for options in ({}, {"noise": False}, {"noise": True}):
        torch.manual_seed(0)
        found.append(model.objective.sample(model, 3, **options))
    assert torch.equal(found[0], found[1])
    assert found[2].unique().tolist() == [0.0, 1.0]
    assert len(found[0].unique()) > 2


def test_a_conditional_model_uses_its_labels() -> None:
    torch.manual_seed(0)
    model = zoo.build("vae-mlp-2d", classes=3, **SMALL)
    x, labels = torch.rand(96, 1, 4, 4) * 0.05, torch.arange(96) % 3
    x[:, 0, 0] += 0.9 * torch.nn.functional.one_hot(labels, 4).float()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(50):
        optimizer.zero_grad()
        model.loss(x, labels).total.backward()
        optimizer.step()
    samples = model.eval().sample(30, torch.arange(30) % 3)
    assert torch.equal(samples[:, 0, 0].argmax(1), torch.arange(30) % 3)
