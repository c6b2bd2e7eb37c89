"""A second VAE over the latents of the first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from zoo.nn.layers.activations import ActivationName
from zoo.nn.layers.blocks import BlockOptions, Chain, linear_chain
from zoo.nn.layers.head import Head
from zoo.priors import FittablePrior
from zoo.priors._conditioned import ConditionedDistribution
from zoo.priors._fitting import enough_steps, spread
from zoo.registry import register
from zoo.utils.precision import at_least_float32, full_precision

if TYPE_CHECKING:
    from zoo.model.inference import Inference

_SMALLEST = 1e-4
"""The smallest γ, in units of the latents' standard deviations."""
_FIRST = 0.3
"""The initial γ, if the latents vary equally in every direction."""
_LARGEST = 2**24
"""The largest number of values of the widest layer that are computed at a time."""


@register("prior", "two_stage")
class TwoStage(FittablePrior):
    r"""Two-stage VAE: p(z) = ∫ N(z; m(u), γ²) N(u; 0, I) du, a second VAE whose data are the latents of the first.

    Choose it as ``fitted_prior`` if the latents lie on curved surfaces or in clusters: the second VAE has as many
    latents as the first, so it need not lose information, and γ is learned, down to nearly 0. It maximises

    .. math:: E_{q(u|z)}[log N(z; m(u), γ²)] − KL(q(u|z) ‖ N(0, I)).

    The latents are standardised first, so that γ is in units of their deviations. Both networks are a linear map plus a
    correction. The linear maps are initialised in closed form as those of a linear VAE with γ² = 0.09: before training,
    draws have the mean of the latents, and their covariance in every direction with a variance above γ². The
    corrections are initialised as zero. In a model with classes it is p(z|y).

    The density is an importance-weighted estimate: its expectation is below log p(z), and the expectation of its
    exponential is p(z). Bounds with this prior are therefore still bounds, and more draws make them tighter. As
    ``prior`` it gives a VAE with two levels.

    Args:
        widths: units of the hidden layers of both networks; [] gives the best linear VAE.
        num_samples: draws of u for each estimate of a density.
        activation: the nonlinearity after each hidden layer.

    Shapes:
        event shape ``latent_shape``; maps are flattened to vectors.

    Source:
        Dai & Wipf (2019), Diagnosing and Enhancing VAE Models, sections 3 and 4. https://arxiv.org/abs/1903.05789
        Tipping & Bishop (1999), Probabilistic Principal Component Analysis (the linear VAE).
        https://doi.org/10.1111/1467-9868.00196

    Example:
        >>> prior = TwoStage(latent_shape=(2,), condition_dim=0)
        >>> prior.fit(torch.randn(1000, 2) * torch.tensor([5.0, 0.1]))
        False
        >>> z = prior().sample((10_000,))
        >>> bool(4.5 < z[:, 0].std() < 5.5), bool(0.09 < z[:, 1].std() < 0.11)
        (True, True)
    """

    location: Tensor
    scale: Tensor

    def __init__(
        self,
        *,
        latent_shape: tuple[int, ...],
        condition_dim: int,
        widths: list[PositiveInt] = [192, 192],  # noqa: B006 - only read
        num_samples: PositiveInt = 16,
        activation: ActivationName = "relu",
    ) -> None:
        super().__init__()
        self.latent_shape, self.condition_dim, self.num_samples = tuple(latent_shape), condition_dim, num_samples
        size = math.prod(latent_shape)
        self.widest = max(2 * size, *widths) if widths else 2 * size
        options = BlockOptions(activation, condition_dim=condition_dim)
        self.encoder, self.decoder = (Correction(size, out, widths, options) for out in (2 * size, size))
        self.log_gamma = nn.Parameter(torch.tensor(math.log(_FIRST)))
        self.register_buffer("location", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))
        # Not `torch.eye`, which loads torch's compiler on the meta device, where models are built to be loaded.
        self._begin(torch.ones(size, dtype=torch.float64).diag())

    @property
    def gamma(self) -> Tensor:
        """γ, the deviation of the noise that is added to m(u), in units of the latents' deviations."""
        log_gamma: Tensor = _AtLeast.apply(self.log_gamma, math.log(_SMALLEST))
        return log_gamma.exp()

    def forward(self, inference: Inference | None = None) -> TwoStageDistribution:
        """Return p(z) with batch shape (), or p(z|y) with batch shape (B,)."""
        condition = inference.condition if inference is not None and self.condition_dim else None
        return TwoStageDistribution(self, condition)

    @torch.no_grad()
    def fit(self, latents: Tensor, labels: Tensor | None = None) -> bool:
        """Initialise the best linear VAE of the latents (N, *latent_shape); corrections are trained by gradients."""
        points = latents.flatten(1).double()
        self.location.copy_(points.mean(0))
        self.scale.copy_(spread(points))
        standardised = (points - self.location) / self.scale
        self._begin((standardised.T @ standardised / len(points)).cpu())
        return False

    def fit_loss(self, inference: Inference, z: Tensor) -> Tensor:
        """Return the mean of −ELBO of the second VAE in nats, with one draw of u for each latent (K, B, *event)."""
        p = inference.prior
        assert isinstance(p, TwoStageDistribution)
        return -p.elbo(z).mean()

    @classmethod
    def fit_defaults(cls, examples: int, batch_size: int | None = None) -> Mapping[str, Any]:
        """Return about 3,000 steps, or 500 passes over few examples."""
        return enough_steps(examples, 3000, batch_size=256, lr=2e-3, chosen=batch_size)

    @torch.no_grad()
    def _begin(self, covariance: Tensor) -> None:
        """Set the linear maps to those of the best linear VAE of centred latents with a covariance (d, d)."""
        variances, axes = torch.linalg.eigh(covariance)
        gamma_squared = _FIRST**2 * float(variances.clamp_min(0).mean().clamp_min(1e-8))
        kept = (variances - gamma_squared).clamp_min(0)
        self.log_gamma.fill_(0.5 * math.log(gamma_squared))
        # z = A u + γ ε with A = axes · diag(√kept), so that q(u|z) is diagonal: variance γ² / (kept + γ²).
        self.decoder.linear.weight.copy_(axes * kept.sqrt())
        log_deviation = 0.5 * (gamma_squared / (kept + gamma_squared)).log()
        size = len(variances)
        self.encoder.linear.weight.zero_()[:size].copy_((axes * kept.sqrt() / (kept + gamma_squared)).T)
        self.encoder.linear.bias.zero_()[size:].copy_(log_deviation)
        self.decoder.linear.bias.zero_()


