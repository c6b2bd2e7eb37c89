"""The fit of a prior: what it minimises, what it moves, and what its state holds."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

import zoo
from tests.training.trainers import SMALL, MemoryRecorder, same_tensors
from zoo.data import Data
from zoo.model import Model
from zoo.posteriors import posterior_mean
from zoo.priors.flow import Flow
from zoo.priors.gaussian import Gaussian
from zoo.spec import TrainSpec
from zoo.training.devices import make_accelerator
from zoo.training.loop import Trainer
from zoo.training.prior_fit import PriorFit, fit_in_closed_form, fit_spec
from zoo.training.resolve import resolve_training

GAUSSIAN = {"name": "gaussian", "learned": True}


def model_with(prior: Any, preset: str = "vae-mlp-2d", **fields: Any) -> Model:
    torch.manual_seed(0)
    return zoo.build(preset, data_shape=(1, 8, 8), fitted_prior=prior, **{**SMALL, **fields}).eval()


def fitting(model: Model, data: Data, **options: Any) -> tuple[Trainer, MemoryRecorder]:
    fit = PriorFit(model)
    usual = {"epochs": 3, "batch_size": 64, "precision": "fp32", "device": "cpu"}
    spec = resolve_training(TrainSpec.model_validate({**usual, **options}), fit, "fit")
    recorder = MemoryRecorder()
    return Trainer(fit, data, spec, 0, make_accelerator(spec), recorder, watched=model), recorder


def test_a_learned_gaussian_finds_mean_and_covariance_of_the_latents(digits: Data) -> None:
    """Known answer: the maximum likelihood of a Gaussian is at the moments of what it is fitted to."""
    model = model_with(GAUSSIAN, "ae-mlp-2d")
    run, recorded = fitting(model, digits, epochs=40, optimizer={"name": "adam", "lr": 0.1}, schedule="cosine")
    run.run()
    z = posterior_mean(model.encode(digits.train.examples(len(digits.train)))).detach()
    found = model.inference(fitted=True).prior
    torch.testing.assert_close(found.mean, z.mean(0), rtol=0.02, atol=0.02)
    torch.testing.assert_close(found.covariance_matrix, z.T.cov(correction=0), rtol=0.05, atol=0.02)
    entropy = 0.5 * torch.logdet(2 * torch.pi * torch.e * z.T.cov(correction=0))
    assert recorded.records[-1]["train"]["loss"] == pytest.approx(float(entropy), abs=0.02)


def test_nothing_but_the_prior_moves(digits: Data) -> None:
    model = model_with(GAUSSIAN)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fitting(model, digits)[0].run()
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == {name for name in before if name.startswith("fitted_prior.")}
    assert all(parameter.grad is None for name, parameter in model.named_parameters() if "fitted_prior" not in name)


def test_latents_are_drawn_anew_in_each_step_with_the_model_in_evaluation_mode(digits: Data) -> None:
    model = model_with(GAUSSIAN)
    fit = PriorFit(model).train()
    x = digits.train.examples(8)
    seen: list[torch.Tensor] = []
    original = model.fitted_prior.fit_loss
    model.fitted_prior.fit_loss = lambda inference, z: (seen.append(z), original(inference, z))[1]
    fit(x)
    fit(x)
    assert not torch.equal(seen[0], seen[1])
    assert not seen[0].requires_grad
    assert fit.prior.training
    assert not model.encoder.training


def test_a_prior_is_fitted_to_the_latents_of_evaluation_also_under_mixed_precision(digits: Data) -> None:
    """Rounded features would have other codes, where the vectors of two codes lie close together."""
    model = model_with(GAUSSIAN, "ae-mlp-2d")
    x = digits.train.examples(64)
    fit, expected = PriorFit(model), model.encode(x).mean
    seen: list[torch.Tensor] = []
    model.fitted_prior.fit_loss = lambda inference, z: (seen.append(z), z.sum())[1]
    with torch.autocast("cpu", torch.bfloat16):
        fit(x)
        rounded = model.encode(x).mean
    assert torch.equal(seen[0][0], expected)
    assert not torch.equal(rounded, expected)


@pytest.mark.parametrize("index", [0, 3])
def test_a_fit_continues_from_any_state_to_the_same_bytes(digits: Data, index: int) -> None:
    options: dict[str, Any] = {"checkpoint_every": {"steps": 2}, "ema": 0.9, "clip_norm": 1.0}
    model = model_with(GAUSSIAN)
    other = copy.deepcopy(model)
    whole, recorded = fitting(model, digits, **options)
    whole.run()
    second, again = fitting(other, digits, **options)
    second.resume(recorded.states[index])
    second.run()
    assert same_tensors(again.states[-1], recorded.states[-1])
    assert again.records == recorded.records[-len(again.records) :]


def test_the_state_holds_the_prior_alone(digits: Data) -> None:
    run, recorded = fitting(model_with(GAUSSIAN), digits)
    run.run()
    names = [name for name in recorded.states[0].tensors if name.startswith("model.")]
    assert names
    assert all(name.startswith("model.prior.") for name in names)


def test_a_conditional_prior_sees_the_labels(digits: Data) -> None:
    model = model_with("class_gaussian", classes=10)
    run, recorded = fitting(model, digits, epochs=15, optimizer={"name": "adam", "lr": 3e-2})
    run.run()
    batch = next(digits.train.batches(64))
    means = model.inference(labels=batch.labels, fitted=True).prior.mean
    assert means.unique(dim=0).shape[0] == len(batch.labels.unique())
    assert recorded.records[-1]["validation"]["loss"] < recorded.records[0]["validation"]["loss"]


def test_callbacks_of_a_fit_see_the_whole_model(digits: Data) -> None:
    run, _ = fitting(model_with(GAUSSIAN), digits)
    assert isinstance(run.model, Model)
    assert isinstance(run.trained, PriorFit)


def test_a_closed_form_is_fitted_to_the_average_of_the_posteriors(digits: Data) -> None:
    """Known answer: its covariance is that of the means, plus the mean of the posteriors' variances."""
    model = model_with({"name": "mixture", "components": 1})
    assert fit_in_closed_form(model, digits.train, 128, seed=0)
    q = model.encode(digits.train.examples(len(digits.train)))
    expected = q.mean.T.cov(correction=0).diagonal() + q.variance.mean(0)
    found = model.inference(fitted=True).prior
    torch.testing.assert_close(found.mean, q.mean.mean(0), rtol=0, atol=0.02)
    torch.testing.assert_close(found.variance, expected, rtol=0.03, atol=0)
    assert (q.variance.mean(0) > 0.1 * expected).all()
    assert not fit_in_closed_form(model_with(GAUSSIAN), digits.train, 128, seed=0)


