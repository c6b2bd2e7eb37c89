"""Every prior is fitted to every kind of latents, or refused in words; what is fitted is at least as good as p(z)."""

from __future__ import annotations

import copy
import functools
import math
import warnings
from typing import Any

import pytest
import torch

import zoo
from tests.models import batch, small, spec_with
from zoo.data import Data, Split, split_of_tensor
from zoo.errors import ComponentError, ZooWarning
from zoo.priors._fitting import enough_steps
from zoo.spec.training import TrainSpec
from zoo.training.prior_fit import fit_spec

SETTINGS = ("vectors", "points", "classes", "maps", "point maps", "codes", "levels", "sphere", "ball", "sparse")
WORKS = {
    "mixture": {"vectors", "points", "classes", "maps", "point maps", "levels", "sparse"},
    "flow": {"vectors", "points", "classes", "levels", "sparse"},
    "two_stage": {"vectors", "points", "classes", "maps", "point maps", "levels", "sparse"},
    "latent_denoiser": {"vectors", "points", "classes", "maps", "point maps", "levels", "sparse"},
    "class_gaussian": {"classes"},
    "vamp": {"vectors", "classes", "maps", "levels", "sphere", "ball"},
    "pixelcnn": {"codes"},
    "transformer": {"codes"},
}
"""The kinds of latents that some priors are for."""
SHORT = {"epochs": 1, "batch_size": 32, "device": "cpu", "precision": "fp32"}


@functools.cache
def model_of(setting: str) -> zoo.Model:
    """A model to which priors are fitted, each to a copy of it."""
    torch.manual_seed(0)
    return zoo.build(spec_with(setting)).eval()


def fitted_or_refusal(model: zoo.Model, data: Split, name: str) -> zoo.Model | ComponentError:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ZooWarning)
        try:
            return zoo.fit_prior(model, data, small("prior", name), SHORT, quiet=True)
        except ComponentError as refusal:
            return refusal


@pytest.mark.parametrize("name", zoo.list_components("prior"))
def test_it_is_fitted_to_a_kind_of_latents_or_refused_in_words(name: str) -> None:
    fitted = set()
    for setting in SETTINGS:
        model = model_of(setting)
        x, labels = batch(model, 64)
        found = fitted_or_refusal(model, split_of_tensor(x, labels), name)
        if isinstance(found, ComponentError):
            assert found.where, setting
            assert found.remedy or name in str(found), setting
            continue
        fitted.add(setting)
        chosen = None if labels is None else labels[:3]
        z = found.latents(3, chosen)
        assert z.shape == (3, *model.latent_shape), setting
        assert z.isfinite().all(), setting
        assert found.sample(3, chosen).shape == (3, *model.data_shape), setting
    if name in WORKS:
        assert fitted == WORKS[name]


@pytest.fixture(scope="module")
def digits() -> Data:
    return zoo.load_data("digits")


@pytest.fixture(scope="module")
def with_mixture(digits: Data) -> zoo.Model:
    return zoo.fit_prior(zoo.load("vae-mlp-2d.digits"), digits, "mixture", quiet=True)


def bounds(model: zoo.Model, digits: Data) -> tuple[float, float]:
    """Return the bound under the prior of training and that under the fitted one."""
    found = zoo.evaluate(model, digits, [{"name": "elbo", "num_samples": 50}], split="validation")
    return found["elbo"], found["elbo_fitted"]


def test_the_bound_under_a_fitted_mixture_is_at_least_that_under_the_prior_of_training(
    with_mixture: zoo.Model, digits: Data
) -> None:
    """The average of the posteriors is the best prior; a fit to their means is worse than p(z) in two dimensions."""
    elbo, fitted = bounds(with_mixture, digits)
    assert fitted >= elbo


@pytest.mark.parametrize(
    "prior",
    [{"name": "two_stage", "widths": [32], "num_samples": 32}, {"name": "flow", "steps": 2, "widths": [32]}],
)
def test_the_bound_under_a_trained_prior_is_at_least_that_under_the_prior_of_training(prior: Any, digits: Data) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = zoo.fit_prior(zoo.load("vae-mlp-2d.digits"), digits, prior, {"epochs": 40}, quiet=True)
    elbo, fitted = bounds(model, digits)
    assert fitted >= elbo


def test_a_mixture_that_is_fitted_to_the_means_alone_is_worse(with_mixture: zoo.Model, digits: Data) -> None:
    """Why a fit sees draws: the same mixture, fitted to posterior means, loses to p(z)."""
    model, train = copy.deepcopy(with_mixture), digits.train
    model.fitted_prior.fit(model.encode(train.examples(len(train))).mean.detach())
    elbo, fitted = bounds(model, digits)
    assert fitted < elbo


@pytest.mark.parametrize("chosen", [None, 32, 5000])
@pytest.mark.parametrize("examples", [1536, 3000, 50_000])
def test_a_fit_takes_about_as_many_steps_whatever_the_number_of_examples(examples: int, chosen: int | None) -> None:
    fields = enough_steps(examples, 3000, batch_size=256, lr=1e-3, chosen=chosen)
    assert fields["batch_size"] == (chosen or 256)
    per_epoch = math.ceil(examples / fields["batch_size"])  # as the loop counts them
    if chosen == 5000 and examples < 50_000:
        assert fields["epochs"] == 500
    else:
        assert 3000 <= fields["epochs"] * per_epoch < 3000 + per_epoch


@pytest.mark.parametrize("examples", [1, 10, 1000])
def test_a_fit_to_few_examples_ends_after_500_passes_over_them(examples: int) -> None:
    assert enough_steps(examples, 3000, batch_size=256, lr=1e-3)["epochs"] == 500


def test_the_length_of_a_fit_goes_by_the_batch_size_of_the_user() -> None:
    prior = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), fitted_prior="flow").fitted_prior
    for batch_size, epochs in ((100, 3), (1000, 30)):
        assert fit_spec(TrainSpec(), TrainSpec(batch_size=batch_size), prior, 100_000).epochs == epochs
    assert fit_spec(TrainSpec(), TrainSpec(batch_size=100, epochs=7), prior, 100_000).epochs == 7
    # Without `fit`, the batch size of the training is that of another task.
    assert fit_spec(TrainSpec(batch_size=1000), None, prior, 256_000).epochs == 3


@pytest.mark.parametrize("name", ["flow", "two_stage"])
def test_a_latent_that_the_training_data_do_not_use_may_be_large_in_others(name: str) -> None:
    """Divided by next to nothing, it would overflow: so it is in a sparse autoencoder of few examples."""
    torch.manual_seed(0)
    prior = zoo.build("ae-mlp-2d", data_shape=(1, 8, 8), latent_dim=4, fitted_prior=name).fitted_prior
    z = torch.randn(100, 4) * torch.tensor([1.0, 1.0, 1.0, 0.0])
    prior.fit(z)
    z[0, 3] = 5.0
    with torch.no_grad():
        log_prob = prior().log_prob(z)
    assert log_prob.isfinite().all()
    assert log_prob[0] < log_prob[1:].min() - 1000
    assert prior().sample((100,))[:, 3].abs().max() < 0.1
