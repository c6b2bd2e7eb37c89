"""Every likelihood with options that change what it computes, for tests of the laws that all of them obey."""

from __future__ import annotations

from typing import Any

import torch

import zoo
from zoo.likelihoods import Likelihood
from zoo.registry import find_component
from zoo.spec.options import check_options, construct

MODES = ("shared", "per_feature", "per_pixel")
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "beta_binomial": [
        {},
        {"total": 1},
        {"total": 6, "values": "whole", "concentration_mode": "shared"},
        {"total": 20, "concentration_mode": "per_feature"},
        {"total": 20, "concentration_mode": "fixed", "concentration": 0.3},
    ],
    "categorical": [{"levels": 3}, {"levels": 4, "values": "whole"}],
    "discretised_logistic": [
        {"components": 1},
        {"levels": 16, "values": "whole"},
        {"levels": 2, "components": 3},
    ],
    "gaussian": [{}, {"scale": 0.5, "scale_mode": "shared"}, {"scale_mode": "per_pixel"}],
    "laplace": [{}, *({"scale": 0.5, "scale_mode": mode} for mode in MODES)],
    "negative_binomial": [
        {"concentration_mode": "fixed", "concentration": 0.2},
        *({"size": 3.0, "concentration_mode": mode} for mode in MODES),
        {"library": "observed", "size": 4.0},
    ],
    "poisson": [{}, {"size": 20.0}, {"library": "observed"}],
    "student_t": [
        {},
        {"degrees": 3.0, "scale_mode": "per_pixel", "degrees_mode": "per_pixel"},
        {"scale_mode": "per_feature", "degrees_mode": "shared"},
    ],
    "zero_inflated_negative_binomial": [{"size": 3.0}, {"concentration_mode": "per_pixel"}, {"library": "observed"}],
}
"""Options by the name of a likelihood; one that is not here is tested with its defaults."""

VARIANTS = [(name, options) for name in zoo.list_components("likelihood") for options in OPTIONS.get(name, [{}])]
IDS = [f"{name}-{'-'.join(f'{k}={v}' for k, v in options.items()) or 'defaults'}" for name, options in VARIANTS]


def build(name: str, shape: tuple[int, ...], **options: Any) -> Likelihood:
    """Construct a likelihood as a recipe does."""
    component = find_component("likelihood", name)
    return construct(
        component,
        check_options(component, options, "likelihood"),
        {"data_shape": shape, "data_range": None},
        "likelihood",
    )


def raw_parameters(likelihood: Likelihood, *batch: int, scale: float = 1.0) -> torch.Tensor:
    """Draw raw parameters, the same in every run."""
    generator = torch.Generator().manual_seed(1)
    return scale * torch.randn(*batch, *likelihood.parameter_shape, generator=generator)


def given_total(options: dict[str, Any]) -> bool:
    """Whether the total of an example is taken from the example, so that its probability is given the total."""
    return options.get("library") == "observed"
