"""The variational mixture of posteriors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.distributions import Distribution, constraints

from zoo.divergences import log_prob_of_pairs
from zoo.errors import ComponentError
from zoo.nn.spaces.manifolds import Manifold
from zoo.priors import Prior
from zoo.registry import register

if TYPE_CHECKING:
    from zoo.model.inference import Inference


_LARGEST = 2**24
"""The largest number of values, over pairs of latents and components, that are computed at a time."""


@register("prior", "vamp")
class Vamp(Prior):
    r"""VampPrior: p(z) = (1/K) Σ_k q(z|u_k), the posteriors of K pseudo-inputs that are learned with the model.

    Choose it over ``standard_gaussian`` if the latents of the data are not distributed like a Gaussian: it approximates
    the average of the posteriors over the data, which is the best prior. On static MNIST the paper gains 3 nats. The KL
    divergence is estimated from the draws. Pseudo-inputs stay within the range of the data, if it is known.

    In a model with classes, the label of the k-th pseudo-input is k modulo the number of classes, and p(z|y) is the
    mixture of the posteriors of pseudo-inputs with the label y. With ``conditioned: [encoder, decoder]`` it is one
    mixture of all of them.

    Args:
        components: K, number of pseudo-inputs; at least one for each class.
        spread: standard deviation of the initial pseudo-inputs, before they are mapped into the range of the data.

    Shapes:
        batch shape (), or labels (B,) → batch shape (B,); event shape ``latent_shape``.

    Raises:
        ComponentError: there are fewer pseudo-inputs than classes.

    Source:
        Tomczak & Welling (2018), VAE with a VampPrior, equation 9. https://arxiv.org/abs/1705.07120

    Example:
        >>> import zoo
        >>> model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), prior={"name": "vamp", "components": 20})
        >>> model.prior.sample((3,)).shape
        torch.Size([3, 2])
    """

    needs_density: ClassVar[bool] = True
    manifold: ClassVar[Manifold | None] = None

    def __init__(
        self,
        *,
        data_shape: tuple[int, ...],
        data_range: tuple[float, float] | None,
        classes: int,
        components: PositiveInt = 500,
        spread: float = 1.0,
    ) -> None:
        super().__init__()
        if components < classes:
            raise ComponentError(
                f"expected a pseudo-input for each of the {classes} classes, got {components}",
                where="components",
                remedy="Set more `components`, or `conditioned: [encoder, decoder]`.",
            )
        self.classes = classes
        self.components, self.data_range = components, data_range
        self.raw_inputs = nn.Parameter(spread * torch.randn(components, *data_shape))

    @property
    def pseudo_inputs(self) -> Tensor:
        """The pseudo-inputs u, (K, *data_shape), in the range of the data."""
        if self.data_range is None:
            return self.raw_inputs
        low, high = self.data_range
        return low + (high - low) * self.raw_inputs.sigmoid()

    def forward(self, inference: Inference) -> PosteriorMixture:  # type: ignore[override]
        """Return the mixture, with batch shape () or that of the labels, and event shape ``latent_shape``."""
        inputs, classes = self.pseudo_inputs, inference.model.classes
        own = torch.arange(self.components, device=inputs.device) % (classes or 1)
        labels = own if classes else None

        def encode(chosen: Tensor | slice) -> Distribution:
            return inference.encode(inputs[chosen], None if labels is None else labels[chosen])

        members = None
        if self.classes:
            wanted = inference.labels
            if wanted is None:
                raise ComponentError("the prior of a model with classes needs labels, got none", where="labels")
            members = own == wanted[:, None]
        return PosteriorMixture(encode, self.components, inference.model.latent_shape, members)


class PosteriorMixture(Distribution):
    """A mixture of posteriors with equal weights, or of some of them for each example, which are encoded when needed.

    Args:
        encode: returns q(z|u_k), with batch shape (n,), of the chosen n components.
        components: K.
        latent_shape: event shape.
        members: (B, K) bool, the components of the mixture of each example; None: one mixture of all.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(
        self,
        encode: Callable[[Tensor | slice], Distribution],
        components: int,
        latent_shape: tuple[int, ...],
        members: Tensor | None = None,
    ) -> None:
        self.encode, self.components, self.members = encode, components, members
        self._all: Distribution | None = None
        batch = () if members is None else members.shape[:1]
        super().__init__(torch.Size(batch), torch.Size(latent_shape), validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """Any real values, as one event."""
        return constraints.independent(constraints.real, len(self.event_shape))

    @torch.no_grad()
    def sample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draw (*sample_shape, *batch, *latent_shape): a component for each draw, then a draw of its posterior."""
        shape = torch.Size(sample_shape) + self.batch_shape
        if self.members is None:
            chosen = torch.randint(self.components, (shape.numel(),))
        else:
            weights = self.members.float().expand(*shape, self.components)
            chosen = torch.multinomial(weights.reshape(-1, self.components), 1)[:, 0]
        return self.encode(chosen).sample().reshape(shape + self.event_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log p(z), (*S, *batch), of latents (*S, *batch, *latent_shape)."""
        if self._all is None:
            self._all = self.encode(slice(None))
        lead = value.shape[: value.ndim - len(self.event_shape)]
        flat = value.reshape(-1, *self.event_shape)
        # All pairs of latents and components at once would need too much memory. Diagonal Gaussians need only (B, K)
        # numbers, but larger blocks leave the caches: for 100,000 latents of 40 dimensions and 500 components, 40 times
        # larger ones took two to three times as long.
        rows = max(1, _LARGEST // (self.components * self.event_shape.numel()))
        if self.members is None:
            each = torch.cat([log_prob_of_pairs(self._all, part).logsumexp(-1) for part in flat.split(rows)])
            return each.reshape(lead) - math.log(self.components)
        log_members = torch.where(self.members, 0.0, -math.inf) - self.members.sum(-1, keepdim=True).log()
        parts = zip(flat.split(rows), log_members.expand(*lead, -1).flatten(0, -2).split(rows), strict=True)
        each = torch.cat([(log_prob_of_pairs(self._all, z) + own).logsumexp(-1) for z, own in parts])
        return each.reshape(lead)
