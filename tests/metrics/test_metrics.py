"""What every metric promises, and known answers."""

from __future__ import annotations

import json
import re

import pytest
import torch
from torch import Tensor

import zoo
from zoo.data import Data, split_of_tensor
from zoo.errors import NotApplicableError, why_not
from zoo.evaluation.evaluate import evaluation_context
from zoo.model import Model
from zoo.registry import find_component

QUICK = {
    "sample_quality": {"examples": 100},
    "log_likelihood": {"num_samples": 10, "examples": 50},
    "fid": {"examples": 8, "layer": 64},
}


@pytest.fixture(scope="module")
def data() -> Data:
    return zoo.load_data(zoo.load_recipe("digits").data)


@pytest.fixture(scope="module")
def few() -> Data:
    return zoo.load_data("digits", subset=150)


@pytest.fixture(scope="module")
def model() -> Model:
    torch.manual_seed(0)
    return zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), latent_dim=3).eval()


def pixels(x: Tensor) -> Tensor:
    return x.flatten(1)[:, ::4]


PRESETS = ["vae-mlp-2d", "ae-mlp-2d", "vae-mlp-full-2d", "cvae-mlp-2d"]


@pytest.mark.parametrize(
    ("name", "preset"),
    [
        # The network of this metric takes two seconds for each model, and does not depend on what the model is.
        pytest.param(name, preset, marks=[pytest.mark.slow] * (name == "fid"))
        for name in zoo.list_components("metric")
        for preset in PRESETS
    ],
)
def test_every_metric_measures_a_model_or_says_why_not(
    name: str, preset: str, few: Data, request: pytest.FixtureRequest
) -> None:
    """Numbers are plain and declared, repeat, and change neither the model's mode nor the stream of noise."""
    torch.manual_seed(0)
    model = zoo.build(preset, data_shape=(1, 8, 8)).train()
    metric = {"name": name, **QUICK.get(name, {})}
    state = torch.get_rng_state()
    if name == "fid":
        request.getfixturevalue("inception")
        state = torch.get_rng_state()
    context = evaluation_context(model, few, features=pixels)
    reason = why_not(find_component("metric", name)().check, context)
    if reason is not None:
        with pytest.raises(NotApplicableError, match=re.escape(f"metric {name!r} does not apply: {reason}")):
            zoo.evaluate(model, few, [metric], features=pixels)
        return
    figures = zoo.evaluate(model, few, [metric], features=pixels)
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training
    json.dumps(figures, allow_nan=False)
    assert figures == zoo.evaluate(model, few, [metric], features=pixels)


def test_active_units_count_what_was_built_to_be_active() -> None:
    """Of four latents two follow the data, one is constant, and one moves by less than the threshold."""
    model = zoo.build(
        {"objective": "vae", "data_shape": [2], "latent_dim": 4, "encoder": {"name": "mlp", "widths": [4]},
         "posterior": "diagonal_gaussian", "decoder": "mlp", "likelihood": "gaussian"}
    ).eval()  # fmt: skip
    layer = next(module for module in model.encoder.modules() if isinstance(module, torch.nn.Linear))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]))
        layer.bias.zero_()
        model.posterior.head.weight.zero_()
        model.posterior.head.bias.zero_()
        # relu(x) − relu(−x) = x
        model.posterior.head.weight[0] = torch.tensor([1.0, -1.0, 0.0, 0.0])
        model.posterior.head.weight[1] = torch.tensor([0.0, 0.0, 0.5, -0.5])
        model.posterior.head.weight[3] = torch.tensor([0.05, -0.05, 0.0, 0.0])
    torch.manual_seed(0)
    figures = zoo.evaluate(model, torch.randn(4000, 2), ["active_units", "kl_per_dimension", "elbo"])
    assert figures["active_units"] == 2
    assert figures["variance_of_means"] == pytest.approx([1.0, 0.25, 0.0, 0.0025], rel=0.1, abs=1e-6)
    assert sum(figures["kl_per_dimension"]) == pytest.approx(figures["kl"], rel=1e-5)
    lower = {"name": "active_units", "threshold": 0.001}
    assert zoo.evaluate(model, torch.randn(4000, 2), [lower])["active_units"] == 3