class _AtLeast(torch.autograd.Function):
    """A lower limit: below it, the gradient passes only if descent raises the value.

    With a gradient of 0, the value would stay below the limit. If the gradient always passed, the value could drift far
    below the limit, and would take long to return.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(value: Tensor, least: float) -> Tensor:
        return value.clamp_min(least)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float], output: Tensor) -> None:
        value, least = inputs
        ctx.save_for_backward(value >= least)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        (above,) = ctx.saved_tensors
        return torch.where(above | (gradient < 0), gradient, 0.0), None


class Correction(nn.Module):
    """A linear map plus the output of a network, which is initialised as zero."""

    def __init__(self, inputs: int, outputs: int, widths: list[int], options: BlockOptions) -> None:
        super().__init__()
        self.linear = Head(inputs, outputs)
        self.hidden: Chain | None = None
        if widths:
            self.hidden = linear_chain(inputs, widths, 1, options)
            self.output = Head(widths[-1], outputs)
            nn.init.zeros_(self.output.weight)
            nn.init.zeros_(self.output.bias)

    def forward(self, h: Tensor, condition: Tensor | None = None) -> Tensor:
        """Map (N, inputs) to (N, outputs), in float32 or better."""
        mapped: Tensor = self.linear(h)
        if self.hidden is None:
            return mapped
        # A model in 16 bits computes hidden layers in 16 bits, and densities in float32.
        return mapped + self.output(self.hidden(h.to(self.output.weight.dtype), condition))


class TwoStageDistribution(ConditionedDistribution):
    """The distribution of z = location + scale · (m(u) + γ ε), where u and ε are Gaussian.

    Args:
        prior: provides the networks.
        condition: (B, condition_dim), or None.
    """

    def __init__(self, prior: TwoStage, condition: Tensor | None) -> None:
        super().__init__(prior.latent_shape, condition)
        self.prior = prior

    @torch.no_grad()
    def sample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draw (*sample_shape, *batch, *event)."""
        prior, shape = self.prior, torch.Size(sample_shape) + self.batch_shape
        scale = at_least_float32(prior.scale)
        u = torch.randn(shape.numel(), len(scale), dtype=scale.dtype, device=scale.device)
        noise = torch.randn_like(u)
        mean = self._apply(prior.decoder, u, self.condition_of_rows(shape))
        return (prior.location + scale * (mean + prior.gamma * noise)).reshape(shape + self.event_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return an estimate of log p(z), (*S, *batch) nats: log of the mean of p(z, u) / q(u|z) over draws of u."""
        count = self.prior.num_samples
        # Blocks limit the memory: each latent has one row for each draw.
        rows = max(1, _LARGEST // (count * self.prior.widest))
        y, rows_of_condition, lead = self._standardised(value)
        conditions = [None] * -(-len(y) // rows) if rows_of_condition is None else rows_of_condition.split(rows)
        estimates = []
        for part, condition in zip(y.split(rows), conditions, strict=True):
            mean, log_deviation = self._apply(self.prior.encoder, part, condition).chunk(2, -1)
            noise = torch.randn(count, *mean.shape, dtype=mean.dtype, device=mean.device)
            u = mean + log_deviation.exp() * noise
            log_q = (-0.5 * noise.square() - log_deviation - _HALF_LOG_TAU).sum(-1)
            log_u = (-0.5 * u.square() - _HALF_LOG_TAU).sum(-1)
            repeated = None if condition is None else condition.expand(count, *condition.shape).flatten(0, 1)
            log_z = self._log_likelihood(part, u.flatten(0, 1), repeated)
            estimates.append((log_z + log_u - log_q).logsumexp(0) - math.log(count))
        return (torch.cat(estimates) - self._log_volume()).reshape(lead)

    def elbo(self, value: Tensor) -> Tensor:
        """Return the evidence lower bound on log p(z), (*S, *batch) nats, from one draw of u for each latent."""
        y, condition, lead = self._standardised(value)
        mean, log_deviation = self._apply(self.prior.encoder, y, condition).chunk(2, -1)
        u = mean + log_deviation.exp() * torch.randn_like(mean)
        kl = 0.5 * (mean.square() + (2 * log_deviation).exp() - 1).sum(-1) - log_deviation.sum(-1)
        return (self._log_likelihood(y, u, condition)[0] - kl - self._log_volume()).reshape(lead)

    def _log_likelihood(self, y: Tensor, u: Tensor, condition: Tensor | None) -> Tensor:
        """Return log N(y; m(u), γ² I), (K, N), of standardised latents (N, d) and second latents (K·N, d)."""
        gamma = at_least_float32(self.prior.gamma)
        mean = self._apply(self.prior.decoder, u, condition).view(-1, *y.shape)
        return (-0.5 * ((y - mean) / gamma).square() - _HALF_LOG_TAU).sum(-1) - y.shape[-1] * gamma.log()

    def _standardised(self, value: Tensor) -> tuple[Tensor, Tensor | None, torch.Size]:
        """Return latents as rows (N, d), the condition of each row or None, and the shape of the densities."""
        lead = value.shape[: value.ndim - len(self.event_shape)]
        scale = at_least_float32(self.prior.scale)
        y = (value.reshape(-1, len(scale)) - self.prior.location) / scale
        return y, self.condition_of_rows(lead), lead

    def _log_volume(self) -> Tensor:
        """Return the log of the factor by which standardising shrinks a volume."""
        return at_least_float32(self.prior.scale).log().sum()

    def _apply(self, network: Correction, rows: Tensor, condition: Tensor | None) -> Tensor:
        with full_precision(rows):
            mapped: Tensor = network(rows, condition)
        return mapped


_HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)
