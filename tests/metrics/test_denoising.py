"""Denoisers are measured against what is known exactly."""

from __future__ import annotations

import math

import pytest
import torch

import zoo
from zoo.analysis.denoising import losses_by_step, mixture_oracle
from zoo.data import Data, load_data
from zoo.errors import NotApplicableError
from zoo.model import Model
from zoo.spec import DataSpec

MIXTURE = {"weights": [0.3, 0.7], "means": [[-2.0, 0.0], [3.0, 1.0]], "held_out": 1500, "size": 3000}
COVARIANCES = {"covariances": [[[0.3, 0.1], [0.1, 0.2]], [[0.1, 0.0], [0.0, 0.4]]]}
FIGURES = {
    "denoising_loss",
    "denoising_floor",
    "denoising_excess",
    "excess_over_floor",
    "excess_over_floor_mean",
    "excess_over_floor_max",
}


@pytest.fixture(scope="module", params=["none", "standardise"])
def data(request: pytest.FixtureRequest) -> Data:
    spec = {"name": "gaussian_mixture", "scale": request.param, **MIXTURE, **COVARIANCES}
    return load_data(DataSpec.model_validate(spec))


def denoiser(**objective) -> Model:
    torch.manual_seed(0)
    chain = {"steps": 12, "beta_start": 0.01, "beta_end": 0.4}
    return zoo.build("denoiser-mlp", network={"width": 8, "depth": 1}, objective={**chain, **objective}).eval()


def all_knowing(model: Model, data: Data) -> Model:
    """Let the network predict x_{t−1} as well as can be."""
    oracle = mixture_oracle(model, data.info)
    model.objective.output = lambda parts, state, times, labels=None: oracle.posterior(
        state, int(times[0])
    ).mean.float()
    return model


def test_the_exact_answer_has_no_excess_and_its_loss_is_the_floor(data: Data):
    model = all_knowing(denoiser(predict="previous"), data)
    figures = zoo.evaluate(model, data, ["denoising"])
    assert figures["denoising_excess"] < 1e-10
    assert figures["excess_over_floor_max"] < 1e-8
    assert figures["denoising_loss"] == pytest.approx(figures["denoising_floor"], rel=0.05)


@pytest.mark.parametrize("predict", ["previous", "clean", "noise", "v"])
def test_loss_is_floor_plus_excess_at_every_step_for_any_denoiser(data: Data, predict: str):
    torch.manual_seed(1)
    model = denoiser(predict=predict)
    measured = losses_by_step(model, data.test.examples(1500), oracle=mixture_oracle(model, data.info))
    assert len(measured.steps) == 12
    assert (measured.excess > 0).all()
    gap = (measured.loss - measured.floor - measured.excess).abs()
    assert (gap < 4.5 * measured.gap_error).all()


def test_the_figures_are_the_averages_and_ratios_of_the_steps(data: Data):
    figures = zoo.evaluate(denoiser(), data, [{"name": "denoising", "steps": 5, "examples": 200}])
    assert set(figures) >= FIGURES
    floors, excesses = figures["denoising_floor_by_step"], figures["denoising_excess_by_step"]
    assert figures["denoising_steps"] == [1, 4, 6, 9, 12]
    ratios = [excess / floor for excess, floor in zip(excesses, floors, strict=True)]
    assert figures["excess_over_floor"] == pytest.approx(sum(excesses) / sum(floors))
    assert figures["excess_over_floor_mean"] == pytest.approx(sum(ratios) / 5)
    assert figures["excess_over_floor_max"] == pytest.approx(max(ratios))


def test_other_data_have_a_loss_alone_and_other_models_have_none(data: Data):
    figures = zoo.evaluate(denoiser(), torch.randn(50, 2), ["denoising"])
    assert {name for name in figures if not name.endswith(("steps", "by_step"))} == {"denoising_loss"}
    vae = zoo.build("vae-mlp-2d", data_shape=(2,), data_range=None, likelihood="gaussian")
    with pytest.raises(NotApplicableError, match="objective is 'vae'"):
        zoo.evaluate(vae, data.test, ["denoising"])


def test_what_needs_a_code_or_a_density_says_why_it_does_not_measure_a_denoiser(data: Data):
    reasons = {"elbo": "no posterior", "log_likelihood": "no posterior", "mse": "network without latents"}
    for metric, reason in reasons.items():
        with pytest.raises(NotApplicableError, match=reason):
            zoo.evaluate(denoiser(), data.test, [metric])
    images = zoo.build("denoiser-conv-16d", data_shape=(1, 8, 8), objective={"steps": 5})
    x = torch.rand(10, 1, 8, 8) * 2 - 1
    assert zoo.evaluate(images, x, ["mse"])["mse"] > 0
    noise = zoo.build("denoiser-conv-16d", data_shape=(1, 8, 8), objective={"steps": 5, "predict": "noise"})
    with pytest.raises(NotApplicableError, match="predicts values of 'noise'"):
        zoo.evaluate(noise, x, ["mse"])
    assert "denoising_loss" in zoo.evaluate(noise, x)


def test_modes_of_the_mixture_itself_are_found_and_missing_ones_are_seen(data: Data):
    model = denoiser()
    draws = mixture_oracle(model, data.info).marginal(0)
    model.sample = lambda n, *args, **options: draws.sample(torch.Size([n])).float()
    torch.manual_seed(0)
    figures = zoo.evaluate(model, data.test, ["mixture_modes"])
    assert figures["mode_share_error"] < 4 * math.sqrt(0.3 * 0.7 / 10_000)
    assert figures["mode_covariance_error"] < 0.1
    assert figures["mode_shares"] == pytest.approx([0.3, 0.7], abs=0.02)
    wide = zoo.evaluate(_spread(model, 1.2), data.test, ["mixture_modes"])
    assert wide["mode_covariance_error"] > 0.2
    mean = draws.component_distribution.mean[1].float()
    model.sample = lambda n, *args, **options: mean + 0.01 * torch.randn(n, 2)
    collapsed = zoo.evaluate(model, data.test, ["mixture_modes"])
    assert collapsed["mode_share_error"] == pytest.approx(0.3)
    assert collapsed["mode_covariance_error"] == math.inf


def _spread(model: Model, factor: float) -> Model:
    sample = model.sample
    centres = sample(20_000)
    model.sample = lambda n, *args, **options: centres[:n] + (factor**2 - 1) * torch.randn(n, 2) * 0.6
    return model


def test_modes_are_refused_without_a_known_mixture():
    with pytest.raises(NotApplicableError, match="known mixture"):
        zoo.evaluate(denoiser(), torch.randn(50, 2), ["mixture_modes"])