def test_correlations_are_missing_from_the_divergences_of_the_marginals(data: Data) -> None:
    torch.manual_seed(0)
    full = zoo.build("vae-mlp-full-2d", data_shape=(1, 8, 8))
    torch.nn.init.normal_(full.posterior.head.weight, std=0.5)
    figures = zoo.evaluate(full, data, ["kl_per_dimension", "elbo"])
    assert sum(figures["kl_per_dimension"]) < 0.99 * figures["kl"]


def test_classes_are_read_off_codes_of_the_training_data_or_in_folds(model: Model) -> None:
    """Data whose class is their brightness: any encoder's codes tell it."""
    labels = torch.arange(120) % 2
    x = (0.8 * labels[:, None, None, None] + 0.2 * torch.rand(120, 1, 8, 8)).float()
    names = ["neighbour_accuracy", "linear_probe"]
    alone = split_of_tensor(x, labels)
    for whole in (alone, Data(alone.info, alone, None, split_of_tensor(x[:40], labels[:40]))):
        figures = zoo.evaluate(model, whole, names)
        assert figures["neighbour_accuracy"] == figures["linear_probe_accuracy"] == 1.0
        learned = "from the training data" if isinstance(whole, Data) else "in 5-fold cross-validation"
        assert figures.measurements["neighbour_accuracy"].note == f"learned {learned}"
    torch.manual_seed(0)
    shuffled = split_of_tensor(x, labels[torch.randperm(120)])
    assert 0.25 < zoo.evaluate(model, shuffled, names)["neighbour_accuracy"] < 0.75


def test_training_data_score_as_a_perfect_model_would(model: Model, data: Data) -> None:
    figures = zoo.evaluate(model, data, [{"name": "sample_quality", "sources": ["prior"]}], features=pixels)
    assert figures["density_data"] == pytest.approx(1.0, abs=0.1)
    assert figures["coverage_data"] > 0.9
    assert figures["frechet_distance_data"] < 0.1 * figures["frechet_distance_prior"]
    assert figures["coverage_prior"] < 0.1
    assert "precision_fitted" not in figures


@pytest.mark.parametrize(
    ("whole", "metric", "message"),
    [
        (split_of_tensor(torch.rand(50, 1, 8, 8)), "neighbour_accuracy", "the data have no labels"),
        (split_of_tensor(torch.rand(50, 1, 8, 8)), "linear_probe", "the data have no labels"),
        (
            split_of_tensor(torch.rand(9, 1, 8, 8), torch.arange(9) % 2),
            "neighbour_accuracy",
            "at least 10 labelled examples to learn from, there are 7",
        ),
        (
            split_of_tensor(torch.rand(9, 1, 8, 8), torch.zeros(9, dtype=torch.long)),
            "linear_probe",
            "all labels of the data are the same",
        ),
        (split_of_tensor(torch.rand(50, 1, 8, 8)), "sample_quality", "training data are not available"),
        (split_of_tensor(torch.rand(1, 1, 8, 8)), "active_units", "at least 2 examples"),
    ],
)
def test_a_metric_says_what_the_data_lack(model: Model, whole: object, metric: str, message: str) -> None:
    with pytest.raises(NotApplicableError, match=rf"metrics\[0\]: metric '{metric}' does not apply: .*{message}"):
        zoo.evaluate(model, whole, [metric])  # type: ignore[arg-type]
    assert metric not in "".join(zoo.evaluate(model, whole))  # type: ignore[arg-type]


def test_too_few_examples_for_a_covariance_are_counted(model: Model, data: Data) -> None:
    small = Data(data.info, data.train, None, split_of_tensor(data.test.examples(30), data.test.labels[:30]))
    with pytest.raises(NotApplicableError, match="more than 32 examples, there are 30"):
        zoo.evaluate(model, small, ["sample_quality"])
    bare = split_of_tensor(torch.rand(50, 1, 8, 8))
    with pytest.raises(NotApplicableError, match=r"no labels to train a classifier .* pass `features`"):
        zoo.evaluate(model, Data(bare.info, bare, None, bare), ["sample_quality"])
