"""The mixture of posteriors: what follows if its pseudo-inputs are the data."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Independent, Normal

import zoo
from tests import linear_gaussian
from zoo.divergences import log_prob_of_pairs
from zoo.errors import ComponentError
from zoo.model import Model
from zoo.priors import vamp
from zoo.priors.vamp import Vamp


def make(components: int, **overrides: object) -> Model:
    torch.manual_seed(0)
    return zoo.build("vae-mlp-2d", data_shape=(1, 4, 4), prior={"name": "vamp", "components": components}, **overrides)


def with_inputs(model: Model, x: torch.Tensor) -> Model:
    with torch.no_grad():
        model.latent_prior.raw_inputs.copy_(torch.logit(x, eps=1e-6))
    return model


def test_one_component_is_the_posterior_of_its_input() -> None:
    x, z = torch.rand(1, 1, 4, 4), torch.randn(7, 2)
    model = with_inputs(make(1), x)
    torch.testing.assert_close(model.prior.log_prob(z), model.encode(x).log_prob(z[:, None])[:, 0])


def test_with_all_data_as_inputs_the_mean_divergence_is_the_mutual_information() -> None:
    """E KL(q(z|x) ‖ q(z)) = I(x; z) ≤ log N; far-apart posteriors reach it."""
    x = torch.eye(8).reshape(8, 1, 2, 4).repeat_interleave(2, 2)
    model = with_inputs(make(8, encoder={"widths": [16]}), x)
    near = model.inference(x).draw(2000).kl().mean().item()
    assert 0 < near < math.log(8)
    with torch.no_grad():
        model.posterior.head.weight[:2].mul_(1e4)
    far = model.inference(x).draw(200).kl().mean().item()
    assert far == pytest.approx(math.log(8), abs=1e-3)


def test_an_encoder_that_ignores_its_input_pays_nothing() -> None:
    model = make(5)
    torch.nn.init.zeros_(model.posterior.head.weight)
    x = torch.rand(6, 1, 4, 4)
    assert model.inference(x).draw(3).kl().abs().max() < 1e-5


def test_draws_come_from_the_density() -> None:
    model = linear_gaussian.randomise(linear_gaussian.build("diagonal_gaussian", {"name": "vamp", "components": 3}))
    points, log_area = linear_gaussian.latent_grid(model)
    with torch.no_grad():
        mass = (model.prior.log_prob(points) + log_area).exp()
        torch.manual_seed(0)
        draws = model.prior.sample(torch.Size([40_000]))
    mean = (mass[:, None] * points).sum(0)
    covariance = (mass[:, None, None] * (points - mean)[:, :, None] * (points - mean)[:, None]).sum(0)
    assert mass.sum().item() == pytest.approx(1, abs=1e-3)
    assert torch.allclose(draws.mean(0), mean, atol=0.05)
    assert torch.allclose(torch.cov(draws.T), covariance, rtol=0.05, atol=0.05)


def test_pseudo_inputs_stay_in_the_range_of_the_data_and_are_learned() -> None:
    model = make(5).train()
    inputs = model.latent_prior.pseudo_inputs
    assert inputs.min() >= 0
    assert inputs.max() <= 1
    model.loss(torch.rand(6, 1, 4, 4)).total.backward()
    assert model.latent_prior.raw_inputs.grad.abs().sum() > 0


@pytest.mark.parametrize("data_range", [(0.0, 1.0), (-1.0, 1.0), (2.0, 7.0), None])
def test_the_range_of_the_data_is_that_of_the_pseudo_inputs_and_their_raw_values_vary_by_one(
    data_range: tuple[float, float] | None,
) -> None:
    torch.manual_seed(0)
    prior = Vamp(data_shape=(20,), data_range=data_range, classes=0, components=1000)
    assert prior.raw_inputs.std().item() == pytest.approx(1, abs=0.03)
    inputs = prior.pseudo_inputs
    if data_range is None:
        assert inputs is prior.raw_inputs
    else:
        low, high = data_range
        torch.testing.assert_close((inputs - low) / (high - low), prior.raw_inputs.sigmoid())


@pytest.mark.parametrize("classes", [None, 2])
def test_pairs_are_computed_a_few_latents_at_a_time_with_the_same_result(
    classes: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    p = make(4, classes=classes).inference(labels=None if classes is None else torch.tensor([0, 1, 1])).prior
    z, rows = torch.randn(5, 3, 2), []
    whole = p.log_prob(z)
    monkeypatch.setattr(vamp, "log_prob_of_pairs", lambda q, z: rows.append(len(z)) or log_prob_of_pairs(q, z))
    for largest, expected in [(4 * 2 * 7, [7, 7, 1]), (1, [1] * 15)]:
        rows.clear()
        monkeypatch.setattr(vamp, "_LARGEST", largest)
        torch.testing.assert_close(p.log_prob(z), whole)
        assert rows == expected


def test_each_class_has_the_mixture_of_the_posteriors_of_its_pseudo_inputs() -> None:
    model, labels, z = make(7, classes=3).eval(), torch.tensor([0, 1, 2, 0]), torch.randn(5, 4, 2)
    inputs, own = model.latent_prior.pseudo_inputs, torch.arange(7) % 3
    p = model.inference(labels=labels).prior
    found = p.log_prob(z)
    assert p.batch_shape == (4,)
    for row, label in enumerate(labels):
        q = model.encode(inputs[own == label], own[own == label])
        expected = q.log_prob(z[:, row, None]).logsumexp(-1) - math.log(int((own == label).sum()))
        torch.testing.assert_close(found[:, row], expected)
    assert model.inference(torch.rand(4, 1, 4, 4), labels).draw().kl().isfinite().all()
    assert model.sample(4, labels).shape == (4, 1, 4, 4)


def test_draws_of_a_class_come_from_its_pseudo_inputs() -> None:
    model = make(4, classes=2, latent_dim=1).eval()
    centres = torch.tensor([-9.0, 9.0, -8.0, 8.0])[:, None]
    inference = model.inference(labels=torch.tensor([0, 1]))
    inference.encode = lambda x, labels: Independent(Normal(centres[: len(x)], 0.1), 1)
    p = inference.prior
    p.encode = lambda chosen: Independent(Normal(centres[chosen], 0.1), 1)
    z = p.sample((500,))
    assert z.shape == (500, 2, 1)
    assert (z[:, 0] < 0).all()
    assert (z[:, 1] > 0).all()
    assert len(z.round().unique()) == 4


def test_without_labels_in_the_prior_it_is_one_mixture_of_all() -> None:
    model = make(2, classes=3, conditioned=["encoder", "decoder"])
    assert model.inference(labels=torch.tensor([0, 1])).prior.batch_shape == ()
    with pytest.raises(ComponentError, match="a pseudo-input for each of the 3 classes, got 2"):
        make(2, classes=3)


def test_a_posterior_without_a_density_everywhere_is_refused() -> None:
    with pytest.raises(ComponentError, match="evaluates q"):
        zoo.build("ae-mlp-2d", fitted_prior="vamp")


def test_it_works_with_a_posterior_that_is_a_flow() -> None:
    model = make(4, posterior={"name": "autoregressive_flow"}).train()
    loss, terms = model.loss(torch.rand(6, 1, 4, 4))
    loss.backward()
    assert terms["kl"].isfinite()
    assert model.eval().sample(3).shape == (3, 1, 4, 4)
