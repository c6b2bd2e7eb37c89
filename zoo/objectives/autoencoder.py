"""The plain autoencoder."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.distributions import Distribution

from zoo.model.parts import Parts
from zoo.objectives import Loss, Objective, impossible, sample_latents
from zoo.registry import register
from zoo.spec.model import ModelSpec


@register("objective", "autoencoder")
class Autoencoder(Objective):
    """Minimise the squared error of the reconstruction, ‖x − D(E(x))‖², summed over an example.

    Choose it for an embedding or for compression. Nothing shapes the latent space: codes leave holes and lie far
    from any prior, so that decoding a draw of the prior gives poor samples; ``vae`` pays for good ones.

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

    needs: ClassVar[tuple[str, ...]] = ("encoder", "posterior", "prior", "decoder", "likelihood")
    unit: ClassVar[str] = "squared error"

    def __init__(self) -> None:
        super().__init__()

    def check(self, spec: ModelSpec, parts: Parts) -> None:
        """Refuse parts that the squared error would leave untrained."""
        if parts.posterior.has_density:
            raise impossible(
                f"objective {spec.objective.name!r}",
                f"posterior {_name(spec, 'posterior')!r}",
                "a squared error trains no variance",
                "Use posterior `point`, or objective `vae`.",
            )
        untrained = any(True for _ in parts.likelihood.parameters())
        if untrained or parts.likelihood.parameter_shape != parts.data_shape:
            raise impossible(
                f"objective {spec.objective.name!r}",
                f"a likelihood {_name(spec, 'likelihood')!r} that learns its scale",
                "a squared error trains no scale",
                "Use `likelihood: {name: gaussian, scale_mode: fixed}`, or objective `vae`.",
            )
        if any(parameter.requires_grad for parameter in parts.latent_prior.parameters()):
            raise impossible(
                f"objective {spec.objective.name!r}",
                f"a prior {_name(spec, 'prior')!r} that is learned",
                "a squared error trains no prior",
                "Use a fixed prior, or objective `vae`.",
            )

    def loss(self, parts: Parts, x: Tensor, labels: Tensor | None = None) -> Loss:
        """Return the squared error, summed over an example and averaged over the batch."""
        reconstruction = parts.decode(parts.encode(x, labels).mean, labels).mean
        # The likelihood gives its mean in float32 or better, so the error is computed there too.
        total = (x - reconstruction).square().flatten(1).sum(1).mean()
        return Loss(total, {"squared_error": total.detach()})

    def sample(
        self,
        parts: Parts,
        n: int,
        labels: Tensor | None = None,
        *,
        noise: bool = False,
        latents: Distribution | None = None,
    ) -> Tensor:
        """Decode draws of the prior, which an autoencoder was never trained to do.

        Args:
            latents: what z is drawn from instead; :func:`zoo.samplers.fit_sampler` fits it to training data.
        """
        return sample_latents(parts, n, labels, noise=noise, latents=latents)


def _name(spec: ModelSpec, part: str) -> str:
    component = getattr(spec, part)
    return component.name if component else "none"
