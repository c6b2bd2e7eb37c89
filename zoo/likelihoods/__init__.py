"""Likelihoods: raw parameters become p(x|z), a distribution over data."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent

from zoo.errors import ComponentError, DataError
from zoo.likelihoods._support import Support, ends_at

__all__ = ["Likelihood", "Support"]


class Likelihood(nn.Module, ABC):
    """Turns the output of a decoder into a distribution with the data's event shape.

    Extend it and register the class to add a likelihood. Its constructor is keyword-only and asks for ``data_shape``;
    everything else is an option of the recipe, with a type and a default. A class whose distribution is not an
    ``Independent`` also overrides :meth:`log_prob`, so that data may have missing values.

    Attributes:
        support: the values that the data may have.
        discrete: whether log p(x|z) is the log-probability of x rather than a log-density. Then −log₂ p(x|z) is the
            length of a code for x.

    Example:
        >>> from torch.distributions import Exponential
        >>> class Waiting(Likelihood):
        ...     support = Support(low=0)
        ...     def __init__(self, *, data_shape: tuple[int, ...]) -> None:
        ...         super().__init__(data_shape)
        ...     def forward(self, raw):
        ...         return Independent(Exponential(raw.exp()), len(self.data_shape))
        >>> likelihood, x = Waiting(data_shape=(3,)), torch.tensor([[1.0, 2.0, 4.0]])
        >>> p = likelihood(torch.zeros(1, 3))
        >>> likelihood.log_prob(p, x), likelihood.log_prob(p, x, torch.tensor([[True, False, True]]))
        (tensor([-7.]), tensor([-5.]))
    """

    support: Support = Support()
    discrete: bool = False

    def __init__(self, data_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.data_shape = tuple(data_shape)

    @property
    def parameter_shape(self) -> tuple[int, ...]:
        """Shape of the raw parameters of one example; that of the data unless a likelihood needs more."""
        return self.data_shape

    @property
    def exact_support(self) -> Support:
        """The data for which :meth:`log_prob` is exact; by default the support."""
        return self.support

    @abstractmethod
    def forward(self, raw: Tensor) -> Distribution:
        """Map raw parameters (*batch, *parameter_shape) to p(x|z) with event shape ``data_shape``."""

    def log_prob(self, p: Distribution, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return log p(x|z) in nats; with a mask, that of the observed values only.

        Args:
            p: a distribution that this likelihood returned.
            x: (B, *data_shape). Unobserved values are ignored; they may be NaN.
            mask: (B, *data_shape) bool, True where a value was observed; None: all values were observed.

        Raises:
            ComponentError: values of the distribution depend on each other, so none can be left out.
        """
        if mask is None:
            log_prob: Tensor = p.log_prob(x)
            return log_prob
        if not isinstance(p, Independent):
            raise ComponentError(
                f"the likelihood {type(self).__name__} cannot leave out missing values",
                where="model.likelihood",
                remedy="Use data without missing values, or a likelihood such as `gaussian`.",
            )
        return masked_sum(p.base_dist.log_prob(observed(x, mask)), mask, len(self.data_shape))

    def log_prob_by_value(self, p: Distribution, x: Tensor, mask: Tensor | None = None) -> Tensor | None:
        """Return the contribution of each value to log p(x|z), (*batch, *data_shape) nats; None if inseparable.

        It shows which pixels or columns make an example improbable. The sum over an example is :meth:`log_prob`;
        unobserved values contribute 0.

        Args:
            p: a distribution that this likelihood returned.
            x: (B, *data_shape).
            mask: (B, *data_shape) bool, True where a value was observed; None: all were.

        Example:
            >>> from zoo.likelihoods.bernoulli import Bernoulli
            >>> likelihood, x = Bernoulli(data_shape=(2,)), torch.tensor([[1.0, 0.0]])
            >>> likelihood.log_prob_by_value(likelihood(torch.tensor([[0.0, 3.0]])), x)
            tensor([[-0.6931, -3.0486]])
        """
        if not isinstance(p, Independent):
            return None
        log_probs: Tensor = p.base_dist.log_prob(x if mask is None else observed(x, mask))
        dims = len(self.data_shape)
        if log_probs.shape[log_probs.ndim - dims :] != self.data_shape:
            return None
        return log_probs if mask is None else torch.where(mask, log_probs, 0.0)

    def is_exact(self, x: Tensor) -> bool:
        """Return whether log p(x|z) is the exact log-density or log-probability of these data.

        NaN is a missing value, which has no density.
        """
        return bool((self.exact_support.contains(x) | x.isnan()).all())

    def is_code_length(self, x: Tensor) -> bool:
        """Return whether −log₂ p(x|z) is a code length of these data in bits: bits per dimension are then meaningful.

        It is not a code length for data with missing values, because not every value is encoded.
        """
        return self.discrete and self.is_exact(x) and not bool(x.isnan().any())

    def caution(self, x: Tensor) -> str | None:
        """Return a note on the meaning of log-densities of data such as ``x``, or None if they are exact."""
        return None

    def check_range(self, data_range: tuple[float, float] | None, where: str = "data.scale") -> None:
        """Check that the range of the data lies in the support.

        Args:
            data_range: smallest and largest value that the data may take; None: not known.

        Raises:
            DataError: it does not; the message says how to scale the data.
        """
        low, high = self.support.low, self.support.high
        if data_range is None and high == float("inf"):
            return
        if data_range is None or data_range[0] < low or data_range[1] > high:
            found = "data without a stated range" if data_range is None else f"data in {ends_at(*data_range)}"
            remedy = "Use `scale: unit` for images, or the `gaussian` likelihood."
            if data_range is None:
                remedy = "State the range of what `arrays` store, `data.value_range: [0, 1]` or [0, 255], or use the "
                remedy += "`gaussian` likelihood."
            raise DataError(
                f"the likelihood {type(self).__name__} expects data in {ends_at(low, high)}, got {found}",
                where=where,
                remedy=remedy,
            )

    def check_values(self, x: Tensor, mask: Tensor | None = None, where: str = "x") -> None:
        """Check that all values of the data lie in the support.

        Args:
            x: (B, *data_shape).
            mask: (B, *data_shape) bool, True where a value was observed; None: all values were observed.

        Raises:
            DataError: one does not; the message names a value.
        """
        inside = self.support.contains(x)
        if mask is not None:
            inside = inside | ~mask
        if not bool(inside.all()):
            raise DataError(
                f"the likelihood {type(self).__name__} expects {self.support}, got {x[~inside][0].item():g}",
                where=where,
                remedy="Scale the data as in training (`data.scale`), or choose a likelihood that takes such values.",
            )


def observed(x: Tensor, mask: Tensor) -> Tensor:
    """Replace unobserved values by zero, so that NaN does not affect the loss or its gradient."""
    return torch.where(mask, x, 0.0)


def masked_sum(log_probs: Tensor, mask: Tensor | None, event_dims: int) -> Tensor:
    """Return the sum of log-probabilities over the last ``event_dims`` dimensions, of those that the mask keeps.

    Example:
        >>> masked_sum(torch.tensor([[-1.0, -2.0]]), torch.tensor([[True, False]]), 1)
        tensor([-1.])
    """
    kept = log_probs if mask is None else torch.where(mask, log_probs, 0.0)
    return kept.flatten(-event_dims).sum(-1)
