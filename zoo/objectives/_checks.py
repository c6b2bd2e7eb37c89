"""Checks that several objectives share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo.errors import ComponentError
from zoo.nn.weight import ScheduledWeight
from zoo.objectives import impossible

if TYPE_CHECKING:
    from zoo.model import Model
    from zoo.spec.model import ModelSpec


def check_has_density(spec: ModelSpec, model: Model) -> None:
    """Require a posterior with a density."""
    if not model.has_density:
        name = spec.posterior.name if spec.posterior else "none"
        raise impossible(
            f"objective {spec.objective.name!r}",
            f"posterior {name!r}",
            "a point has no density, so there is no KL term",
            "Use posterior `diagonal_gaussian` or `full_gaussian`, or objective `autoencoder`.",
        )


def check_decoder_is_trained(spec: ModelSpec, model: Model, reconstruction_weight: ScheduledWeight) -> None:
    """Check that a loss without a reconstruction term still trains the decoder and the likelihood.

    Raises:
        ComponentError: it does not; the message names the remedy.
    """
    if reconstruction_weight.changes or reconstruction_weight.final > 0:
        return
    where = "model.objective.reconstruction_weight"
    if not any(regulariser.compares_data for _, regulariser in model.named_regularisers()):
        raise ComponentError(
            "expected a weight above 0, since no other term compares data with their reconstructions, got 0",
            where=where,
            remedy="Add a regulariser such as `ms_ssim`, `deep_features` or `data_critic`, or leave the weight out.",
        )
    shape = model.likelihood.parameter_shape
    if shape != model.data_shape or any(parameter.requires_grad for parameter in model.likelihood.parameters()):
        raise ComponentError(
            f"expected a weight above 0, since the likelihood {spec.likelihood.name if spec.likelihood else ''!r} has "
            "more to learn than its mean, got 0",
            where=where,
            remedy="Use the likelihood `bernoulli`, or `{name: gaussian, scale_mode: fixed}`.",
        )
