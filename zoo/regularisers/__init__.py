"""Regularisers: additional terms of the loss, computed from the latents of a batch."""

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
    """An additional term of the loss, with its own weight.

    Extend it and register the class to add a regulariser. Its constructor may ask by name for every size and every
    part of the model. An adversarial regulariser has a :class:`~zoo.nn.adversary.Adversary`, which training updates
    with its own optimiser in its own turn.

    Attributes:
        unit: the unit of the term, such as ``nats``; None if it has no unit. A loss whose terms have different units
            has no unit.
        compares_data: whether the term compares data with their reconstructions, so that it can replace the
            reconstruction term of the objective.
        second_derivatives: whether the term contains gradients, so that training differentiates twice.

    Args:
        weight: factor of the term in the loss; a number or a schedule.

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
        """Return the term, a scalar, without its weight; or several terms by name, which are added.

        The adversary's parameters get no gradient from this computation.
        """

    def evidence(self, samples: LatentSamples) -> tuple[Tensor, ...]:
        """Return the inputs of the adversary's own loss; the caller detaches them."""
        return ()

    def check(self, spec: ModelSpec, model: Model) -> None:
        """Check that the regulariser can be used with the parts of the model.

        Raises:
            ComponentError: it cannot; the message names both parts, and a part to use instead.
        """


def check_has_moments(regulariser: str, spec: ModelSpec, model: Model, instead: str) -> None:
    """Check that the posterior has an exact mean and covariance.

    Args:
        regulariser: the name of the regulariser that needs them.
        instead: the remedy, a sentence.

    Raises:
        ComponentError: it does not; the message names both.
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

    Values that were not observed are 0 in both, so they do not affect the loss.
    """
    x, mask = samples.inference.x, samples.inference.mask
    assert x is not None
    first = samples.data.mean[0]
    return x, first if mask is None else torch.where(mask, first, 0.0)


def observed_means(samples: LatentSamples, p: Distribution) -> Tensor:
    """Return the mean of p(x|z), (B, *data_shape), with 0 in place of values that were not observed."""
    mean: Tensor = p.mean
    return mean if samples.inference.mask is None else torch.where(samples.inference.mask, mean, 0.0)


def check_decodes(spec: ModelSpec, model: Model) -> None:
    """Check that the decoder maps latents to data, for regularisers that compare data.

    Raises:
        ComponentError: it does not; the message names the objective, and another one to use.
    """
    if not model.has("decoder") or model.objective.uses_time:
        raise ComponentError(
            f"it compares data with what the decoder makes of latents, which the objective {spec.objective.name!r} "
            "does not train",
            where="model.regularisers",
            remedy="Use objective `vae` or `autoencoder`, or leave the regulariser out.",
        )
