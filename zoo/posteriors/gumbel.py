"""Categorical codes, relaxed by Gumbel noise for training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from einops import rearrange
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Independent
from torch.nn import functional as F

from zoo.errors import ComponentError
from zoo.nn.weight import ScheduledWeight
from zoo.posteriors import Head, PosteriorDraw
from zoo.posteriors._quantised import PlaceQuantiser, draw_of_codes, to_vectors
from zoo.quantisation.distributions import CodeVectors, Shape
from zoo.registry import register
from zoo.spec.schedule import NonNegativeWeight, as_schedule
from zoo.utils.precision import full_precision

if TYPE_CHECKING:
    from zoo.model import Model
    from zoo.spec.model import ModelSpec


@register("posterior", "gumbel")
class Gumbel(PlaceQuantiser):
    r"""Independent categorical codes at each place, whose draws are relaxed in training: Gumbel–softmax.

    Choose it for discrete latents with a posterior that is not a point: a code costs fewer nats if it carries less
    information. With the encoder's probabilities π, Gumbel noise g, and the learned vectors e of the codes,

    .. math:: z = Σ_k y_k e_k, \quad y = softmax((log π + g) / τ),

    in training, and z = e_k with k ~ π in evaluation, so that reported bounds are those of the discrete model. The KL
    divergence to the prior ``uniform_codes`` is Σ π log(π K) in closed form. Learn a prior over the codes after
    training, as ``fitted_prior``: relaxed codes have no probability.

    Shapes:
        features (B, C, *places) → z (B, latent_dim, *places), code numbers (B, *places), or (B, variables, *places) for
        more than one variable at each place.

    Args:
        codes: K, values of each variable.
        variables: categorical variables at each place, a divisor of ``latent_dim``; each has its own vectors.
        temperature: τ, a number or a schedule, such as ``{name: exponential, start: 1, end: 0.5, over: {epochs: 10}}``.
        hard: whether training draws discrete codes and relaxes only their gradient (straight-through).

    Raises:
        ComponentError: the variables do not divide the channels evenly; a temperature is not positive; the objective
            or the prior needs the probability of relaxed codes.

    Source:
        Jang, Gu & Poole (2017), Categorical Reparameterization with Gumbel-Softmax, section 2.
        https://arxiv.org/abs/1611.01144
        Maddison, Mnih & Teh (2017), The Concrete Distribution. https://arxiv.org/abs/1611.00712

    Example:
        >>> posterior = Gumbel(feature_shape=(64,), latent_dim=40, codes=10, variables=20)
        >>> q = posterior(torch.randn(5, 64))
        >>> q.rsample().shape, q.codes.sample().shape
        (torch.Size([5, 40]), torch.Size([5, 20]))
    """

    def __init__(
        self,
        *,
        feature_shape: tuple[int, ...],
        latent_dim: int,
        codes: PositiveInt = 64,
        variables: PositiveInt = 1,
        temperature: NonNegativeWeight = 1.0,
        hard: bool = False,
    ) -> None:
        if latent_dim % variables:
            raise ComponentError(f"expected a divisor of latent_dim, {latent_dim}, got {variables}", where="variables")
        schedule = as_schedule(temperature)
        if min(schedule.end, schedule.start if schedule.changes else schedule.end) <= 0:
            raise ComponentError("expected a positive temperature, got 0", where="temperature")
        super().__init__(feature_shape, latent_dim, codes, variables)
        self.head = Head(feature_shape[0], variables * codes)
        self.vectors = nn.Parameter(torch.randn(variables, codes, latent_dim // variables))
        self.temperature, self.hard = ScheduledWeight(temperature), hard

    def check(self, spec: ModelSpec, model: Model) -> None:
        """Check that the loss does not need the probability of relaxed codes, which have none."""
        if model.objective.uses_densities_of_draws:
            raise ComponentError(
                f"objective {spec.objective.name!r} weighs draws by their densities, but in training draws of the "
                "posterior 'gumbel' are relaxed, and have no probability",
                where="model.objective",
                remedy="Use objective `vae` with `kl: auto` and `bound: elbo`.",
            )
        if any(parameter.requires_grad for parameter in model.latent_prior.parameters()):
            raise ComponentError(
                f"the prior {spec.prior.name if spec.prior else None!r} is learned, but in training draws of the "
                "posterior 'gumbel' are relaxed, and have no probability",
                where="model.prior",
                remedy="Use the prior `uniform_codes`, and fit another to the codes afterwards, as `fitted_prior`.",
            )

    def forward(self, h: Tensor) -> CategoricalVectors:
        """Map features (B, C, *places) to categorical codes with batch shape (B,) and event shape (D, *places)."""
        with full_precision(h):
            logits = self.head(to_vectors(h)).reshape(h.shape[0], -1, self.codebooks, self.codes)
            logits = rearrange(logits, "b p m k -> b m p k").reshape(h.shape[0], *self.grid, self.codes)
            is_relaxed = self.training and torch.is_grad_enabled()
            return CategoricalVectors(logits, self, self.temperature.value if is_relaxed else None)

    def mix(self, weights: Tensor) -> Tensor:
        """Return the sums (*S, B, *latent_shape) of the codes' vectors with weights (*S, B, *grid, K)."""
        return self._mixed(weights, self.vectors)

    def mix_squares(self, weights: Tensor) -> Tensor:
        """Return the sums (*S, B, *latent_shape) of the squares of the codes' vectors, element by element."""
        return self._mixed(weights, self.vectors.square())

    def _mixed(self, weights: Tensor, vectors: Tensor) -> Tensor:
        batch = weights.shape[: weights.ndim - len(self.grid) - 1]
        flat = weights.reshape(-1, self.codebooks, self.places, self.codes)
        mixed = torch.einsum("b m p k, m k d -> b m d p", flat, vectors.to(flat.dtype))
        return mixed.reshape(*batch, *self.latent_shape)

    def indices_of(self, vectors: Tensor) -> Tensor:
        """Return the numbers (N, M) of the codes nearest to the vectors (N, D)."""
        groups = rearrange(vectors, "n (m d) -> m n d", m=self.codebooks)
        distances = torch.cdist(groups, self.vectors.to(groups.dtype), compute_mode="donot_use_mm_for_euclid_dist")
        return rearrange(distances.argmin(-1), "m n -> n m")

    def vectors_of(self, indices: Tensor) -> Tensor:
        """Return the vectors (N, D) of code numbers (N, M)."""
        books = torch.arange(self.codebooks, device=indices.device)
        return rearrange(self.vectors[books, indices], "n m d -> n (m d)")


