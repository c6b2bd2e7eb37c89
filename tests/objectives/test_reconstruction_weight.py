"""The weight of the reconstruction term of ``vae`` and ``autoencoder``, and what may take its place."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import zoo
from zoo.errors import ComponentError
from zoo.model import Model

SIMILARITY = {"similarity": {"name": "ms_ssim", "window": 7, "weight": 10.0}}


def make(preset: str, weight: Any, **changes: Any) -> Model:
    torch.manual_seed(0)
    return zoo.build(preset, data_shape=(1, 8, 8), objective={"reconstruction_weight": weight}, **changes)


@pytest.mark.parametrize(("preset", "term"), [("vae-mlp-2d", "reconstruction"), ("ae-mlp-2d", "squared_error")])
def test_the_term_is_weighted_in_the_loss_and_reported_as_it_is(preset: str, term: str) -> None:
    x, found = torch.rand(6, 1, 8, 8), []
    for weight in (1.0, 0.25):
        model = make(preset, weight)
        torch.manual_seed(1)
        loss, terms = model.loss(x)
        rest = terms.get("kl", torch.tensor(0.0))
        assert loss.item() == pytest.approx((weight * terms[term] + rest).item(), rel=1e-5)
        found.append(terms[term])
    assert torch.equal(*found)


@pytest.mark.parametrize("preset", ["vae-mlp-2d", "ae-mlp-2d"])
def test_at_zero_the_loss_is_what_takes_its_place(preset: str) -> None:
    model, x = make(preset, 0.0, regularisers=SIMILARITY), torch.rand(6, 1, 8, 8)
    loss, terms = model.loss(x)
    expected = 10 * terms["similarity"] + terms.get("kl", torch.tensor(0.0))
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert model.unit_of("loss") is None


def test_at_zero_no_gradient_is_computed_through_the_likelihood() -> None:
    """A reconstruction without a finite gradient does not reach the loss."""
    model, x = make("vae-mlp-2d", 0.0, regularisers=SIMILARITY), torch.rand(6, 1, 8, 8)
    samples = model.inference(x).draw()
    reconstruction = -samples.log_likelihood.mean() * torch.tensor(float("inf"))
    weighted = model.objective.reconstruction_weight.times(reconstruction)
    assert weighted.item() == 0
    assert not weighted.requires_grad


def test_it_may_follow_a_schedule() -> None:
    weight = {"name": "linear", "start": 1.0, "end": 0.0, "over": {"steps": 4}}
    model = make("vae-mlp-2d", weight, regularisers=SIMILARITY).train()
    x = torch.rand(6, 1, 8, 8)
    shares = []
    for step in range(5):
        model.update_schedules(step, 10)
        loss, terms = model.loss(x)
        shares.append(((loss - terms["kl"] - 10 * terms["similarity"]) / terms["reconstruction"]).item())
    assert shares == pytest.approx([0.75, 0.5, 0.25, 0.0, 0.0], abs=1e-5)


@pytest.mark.parametrize("preset", ["vae-mlp-2d", "ae-mlp-2d"])
@pytest.mark.parametrize("regularisers", [{}, {"mmd": "mmd"}])
def test_a_decoder_that_nothing_trains_is_refused(preset: str, regularisers: dict[str, str]) -> None:
    with pytest.raises(ComponentError, match="reconstruction_weight: expected a weight above 0, since no other term"):
        make(preset, 0.0, regularisers=regularisers)


def test_one_of_several_regularisers_may_take_its_place() -> None:
    assert make("vae-mlp-2d", 0.0, regularisers={"mmd": "mmd", **SIMILARITY}).has("decoder")


def test_a_scale_that_nothing_trains_is_refused() -> None:
    likelihood = {"name": "gaussian", "scale_mode": "shared"}
    with pytest.raises(ComponentError, match="'gaussian' has more to learn than its mean"):
        make("vae-mlp-2d", 0.0, likelihood=likelihood, regularisers=SIMILARITY)


def test_the_importance_weighted_bound_has_no_such_weight() -> None:
    with pytest.raises(ComponentError, match="`reconstruction_weight` cannot work together"):
        zoo.build("vae-mlp-2d", objective={"bound": "importance_weighted", "reconstruction_weight": 0.5})
