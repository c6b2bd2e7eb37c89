"""What follows from a batch: densities that agree with each other, groups of latents, masks."""

from __future__ import annotations

import functools

import pytest
import torch
from torch.distributions import MultivariateNormal

import zoo
from tests import linear_gaussian
from zoo.divergences import kl_divergence
from zoo.errors import ComponentError, InputError


def make(posterior: object = "diagonal_gaussian", **options: object) -> zoo.Model:
    return linear_gaussian.randomise(linear_gaussian.build(posterior, **options))


def test_each_property_is_computed_once() -> None:
    model, calls = make(), []
    model.encoder.register_forward_hook(lambda *_: calls.append("encoder"))
    model.decoder.register_forward_hook(lambda *_: calls.append("decoder"))
    samples = model.inference(linear_gaussian.data(3)).draw(4)
    _ = samples.log_weights, samples.log_weights, samples.kl(), samples.log_likelihood, samples.data.mean
    assert calls == ["encoder", "decoder"]


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_a_posterior_that_takes_each_latent_for_an_example_is_refused(batch: int) -> None:
    """With as many examples as latents, a KL divergence of such a posterior is a wrong number without an error."""
    model = make()
    model.posterior.forward = lambda h: torch.distributions.Normal(h[:, :2], 1.0)
    with pytest.raises(ComponentError, match=r"posterior DiagonalGaussian: expected one .* got batch shape \(., 2\)"):
        model.loss(linear_gaussian.data(batch))


def test_weights_are_the_joint_density_over_the_posterior() -> None:
    samples = make("full_gaussian").inference(linear_gaussian.data(3)).draw(4)
    expected = samples.inference.log_joint(samples.z) - samples.inference.posterior.log_prob(samples.z)
    torch.testing.assert_close(samples.log_weights, expected)


def test_the_divergence_of_the_groups_adds_up() -> None:
    samples = make().inference(linear_gaussian.data(3)).draw()
    groups = samples.kl_of_groups()
    assert groups.shape == (2, 3)
    torch.testing.assert_close(groups.sum(0), samples.kl())


def test_channels_of_maps_are_groups() -> None:
    model = zoo.build(
        "vae-conv-16d", data_shape=(1, 8, 8), latent_dim=3, posterior="gaussian_map", decoder={"name": "conv_map"}
    )
    samples = model.inference(torch.rand(5, 1, 8, 8)).draw()
    assert samples.z.shape == (1, 5, 3, 2, 2)
    assert samples.kl_of_groups().shape == (3, 5)
    torch.testing.assert_close(samples.kl_of_groups().sum(0), samples.kl())
    estimated = model.inference(torch.rand(5, 1, 8, 8).mul(0)).draw(4000)
    exact = kl_divergence(estimated.q, estimated.p, method="closed_form")
    torch.testing.assert_close(estimated.kl("monte_carlo"), exact, rtol=0.1, atol=0.05)


def test_a_group_below_its_free_bits_has_no_gradient() -> None:
    free = make(free_bits=1e3).train()
    free.loss(linear_gaussian.data(20)).total.backward()
    torch.manual_seed(0)
    x = linear_gaussian.data(20)
    pays, free = make().train(), make(free_bits=1e3).train()
    gradients = []
    for model in (pays, free):
        torch.manual_seed(0)
        total = model.loss(x).total
        gradients.append(torch.autograd.grad(total, model.posterior.head.weight)[0])
    torch.manual_seed(0)
    samples = free.inference(x).draw()
    (without_kl,) = torch.autograd.grad(-samples.log_likelihood.mean(), free.posterior.head.weight)
    torch.testing.assert_close(gradients[1], without_kl)
    assert not torch.allclose(gradients[0], without_kl)


def test_no_free_bits_are_the_elbo_and_validation_never_has_any() -> None:
    x = linear_gaussian.data(20)
    values = []
    for model in (make().train(), make(free_bits=1e-9).train(), make(free_bits=50.0).eval()):
        torch.manual_seed(0)
        values.append(model.loss(x).total.item())
    assert values == pytest.approx([values[0]] * 3, rel=1e-6)


