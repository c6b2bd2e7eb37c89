"""Small models around any component of the registry, for the laws that every component obeys."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

import zoo
from zoo.errors import ComponentError, RecipeError
from zoo.model import Model
from zoo.registry import find_component
from zoo.spec.model import ModelSpec, kind_of_role
from zoo.spec.resolve import merge

KINDS_OF_LATENTS = {
    "diagonal_gaussian", "autoregressive_flow", "power_spherical", "point", "top_k", "vector_quantized",
    "gaussian_map", "top_down",
}  # fmt: skip
"""One posterior of each kind of latents, which stands for the others where hundreds of tests are alike."""

IMAGE = (1, 8, 8)
"""Shape of the data; binary values suit every likelihood."""

SIZES: Mapping[str, Mapping[str, Any]] = {
    "encoder": {"mlp": {"widths": [16]}, "conv": {"channels": [4, 6]}},
    "decoder": {
        "mlp": {"widths": [16]},
        "conv": {"channels": [6, 4], "hidden": 8},
        "conv_map": {"channels": [6, 4]},
        "top_down_map": {"channels": [6, 4]},
    },
    "prior": {
        "vamp": {"components": 5},
        "mixture": {"components": 3},
        "pixelcnn": {"width": 8, "depth": 2},
        "transformer": {"width": 8, "depth": 1, "heads": 2},
        "two_stage": {"widths": [8], "num_samples": 4},
        "latent_denoiser": {"network": {"name": "mlp", "width": 8}, "sampling_steps": 4},
        "top_down_map": {"levels": 2, "width": 8},
    },
    "posterior": {
        "vector_quantized": {"codes": 16},
        "residual_quantized": {"codes": 8, "codebooks": 2},
        "product_quantized": {"codes": 8, "codebooks": 2},
        "two_level_quantized": {"codes": 8},
        "finite_scalar": {"levels": [5, 4]},
        "gumbel": {"codes": 8},
        "jump_relu": {"bandwidth": 0.5},
        "top_down_map": {"width": 8},
        "ladder_map": {"width": 8},
    },
    "network": {"unet": {"channels": [4, 8]}},
    "regulariser": {
        "total_correlation_critic": {"width": 8, "depth": 2},
        "code_critic": {"width": 8},
        "data_critic": {"channels": [4, 8], "width": 8},
        "ms_ssim": {"window": 7},
    },
}
"""Options that keep components small; those of a component that is not there are not used."""


@functools.cache
def spec_as_built(preset: str) -> ModelSpec:
    """Return the spec of a preset with every default, as its model has it."""
    return zoo.build(preset).spec


VECTORS: Mapping[str, Any] = {
    "objective": "vae",
    "data_shape": IMAGE,
    "data_range": [0, 1],
    "latent_dim": 2,
    "train_examples": 100,
    "encoder": "mlp",
    "posterior": "diagonal_gaussian",
    "prior": "standard_gaussian",
    "decoder": "mlp",
    "likelihood": "bernoulli",
}
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "vectors": VECTORS,
    "points": {**VECTORS, "objective": "autoencoder", "posterior": "point"},
    "classes": {**VECTORS, "classes": 3},
    "maps": {**VECTORS, "encoder": "conv", "posterior": "gaussian_map", "decoder": "conv_map"},
    "point maps": {
        **VECTORS,
        "objective": "autoencoder",
        "encoder": "conv",
        "posterior": "point_map",
        "decoder": "conv_map",
    },
    "codes": {
        **VECTORS,
        "encoder": "conv",
        "posterior": "vector_quantized",
        "prior": "uniform_codes",
        "decoder": "conv_map",
    },
    "levels": {**VECTORS, "latent_dim": 4, "posterior": "top_down", "prior": "top_down", "decoder": "top_down"},
    "map levels": {
        **VECTORS,
        "encoder": "conv",
        "posterior": "top_down_map",
        "prior": "top_down_map",
        "decoder": "top_down_map",
    },
    "sphere": {**VECTORS, "latent_dim": 3, "posterior": "von_mises_fisher", "prior": "uniform_sphere"},
    "ball": {**VECTORS, "posterior": "wrapped_normal", "prior": "wrapped_normal"},
    "table": {**VECTORS, "data_shape": (6,)},
    "sparse": {
        **VECTORS,
        "objective": "autoencoder",
        "latent_dim": 16,
        "encoder": {"name": "mlp", "widths": [], "pre_bias": True},
        "posterior": "top_k",
        "decoder": "dictionary",
        "likelihood": "gaussian",
    },
    "shares": {**VECTORS, "objective": "autoencoder", "posterior": {"name": "point", "activation": "sigmoid"}},
    "linear": {**VECTORS, "encoder": {"name": "mlp", "widths": []}, "decoder": {"name": "mlp", "widths": []}},
    "network": {
        "objective": {"name": "denoising", "steps": 10},
        "data_shape": IMAGE,
        "data_range": [-1, 1],
        "prior": None,
        "network": {"name": "mlp", "width": 16},
    },
}
"""Models into which components are put, one at a time; the first in which one can work is taken."""


def seed(number: int) -> None:
    """Seed what models on the CPU draw; ``torch.manual_seed`` formats the whole call stack for the sake of GPUs."""
    torch.default_generator.manual_seed(number)


def small(role: str, name: str) -> dict[str, Any]:
    return {"name": name, **SIZES.get(kind_of_role(role), {}).get(name, {})}


def trained_components(*kinds: str) -> list[tuple[str, str]]:
    """Return every component of some kinds by (kind, name), but for priors that can only be fitted after training."""
    pairs = [(kind, name) for kind in kinds for name in zoo.list_components(kind)]
    return [(kind, name) for kind, name in pairs if getattr(find_component(kind, name), "has_density", True)]


def spec_with(setting: str, **components: str) -> dict[str, Any]:
    """Return a setting with some components replaced, each in a small size; a regulariser is added."""
    spec = dict(SETTINGS[setting])
    for kind in ("encoder", "posterior", "decoder", "prior"):
        if isinstance(spec.get(kind), str):
            spec[kind] = small(kind, spec[kind])
    changes: dict[str, Any] = {}
    for kind, name in components.items():
        if kind == "regulariser":
            changes["regularisers"] = {name: small(kind, name)}
        else:
            changes[kind] = small(kind, name)
    return merge(spec, changes)


@functools.cache
def _can_work(setting: str, **components: str) -> bool:
    try:
        zoo.build(spec_with(setting, **components))
    except (ComponentError, RecipeError):
        return False
    return True


def settings_with(**components: str) -> Iterator[str]:
    """Yield the settings in which the components can work; whether they can is found out once."""
    return (setting for setting in SETTINGS if _can_work(setting, **components))


def model_with(**components: str) -> Model | None:
    """Return a model in which the components can work, with the same first weights each time, or None."""
    setting = next(settings_with(**components), None)
    if setting is None:
        return None
    seed(0)
    return zoo.build(spec_with(setting, **components))


def batch(model: Model, size: int = 6) -> tuple[Tensor, Tensor | None]:
    """Return binary data and labels that the model takes."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randint(2, (size, *model.data_shape), generator=generator).float()
    return x, torch.arange(size) % model.classes if model.classes else None


def marks_of(kind: str, name: str) -> list[pytest.MarkDecorator]:
    """Return the mark of a slow test for a posterior of a kind of latents that another one stands for."""
    return [pytest.mark.slow] if kind == "posterior" and name not in KINDS_OF_LATENTS else []
