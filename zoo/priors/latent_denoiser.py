"""A denoiser of latents: diffusion in the latent space of a trained model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from zoo.diffusion.chain import NoiseChain, Variance
from zoo.diffusion.parameterisations import Parameterisation
from zoo.diffusion.reverse import reverse_chain, visited_steps
from zoo.diffusion.schedules import noise_schedule
from zoo.errors import NotApplicableError
from zoo.nn.layers.conditions import TimeEmbedding
from zoo.priors import FittablePrior
from zoo.priors._conditioned import ConditionedDistribution
from zoo.priors._fitting import enough_steps, spread
from zoo.registry import find_component, register
from zoo.spec.component import ComponentSpec
from zoo.spec.options import check_options, construct
from zoo.utils.precision import at_least_float32, full_precision

if TYPE_CHECKING:
    from zoo.model.inference import Inference

_CONDITION_DIM = 64
"""Length of the vectors that encode time and label for the network."""
_EVALUATION_DRAWS = 4
"""Steps of the chain at which each latent is evaluated in validation, to reduce the noise of the loss."""
_ROWS = 4096
"""Latents that are drawn at a time."""


@register("prior", "latent_denoiser")
class LatentDenoiser(FittablePrior):
    r"""A denoiser in latent space: a draw starts as noise, and a network removes the noise step by step.

    Choose it as ``fitted_prior`` for good samples of latents that are vectors or maps. With a posterior
    ``gaussian_map`` or ``point_map`` this is latent diffusion. Each channel of a map, or each number of a vector, is
    standardised by its mean and deviation over the training data. The network minimises E‖r(z_t, t) − v‖², with
    v = √ᾱ_t ε − √(1−ᾱ_t) z, over a chain of ``steps`` steps from latents to noise. In a model with classes it is
    p(z|y).

    It can be sampled but has no density: metrics such as the ELBO cannot be computed with it, and it cannot be the
    ``prior`` that a model is trained with.

    Args:
        network: name of a network, or a mapping with options. null: ``mlp`` for vectors, ``unet`` for maps.
        steps: T.
        schedule: how much noise each step adds: ``linear`` or ``cosine``.
        predict: the output of the network: ``v``, ``noise`` or ``clean``.
        sampling_steps: number of the T steps that a draw uses, each with one pass through the network.
        variance: variance of the noise in each step of a draw: ``beta`` is exact for latents that are standard
            normal, the smaller ``posterior`` for latents that are a single point.

    Shapes:
        event shape ``latent_shape``.

    Raises:
        ComponentError: the network is unknown, refuses its options, or cannot take latents of this shape.

    Source:
        Rombach et al. (2022), High-Resolution Image Synthesis with Latent Diffusion Models, section 3.2.
        https://arxiv.org/abs/2112.10752
        Salimans & Ho (2022), Progressive Distillation for Fast Sampling, appendix D (v).
        https://arxiv.org/abs/2202.00512

    Example:
        >>> prior = LatentDenoiser(latent_shape=(2,), condition_dim=0, sampling_steps=5)
        >>> prior.fit(torch.randn(1000, 2))
        False
        >>> prior().sample((3,)).shape
        torch.Size([3, 2])
    """

    has_density: ClassVar[bool] = False
    location: Tensor
    scale: Tensor

    def __init__(
        self,
        *,
        latent_shape: tuple[int, ...],
        condition_dim: int,
        network: ComponentSpec | None = None,
        steps: PositiveInt = 1000,
        schedule: Literal["linear", "cosine"] = "cosine",
        predict: Literal["v", "noise", "clean"] = "v",
        sampling_steps: PositiveInt = 100,
        variance: Variance = "beta",
    ) -> None:
        super().__init__()
        self.latent_shape, self.condition_dim = tuple(latent_shape), condition_dim
        self.visited, self.variance = visited_steps(steps, min(sampling_steps, steps)), variance
        self.chain = NoiseChain(noise_schedule(schedule, steps))
        self.prediction = Parameterisation(self.chain, predict)
        self.network = _network(network or _default_network(self.latent_shape), self.latent_shape)
        self.time = TimeEmbedding(_CONDITION_DIM)
        self.label = nn.Linear(condition_dim, _CONDITION_DIM) if condition_dim else None
        channels = (self.latent_shape[0], *[1] * (len(self.latent_shape) - 1))
        self.register_buffer("location", torch.zeros(channels))
        self.register_buffer("scale", torch.ones(channels))

    def forward(self, inference: Inference | None = None) -> DenoisedLatents:
        """Return p(z) with batch shape (), or p(z|y) with batch shape (B,)."""
        condition = inference.condition if inference is not None and self.condition_dim else None
        return DenoisedLatents(self, condition)

    @torch.no_grad()
    def fit(self, latents: Tensor, labels: Tensor | None = None) -> bool:
        """Set the mean and the deviation of each channel of the latents (N, *latent_shape); the network is trained."""
        of_channel = latents.transpose(0, 1).flatten(1).double()
        self.location.copy_(of_channel.mean(1).view_as(self.location))
        self.scale.copy_(spread(of_channel.T).view_as(self.scale))
        return False

    def fit_loss(self, inference: Inference, z: Tensor) -> Tensor:
        """Return the squared error of what the network predicts, a mean over latents (K, B, *latent_shape)."""
        p = inference.prior
        assert isinstance(p, DenoisedLatents)
        condition = None if p.condition is None else p.condition.expand(*z.shape[:2], -1).flatten(0, 1)
        clean = ((at_least_float32(z) - self.location) / self.scale).flatten(0, 1)
        if not self.training:
            clean = clean.repeat(_EVALUATION_DRAWS, *[1] * len(self.latent_shape))
            condition = None if condition is None else condition.repeat(_EVALUATION_DRAWS, 1)
        times = self.chain.random_times(len(clean), clean.device)
        with full_precision(clean):
            state = self.chain.draw(clean, times)
            wanted = self.prediction.output(state, clean, times)
        predicted = self.predict(state, times, condition)
        return (predicted - wanted).square().mean()

    def predict(self, state: Tensor, times: Tensor, condition: Tensor | None) -> Tensor:
        """Return the network's output for noisy latents (B, *latent_shape) at times (B,), in float32 or better."""
        vectors = self.time(times)
        if self.label is not None and condition is not None:
            vectors = vectors + self.label(condition)
        dtype = next(self.network.parameters()).dtype
        return at_least_float32(self.network(state.to(dtype), vectors))

    @classmethod
    def fit_defaults(cls, examples: int, batch_size: int | None = None) -> Mapping[str, Any]:
        """Return about 4,000 steps, or 500 passes over few examples."""
        return enough_steps(examples, 4000, batch_size=256, lr=2e-3, ema=0.995, chosen=batch_size)


