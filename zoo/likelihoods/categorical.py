"""The likelihood of data with levels or categories, each of which has a probability."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.distributions import Distribution, Independent, constraints

from zoo.errors import ComponentError, DataError
from zoo.likelihoods import Likelihood, Support, masked_sum, observed
from zoo.likelihoods._levels import Levels
from zoo.likelihoods._parameters import Shape, blocks, times_channels
from zoo.registry import register
from zoo.utils.precision import at_least_float32


class CategoricalLevels(Distribution):
    """Values with a probability each.

    Args:
        logits: (*batch, n) of the levels.
        levels: the n values.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {"log_probs": constraints.real_vector}

    def __init__(self, logits: Tensor, levels: Levels) -> None:
        self.log_probs, self.levels = logits.log_softmax(-1), levels
        super().__init__(logits.shape[:-1], validate_args=False)

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> CategoricalLevels:
        """Return the same distributions with a larger batch shape."""
        return CategoricalLevels(self.log_probs.expand(*batch_shape, -1), self.levels)

    @property
    def _values(self) -> Tensor:
        numbers = torch.arange(self.levels.count, dtype=self.log_probs.dtype, device=self.log_probs.device)
        return self.levels.value(numbers)

    @property
    def mean(self) -> Tensor:
        """The expected value, in units of the data."""
        return self.log_probs.exp() @ self._values

    @property
    def variance(self) -> Tensor:
        """The variance of the value, in units of the data squared."""
        return (self.log_probs.exp() * (self._values - self.mean.unsqueeze(-1)).square()).sum(-1)

    @property
    def mode(self) -> Tensor:
        """The most probable value."""
        return self.levels.value(self.log_probs.argmax(-1).to(self.log_probs.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-probability of each value, in nats."""
        number = self.levels.number(value).long()
        shape = torch.broadcast_shapes(number.shape, self.batch_shape)
        log_probs = self.log_probs.expand(*shape, -1)
        return log_probs.gather(-1, number.expand(shape).unsqueeze(-1)).squeeze(-1)

    @torch.no_grad()
    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Draw values of the data."""
        numbers = torch.distributions.Categorical(logits=self.log_probs).sample(torch.Size(sample_shape))
        return self.levels.value(numbers.to(self.log_probs.dtype))


class OneHotCategories(Distribution):
    """Vectors of zeros with a one at the category, along the first axis of an example.

    Args:
        logits: (*batch, n, …) of the categories.
        event_dims: axes of an example.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {"log_probs": constraints.real}

    def __init__(self, logits: Tensor, event_dims: int) -> None:
        self.axis = -event_dims
        self.log_probs = logits.log_softmax(self.axis)
        super().__init__(logits.shape[:-event_dims], logits.shape[-event_dims:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The probabilities, (*batch, n, …)."""
        return self.log_probs.exp()

    @property
    def variance(self) -> Tensor:
        """π (1 − π) of each entry."""
        return self.mean * (1 - self.mean)

    def log_prob(self, value: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the log-probability of each example, in nats; a category is observed if all of its entries are."""
        if mask is not None:
            mask = mask.all(self.axis, keepdim=True).expand(mask.shape)
            value = observed(value, mask)
        return masked_sum(self.log_probs * value, mask, len(self.event_shape))

    @torch.no_grad()
    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Draw one-hot vectors."""
        logits = self.log_probs.movedim(self.axis, -1)
        drawn = torch.distributions.OneHotCategorical(logits=logits).sample(torch.Size(sample_shape))
        return drawn.movedim(-1, self.axis)


@register("likelihood", "categorical")
class Categorical(Likelihood):
    r"""Independent values with n levels or categories, log p(x|z) = Σ log softmax(raw)_x.

    Choose it for categories, and for grey levels whose distribution may have any shape. The decoder returns n logits
    for each value: with 256 levels it needs an efficient decoder such as ``conv``. ``discretised_logistic`` and
    ``beta_binomial`` have only a few parameters for each value.

    Args:
        levels: n.
        values: the values of the levels in the data. ``unit``: 0, 1/(n−1), …, 1, as images scaled to [0, 1]. ``whole``:
            0, 1, …, n−1. ``one_hot``: a single 1 among zeros along the first axis of an example, whose length is the
            number of categories, ``levels``.

    Raises:
        ComponentError: with ``one_hot``, the first axis of the data is shorter than 2, or not ``levels`` long.

    Source:
        van den Oord, Kalchbrenner & Kavukcuoglu (2016), Pixel Recurrent Neural Networks, section 3.
        https://arxiv.org/abs/1601.06759

    Example:
        >>> p = Categorical(data_shape=(1, 2, 2))(torch.zeros(1, 256, 2, 2))
        >>> -p.log_prob(torch.rand(1, 1, 2, 2)) / 4 / torch.tensor(2.0).log()  # bits for each pixel
        tensor([8.])
    """

    discrete = True

    def __init__(
        self,
        *,
        data_shape: tuple[int, ...],
        levels: Annotated[int, Field(ge=2)] = 256,
        values: Literal["unit", "whole", "one_hot"] = "unit",
    ) -> None:
        super().__init__(data_shape)
        self.levels = None if values == "one_hot" else Levels(levels, values)
        if self.levels is None and self.data_shape[0] != levels:
            raise ComponentError(
                f"expected data of shape ({levels}, …), one place for each category, got {self.data_shape}",
                where="levels",
                remedy=f"Use `levels: {self.data_shape[0]}` for one variable, or `columns` for several.",
            )
        self.support = Support(0.0, 1.0, step=1.0) if self.levels is None else self.levels.support

    @property
    def parameter_shape(self) -> tuple[int, ...]:
        """The data's shape, with ``levels`` times the channels unless the data are one-hot."""
        return self.data_shape if self.levels is None else times_channels(self.data_shape, self.levels.count)

    def forward(self, raw: Tensor) -> Distribution:
        """Map raw parameters (*batch, *parameter_shape) to distributions with event shape ``data_shape``."""
        dims, raw = len(self.data_shape), at_least_float32(raw)
        if self.levels is None:
            return OneHotCategories(raw, dims)
        # The levels come before the data's axes; a distribution has them last.
        logits = blocks(raw, self.levels.count, dims).movedim(-dims - 1, -1)
        return Independent(CategoricalLevels(logits, self.levels), dims, validate_args=False)

    def log_prob(self, p: Distribution, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return log p(x|z) in nats; with a mask, that of the observed values only."""
        return p.log_prob(x, mask) if isinstance(p, OneHotCategories) else super().log_prob(p, x, mask)

    def check_values(self, x: Tensor, mask: Tensor | None = None, where: str = "x") -> None:
        """Check that all values are levels, and that one-hot data have a single 1."""
        super().check_values(x, mask, where)
        if self.levels is None:
            ones = (x if mask is None else observed(x, mask)).sum(1)
            whole = torch.ones_like(ones, dtype=torch.bool) if mask is None else mask.all(1)
            if bool(((ones - 1).abs() > 1e-3)[whole].any()):
                raise DataError(
                    "the likelihood Categorical expects a single 1 among zeros for each variable, got none or several",
                    where=where,
                    remedy="Encode the categories one-hot, or use `values: whole`.",
                )
