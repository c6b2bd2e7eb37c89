"""A posterior whose draws move along the gradient of the model towards the true posterior."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.distributions import Independent, constraints
from torch.nn import functional as F

from zoo.errors import ComponentError
from zoo.nn.flows.distributions import EstimatedMoments
from zoo.posteriors import Density, Head, Posterior
from zoo.posteriors._flow import base_gaussian
from zoo.registry import register
from zoo.utils.precision import at_least_float32, full_precision

if TYPE_CHECKING:
    from zoo.model.inference import Inference


class HamiltonianDistribution(EstimatedMoments):
    r"""The distribution of the end points of leapfrog steps that start at draws of a Gaussian.

    With U(z) = −log p(x, z), a step with sizes ε is ρ ← ρ − ½ ε U′(z), z ← z + ε ρ, ρ ← ρ − ½ ε U′(z). Momenta are
    drawn from N(0, I / β_0) and are multiplied by √(β_{k−1} / β_k) after step k, until β_K = 1. Apart from this factor
    the steps preserve volume, so (z_K, ρ_K) has the density q(z_0) N(ρ_0; 0, I / β_0) β_0^{−d/2}, and

    .. math:: \log q = \log q(z_0) + \log N(\rho_0; 0, I / β_0) − \frac d2 \log β_0 − \log N(\rho_K; 0, I)

    gives E[p(x, z_K) / q] = p(x) for any ε and β_0. It is not a density of z alone, so it is known only for the
    distribution's own draws.

    Args:
        start: the Gaussian that z_0 is drawn from, with batch shape (B,) and event shape (d,).
        log_joint: maps latents (*S, B, d) to log p(x, z) (*S, B).
        step_size: ε, (d,).
        root: √β_0, a scalar.
        steps: K.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    support = constraints.real_vector
    has_rsample = True
    moment_points = 16
    """Fewer points than for other distributions, because each takes K gradients of the decoder."""

    def __init__(
        self, start: Independent, log_joint: Callable[[Tensor], Tensor], step_size: Tensor, root: Tensor, steps: int
    ) -> None:
        self.start, self.log_joint = start, log_joint
        self.step_size, self.root, self.steps = step_size, root, steps
        super().__init__(start.batch_shape, start.event_shape, validate_args=False)

    def rsample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draw (*sample_shape, B, d), with gradients to all parameters, including those of the decoder."""
        return self.rsample_and_log_prob(sample_shape)[0]

    def rsample_and_log_prob(
        self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()
    ) -> tuple[Tensor, Tensor]:
        """Return draws (*sample_shape, B, d) and the log-densities log q (*sample_shape, B) of the class's formula."""
        z = self.start.rsample(torch.Size(sample_shape))
        noise = torch.randn_like(z)
        with full_precision(z):
            moved, momentum = self.move(z, noise / self.root)
            # log N(ρ_0; 0, I / β_0) − (d / 2) log β_0 is log N of the noise; the constants of both Gaussians cancel.
            difference = (momentum.square() - noise.square()).sum(-1)
            return moved, self.start.log_prob(z) + 0.5 * difference

    def log_prob(self, value: Tensor) -> Tensor:
        """Raise an error: the density is known only for the distribution's own draws.

        Raises:
            ComponentError: always.
        """
        raise ComponentError(
            "the posterior `hamiltonian` knows log q(z|x) only at its own draws",
            where="log_prob",
            remedy="Draw with `model.inference(x).draw(K)`, whose `log_q` belongs to the draws.",
        )

    def move(self, z: Tensor, momentum: Tensor) -> tuple[Tensor, Tensor]:
        """Return z_K and ρ_K for the start z_0 and ρ_0, (*S, B, d) each."""
        half = 0.5 * self.step_size
        force = self._force(z)
        for step in range(1, self.steps + 1):
            momentum = momentum + half * force
            z = z + self.step_size * momentum
            force = self._force(z)
            momentum = (momentum + half * force) * (self._root(step - 1) / self._root(step))
        return z, momentum

    def _root(self, step: int) -> Tensor:
        """Return √β_k: 1 / √β_k falls from 1 / √β_0 to 1 as a square."""
        return 1 / ((1 - 1 / self.root) * (step / self.steps) ** 2 + 1 / self.root)

    def _force(self, z: Tensor) -> Tensor:
        """Return the gradient of log p(x, z) in z, which can be differentiated if gradients are enabled."""
        records = torch.is_grad_enabled()
        with torch.enable_grad():
            place = z if z.requires_grad else z.detach().requires_grad_()
            (force,) = torch.autograd.grad(self.log_joint(place).sum(), place, create_graph=records)
        return force

    @property
    def noise_dim(self) -> int:
        """2 d: for the start and for its momentum."""
        return 2 * self.event_shape[0]

    def transform_noise(self, noise: Tensor) -> Tensor:
        """Map standard normal numbers (n, 1, 2 d) to draws (n, B, d)."""
        mean = self.start.mean
        start, momentum = noise.to(mean).chunk(2, dim=-1)
        z = mean + self.start.stddev * start
        with full_precision(mean):
            return self.move(z, momentum.expand_as(z) / self.root)[0]