class CategoricalVectors(CodeVectors):
    """The vectors of independent categorical codes, whose draws may be relaxed.

    Attributes:
        codes: the distribution over code numbers.
        temperature: τ of reparameterised draws; None if they are not relaxed.

    Args:
        logits: (B, *grid, K), up to a constant.
    """

    has_rsample = True

    def __init__(self, logits: Tensor, quantiser: Gumbel, temperature: float | Tensor | None = None) -> None:
        independent = RelaxedCodes if temperature is not None else Independent
        self.independent = independent(
            Categorical(logits=logits, validate_args=False), len(quantiser.grid), validate_args=False
        )
        super().__init__(self.independent, quantiser)
        self.gumbel, self.temperature = quantiser, temperature

    @property
    def probabilities(self) -> Tensor:
        """π, (B, *grid, K)."""
        probabilities: Tensor = self.independent.base_dist.probs
        return probabilities

    @property
    def mean(self) -> Tensor:
        """Σ_k π_k e_k, (B, *latent_shape)."""
        return self.gumbel.mix(self.probabilities)

    @property
    def variance(self) -> Tensor:
        """Σ_k π_k e_k² − mean², (B, *latent_shape)."""
        return (self.gumbel.mix_squares(self.probabilities) - self.mean.square()).clamp_min(0)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """Draw vectors (*sample_shape, B, *latent_shape): relaxed in training, of codes in evaluation."""
        return self._draw(torch.Size(sample_shape))[0]

    def draw(self, shape: torch.Size, prior: Distribution) -> PosteriorDraw:
        """Draw vectors together with the code numbers, which have the densities."""
        z, indices = self._draw(shape)
        return draw_of_codes(z, indices, self.codes, prior)

    def _draw(self, shape: torch.Size) -> tuple[Tensor, Tensor]:
        if self.temperature is None:
            indices = self.codes.sample(shape)
            return self.quantiser.embed(indices), indices
        logits: Tensor = self.independent.base_dist.logits
        noise = torch.empty(shape + logits.shape, dtype=logits.dtype, device=logits.device).exponential_().log()
        noisy = logits - noise
        indices, weights = noisy.argmax(-1), (noisy / self.temperature).softmax(-1)
        if self.gumbel.hard:
            one_hot = F.one_hot(indices, self.gumbel.codes).to(weights.dtype)
            weights = one_hot + (weights - weights.detach())
        return self.gumbel.mix(weights), indices


class RelaxedCodes(Independent):
    """Independent categorical codes whose draws are relaxed: KL divergences are defined, but draws have no density."""

    def log_prob(self, value: Tensor) -> Tensor:
        """Raise an error, because a relaxed draw is not a code.

        Raises:
            ComponentError: always.
        """
        raise ComponentError(
            "draws of the posterior 'gumbel' are relaxed in training, and have no probability",
            where="model.posterior",
            remedy="Evaluate densities in evaluation mode, `model.eval()`.",
        )

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> RelaxedCodes:
        """Return the same distribution with a larger batch shape."""
        base = self.base_dist.expand(torch.Size(batch_shape) + self.event_shape)
        return RelaxedCodes(base, len(self.event_shape), validate_args=False)
