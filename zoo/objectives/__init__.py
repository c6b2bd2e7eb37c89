"""Objectives: the loss of a model, and the way samples are drawn."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from zoo.errors import ComponentError
from zoo.model.loss import Loss, StepLoss
from zoo.nn.frozen import frozen

if TYPE_CHECKING:
    from zoo.model import Inference, LatentSamples, Model
    from zoo.spec.model import ModelSpec

__all__ = ["LatentObjective", "Loss", "Objective", "StepLoss", "impossible", "regularised"]


class Objective(nn.Module, ABC):
    """Computes the loss of a model for a batch, and draws samples from the model.

    It is constructed after the parts, and may ask by name for every size and every part of the model.

    Attributes:
        needs: the parts that a spec must have for this objective; other parts are refused.
        alternatives: other sets of parts that a spec may name instead.
        uses_time: whether the parts are conditioned on the step of a chain.
        takes_regularisers: whether its loss has latents that regularisers can use.
        unit: the unit of the loss, for logs and figures.
        bounds: the terms that are lower bounds on log p(x), for which higher is better.
    """

    needs: ClassVar[tuple[str, ...]]
    alternatives: ClassVar[tuple[tuple[str, ...], ...]] = ()
    uses_time: ClassVar[bool] = False
    takes_regularisers: ClassVar[bool] = True
    unit: ClassVar[str] = "nats"
    bounds: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def loss(self, model: Model, inference: Inference) -> StepLoss:
        """Return the loss of a batch, its terms, and the evidence for adversaries."""

    @abstractmethod
    def sample(self, model: Model, n: int, labels: Tensor | None = None, *, noise: bool = False) -> Tensor:
        """Draw n examples (n, *data_shape); see :meth:`zoo.model.model.Model.sample`.

        An objective may take more options by keyword, each with a default; the model passes them on.
        """

    @property
    def uses_densities_of_draws(self) -> bool:
        """Whether the loss uses log p(z) and log q(z|x) at single draws instead of KL divergences."""
        return False

    def check(self, spec: ModelSpec, model: Model) -> None:
        """Check that the objective can be used with the parts of the model.

        Raises:
            ComponentError: it cannot; the message names both parts, and a part to use instead.
        """

    def check_reconstruction(self, model: Model) -> None:
        """Require that the model can reconstruct data, which an objective may refuse.

        Raises:
            NotApplicableError: it cannot; the message says why.
        """

    def check_data(
        self, model: Model, examples: Tensor, data_range: tuple[float, float] | None, where: str = "data.scale"
    ) -> None:
        """Check that data are scaled as the objective and its likelihood expect.

        Args:
            examples: (N, *data_shape) some of the prepared data.
            data_range: smallest and largest value that the data may have; None for any real number.

        Raises:
            DataError: they are not; the message says how to scale them.
        """
        model.likelihood.check_range(data_range, where)
        # NaN is a missing value.
        model.likelihood.check_values(examples, ~examples.isnan(), where)


class LatentObjective(Objective):
    """An objective of a model with latents; samples are decoded draws of a prior."""

    needs: ClassVar[tuple[str, ...]] = ("encoder", "posterior", "prior", "decoder", "likelihood")

    def sample(
        self,
        model: Model,
        n: int,
        labels: Tensor | None = None,
        *,
        noise: bool = False,
        fitted: bool | None = None,
        latents: Distribution | None = None,
    ) -> Tensor:
        """Draw z from a prior and decode it: the mean of p(x|z), or with ``noise`` a draw of it, (n, *data_shape).

        Args:
            fitted: draw z from the prior that was fitted after training; None: do so if there is one.
            latents: a distribution to draw z from instead of a prior, with event shape ``latent_shape`` and batch shape
                () or (n,).
        """
        if latents is None:
            z = model.latents(n, labels, fitted=fitted)
        else:
            z = latents.sample() if len(latents.batch_shape) else latents.sample(torch.Size([n]))
        p = model.decode(z.to(model.device), labels)
        return p.sample() if noise else p.mean


def regularised(samples: LatentSamples, total: Tensor, terms: dict[str, Tensor]) -> StepLoss:
    """Return the loss with the posterior's own losses and the weighted regularisers added to it.

    The terms of a regulariser that returns several are named ``KEY.NAME``. In training mode the loss also contains,
    for each adversarial regulariser, the evidence for its adversary.
    """
    model = samples.inference.model
    evidence: dict[str, tuple[Tensor, ...]] = {}
    for name, loss in model.posterior.losses(samples.q).items():
        mean = loss.mean()
        total, terms[name] = total + mean, mean.detach()
    if not model.regularisers:
        return StepLoss(total, terms, evidence)
    # Each loss trains only its own network, also in a user's training loop.
    adversaries = model.adversaries()
    for key, regulariser in model.named_regularisers():
        if key in terms:
            raise ComponentError(
                f"the loss has a term {key!r} already", where=f"model.regularisers.{key}", remedy="Use another key."
            )
        with frozen(adversaries[key]) if key in adversaries else contextlib.nullcontext():
            penalty = regulariser(samples)
        several = penalty if isinstance(penalty, dict) else {"": penalty}
        for name, part in several.items():
            total, terms[f"{key}.{name}" if name else key] = total + regulariser.weight.value * part, part.detach()
        if model.training:
            shown = regulariser.evidence(samples)
            if shown:
                evidence[key] = tuple(tensor.detach() for tensor in shown)
    return StepLoss(total, terms, evidence)


def impossible(first: str, second: str, why: str, instead: str) -> ComponentError:
    """Return the error for two parts that cannot work together."""
    return ComponentError(f"{first} and {second} cannot work together: {why}", where="model", remedy=instead)
