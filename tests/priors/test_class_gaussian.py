"""A Gaussian for each class."""

from __future__ import annotations

import pytest
import torch

import zoo
from tests.minimise import minimise
from zoo.errors import ComponentError, InputError


def make(**overrides: object) -> zoo.Model:
    torch.manual_seed(0)
    return zoo.build("cvae-mlp-2d", data_shape=(1, 4, 4), classes=3, prior="class_gaussian", **overrides)


def test_it_begins_as_the_standard_gaussian_for_every_class() -> None:
    p = make().inference(labels=torch.arange(3)).prior
    torch.testing.assert_close(p.mean, torch.zeros(3, 2))
    torch.testing.assert_close(p.stddev, torch.ones(3, 2))


def test_it_learns_the_means_of_the_classes() -> None:
    model, means = make(), torch.tensor([[4.0, 0.0], [-4.0, 1.0], [0.0, 5.0]])
    labels = torch.arange(1500) % 3
    z = means[labels] + 0.5 * torch.randn(1500, 2)
    minimise(
        lambda: -model.inference(labels=labels).prior.log_prob(z).mean(),
        model.latent_prior.parameters(),
        iterations=40,
    )
    p = model.inference(labels=torch.arange(3)).prior
    assert (p.mean - means).abs().max() < 0.15
    assert (p.stddev - 0.5).abs().max() < 0.1


def test_each_sample_is_drawn_from_its_class() -> None:
    model = make()
    with torch.no_grad():
        model.latent_prior.head.weight.normal_(0, 10)
        centres = model.inference(labels=torch.arange(3)).prior
    labels = torch.tensor([2, 0, 1, 2])
    z = model.latents(4, labels)
    assert ((z - centres.mean[labels]).abs() <= 6 * centres.stddev[labels]).all()


def test_only_the_prior_sees_the_labels_if_the_recipe_says_so() -> None:
    model, x = make(conditioned=["prior"]), torch.rand(3, 1, 4, 4)
    first, second = torch.tensor([0, 1, 2]), torch.tensor([2, 1, 0])
    assert torch.equal(model.encode(x, first).mean, model.encode(x, second).mean)
    z = torch.randn(3, 2)
    assert torch.equal(model.decode(z, first).mean, model.decode(z, second).mean)
    with torch.no_grad():
        model.latent_prior.head.weight.normal_()
    assert not torch.equal(model.inference(labels=first).prior.mean, model.inference(labels=second).prior.mean)


def test_a_model_without_classes_is_refused() -> None:
    with pytest.raises(ComponentError, match=r"model\.prior: a Gaussian for each class needs labels"):
        zoo.build("vae-mlp-2d", prior="class_gaussian")


def test_as_many_labels_as_samples_are_needed() -> None:
    with pytest.raises(InputError, match=r"expected \(5,\) class numbers"):
        make(conditioned=["prior"]).sample(5, torch.tensor([0, 1, 2]))


def test_missing_labels_are_asked_for() -> None:
    with pytest.raises(InputError, match="needs a label for each example"):
        _ = make().prior
