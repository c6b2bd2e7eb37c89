"""The plain autoencoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from zoo.nn.weight import ScheduledWeight
from zoo.objectives import LatentObjective, StepLoss, impossible, regularised
from zoo.objectives._checks import check_decoder_is_trained
from zoo.registry import register
from zoo.spec.schedule import NonNegativeWeight

if TYPE_CHECKING:
    from zoo.model import Inference, Model
    from zoo.spec.model import ModelSpec


@register("objective", "autoencoder")
class Autoencoder(LatentObjective):
    """Minimise the squared error of the reconstruction, ‖x − D(E(x))‖², summed over an example.

    Choose it for an embedding or for compression. Nothing shapes the latent space: codes leave holes and do not follow
    any given prior, so decoding draws of the prior gives poor samples; a ``fitted_prior`` solves this.

    Args:
        reconstruction_weight: weight of the squared error, a number or a schedule. With 0, a regulariser that compares
            data with their reconstructions must replace it, such as ``ms_ssim``.

    Source:
        Hinton & Salakhutdinov (2006), Reducing the Dimensionality of Data with Neural Networks.
        https://doi.org/10.1126/science.1127647

    Example:
        >>> import torch, zoo
        >>> model = zoo.build("ae-mlp-2d", data_shape=(1, 8, 8))
        >>> loss, terms = model.loss(torch.rand(4, 1, 8, 8))
        >>> sorted(terms)
        ['squared_error']
    """

    unit: ClassVar[str] = "squared error"

    def __init__(self, *, reconstruction_weight: NonNegativeWeight = 1.0) -> None:
        super().__init__()
        self.reconstruction_weight = ScheduledWeight(reconstruction_weight)

    def check(self, spec: ModelSpec, model: Model) -> None:
        """Check that the squared error trains all parts."""
        check_decoder_is_trained(spec, model, self.reconstruction_weight)
        if model.has_density and not model.posterior.discrete:
            raise impossible(
                f"objective {spec.objective.name!r}",
                f"posterior {_name(spec, 'posterior')!r}",
                "a squared error trains no variance",
                "Use posterior `point`, or objective `vae`, whose KL term `beta: 0` leaves out.",
            )
        untrained = any(True for _ in model.likelihood.parameters())
        if untrained or model.likelihood.parameter_shape != model.data_shape:
            raise impossible(
                f"objective {spec.objective.name!r}",
                f"a likelihood {_name(spec, 'likelihood')!r} that learns its scale",
                "a squared error trains no scale",
                "Use `likelihood: {name: gaussian, scale_mode: fixed}`, or objective `vae`.",
            )
        if any(parameter.requires_grad for parameter in model.latent_prior.parameters()):
            raise impossible(
                f"objective {spec.objective.name!r}",
                f"a prior {_name(spec, 'prior')!r} that is learned",
                "a squared error trains no prior",
                "Use a fixed prior, or objective `vae`.",
            )

    def loss(self, model: Model, inference: Inference) -> StepLoss:
        """Return the squared error, summed over an example and averaged over the batch."""
        assert inference.x is not None
        samples = inference.draw()
        # The mean of the likelihood is in float32 or better, and so is the error.
        errors = (inference.x - samples.data.mean[0]).square()
        if inference.mask is not None:
            errors = errors * inference.mask
        error = errors.flatten(1).sum(1).mean()
        total = self.reconstruction_weight.times(error)
        return regularised(samples, total, {"squared_error": error.detach()})


def _name(spec: ModelSpec, part: str) -> str:
    component = getattr(spec, part)
    return component.name if component else "none"
