"""Discrete codes, levels of a hierarchy and fitted priors: known answers."""

from __future__ import annotations

import math

import pytest
import torch

import zoo
from zoo.data import Data, Split, split_of_tensor
from zoo.errors import NotApplicableError
from zoo.evaluation.measurement import FITTED, PRIOR
from zoo.model import Model


@pytest.fixture(scope="module")
def split() -> Split:
    torch.manual_seed(0)
    return split_of_tensor(torch.rand(60, 1, 8, 8))


def quantised(**options: object) -> Model:
    torch.manual_seed(0)
    return zoo.build("vqvae-conv-16d", data_shape=(1, 8, 8), posterior={"codes": 16}, **options).eval()


def test_the_rate_under_the_uniform_prior_is_n_log_k_and_the_kl_term(split: Split) -> None:
    found = zoo.evaluate(quantised(), split, ["codebook", "elbo"])
    assert found["code_rate_prior"] == pytest.approx(4 * math.log(16), rel=1e-5)
    assert found["kl"] == pytest.approx(4 * math.log(16), rel=1e-5)
    assert found["elbo"] == pytest.approx(-found["reconstruction"] - found["kl"], rel=1e-6)
    assert found.measurements["code_rate_prior"].source == PRIOR
    assert 1 <= found["codebook_perplexity"] <= 16 * found["codebook_use"]
    assert "codebook_perplexities" not in found, "there is one codebook"


def test_a_model_that_uses_one_code_has_perplexity_one(split: Split) -> None:
    model = quantised()
    for parameter in model.encoder.parameters():
        parameter.data.zero_()
    found = zoo.evaluate(model, split, ["codebook"])
    assert found["codebook_perplexity"] == pytest.approx(1)
    assert found["codebook_use"] == 1 / 16


def test_a_fitted_prior_stands_beside_the_prior(split: Split) -> None:
    """The fitted prior is the prior itself here, so that both give the same numbers."""
    found = zoo.evaluate(quantised(fitted_prior="uniform_codes"), split, ["codebook", "elbo"])
    assert found["code_rate_fitted"] == found["code_rate_prior"]
    assert found["elbo_fitted"] == pytest.approx(found["elbo"], rel=1e-6)
    assert found.measurements["elbo_fitted"].source == FITTED
    torch.manual_seed(0)
    model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), fitted_prior="standard_gaussian")
    metrics = ["elbo", {"name": "log_likelihood", "num_samples": 500, "examples": 20}]
    found = zoo.evaluate(model, split, metrics)
    assert found["kl_fitted"] == found["kl"]
    assert found["log_likelihood_fitted"] == pytest.approx(found["log_likelihood"], rel=0.01)
    assert found.measurements["log_likelihood_fitted"].examples == 20


def test_a_better_prior_raises_the_bound(split: Split) -> None:
    """A Gaussian at the codes, fitted in closed form, leaves less to tell than N(0, I) does."""
    torch.manual_seed(0)
    model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), fitted_prior={"name": "mixture", "components": 1})
    with torch.no_grad():
        model.posterior.head.bias[:2] += 3.0
    codes = torch.cat([model.encode(split.examples(60)).sample() for _ in range(20)])
    model.fitted_prior.fit(codes)
    found = zoo.evaluate(model, split, ["elbo"])
    assert found["kl_fitted"] < 0.5 * found["kl"]
    assert found["elbo_fitted"] > found["elbo"]


def test_levels_add_up_to_the_kl_term(split: Split) -> None:
    torch.manual_seed(0)
    model = zoo.build("hvae-mlp-12d", data_shape=(1, 8, 8))
    found = zoo.evaluate(model, split, ["elbo", "kl_per_level"])
    assert len(found["kl_per_level"]) > 1
    assert sum(found["kl_per_level"]) == pytest.approx(found["kl"], rel=1e-6)
    with pytest.raises(NotApplicableError, match="the latents have a single level"):
        zoo.evaluate(zoo.build("vae-mlp-2d", data_shape=(1, 8, 8)), split, ["kl_per_level"])


def test_samples_of_discrete_codes_need_a_fitted_prior_to_be_compared(split: Split) -> None:
    data = Data(split.info, split, None, split)
    options = {"features": lambda x: x.flatten(1)[:, ::8]}
    metric = {"name": "sample_quality", "examples": 50}
    assert "recall_fitted" not in zoo.evaluate(quantised(), data, [metric], **options)
    assert "recall_fitted" in zoo.evaluate(quantised(fitted_prior="uniform_codes"), data, [metric], **options)


def test_a_prior_of_each_class_needs_no_special_case() -> None:
    torch.manual_seed(0)
    model = zoo.build("cvae-mlp-2d", data_shape=(1, 8, 8), classes=3, prior="class_gaussian", conditioned=["prior"])
    split = split_of_tensor(torch.rand(30, 1, 8, 8), torch.arange(30) % 3)
    found = zoo.evaluate(model, split, ["elbo", "kl_per_dimension", "log_likelihood"])
    assert sum(found["kl_per_dimension"]) == pytest.approx(found["kl"], rel=1e-5)
    with torch.no_grad():
        model.latent_prior.head.bias[0] += 4.0
    assert zoo.evaluate(model, split, ["elbo"])["kl"] > found["kl"] + 5
