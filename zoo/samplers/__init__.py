"""Samplers: a trained model, and perhaps its training data, become the distribution that codes are drawn from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor
from torch.distributions import Distribution

from zoo.data import Split
from zoo.errors import ComponentError
from zoo.model import Model
from zoo.registry import find_component
from zoo.spec.component import ComponentSpec
from zoo.spec.options import check_options, construct


class Sampler(ABC):
    """Says where in the latent space to draw codes that are then decoded."""

    def unfit(self, model: Model) -> str | None:
        """Return why this sampler does not apply to a model, or None if it does."""
        return None if model.has("prior") else "its samples are not decoded codes"

    @abstractmethod
    def fit(self, model: Model, train: Split | None) -> Distribution:
        """Return a distribution over codes, with batch shape () and event shape (d,).

        Args:
            train: the training data, or None where they are not at hand.

        Raises:
            DataError: the sampler is fitted to training data, and none came.
        """


def make_sampler(sampler: str | Mapping[str, Any] | ComponentSpec, model: Model, where: str = "sampler") -> Sampler:
    """Return a sampler by name or with options, such as ``{"name": "aggregate", "components": 1}``.

    Raises:
        ComponentError: it is unknown, has a wrong option, or does not apply to the model.
    """
    spec = sampler if isinstance(sampler, ComponentSpec) else ComponentSpec.model_validate(sampler)
    found = find_component("sampler", spec.name, where)
    made = cast(Sampler, construct(found, check_options(found, spec.options, where), {}, where))
    reason = made.unfit(model)
    if reason is not None:
        raise ComponentError(
            f"{spec.name!r} cannot sample this model: {reason}", where=where, remedy="Use the model's own `sample`."
        )
    return made


def fit_sampler(
    sampler: str | Mapping[str, Any] | ComponentSpec, model: Model, train: Split | None = None
) -> Distribution:
    """Return the distribution over codes that a sampler fits; hand it to ``model.sample(n, latents=…)``.

    Raises:
        ComponentError: the sampler is unknown, or does not apply to the model.
        DataError: it needs training data, and none came.

    Example:
        >>> import zoo
        >>> model = zoo.build("ae-mlp-2d", data_shape=(1, 8, 8)).eval()
        >>> data = zoo.load_data(zoo.load_recipe("digits").data)
        >>> latents = fit_sampler("aggregate", model, data.train)
        >>> model.sample(3, latents=latents).shape
        torch.Size([3, 1, 8, 8])
    """
    return make_sampler(sampler, model).fit(model, train)


def draw_samples(model: Model, n: int, latents: Distribution | None = None, *, noise: bool = False) -> Tensor:
    """Return n samples (n, *data_shape) on the CPU, drawn a thousand at a time; of each class in turn.

    Args:
        latents: where codes are drawn from; None: as the model itself samples.
        noise: return draws of p(x|z) rather than its mean.
    """
    options = {} if latents is None else {"latents": latents}
    blocks = []
    for start in range(0, n, 1024):
        count = min(1024, n - start)
        labels = (start + torch.arange(count, device=model.device)) % model.classes if model.classes else None
        blocks.append(model.sample(count, labels, noise=noise, **options).cpu())
    return torch.cat(blocks)
