"""The mixture of Gaussians as a prior."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal

import zoo
from zoo.errors import ComponentError, InputError
from zoo.priors.mixture import Mixture


def codes(n: int = 4000) -> torch.Tensor:
    torch.manual_seed(0)
    centres = torch.tensor([[-5.0, 0.0], [5.0, 3.0]])
    return centres[torch.arange(n) % 2] + torch.randn(n, 2) @ torch.tensor([[1.0, 0.6], [0.0, 0.5]])


def test_one_component_is_the_gaussian_with_the_latents_moments() -> None:
    z, prior = codes(), Mixture(latent_shape=(2,), classes=0, components=1)
    assert prior.fit(z)
    gaussian = MultivariateNormal(z.mean(0), torch.cov(z.T, correction=0))
    torch.testing.assert_close(prior().log_prob(z), gaussian.log_prob(z), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
def test_the_fit_finds_the_components(covariance: str) -> None:
    z, prior = codes(), Mixture(latent_shape=(2,), classes=0, components=2, covariance=covariance)
    assert prior.fit(z)
    assert prior.logits.softmax(0).tolist() == pytest.approx([0.5, 0.5], abs=1e-2)
    assert prior.mean[prior.mean[:, 0].argsort()].flatten().tolist() == pytest.approx([-5, 0, 5, 3], abs=0.1)
    torch.testing.assert_close(prior().variance, z.var(0), rtol=2e-2, atol=0)


def test_the_order_of_the_components_does_not_matter() -> None:
    prior, z = Mixture(latent_shape=(2,), classes=0, components=3), torch.randn(7, 2)
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.copy_(torch.randn_like(parameter))
        before = prior().log_prob(z)
        for parameter in prior.parameters():
            parameter.copy_(parameter[[2, 0, 1]])
    torch.testing.assert_close(prior().log_prob(z), before)


def test_maps_are_one_event() -> None:
    prior = Mixture(latent_shape=(2, 3, 3), classes=0, components=2, covariance="diagonal")
    assert prior.fit(torch.randn(100, 2, 3, 3))
    z = prior().sample(torch.Size([5]))
    assert z.shape == (5, 2, 3, 3)
    assert prior().log_prob(z).shape == (5,)


def test_a_fitted_prior_is_sampled_from_saved_and_asked_for(tmp_path) -> None:
    torch.manual_seed(0)
    model = zoo.build("ae-mlp-2d", data_shape=(1, 4, 4), fitted_prior={"name": "mixture", "components": 2}).eval()
    assert model.fitted_prior.fit(codes())
    z = model.latents(2000)
    assert z[:, 0].std() > 4
    assert model.latents(2000, fitted=False)[:, 0].std() == pytest.approx(1, abs=0.1)
    restored = zoo.load(zoo.save(model, tmp_path))
    torch.testing.assert_close(
        restored.inference(fitted=True).prior.log_prob(z), model.inference(fitted=True).prior.log_prob(z)
    )


def labelled(n: int = 6000) -> tuple[torch.Tensor, torch.Tensor]:
    """Return two clusters: class 0 lies in the first, class 1 in both, and of class 2 there is nothing."""
    torch.manual_seed(0)
    labels = torch.arange(n) % 2
    second = (labels == 1) & (torch.rand(n) < 0.25)
    return torch.tensor([[-5.0, 0.0], [5.0, 0.0]])[second.long()] + torch.randn(n, 2), labels


def test_classes_share_the_gaussians_and_have_their_own_weights() -> None:
    z, labels = labelled()
    prior = Mixture(latent_shape=(2,), classes=3, components=2)
    assert prior.fit(z, labels)
    order = prior.mean[:, 0].argsort()
    weights = prior.logits.softmax(-1)[:, order]
    assert weights[0].tolist() == pytest.approx([1, 0], abs=1e-3)
    assert weights[1].tolist() == pytest.approx([0.75, 0.25], abs=0.02)
    assert weights[2].tolist() == pytest.approx([0.875, 0.125], abs=0.02), "a class without latents is as all are"


def test_a_conditional_mixture_is_that_of_each_class() -> None:
    """Known answer: log p(z|y) by torch's own mixture with the weights of the class."""
    z, labels = labelled(600)
    model = zoo.build("cvae-mlp-2d", data_shape=(1, 4, 4), classes=3, fitted_prior={"name": "mixture", "components": 2})
    prior = model.fitted_prior
    prior.fit(z, labels)
    p = model.inference(labels=labels, fitted=True).prior
    assert p.batch_shape == (600,)
    points = torch.randn(4, 600, 2)
    components = MultivariateNormal(prior.mean, scale_tril=prior._factors())
    each = components.log_prob(points[..., None, :]) + prior.logits[labels].log_softmax(-1)
    torch.testing.assert_close(p.log_prob(points), each.logsumexp(-1))
    labels = labels.repeat(10)
    drawn = model.eval().latents(6000, labels)
    assert (drawn[labels == 0, 0] > 0).sum() <= 5
    assert float((drawn[labels == 1, 0] > 0).float().mean()) == pytest.approx(0.25, abs=0.04)
    torch.testing.assert_close(drawn[labels == 1].mean(0), p.mean[1], rtol=0, atol=0.3)
    torch.testing.assert_close(drawn[labels == 1].var(0), p.variance[1], rtol=0.1, atol=0)


def test_a_prior_by_class_without_labels_is_refused() -> None:
    model = zoo.build("cvae-mlp-2d", data_shape=(1, 4, 4), classes=3, prior={"name": "mixture", "components": 2})
    with pytest.raises(InputError, match="labels"):
        model.latents(3)
    with pytest.raises(ComponentError, match="the prior of a model with classes needs labels, got none"):
        model.latent_prior()
    unconditional = zoo.build(
        "cvae-mlp-2d", data_shape=(1, 4, 4), classes=3, prior="mixture", conditioned=["encoder", "decoder"]
    )
    assert unconditional.inference(labels=torch.tensor([0, 2])).prior.batch_shape == ()


def test_one_component_of_diagonal_covariance_is_independent_gaussians() -> None:
    z, prior = codes(), Mixture(latent_shape=(2,), classes=0, components=1, covariance="diagonal")
    assert prior.fit(z)
    each = Normal(z.mean(0), z.std(0, correction=0))
    torch.testing.assert_close(prior().log_prob(z), each.log_prob(z).sum(-1), rtol=1e-2, atol=1e-2)
    assert prior.below is None
    assert prior.log_scale.exp()[0].tolist() == pytest.approx(z.std(0, correction=0).tolist(), rel=1e-3)
