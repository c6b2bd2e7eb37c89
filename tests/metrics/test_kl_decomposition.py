"""The parts of the KL term against closed forms, and that they add up."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

import zoo
from zoo.errors import NotApplicableError
from zoo.model import Model


def make(gain: float, scale: float, turn: torch.Tensor | None = None) -> Model:
    """Return a model with q(z|x) = N(gain · turn x, scale² I)."""
    model = zoo.build(
        {
            "objective": "vae",
            "data_shape": [2],
            "latent_dim": 2,
            "encoder": {"name": "mlp", "widths": []},
            "posterior": {"name": "diagonal_gaussian", "floor": 1e-6},
            "decoder": {"name": "mlp", "widths": []},
            "likelihood": "gaussian",
        }
    ).eval()
    with torch.no_grad():
        model.posterior.head.weight.zero_()
        model.posterior.head.weight[:2] = gain * (torch.eye(2) if turn is None else turn)
        model.posterior.head.bias[:2] = 0
        model.posterior.head.bias[2:] = math.log(math.expm1(scale - 1e-6))
    return model


def measure(model: Model, x: torch.Tensor, **options: Any) -> dict[str, Any]:
    return zoo.evaluate(model, x, [{"name": "kl_decomposition", **options}, {"name": "elbo", "num_samples": 1}])


def test_of_gaussian_latents_the_parts_are_known() -> None:
    """q(z) = N(0, Σ): I = ½ log det Σ − d log s, TC = ½ (Σ log Σ_jj − log det Σ), and KL of each marginal."""
    torch.manual_seed(1)  # an evaluation draws from the seed 0
    turn, scale = torch.tensor([[1.0, 0.0], [0.8, 0.6]]), 0.6
    x = torch.randn(2000, 2)
    x = (x - x.mean(0)) @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(x.T, correction=0))).T
    found = measure(make(1.0, scale, turn), x)
    covariance = turn @ turn.T + scale**2 * torch.eye(2)
    variances = covariance.diagonal()
    expected = {
        "mutual_information": 0.5 * torch.logdet(covariance) - 2 * math.log(scale),
        "total_correlation": 0.5 * (variances.log().sum() - torch.logdet(covariance)),
        "dimension_wise_kl": 0.5 * (variances - 1 - variances.log()).sum(),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value.item(), abs=0.06), name


def test_of_clusters_far_apart_the_information_is_the_logarithm_of_their_number() -> None:
    x = torch.arange(50.0)[:, None].expand(50, 2)
    found = measure(make(20.0, 0.1), x)
    assert found["mutual_information"] == pytest.approx(math.log(50), rel=1e-4)
    assert found["total_correlation"] == pytest.approx(math.log(50), rel=1e-4)


def test_a_code_that_ignores_the_data_has_none_of_them() -> None:
    found = measure(make(0.0, 1.0), torch.randn(100, 2))
    assert [found[name] for name in ("mutual_information", "total_correlation", "dimension_wise_kl")] == pytest.approx(
        [0.0] * 3, abs=1e-5
    )


def test_the_parts_add_up_to_the_kl_term_and_a_part_of_the_split_is_said_so() -> None:
    torch.manual_seed(1)
    model, x = zoo.build("vae-mlp-2d", data_shape=(1, 4, 4), latent_dim=3), torch.rand(3000, 1, 4, 4)
    found = measure(model, x, examples=None)
    total = found["mutual_information"] + found["total_correlation"] + found["dimension_wise_kl"]
    assert total == pytest.approx(found["kl"], abs=0.03)
    few = measure(model, x, examples=10)
    assert few["mutual_information"] <= math.log(10) + 0.3
    assert few.measurements["mutual_information"].examples == 10
    assert found.measurements["mutual_information"].examples is None


def test_what_it_does_not_apply_to() -> None:
    full = zoo.build("vae-mlp-full-2d", data_shape=(1, 4, 4))
    with pytest.raises(NotApplicableError, match="the posterior is not of independent Gaussian latents"):
        zoo.evaluate(full, torch.rand(5, 1, 4, 4), ["kl_decomposition"])
    vamp = zoo.build("vae-mlp-2d", data_shape=(1, 4, 4), prior={"name": "vamp", "components": 3})
    with pytest.raises(NotApplicableError, match="the prior is not of independent Gaussian latents"):
        zoo.evaluate(vamp, torch.rand(5, 1, 4, 4), ["kl_decomposition"])