def masked() -> tuple[zoo.Model, torch.Tensor, torch.Tensor, MultivariateNormal]:
    """The linear-Gaussian model with one value hidden, and a posterior as wide as the prior, which any x needs."""
    model = linear_gaussian.build("diagonal_gaussian")
    with torch.no_grad():
        model.posterior.head.weight.zero_()
        model.posterior.head.bias.copy_(torch.tensor([0.0, 0.0, 0.5413, 0.5413]))
    x = linear_gaussian.data(10)
    mask = torch.ones(10, 3, dtype=torch.bool)
    mask[:, 1] = False
    weight = linear_gaussian.W
    covariance = weight @ weight.T + linear_gaussian.SIGMA**2 * torch.eye(3)
    return model, x, mask, MultivariateNormal(linear_gaussian.B, covariance)


def test_the_likelihood_of_what_was_observed_is_the_marginal() -> None:
    model, x, mask, whole = masked()
    seen = [0, 2]
    marginal = MultivariateNormal(whole.mean[seen], whole.covariance_matrix[seen][:, seen])
    torch.manual_seed(0)
    estimate = model.log_likelihood(x, mask=mask, num_samples=20_000)
    torch.testing.assert_close(estimate, marginal.log_prob(x[:, seen]), rtol=0.02, atol=0.05)


def test_imputed_values_are_conditional_means() -> None:
    model, x, mask, whole = masked()
    covariance, mean = whole.covariance_matrix, whole.mean
    seen = [0, 2]
    gain = covariance[1, seen] @ torch.linalg.inv(covariance[seen][:, seen])
    expected = mean[1] + (x[:, seen] - mean[seen]) @ gain
    torch.manual_seed(0)
    imputed = model.impute(torch.where(mask, x, 1e6), mask, num_samples=20_000)
    assert torch.equal(imputed[mask], x[mask])
    torch.testing.assert_close(imputed[:, 1], expected, rtol=0.05, atol=0.05)


@functools.cache
def imputed_at_once() -> torch.Tensor:
    model, x, mask, _ = masked()
    torch.manual_seed(0)
    return model.impute(x, mask, num_samples=20_000, max_rows=10**6)


@pytest.mark.parametrize(("max_rows", "num_samples"), [(1, 10), (600, 8000), (10**6, 8000)])
def test_imputation_decodes_no_more_latents_at_a_time_than_asked(
    max_rows: int, num_samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, x, mask, _ = masked()
    torch.manual_seed(1)
    decode, sizes = model.decoder.forward, []
    monkeypatch.setattr(model.decoder, "forward", lambda z, *rest: sizes.append(len(z)) or decode(z, *rest))
    imputed = model.impute(x, mask, num_samples=num_samples, max_rows=max_rows)
    assert max(sizes) <= max_rows
    assert sum(sizes) == num_samples * len(x)
    if num_samples == 8000:
        torch.testing.assert_close(imputed, imputed_at_once(), rtol=0.05, atol=0.05)


def test_unobserved_values_change_nothing() -> None:
    model, x, mask, _ = masked()
    losses = []
    for hidden in (0.0, 17.0, float("nan")):
        torch.manual_seed(0)
        losses.append(model.loss(torch.where(mask, x, hidden), mask=mask).total.item())
    assert losses[0] == losses[1] == losses[2]


def test_wrong_masks_are_refused() -> None:
    model, x, mask, _ = masked()
    with pytest.raises(InputError, match="mask: expected a mask of shape"):
        model.impute(x, mask.float())
    with pytest.raises(InputError, match="mask: expected a mask of shape"):
        model.impute(x, mask[:, :2])


def test_a_prior_that_was_not_fitted_is_refused_by_name() -> None:
    with pytest.raises(ComponentError, match=r"fitted: the model has no fitted prior\nFit one with"):
        make().inference(linear_gaussian.data(2), fitted=True).draw().kl()