@register("posterior", "hamiltonian")
class Hamiltonian(Posterior):
    r"""Hamiltonian posterior: draws of a diagonal Gaussian, moved by leapfrog steps along the gradient of log p(x, z).

    Choose it if the encoder's Gaussian is far from the true posterior and the decoder is cheap: K + 1 gradients of the
    decoder correct each draw, and only the step sizes and a temperature are learned for it. The bound is valid for
    every step size. log q(z|x) is known only for the posterior's own draws, so priors and gradients that need it at
    other points refuse this posterior.

    Args:
        steps: K, number of leapfrog steps.
        step_size: initial ε of each latent.
        largest_step_size: an upper bound of ε, because steps that are too large for the curvature diverge.
        temperature: initial 1 / β_0 ≥ 1: initial momenta are larger by its square root, which moves draws further.
            1: no tempering.
        learned: whether step sizes, and a temperature above 1, are trained.
        floor: the smallest σ of the Gaussian.

    Raises:
        ComponentError: ``step_size`` is not below ``largest_step_size``.

    Source:
        Caterini, Doucet & Sejdinovic (2018), Hamiltonian Variational Auto-Encoder, algorithm 1.
        https://arxiv.org/abs/1805.11328

    Example:
        >>> import torch, zoo
        >>> model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), posterior={"name": "hamiltonian", "steps": 2})
        >>> samples = model.inference(torch.rand(4, 1, 8, 8)).draw(5)
        >>> samples.z.shape, samples.log_weights.shape
        (torch.Size([5, 4, 2]), torch.Size([5, 4]))
    """

    density: ClassVar[Density] = "drawn"
    second_derivatives: ClassVar[bool] = True

    def __init__(
        self,
        *,
        features: int,
        latent_dim: int,
        steps: PositiveInt = 3,
        step_size: Annotated[float, Field(gt=0)] = 0.1,
        largest_step_size: Annotated[float, Field(gt=0)] = 0.5,
        temperature: Annotated[float, Field(ge=1)] = 1.5,
        learned: bool = True,
        floor: Annotated[float, Field(gt=0)] = 1e-4,
    ) -> None:
        super().__init__()
        if step_size >= largest_step_size:
            raise ComponentError(
                f"expected less than `largest_step_size` ({largest_step_size:g}), got {step_size:g}", where="step_size"
            )
        self.steps, self.largest_step_size, self.floor = steps, largest_step_size, floor
        self.head = Head(features, 2 * latent_dim)
        share = step_size / largest_step_size
        self.raw_step_size = nn.Parameter(torch.full((latent_dim,), math.log(share / (1 - share))), learned)
        self.tempered = temperature > 1
        if self.tempered:
            self.raw_temperature = nn.Parameter(torch.tensor(math.log(math.expm1(temperature - 1))), learned)

    def forward(self, h: Tensor, inference: Inference) -> HamiltonianDistribution:  # type: ignore[override]
        """Map features (B, F) to distributions with batch shape (B,) and event shape (latent_dim,)."""
        mean, raw_scale = self.head(h).chunk(2, dim=-1)
        step_size = self.largest_step_size * torch.sigmoid(at_least_float32(self.raw_step_size))
        root = step_size.new_ones(())
        if self.tempered:
            root = (1 + F.softplus(at_least_float32(self.raw_temperature))).rsqrt()
        start = base_gaussian(mean, raw_scale, self.floor)
        return HamiltonianDistribution(start, inference.log_joint, step_size, root, self.steps)
