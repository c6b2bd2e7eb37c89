"""Hierarchies of latent variables: one vector [z_L, …, z_1] of levels, each Gaussian given those above it."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal, constraints

from zoo.errors import ComponentError
from zoo.nn.flows.distributions import EstimatedMoments
from zoo.nn.layers.activations import ActivationName
from zoo.nn.layers.blocks import BlockOptions, linear_chain
from zoo.nn.layers.head import Head, positive
from zoo.utils.precision import at_least_float32, full_precision

Choice: TypeAlias = Callable[[int, "Tensor | None", Independent], Independent]
"""Maps the number of a level, the state above it, and p(z_l | z_>l) to the distribution that z_l is drawn from."""


class PathLevel(NamedTuple):
    """A level on the top-down path.

    Attributes:
        q: the distribution that z was drawn from, (*S, *batch).
        p: p(z_l | z_>l), which broadcasts with q.
        z: (*S, *batch, d_l).
        state: (*S, *batch, state_dim) the state that the trunk computed from the levels above; None at the top.
    """

    q: Independent
    p: Independent
    z: Tensor
    state: Tensor | None


class Trunk(nn.Module, ABC):
    """The deterministic top-down path of a hierarchy, which the prior, the posterior and the decoder share.

    Levels are numbered from the top, beginning with 0, and stored in one vector in this order. A state is passed down
    with the latents: state_{l+1} is computed from state_l and z_l. Latents and states are vectors for the other parts,
    even if a trunk treats them as maps.

    Args:
        sizes: length of each level's latents, top first.
        state_dims: length of the state above each level, 0 at the top.
    """

    origin: Tensor

    def __init__(self, sizes: Sequence[int], state_dims: Sequence[int]) -> None:
        super().__init__()
        self.sizes, self.state_dims = tuple(sizes), tuple(state_dims)
        self.register_buffer("origin", torch.zeros(()), persistent=False)

    @abstractmethod
    def step(self, index: int, state: Tensor | None, z: Tensor) -> Tensor:
        """Return the state below a level, (…, state_dim), from the state above it and its latents."""

    @abstractmethod
    def head(self, index: int) -> Head:
        """Return a new layer from the state above a level to the mean and the raw scale of its latents, (…, 2 d_l)."""

    def state(self, z: Tensor) -> Tensor | None:
        """Return the state above the last level, (…, state_dim), of latents (…, d); None if there is one level."""
        state = None
        for index, part in enumerate(z.split(self.sizes, dim=-1)[:-1]):
            state = self.step(index, state, part)
        return state


class TopDownTrunk(Trunk):
    """The top-down path with fully connected networks: state_{l+1} = network([state_l, z_l]).

    Args:
        sizes: length of each level's latents, top first.
        widths: units of the layers of each level's network; the last is the length of the state. With [], the state
            consists of all latents above.
        activation: the nonlinearity after each of them.

    Source:
        Child (2021), Very Deep VAEs Generalize Autoregressive Models, section 4. https://arxiv.org/abs/2011.10650

    Example:
        >>> trunk = TopDownTrunk([2, 4], [16])
        >>> trunk.state_dims, trunk.state(torch.randn(5, 6)).shape
        ((0, 16), torch.Size([5, 16]))
    """

    def __init__(
        self, sizes: Sequence[int], widths: Sequence[int] = (), *, activation: ActivationName = "relu"
    ) -> None:
        above = itertools.accumulate(sizes[:-1], initial=0)
        super().__init__(sizes, [widths[-1] if widths and before else before for before in above])
        self.networks = nn.ModuleList(
            linear_chain(state + size, widths, 1, BlockOptions(activation))
            for state, size in zip(self.state_dims[:-1], self.sizes[:-1], strict=True)
        )

    def step(self, index: int, state: Tensor | None, z: Tensor) -> Tensor:
        """Return the state below a level, (…, state_dim), from the state above it and its latents."""
        inputs = z.to(self.origin.dtype)
        if state is not None:
            inputs = torch.cat([state, inputs], dim=-1)
        output: Tensor = self.networks[index](inputs)
        return output

    def head(self, index: int) -> Head:
        """Return a new layer from the state above a level to the mean and the raw scale of its latents, (…, 2 d_l)."""
        return Head(self.state_dims[index], 2 * self.sizes[index])


class Hierarchy(nn.Module):
    r"""The Gaussians p(z_L) = N(0, I) and p(z_l | z_>l) = N(μ(state_l), diag(σ²(state_l))) along a trunk.

    It is initialised as N(0, I) at every level.

    Args:
        trunk: the networks of the top-down path.
        floor: the smallest σ.

    Source:
        Sønderby et al. (2016), Ladder Variational Autoencoders, section 2. https://arxiv.org/abs/1602.02282

    Example:
        >>> p = TopDownDistribution(Hierarchy(TopDownTrunk([2, 4], [16])))
        >>> z = p.sample((5,))
        >>> z.shape, p.log_prob(z).shape
        (torch.Size([5, 6]), torch.Size([5]))
    """

    def __init__(self, trunk: Trunk, floor: float = 1e-4) -> None:
        super().__init__()
        self.trunk, self.floor = trunk, floor
        heads = [trunk.head(index) for index in range(1, len(trunk.sizes))]
        for head in heads:
            nn.init.zeros_(head.weight)
            half = head.out_features // 2
            nn.init.zeros_(head.bias[:half])
            nn.init.constant_(head.bias[half:], math.log(math.expm1(1 - floor)))
        self.heads = nn.ModuleList(heads)

    def level(self, index: int, state: Tensor | None, like: Tensor) -> Independent:
        """Return p(z_l | z_>l) of a level, with the batch shape of the state; () at the top."""
        if state is None:
            mean = like.new_zeros(self.trunk.sizes[0])
            scale = torch.ones_like(mean)
        else:
            mean, raw_scale = self.heads[index - 1](state).chunk(2, dim=-1)
            scale = positive(raw_scale, self.floor)
        return Independent(Normal(mean, scale, validate_args=False), 1, validate_args=False)

    def descend(self, take: Callable[[int, Independent], Tensor], choose: Choice, like: Tensor) -> Iterator[PathLevel]:
        """Yield each level, top first.

        Args:
            take: maps the number of a level and its distribution to its latents.
            choose: returns the distribution of each level.
            like: a tensor of the type and on the device of the latents.
        """
        state: Tensor | None = None
        last = len(self.trunk.sizes) - 1
        for index in range(last + 1):
            p = self.level(index, state, like)
            q = choose(index, state, p)
            z = take(index, q)
            yield PathLevel(q, p, z, state)
            if index < last:
                state = self.trunk.step(index, state, z)


def hierarchy_of(prior: object, remedy: str | None = None) -> Hierarchy:
    """Return the Gaussians of a hierarchical prior.

    Args:
        remedy: the remedy of the error; default: that of a posterior.

    Raises:
        ComponentError: the prior has none.
    """
    hierarchy = getattr(prior, "hierarchy", None)
    if not isinstance(hierarchy, Hierarchy):
        raise ComponentError(
            f"expected a prior with levels, got {type(prior).__name__}",
            remedy=remedy or "Set `prior: top_down`, or a posterior with one level, such as `diagonal_gaussian`.",
        )
    return hierarchy


class TopDownDistribution(EstimatedMoments):
    """The distribution of the vector [z_L, …, z_1] of a hierarchy, with a density at any z.

    Args:
        hierarchy: the Gaussians of the prior.
        choose: returns the distribution of each level, for a posterior; None: that of the prior.
        like: a tensor with the batch shape, dtype and device of the latents; None: a single distribution.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, hierarchy: Hierarchy, choose: Choice | None = None, like: Tensor | None = None) -> None:
        self.hierarchy, self.choose = hierarchy, choose or (lambda index, state, p: p)
        self.like = at_least_float32(hierarchy.trunk.origin) if like is None else like
        super().__init__(self.like.shape, torch.Size([sum(hierarchy.trunk.sizes)]), validate_args=False)

    def expand(
        self, batch_shape: torch.Size | list[int] | tuple[int, ...], _instance: Distribution | None = None
    ) -> TopDownDistribution:
        """Return the same distributions with a larger batch shape."""
        return TopDownDistribution(self.hierarchy, self.choose, self.like.expand(torch.Size(batch_shape)))

    def descend(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> list[PathLevel]:
        """Draw all levels, top first."""
        lead = self._extended_shape(torch.Size(sample_shape))[:-1]

        def draw(index: int, q: Independent) -> Tensor:
            return q.rsample(lead[: len(lead) - len(q.batch_shape)])

        with full_precision(self.like):
            return list(self.hierarchy.descend(draw, self.choose, self.like))

    def rsample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draw (*sample_shape, *batch, d), with gradients to all parameters."""
        return torch.cat([place.z for place in self.descend(sample_shape)], dim=-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density at any values (…, *batch, d): the sum over the levels."""
        parts = value.split(self.hierarchy.trunk.sizes, dim=-1)
        with full_precision(value):
            places = self.hierarchy.descend(lambda index, q: parts[index], self.choose, value)
            return torch.stack([place.q.log_prob(place.z) for place in places]).sum(0)

    @property
    def noise_dim(self) -> int:
        """The length d of all levels together."""
        return self.event_shape[0]

    def transform_noise(self, noise: Tensor) -> Tensor:
        """Map standard normal numbers (n, 1…, d) to z (n, *batch, d)."""
        parts = noise.to(self.like).split(self.hierarchy.trunk.sizes, dim=-1)

        def place_of(index: int, q: Independent) -> Tensor:
            return q.mean + q.stddev * parts[index]

        lead = (len(noise), *self.batch_shape)
        with full_precision(noise):
            places = self.hierarchy.descend(place_of, self.choose, self.like)
            return torch.cat([place.z.expand(*lead, -1) for place in places], dim=-1)
