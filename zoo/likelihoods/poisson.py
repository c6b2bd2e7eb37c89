"""The likelihood of counts."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.distributions import Distribution, constraints

from zoo.likelihoods._counting import CountLikelihood, Library, poisson_log_prob
from zoo.likelihoods._parameters import Shape
from zoo.registry import register


class PoissonCounts(Distribution):
    """Poisson counts from the logarithm of their rates, accurate for large counts and finite for tiny rates."""

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {"log_rate": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(self, log_rate: Tensor) -> None:
        self.log_rate = log_rate
        super().__init__(log_rate.shape, validate_args=False)

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> PoissonCounts:
        """Return the same distributions with a larger batch shape."""
        return PoissonCounts(self.log_rate.expand(batch_shape))

    @property
    def mean(self) -> Tensor:
        """The rate μ."""
        return self.log_rate.exp()

    @property
    def variance(self) -> Tensor:
        """The rate μ."""
        return self.log_rate.exp()

    def log_prob(self, value: Tensor) -> Tensor:
        """Return x log μ − μ − log x! for each count, in nats."""
        return poisson_log_prob(value, self.log_rate)

    @torch.no_grad()
    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Draw counts."""
        return torch.poisson(self.mean.expand(self._extended_shape(sample_shape)))


@register("likelihood", "poisson")
class Poisson(CountLikelihood):
    r"""Independent Poisson counts, log p(x|z) = Σ x log μ(z) − μ(z) − log x!.

    Choose it for counts whose variance is about equal to their mean. Most real counts vary more: see
    ``negative_binomial``.

    Args:
        size: the mean count of a value at the raw parameter 0; set it near the mean of the data.
        library: ``none``: the decoder returns the rates, μ = size · softplus(raw + const). ``observed``: it returns
            shares, μ = l · softmax(raw), where l is the total of the example (the library size of sequencing data), and
            log p(x|z, l) is given l. Means and draws, which have no data, use l = ``size`` times the number of values.

    Source:
        Lopez et al. (2018), Deep Generative Modeling for Single-Cell Transcriptomics (``observed``).
        https://doi.org/10.1038/s41592-018-0229-2

    Example:
        >>> p = Poisson(data_shape=(3,), size=2.0)(torch.zeros(1, 3))
        >>> p.mean, p.log_prob(torch.tensor([[0.0, 0.0, 0.0]]))
        (tensor([[2., 2., 2.]]), tensor([-6.]))
    """

    def __init__(
        self,
        *,
        data_shape: tuple[int, ...],
        size: Annotated[float, Field(gt=0)] = 1.0,
        library: Library = "none",
    ) -> None:
        super().__init__(data_shape, size, library)

    def counts(self, log_rate: Tensor, others: tuple[Tensor, ...]) -> PoissonCounts:
        """Return Poisson counts with these rates."""
        return PoissonCounts(log_rate)
