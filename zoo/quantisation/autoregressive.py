"""Distributions over grids of codes, one code after the other: p(k) = Π_i p(k_i | k_<i, condition)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.distributions import Distribution, constraints

from zoo.errors import InputError
from zoo.quantisation.distributions import CodeVectors, Shape
from zoo.utils.precision import at_least_float32

if TYPE_CHECKING:
    from zoo.posteriors import Quantiser


class AutoregressiveNetwork(nn.Module, ABC):
    """Maps codes to the logits of each code given those before it, in the order of the flattened grid.

    Attributes:
        codes: K.
        places: n, number of places of the grid.
    """

    codes: int
    places: int

    @abstractmethod
    def forward(self, indices: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return logits (N, n, K) for codes (N, n) and conditions (N, condition_dim) or none."""

    def generate(
        self, count: int, condition: Tensor | None, choose: Callable[[Tensor], Tensor], device: torch.device
    ) -> Tensor:
        """Return codes (count, n), where ``choose`` maps logits (count, K) to the next code of each, (count,).

        It takes n passes. A network that can reuse computations for earlier places overrides this method.
        """
        indices = torch.zeros(count, self.places, dtype=torch.long, device=device)
        for place in range(self.places):
            indices[:, place] = choose(self(indices, condition)[:, place])
        return indices


class AutoregressiveCodes(Distribution):
    """A distribution over grids of code numbers, with conditional distributions from a network.

    Args:
        network: returns the logits.
        grid: shape of the grid.
        condition: (B, condition_dim) for the batch shape (B,); None for the batch shape ().
        temperature: what logits are divided by; below 1, draws are more probable and less varied.
        top_k: how many codes are possible at each place, the most probable ones; None: all.

    Source:
        van den Oord, Kalchbrenner & Kavukcuoglu (2016), Pixel Recurrent Neural Networks, equation 1.
        https://arxiv.org/abs/1601.06759
        Fan, Lewis & Dauphin (2018), Hierarchical Neural Story Generation, section 5.4 (top k).
        https://arxiv.org/abs/1805.04833
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(
        self,
        network: AutoregressiveNetwork,
        grid: tuple[int, ...],
        condition: Tensor | None = None,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
    ) -> None:
        self.network, self.condition = network, condition
        self.temperature, self.top_k = _checked(temperature, top_k)
        batch = () if condition is None else condition.shape[:-1]
        super().__init__(torch.Size(batch), torch.Size(grid), validate_args=False)

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> Distribution:
        """Return the same distribution with a larger batch shape; without a condition it has none to expand."""
        if self.condition is None:
            return self
        condition = self.condition.expand(*batch_shape, -1)
        return AutoregressiveCodes(
            self.network, self.event_shape, condition, temperature=self.temperature, top_k=self.top_k
        )

    def tempered(self, temperature: float = 1.0, top_k: int | None = None) -> AutoregressiveCodes:
        """Return the distribution with another temperature, limited to the ``top_k`` most probable codes."""
        return AutoregressiveCodes(self.network, self.event_shape, self.condition, temperature=temperature, top_k=top_k)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log p(k) in nats, (*batch), of code numbers (*batch, *grid)."""
        batch = value.shape[: value.ndim - len(self.event_shape)]
        indices = value.reshape(-1, self.network.places)
        logits = self._limited(self.network(indices, self._condition_of(batch)))
        chosen = logits.log_softmax(-1).gather(-1, indices[..., None]).squeeze(-1)
        return chosen.sum(-1).reshape(batch)

    @torch.no_grad()
    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Draw code numbers (*sample_shape, *batch, *grid), one place after the other."""
        shape = self._extended_shape(torch.Size(sample_shape))
        batch = shape[: len(shape) - len(self.event_shape)]
        device = next(self.network.parameters()).device
        was_training = self.network.training
        # Dropout is for training only: with it, each place of a draw would have a different distribution.
        self.network.eval()
        try:
            indices = self.network.generate(math.prod(batch), self._condition_of(batch), self._choose, device)
        finally:
            self.network.train(was_training)
        return indices.reshape(shape)

    def _condition_of(self, batch: torch.Size) -> Tensor | None:
        if self.condition is None:
            return None
        return rearrange(self.condition.expand(*batch, -1), "... d -> (...) d") if batch else self.condition[None]

    def _choose(self, logits: Tensor) -> Tensor:
        probabilities = self._limited(logits).softmax(-1)
        return torch.multinomial(probabilities, 1).squeeze(-1)

    def _limited(self, logits: Tensor) -> Tensor:
        """Return logits (…, K) at the temperature, −∞ for all but the ``top_k`` largest."""
        logits = at_least_float32(logits)
        if self.temperature != 1:
            logits = logits / self.temperature
        if self.top_k is None or self.top_k >= logits.shape[-1]:
            return logits
        top = logits.topk(self.top_k, dim=-1)
        return torch.full_like(logits, -math.inf).scatter(-1, top.indices, top.values)


class AutoregressiveVectors(CodeVectors):
    """The vectors of codes that are drawn one after the other.

    Attributes:
        codes: the distribution over grids of code numbers.

    Example:
        >>> import zoo
        >>> model = zoo.build("vqvae-conv-16d", data_shape=(1, 8, 8), fitted_prior="pixelcnn")
        >>> prior = model.inference(fitted=True).prior
        >>> model.sample(3, latents=prior.tempered(0.8, top_k=10)).shape
        torch.Size([3, 1, 8, 8])
    """

    codes: AutoregressiveCodes

    def __init__(self, codes: AutoregressiveCodes, quantiser: Quantiser) -> None:
        super().__init__(codes, quantiser)

    def tempered(self, temperature: float = 1.0, top_k: int | None = None) -> AutoregressiveVectors:
        """Return the distribution with another temperature, limited to the ``top_k`` most probable codes.

        The densities are those of the tempered draws.

        Args:
            temperature: what logits are divided by; below 1, draws are more probable and less varied.
            top_k: how many codes are possible at each place; None: all.

        Raises:
            InputError: the temperature is not positive, or ``top_k`` is less than 1.
        """
        return AutoregressiveVectors(self.codes.tempered(temperature, top_k), self.quantiser)


def _checked(temperature: float, top_k: int | None) -> tuple[float, int | None]:
    if not (temperature > 0 and math.isfinite(temperature)):
        raise InputError(f"expected a positive number, got {temperature!r}", where="temperature")
    if top_k is not None and top_k < 1:
        raise InputError(f"expected a whole number of at least 1, got {top_k!r}", where="top_k")
    return float(temperature), top_k
