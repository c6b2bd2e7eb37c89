"""A prior of any shape: a Gaussian that is transformed by invertible maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.distributions import Normal

from zoo.divergences import StandardNormal
from zoo.nn.flows.distributions import Bijection, FlowDistribution, Inverse
from zoo.nn.flows.elementwise import Affine, Spline
from zoo.nn.flows.masked import Autoregressive
from zoo.nn.layers.activations import ActivationName
from zoo.priors import FittablePrior
from zoo.priors._fitting import enough_steps, spread
from zoo.registry import register
from zoo.utils.precision import at_least_float32

if TYPE_CHECKING:
    from zoo.model.inference import Inference


class Standardise(nn.Module):
    """The map (z − location) / scale of each variable, initialised as the identity."""

    def __init__(self, variables: int) -> None:
        super().__init__()
        self.location, self.log_scale = (nn.Parameter(torch.zeros(variables)) for _ in range(2))

    def forward(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return standardised variables and the log-determinant."""
        location, log_scale = at_least_float32(self.location), at_least_float32(self.log_scale)
        return (z - location) * torch.exp(-log_scale), -log_scale.sum()

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the variables and the log-determinant."""
        location, log_scale = at_least_float32(self.location), at_least_float32(self.log_scale)
        return y * log_scale.exp() + location, log_scale.sum()


@register("prior", "flow")
class Flow(FittablePrior):
    r"""Flow prior: log p(z) = log N(f(z); 0, I) + log \|det f′(z)\| with an invertible network f that is learned.

    Choose it if the latents have curved or clustered shapes for which a mixture of Gaussians would need many
    components. As ``prior`` it is trained with the model; as ``fitted_prior`` it is fitted to the latents of a trained
    model, which often corrects the samples of an autoencoder. In a model with classes it is p(z|y).

    With the structure ``autoregressive``, a density takes one pass and a draw takes d. With ``coupling``, which changes
    only half of the variables in each step, a draw takes two. The transform ``affine`` shifts and scales a variable
    given others; with ``spline`` it can have any number of modes.

    Args:
        structure: ``autoregressive`` or ``coupling``: the dependence between variables.
        transform: ``affine`` or ``spline``: the map of a single variable.
        steps: number of maps; the order of the variables is reversed from one to the next.
        widths: units of the hidden layers of each map's network; [] makes the parameters linear in the variables.
        bins: pieces of a spline.
        activation: the nonlinearity after each hidden layer.

    Source:
        Papamakarios, Pavlakou & Murray (2017), Masked Autoregressive Flow for Density Estimation.
        https://arxiv.org/abs/1705.07057
        Dinh, Sohl-Dickstein & Bengio (2017), Density Estimation Using Real NVP. https://arxiv.org/abs/1605.08803
        Durkan et al. (2019), Neural Spline Flows. https://arxiv.org/abs/1906.04032
        Chen et al. (2017), Variational Lossy Autoencoder, section 3.2 (as a prior). https://arxiv.org/abs/1611.02731

    Example:
        >>> import torch, zoo
        >>> model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), prior={"name": "flow", "transform": "spline"})
        >>> model.prior.log_prob(torch.zeros(5, 2)).shape
        torch.Size([5])
    """

    zero: Tensor

    def __init__(
        self,
        *,
        latent_dim: int,
        condition_dim: int,
        structure: Literal["autoregressive", "coupling"] = "autoregressive",
        transform: Literal["affine", "spline"] = "affine",
        steps: PositiveInt = 4,
        widths: list[PositiveInt] = [64],  # noqa: B006 - only read
        bins: Annotated[int, Field(ge=1, le=200)] = 8,
        activation: ActivationName = "relu",
    ) -> None:
        super().__init__()
        self.condition_dim = condition_dim
        self.standardise = Standardise(latent_dim)
        natural = list(range(latent_dim))
        self.steps = nn.ModuleList(
            Autoregressive(
                latent_dim,
                widths,
                Affine() if transform == "affine" else Spline(bins),
                context_dim=condition_dim,
                order=natural if step % 2 == 0 else natural[::-1],
                groups=2 if structure == "coupling" else None,
                activation=activation,
            )
            for step in range(steps)
        )
        self.register_buffer("zero", torch.zeros(latent_dim), persistent=False)

    def forward(self, inference: Inference | None = None) -> FlowDistribution:
        """Return p(z) with event shape (latent_dim,), or p(z|y) with batch shape (B,)."""
        # The maps go from z to the noise, so a density takes one pass.
        to_noise = cast("list[Bijection]", [self.standardise, *self.steps])
        zero = at_least_float32(self.zero)
        context = inference.condition if inference is not None and self.condition_dim else None
        if context is not None:
            zero = zero.expand(len(context), -1)
        base = StandardNormal(Normal(zero, torch.ones_like(zero), validate_args=False), 1, validate_args=False)
        return FlowDistribution(base, [Inverse(each) for each in reversed(to_noise)], context)

    @torch.no_grad()
    def fit(self, latents: Tensor, labels: Tensor | None = None) -> bool:
        """Initialise the location and the scale by the latents (N, d); the maps are trained by gradients."""
        latents = at_least_float32(latents)
        self.standardise.location.copy_(latents.mean(0))
        self.standardise.log_scale.copy_(spread(latents).log())
        return False

    @classmethod
    def fit_defaults(cls, examples: int, batch_size: int | None = None) -> Mapping[str, Any]:
        """Return about 3,000 steps, or 500 passes over few examples."""
        return enough_steps(examples, 3000, batch_size=256, lr=2e-3, chosen=batch_size)
