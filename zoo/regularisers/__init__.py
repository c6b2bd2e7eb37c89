"""Regularisers: further terms of the loss, computed from the latents of a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from zoo.errors import ComponentError
from zoo.nn.weight import ScheduledWeight
from zoo.spec.schedule import WeightSchedule

if TYPE_CHECKING:
    from zoo.model import LatentSamples, Model
    from zoo.spec.model import ModelSpec


class Regulariser(nn.Module, ABC):
    """A further term of the loss, with its own weight.

    Extend it and register the class to add a regulariser. Its constructor may ask by name for every size and every
    part of the model. An adversarial regulariser holds a :class:`~zoo.nn.adversary.Adversary`, which training
    gives its own optimiser and turn.

    Attributes:
        unit: the unit of the term, such as ``nats``; None where it has none. A loss whose terms have different units
            has none.
        compares_data: whether the term compares data with their reconstructions, so that it can stand in for the
            reconstruction term of the objective.
        second_derivatives: whether the term is made of gradients, so that training differentiates twice.

    Args:
        weight: what the term is multiplied by before it is added to the loss; a number or a schedule.

    Example:
        >>> import torch, zoo
        >>> @zoo.register("regulariser", "small_codes")
        ... class SmallCodes(Regulariser):
        ...     def __init__(self, *, weight: float = 1.0) -> None:
        ...         super().__init__(weight)
        ...     def forward(self, samples):
        ...         return samples.z.square().mean()
        >>> model = zoo.build("ae-mlp-2d", data_shape=(1, 8, 8), regularisers={"small": {"name": "small_codes"}})
        >>> sorted(model.loss(torch.rand(4, 1, 8, 8)).terms)
        ['small', 'squared_error']
    """

    unit: ClassVar[str | None] = None
    compares_data: ClassVar[bool] = False
    second_derivatives: ClassVar[bool] = False

    def __init__(self, weight: float | WeightSchedule = 1.0) -> None:
        super().__init__()
        self.weight = ScheduledWeight(weight)

    @abstractmethod
    def forward(self, samples: LatentSamples) -> Tensor | dict[str, Tensor]:
        """Return the term, a scalar, before it is weighted; or several by name, which are added up.

        The adversary's parameters take no gradient from what is computed here.
        """

    def evidence(self, samples: LatentSamples) -> tuple[Tensor, ...]:
        """Return the tensors that the adversary's own loss is computed from; the caller detaches them."""
        return ()

    def check(self, spec: ModelSpec, model: Model) -> None:
        """Refuse parts that the regulariser cannot work with.

        Raises:
            ComponentError: names both, and what to use instead.
        """


def check_has_moments(regulariser: str, spec: ModelSpec, model: Model, instead: str) -> None:
    """Refuse a posterior that does not know its mean and covariance exactly.

    Args:
        regulariser: the name of the one that needs them.
        instead: what to use instead, a sentence.

    Raises:
        ComponentError: names both.
    """
    if not model.posterior.has_moments:
        name = spec.posterior.name if spec.posterior else "none"
        raise ComponentError(
            f"regulariser {regulariser!r} needs the mean and the covariance of q(z|x), which the posterior {name!r} "
            "does not know exactly",
            where="model.posterior",
            remedy=instead,
        )


def reconstructed(samples: LatentSamples) -> tuple[Tensor, Tensor]:
    """Return data and their reconstructions from the first draw of each example, (B, *data_shape) each.

    Values that were not observed are 0 in both, so that nothing is learned from them.
    """
    x, mask = samples.inference.x, samples.inference.mask
    assert x is not None
    first = samples.data.mean[0]
    return x, first if mask is None else torch.where(mask, first, 0.0)


def seen(samples: LatentSamples, p: Distribution) -> Tensor:
    """Return the mean of p(x|z), (B, *data_shape), with 0 where the value of an example was not observed."""
    mean: Tensor = p.mean
    return mean if samples.inference.mask is None else torch.where(samples.inference.mask, mean, 0.0)


def check_decodes(spec: ModelSpec, model: Model) -> None:
    """Refuse a model whose decoder does not turn latents alone into data, for regularisers that look at data.

    Raises:
        ComponentError: names the objective, and what to use instead.
    """
    if not model.has("decoder") or model.objective.uses_time:
        raise ComponentError(
            f"it compares data with what the decoder makes of latents, which the objective {spec.objective.name!r} "
            "does not train",
            where="model.regularisers",
            remedy="Use objective `vae` or `autoencoder`, or leave the regulariser out.",
        )