def test_a_fit_is_as_the_training_but_for_what_names_the_model() -> None:
    train = TrainSpec.model_validate(
        {
            "epochs": 7,
            "monitor": "elbo",
            "groups": {"decoder.*": {"lr": 0.1}},
            "turns": {"tc": {}},
            "callbacks": {"units": "metrics"},
            "keep_every": 2,
            "clip_norm": 3.0,
        }
    )
    plain, flow = Gaussian(latent_dim=2, learned=True), Flow(latent_dim=2, condition_dim=0)
    assert fit_spec(train, None, plain, 1000) == TrainSpec(epochs=7, clip_norm=3.0)
    assert fit_spec(train, TrainSpec(epochs=2), plain, 1000) == TrainSpec(epochs=2)
    suited = TrainSpec.model_validate(dict(flow.fit_defaults(1000)))
    assert fit_spec(train, None, flow, 1000) == suited.model_copy(update={"clip_norm": 3.0})
    assert fit_spec(train, TrainSpec(epochs=2), flow, 1000) == suited.model_copy(update={"epochs": 2})
    left_open = fit_spec(train, TrainSpec(epochs=2, batch_size=None, clip_norm=None), flow, 1000)
    assert (left_open.epochs, left_open.batch_size, left_open.clip_norm) == (2, suited.batch_size, None)


@pytest.mark.parametrize("prior", [GAUSSIAN, {"name": "pixelcnn", "width": 8, "depth": 1}])
def test_a_batch_is_encoded_once(prior: Any) -> None:
    preset = "vqvae-conv-16d" if prior["name"] == "pixelcnn" else "vae-mlp-2d"
    model, calls = zoo.build(preset, data_shape=(1, 8, 8), fitted_prior=prior).eval(), []
    model.encoder.register_forward_hook(lambda *_: calls.append(1))
    PriorFit(model)(torch.rand(4, 1, 8, 8))
    assert len(calls) == 1
