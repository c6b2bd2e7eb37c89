"""A plug-in zoo of autoencoders, VAEs and denoisers: components, recipes, one command from data to a shared model.

Nothing heavy is imported here; each public name is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from zoo.version import __version__

if TYPE_CHECKING:
    from zoo.checkpoints.checkpoint import save
    from zoo.data import load_data
    from zoo.errors import ZooError
    from zoo.evaluation.evaluate import evaluate
    from zoo.exporting.export import export
    from zoo.hub.locate import build, load
    from zoo.hub.pull import pull
    from zoo.hub.push import push
    from zoo.hub.search import list_hub_models
    from zoo.model import Model
    from zoo.registry import list_components, register
    from zoo.registry.catalogue import list_models, list_pretrained, list_recipes
    from zoo.report.inline import explore
    from zoo.runs.estimator import Estimator
    from zoo.runs.fit import fit
    from zoo.runs.fit_prior import fit_prior
    from zoo.runs.job import train  # as it is called; `zoo.hub.train` gives it the Hub
    from zoo.spec import ModelSpec, Recipe
    from zoo.spec.resolve import load_recipe
    from zoo.sweeps.sweep import sweep
    from zoo.use.embed import embed
    from zoo.use.impute import impute
    from zoo.use.reconstruct import reconstruct
    from zoo.use.score import score

_HOMES = {
    "Estimator": "zoo.runs.estimator",
    "Model": "zoo.model",
    "ModelSpec": "zoo.spec",
    "Recipe": "zoo.spec",
    "ZooError": "zoo.errors",
    "build": "zoo.hub.locate",
    "embed": "zoo.use.embed",
    "evaluate": "zoo.evaluation.evaluate",
    "explore": "zoo.report.inline",
    "export": "zoo.exporting.export",
    "fit": "zoo.runs.fit",
    "fit_prior": "zoo.runs.fit_prior",
    "impute": "zoo.use.impute",
    "list_components": "zoo.registry",
    "list_hub_models": "zoo.hub.search",
    "list_models": "zoo.registry.catalogue",
    "list_pretrained": "zoo.registry.catalogue",
    "list_recipes": "zoo.registry.catalogue",
    "load": "zoo.hub.locate",
    "load_data": "zoo.data",
    "load_recipe": "zoo.spec.resolve",
    "pull": "zoo.hub.pull",
    "push": "zoo.hub.push",
    "reconstruct": "zoo.use.reconstruct",
    "register": "zoo.registry",
    "save": "zoo.checkpoints.checkpoint",
    "score": "zoo.use.score",
    "sweep": "zoo.sweeps.sweep",
    "train": "zoo.hub.train",
}

__all__ = [
    "Estimator",
    "Model",
    "ModelSpec",
    "Recipe",
    "ZooError",
    "__version__",
    "build",
    "embed",
    "evaluate",
    "explore",
    "export",
    "fit",
    "fit_prior",
    "impute",
    "list_components",
    "list_hub_models",
    "list_models",
    "list_pretrained",
    "list_recipes",
    "load",
    "load_data",
    "load_recipe",
    "pull",
    "push",
    "reconstruct",
    "register",
    "save",
    "score",
    "sweep",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
