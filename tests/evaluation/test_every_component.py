"""Models around every component are measured and drawn, or say why not; a new component is tested by being there."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

import zoo
from tests.models import batch, marks_of, model_with, trained_components
from zoo.analysis.kl_variation import KlVariation
from zoo.data import Data, split_of_tensor
from zoo.evaluation.context import EvaluationContext, reason_against
from zoo.evaluation.evaluate import choose_metrics, evaluation_context, measure
from zoo.figures.kl_variation import KlVariationCurves
from zoo.registry import find_component
from zoo.report.gallery import choose_figures

KINDS = ("posterior", "prior", "objective", "decoder", "network")
COMPONENTS = [*trained_components(*KINDS), ("fitted_prior", "mixture"), ("fitted_prior", "latent_denoiser")]
METRICS: Mapping[str, Mapping[str, Any]] = {
    "log_likelihood": {"num_samples": 3, "examples": 6},
    "elbo": {"num_samples": 2},
    "sample_quality": {"examples": 40},
    "denoising": {"steps": 3},
}
FIGURES: Mapping[str, Mapping[str, Any]] = {
    "embedding": {"ellipses": 2},
    "interpolation": {"steps": 3, "paths": ["linear", "spherical"]},
    "latent_grid": {"size": 3},
    "samples": {"count": 4},
    "samples_by_prior": {"count": 4},
    "traversals": {"steps": 3, "count": 1},
    "reverse_chain": {"count": 2, "panels": 3},
}
"""Options that keep the work small."""
OF_CODES = {"embedding", "interpolation", "reconstructions", "traversals"}
"""Figures that do not ask for the prior."""
NOT_AGAIN: Mapping[str, set[str]] = {
    "posterior": {"samples_by_prior"},  # the samples are those of the metric `sample_quality`
    "prior": OF_CODES,
    "fitted_prior": OF_CODES,
    "network": set(),
}
"""Figures in which the components of a kind change nothing that is not tested with another."""


def marked(components: Sequence[tuple[str, str]]) -> list[Any]:
    return [pytest.param(*each, id="-".join(each), marks=marks_of(*each)) for each in components]


def pixels(x: Tensor) -> Tensor:
    return x.flatten(1)[:, ::8]


def context_of(kind: str, name: str) -> EvaluationContext:
    """Return a small model around a component, with data like those that it is made for."""
    model = model_with(**{kind: name})
    assert model is not None
    x, labels = batch(model, 48)
    labels = torch.arange(48) % 3 if labels is None else labels
    split = split_of_tensor(x, labels, data_range=model.spec.data_range)
    history = [{"epoch": 1, "train": {"loss": 1.0}, "validation": {"loss": 1.0}}]
    return evaluation_context(model.eval(), Data(split.info, split, None, split), history=history, features=pixels)


def options_of(kind: str, small: Mapping[str, Mapping[str, Any]], context: EvaluationContext) -> list[dict[str, Any]]:
    """Return all components of a kind that apply, with small options."""
    named = {name: {"name": name, **small.get(name, {})} for name in zoo.list_components(kind)}
    made = {name: find_component(kind, name)(**small.get(name, {})) for name in named}
    return [named[name] for name in named if name != "fid" and reason_against(made[name], context) is None]


@pytest.mark.parametrize(("kind", "name"), marked(COMPONENTS))
def test_every_metric_measures_the_model_or_says_why_not(kind: str, name: str) -> None:
    context = context_of(kind, name)
    found = measure(context, choose_metrics(context, options_of("metric", METRICS, context)))
    assert found
    json.dumps(found)
    for key, each in found.measurements.items():
        values = each.value if isinstance(each.value, list) else [each.value]
        assert all(math.isfinite(value) for value in values), key
        assert each.source in each.result.sources, f"{key} is measured from a source that the metric does not declare"


LATENT = [(kind, name) for kind, name in COMPONENTS if kind not in ("objective", "decoder")]


@pytest.mark.parametrize(("kind", "name"), marked(LATENT))
def test_every_figure_draws_the_model_or_says_why_not(kind: str, name: str) -> None:
    context = context_of(kind, name)
    chosen = options_of("figure", FIGURES, context)
    assert {"samples", "loss"} <= {each["name"] for each in chosen}
    # `loss` only reads the record of the training, and `kl_variation` has its own test below.
    not_drawn = {"loss", "kl_variation", *NOT_AGAIN[kind]}
    for _, figure in choose_figures([each for each in chosen if each["name"] not in not_drawn]):
        assert figure.draw(context).axes


@pytest.mark.parametrize(("kind", "name"), marked(LATENT))
def test_the_kl_term_varies_in_finite_curves(kind: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not plotted, which takes longest of all, and is the same for every model."""
    context, figure = context_of(kind, name), KlVariationCurves(num_samples=[5])
    if reason_against(figure, context) is None:
        curves: list[dict[str, KlVariation]] = []
        monkeypatch.setattr("zoo.figures.kl_variation.plot_kl_variation", curves.append)
        figure.draw(context)
        for variation in curves[0].values():
            assert variation.estimates[5].mean.isfinite().all()
            assert variation.gradient_estimates[5].mean.isfinite().all()


def test_figures_of_codes_do_not_ask_for_the_prior() -> None:
    def fail(*arguments: object) -> None:
        raise AssertionError("the prior was asked for")

    context = context_of("prior", "standard_gaussian")
    context.model.latent_prior.forward = fail  # type: ignore[method-assign, assignment]
    chosen = [{"name": name, **FIGURES.get(name, {})} for name in sorted(OF_CODES)]
    for _, figure in choose_figures(chosen):
        assert figure.draw(context).axes
    with pytest.raises(AssertionError, match="the prior was asked for"):
        find_component("figure", "samples")().draw(context)
