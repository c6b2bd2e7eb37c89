"""How probable each example is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import zoo
from tests import linear_gaussian
from zoo.errors import InputError, NotApplicableError
from zoo.use.units import log_volume


def test_the_estimate_is_log_p_of_a_model_where_it_is_known():
    model = linear_gaussian.build("full_gaussian").eval()
    x = linear_gaussian.B + 0.3 * torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    covariance = linear_gaussian.W @ linear_gaussian.W.T + linear_gaussian.SIGMA**2 * torch.eye(3)
    exact = torch.distributions.MultivariateNormal(linear_gaussian.B, covariance).log_prob(x).numpy()
    rows = zoo.score(model, x, num_samples=3000)
    np.testing.assert_allclose(rows["log_likelihood"], exact, atol=0.3)
    assert abs((rows["log_likelihood"] - exact).mean()) < 0.03
    assert (rows["elbo"] < exact).all()
    np.testing.assert_allclose(rows["elbo"], -rows["reconstruction"] - rows["kl"], rtol=1e-5)


def test_densities_are_in_the_units_of_the_data(table_model):
    model, data = table_model
    rows = zoo.score(model, data, num_samples=3000, split="test")
    x = data.test.examples(len(data.test))
    span = torch.tensor(model.data.scaling.span)
    torch.testing.assert_close(log_volume(model), -span.log())
    own = model.log_likelihood(x, num_samples=3000).numpy() - span.log().sum().item()
    np.testing.assert_allclose(rows["log_likelihood"], own, atol=1.0)


def test_probabilities_have_no_units(model, digits):
    assert log_volume(model).abs().max() == 0
    rows = zoo.score(model, digits, num_samples=100, split="test", count=50)
    torch.manual_seed(0)
    own = model.log_likelihood(digits.test.examples(50), num_samples=100).numpy()
    np.testing.assert_allclose(rows["log_likelihood"], own, atol=1.5)


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(model, digits):
    first, again, other = (
        zoo.score(model, digits, num_samples=5, split="test", seed=seed)["log_likelihood"] for seed in (1, 1, 2)
    )
    assert (first == again).all()
    assert (first != other).any()


def test_what_each_value_adds_points_at_the_value_that_is_wrong(table_model):
    model, data = table_model
    x = data.train.stored(torch.arange(6)).numpy().copy()
    x[3, 1] += 500  # in the units of the data, whose standard deviation is 10
    rows = zoo.score(model, x, num_samples=10, by_value=True)
    assert rows["contribution"].shape == (6, 3)
    assert np.unravel_index(rows["contribution"].argmin(), (6, 3)) == (3, 1)
    assert rows["log_likelihood"].argmin() == 3


def test_a_model_without_a_density_gives_its_reconstruction_alone(digits):
    model = zoo.load("ae-mlp-2d.digits")
    rows = zoo.score(model, digits, split="test")
    assert list(rows) == ["row", "class", "reconstruction", "squared_error"]
    x = digits.test.examples(len(digits.test))
    expected = (model.reconstruct(x) - x).square().flatten(1).mean(1).numpy()
    np.testing.assert_allclose(rows["squared_error"], expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("denoiser-unet.digits", {}, "neither has a likelihood nor reconstructs data"),
        ("vae-mlp-2d.digits", {"fitted": True}, "has no fitted prior"),
        ("vae-mlp-2d.digits", {"num_samples": 0}, "expected a whole number from 1 to 2147483647, got 0"),
    ],
)
def test_what_cannot_be_scored_is_refused_in_words(name, options, message):
    model = zoo.load(name)
    low, high = model.spec.data_range
    x = low + (high - low) * torch.rand(2, 1, 8, 8)
    with pytest.raises((InputError, NotApplicableError), match=message):
        zoo.score(model, x, **options)


def test_tensors_without_values_are_refused_in_words() -> None:
    model = zoo.load("vae-mlp-2d.digits")
    for function in (zoo.score, zoo.evaluate, zoo.embed, zoo.reconstruct, zoo.impute):
        with pytest.raises(zoo.errors.ZooError, match="expected a dense tensor, got a tensor without values"):
            function(model, torch.zeros(3, 1, 8, 8, device="meta"))  # type: ignore[operator]