class DenoisedLatents(ConditionedDistribution):
    """The distribution of the results of a chain of denoising steps; it can be sampled but has no density.

    Args:
        prior: provides the network, the chain, and the mean and deviation of the latents.
        condition: (B, condition_dim), or None.
    """

    def __init__(self, prior: LatentDenoiser, condition: Tensor | None) -> None:
        super().__init__(prior.latent_shape, condition)
        self.prior = prior

    @torch.no_grad()
    def sample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draw (*sample_shape, *batch, *event)."""
        shape = torch.Size(sample_shape) + self.batch_shape
        condition = self.condition_of_rows(shape)
        location = at_least_float32(self.prior.location)
        noise = torch.randn(shape.numel(), *self.event_shape, dtype=location.dtype, device=location.device)
        starts = range(0, len(noise), _ROWS)
        blocks = [
            self._denoise(noise[start : start + _ROWS], None if condition is None else condition[start : start + _ROWS])
            for start in starts
        ]
        z = torch.cat(blocks) * self.prior.scale + location
        return z.reshape(shape + self.event_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Raise an error: there is no density.

        Raises:
            NotApplicableError: always.
        """
        raise NotApplicableError(
            "the prior 'latent_denoiser' can be sampled but has no density",
            where="prior",
            remedy="Use a prior with a density, such as `flow` or `mixture`.",
        )

    def _denoise(self, noise: Tensor, condition: Tensor | None) -> Tensor:
        """Run the reverse chain from noise (N, *event), in units of the latents' deviations."""
        prior = self.prior

        def denoise(state: Tensor, t: int) -> Tensor:
            times = torch.full((len(state),), t, device=state.device)
            return prior.prediction.clean(state, prior.predict(state, times, condition), times)

        z = noise
        for z in reverse_chain(prior.chain, denoise, noise, prior.visited, variance=prior.variance):  # noqa: B007
            pass
        return z


def _default_network(shape: tuple[int, ...]) -> ComponentSpec:
    """Return the default network for latents of a shape."""
    if len(shape) == 1:
        return ComponentSpec.model_validate({"name": "mlp", "width": 192, "skip": False})
    small = min(shape[1:]) < 8
    return ComponentSpec.model_validate({"name": "unet", **({"channels": [64], "depth": 3} if small else {})})


def _network(chosen: ComponentSpec, shape: tuple[int, ...]) -> nn.Module:
    found = find_component("network", chosen.name, "network")
    options = check_options(found, chosen.options, "network")
    return cast(nn.Module, construct(found, options, {"data_shape": shape, "condition_dim": _CONDITION_DIM}, "network"))
