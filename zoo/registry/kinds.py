"""The kinds of components, with their interfaces and the constructor parameters that the model fills in."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from dataclasses import dataclass

from zoo.errors import ComponentError, unknown_name

PART_NAMES = ("likelihood", "encoder", "posterior", "prior", "decoder", "network")
"""The parts of a model that the constructor of another part may take, in the order in which they are constructed."""

WIRING: Mapping[str, str] = {
    "data_shape": "shape of one example",
    "data_range": "smallest and largest value of the data, or None",
    "data_columns": "what the columns of a table mean; () for other data",
    "output_shape": "shape of the raw parameters that the likelihood takes",
    "latent_dim": "number of latent dimensions, or of channels of a latent map",
    "latent_shape": "shape of the latents of one example",
    "features": "number of features that the encoder returns",
    "feature_shape": "shape of the features of one example that the encoder returns",
    "condition_dim": "length of the condition vector, 0 without a condition",
    "classes": "number of classes whose labels the component sees, 0 without labels",
    "train_examples": "number of training examples",
    **{name: f"the {name} of the model" for name in PART_NAMES},
}
"""Constructor parameters that the model fills in, with their meaning; all others are options of the recipe."""


@dataclass(frozen=True)
class Kind:
    """A kind of components.

    Attributes:
        name: the name of the kind.
        package: the package of the built-in components, one file each.
        interface: the name of the class in this package that every component of the kind extends.
        contract: the input and output of a component of this kind.
        wiring: the constructor parameters that the model fills in for this kind, a subset of :data:`WIRING`.
    """

    name: str
    package: str
    interface: str
    contract: str
    wiring: tuple[str, ...] = ()

    def load_interface(self) -> type:
        """Import and return the abstract class that every component of this kind extends."""
        interface: type = getattr(importlib.import_module(self.package), self.interface)
        return interface


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("corruption", "zoo.corruptions", "Corruption", "data (B, *data_shape) → corrupted data, in training"),
        Kind(
            "encoder",
            "zoo.encoders",
            "Encoder",
            "data (B, *data_shape) → features (B, F) or maps (B, C, h, w)",
            ("data_shape", "condition_dim"),
        ),
        Kind(
            "posterior",
            "zoo.posteriors",
            "Posterior",
            "features → distribution over z (B, *latent_shape)",
            ("features", "feature_shape", "latent_dim", "condition_dim", "encoder", "prior"),
        ),
        Kind(
            "prior",
            "zoo.priors",
            "Prior",
            "→ distribution over z",
            (
                *("latent_dim", "latent_shape", "data_shape", "data_range", "condition_dim", "classes"),
                *("train_examples", "feature_shape", "encoder", "posterior"),
            ),
        ),
        Kind(
            "decoder",
            "zoo.decoders",
            "Decoder",
            "z (B, *latent_shape) → raw parameters (B, *shape)",
            ("latent_dim", "latent_shape", "output_shape", "condition_dim", "encoder", "posterior", "prior"),
        ),
        Kind(
            "likelihood",
            "zoo.likelihoods",
            "Likelihood",
            "raw parameters → distribution over data",
            ("data_shape", "data_range", "data_columns"),
        ),
        Kind(
            "network",
            "zoo.networks",
            "Network",
            "data (B, *data_shape) → data (B, *data_shape)",
            ("data_shape", "condition_dim"),
        ),
        Kind(
            "regulariser", "zoo.regularisers", "Regulariser", "latents of a batch → a term of the loss", tuple(WIRING)
        ),
        Kind("objective", "zoo.objectives", "Objective", "model and batch → loss; how to sample", tuple(WIRING)),
        Kind("dataset", "zoo.datasets", "Dataset", "→ train, validation and test data in a stated range"),
        Kind("metric", "zoo.metrics", "Metric", "model and data → named metrics"),
        Kind("figure", "zoo.figures", "Figure", "model and data → a figure"),
        Kind("callback", "zoo.callbacks", "Callback", "training → observes it, adds to its record, or ends it"),
    )
}


def find_kind(kind: str) -> Kind:
    """Return the kind of this name.

    Raises:
        ComponentError: there is no such kind; the message names the nearest one.
    """
    if kind not in KINDS:
        problem, remedy = unknown_name("kind", kind, KINDS)
        raise ComponentError(problem, remedy=remedy)
    return KINDS[kind]


@functools.lru_cache(maxsize=512)
def kind_of(component: type) -> Kind | None:
    """Return the kind whose interface a class extends, or None; no interface is imported."""
    interfaces = {(kind.package, kind.interface): kind for kind in KINDS.values()}
    places = ((base.__module__, base.__name__) for base in component.__mro__)
    return next((interfaces[place] for place in places if place in interfaces), None)
