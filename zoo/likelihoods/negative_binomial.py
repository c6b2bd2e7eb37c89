"""The likelihood of counts that vary more than their mean."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor

from zoo.likelihoods._counting import CountLikelihood, Library
from zoo.likelihoods._negative_binomial import NegativeBinomialCounts
from zoo.likelihoods._parameters import Mode, PositiveParameter
from zoo.registry import register


@register("likelihood", "negative_binomial")
class NegativeBinomial(CountLikelihood):
    r"""Independent counts with mean μ(z) and variance μ + μ²/θ, the negative binomial distribution.

    log p(x|z) = Σ log Γ(x+θ)/(Γ(θ) x!) + θ log(θ/(θ+μ)) + x log(μ/(θ+μ)). Choose it for counts such as those of
    sequencing or clicks; for θ → ∞ it is ``poisson``. With many more zeros than it expects, choose
    ``zero_inflated_negative_binomial``.

    Args:
        size: the mean count of a value at the raw parameter 0; set it near the mean of the data.
        library: ``none``: the decoder returns the rates, μ = size · softplus(raw + const). ``observed``: it returns
            shares, μ = l · softmax(raw), where l is the total of the example (the library size of sequencing data).
            Means and draws, which have no data, use l = ``size`` times the number of values.
        concentration: θ, the inverse dispersion; the initial value if it is learned.
        concentration_mode: ``fixed``: θ is ``concentration``. ``shared``: one θ, learned. ``per_feature``: one for each
            value of an example, learned. ``per_pixel``: the decoder returns θ(z) for each value.

    Source:
        Lopez et al. (2018), Deep Generative Modeling for Single-Cell Transcriptomics.
        https://doi.org/10.1038/s41592-018-0229-2

    Example:
        >>> import torch
        >>> p = NegativeBinomial(data_shape=(1,), size=3.0, concentration=2.0)(torch.zeros(1, 1))
        >>> p.mean, p.variance.detach()
        (tensor([[3.]]), tensor([[7.5000]]))
    """

    def __init__(
        self,
        *,
        data_shape: tuple[int, ...],
        size: Annotated[float, Field(gt=0)] = 1.0,
        library: Library = "none",
        concentration: Annotated[float, Field(gt=0)] = 1.0,
        concentration_mode: Mode = "per_feature",
    ) -> None:
        super().__init__(data_shape, size, library)
        self.concentration = PositiveParameter(concentration, concentration_mode, self.data_shape, floor=1e-4)

    @property
    def extra(self) -> int:
        """One additional raw parameter for each value if the decoder returns the concentration."""
        return self.concentration.blocks

    def counts(self, log_rate: Tensor, others: tuple[Tensor, ...]) -> NegativeBinomialCounts:
        """Return negative binomial counts with these rates."""
        return NegativeBinomialCounts(log_rate, self.concentration(others[0] if others else log_rate))
