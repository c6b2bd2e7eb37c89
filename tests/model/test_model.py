"""What every model offers, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.distributions import Distribution

import zoo
from zoo.errors import ComponentError, InputError, RecipeError
from zoo.model import Model


@pytest.fixture(scope="module")
def vae() -> Model:
    return zoo.build("vae-mlp-2d", data_shape=(1, 8, 8)).eval()


@pytest.fixture(scope="module")
def conditional() -> Model:
    return zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), classes=3).eval()


def test_encode_decode_and_prior_are_distributions(vae: Model) -> None:
    q, p = vae.encode(torch.rand(5, 1, 8, 8)), vae.decode(torch.randn(7, 5, 2))
    assert all(isinstance(distribution, Distribution) for distribution in (q, p, vae.prior))
    assert (q.batch_shape, q.event_shape) == ((5,), (2,))
    assert (p.batch_shape, p.event_shape) == ((7, 5), (1, 8, 8))
    assert (vae.prior.batch_shape, vae.prior.event_shape) == ((), (2,))


def test_leading_sample_dimensions_decode_as_one_by_one(conditional: Model) -> None:
    z, labels = torch.randn(4, 3, 2), torch.tensor([0, 1, 2])
    together = conditional.decode(z, labels).mean
    apart = torch.stack([conditional.decode(row, labels).mean for row in z])
    assert torch.allclose(together, apart, atol=1e-6)


def test_samples_are_means_or_draws(vae: Model) -> None:
    assert len(vae.sample(3).unique()) > 2
    assert vae.sample(3, noise=True).unique().tolist() == [0.0, 1.0]


def test_nothing_that_only_looks_keeps_a_gradient(vae: Model) -> None:
    x = torch.rand(2, 1, 8, 8)
    for value in (vae.reconstruct(x), vae.sample(2), vae.log_likelihood(x, num_samples=2)):
        assert not value.requires_grad


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.encode(torch.rand(2, 1, 9, 8)), r"expected data of shape \(B, 1, 8, 8\), got \(2, 1, 9, 8\)"),
        (
            lambda m: m.encode(torch.zeros(2, 1, 8, 8, dtype=torch.uint8)),
            "expected floating-point data, got",
        ),
        (lambda m: m.decode(torch.randn(5, 3)), r"expected latents of shape \(…, B, 2\), got \(5, 3\)"),
        (lambda m: m.decode(torch.randn(2)), "expected latents of shape"),
        (lambda m: m.sample(0), "n: expected a whole number from 1 to 2147483647, got 0"),
        (lambda m: m.sample(2.5), "n: expected a whole number from 1 to 2147483647, got 2.5"),
        (lambda m: m.sample("4"), "n: expected a whole number from 1 to 2147483647, got '4'"),
        (lambda m: m.log_likelihood(torch.rand(2, 1, 8, 8), num_samples=2.5), "num_samples: expected a whole number"),
        (lambda m: m.log_likelihood(torch.rand(2, 1, 8, 8), max_rows=0), "max_rows: expected a whole number"),
        (
            lambda m: m.log_likelihood(torch.full((2, 1, 8, 8), 16.0)),
            r"x: expected data in \[0, 1\], got .* 16 to 16",
        ),
        (lambda m: m.log_likelihood(torch.full((2, 1, 8, 8), torch.nan)), "x: expected finite numbers"),
        (lambda m: m.encode(torch.rand(2, 1, 8, 8).double()), "x: expected values of dtype torch.float32"),
        (lambda m: m.decode(torch.randn(5, 2).double()), "z: expected values of dtype torch.float32"),
        (lambda m: m.decode(torch.ones(5, 2, dtype=torch.long)), "z: expected values of dtype torch.float32"),
        (lambda m: m.encode(np.zeros((2, 1, 8, 8), np.float32)), "x: expected a tensor, got ndarray"),
        (lambda m: m.log_likelihood(np.zeros((2, 1, 8, 8), np.float32)), "x: expected a tensor, got ndarray"),
        (lambda m: m.decode([[0.0, 1.0]]), "z: expected a tensor, got list"),
        (lambda m: m.encode(torch.rand(2, 1, 8, 8), torch.tensor([0, 1])), "not conditional"),
        (lambda m: m.log_likelihood(torch.rand(2, 1, 8, 8), num_samples=0), "from 1 to"),
    ],
)
def test_wrong_input_is_refused_with_what_was_expected(vae: Model, call: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(vae)  # type: ignore[operator]


def test_the_log_likelihood_of_no_data_is_empty(vae: Model) -> None:
    assert vae.log_likelihood(torch.rand(0, 1, 8, 8), num_samples=2).shape == (0,)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("preset", ["vae-mlp-full-2d", "vae-conv-16d", "ae-mlp-2d"])
def test_a_model_converted_to_other_numbers_takes_float32_or_its_own(preset: str, dtype: torch.dtype) -> None:
    model = zoo.build(preset).eval().to(dtype)
    x = torch.rand(4, *model.data_shape)
    means = [model.encode(each).mean for each in (x.to(dtype), x.to(dtype).float())]
    assert torch.equal(*means)
    for result in (model.loss(x).total, model.sample(4), model.reconstruct(x)):
        assert result.isfinite().all()
    if model.has_density:
        assert model.log_likelihood(x, num_samples=3).isfinite().all()


def test_a_denoiser_may_be_of_double_precision_but_not_of_16_bits() -> None:
    model = zoo.build("denoiser-mlp").double()
    assert model.loss(torch.rand(4, *model.data_shape)).total.dtype == torch.float64
    assert model.sample(4, steps=3).isfinite().all()
    for dtype in (torch.bfloat16, torch.float16):
        with pytest.raises(ComponentError, match=r"time_embedding: .*\n.*torch\.autocast"):
            model.to(dtype).sample(4, steps=3)


def test_numbers_may_be_of_the_type_of_the_weights_or_of_autocast(vae: Model) -> None:
    x = torch.rand(2, 1, 8, 8)
    assert vae.double().encode(x.double()).mean.dtype == torch.float64
    with torch.autocast("cpu", torch.bfloat16):
        assert vae.float().encode(x.bfloat16()).mean.dtype == torch.float32
        with pytest.raises(InputError, match=r"got torch\.float64"):
            vae.encode(x.double())
    assert len(vae.sample(np.int64(3))) == 3


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "conditional on 3 classes"),
        (torch.tensor([0, 3]), "from 0 to 2, got 0 to 3"),
        (torch.tensor([-1, 0]), "from 0 to 2, got -1 to 0"),
        (torch.tensor([0]), r"\(2,\) class numbers"),
        (torch.tensor([0.0, 1.0]), "int64"),
        (2, "labels: expected a tensor, got int"),
    ],
)
def test_labels_that_are_missing_or_wrong_are_refused(conditional: Model, labels: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        conditional.encode(torch.rand(2, 1, 8, 8), labels)  # type: ignore[arg-type]


def test_an_autoencoder_has_no_likelihood_to_estimate() -> None:
    with pytest.raises(ComponentError, match="no density"):
        zoo.build("ae-mlp-2d", data_shape=(1, 8, 8)).log_likelihood(torch.rand(2, 1, 8, 8))


def test_overrides_reach_every_field() -> None:
    model = zoo.build("vae-mlp-2d", latent_dim=5, data_shape=[3, 16, 16], encoder="conv", objective={"beta": 4})
    assert model.spec.latent_dim == 5
    assert model.spec.encoder.name == "conv"
    assert model.spec.objective.options["beta"] == 4.0
    assert model.sample(2).shape == (2, 3, 16, 16)


def test_the_spec_rebuilds_the_model() -> None:
    model = zoo.build("vae-mlp-2d", latent_dim=5)
    assert zoo.build(model.spec).spec == model.spec
    assert zoo.build(model.spec.to_dict()).spec == model.spec


def test_the_spec_holds_every_option_with_its_value() -> None:
    spec = zoo.build("vae-mlp-2d").spec
    assert spec.posterior.options == {"floor": 1e-4}
    assert spec.objective.options["kl"] == "auto"


def test_a_missing_part_is_named() -> None:
    with pytest.raises(ComponentError, match=r"model\.encoder: missing: the objective 'vae' needs one"):
        zoo.build({"objective": "vae", "data_shape": [4], "latent_dim": 2})
    with pytest.raises(RecipeError, match=r"model\.data_shape: missing"):
        zoo.build({"objective": "vae", "latent_dim": 2})
