"""The likelihood of counts with many zeros."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor

from zoo.likelihoods._counting import CountLikelihood, Library
from zoo.likelihoods._negative_binomial import NegativeBinomialCounts, ZeroInflatedCounts
from zoo.likelihoods._parameters import Mode, PositiveParameter
from zoo.registry import register


@register("likelihood", "zero_inflated_negative_binomial")
class ZeroInflatedNegativeBinomial(CountLikelihood):
    r"""Counts that are zero with probability π(z), otherwise negative binomial with mean μ(z) and variance μ + μ²/θ.

    p(0|z) = π + (1 − π) NB(0), p(x|z) = (1 − π) NB(x) for x > 0. Choose it if some zeros have another cause, such as
    genes that a measurement missed. For π = 0 it is ``negative_binomial``. The decoder returns the rate and a logit of
    π for each value.

    Args:
        size: the mean count of a value that is not one of the extra zeros, at the raw parameter 0.
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
        >>> likelihood = ZeroInflatedNegativeBinomial(data_shape=(3,), size=4.0)
        >>> likelihood.parameter_shape, likelihood(torch.zeros(1, 6)).mean
        ((6,), tensor([[2., 2., 2.]]))
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
        """The logit of an extra zero, and the concentration if the decoder returns it."""
        return 1 + self.concentration.blocks

    def counts(self, log_rate: Tensor, others: tuple[Tensor, ...]) -> ZeroInflatedCounts:
        """Return zero-inflated counts with these rates."""
        zero_logits, *raw = others
        counts = NegativeBinomialCounts(log_rate, self.concentration(raw[0] if raw else log_rate))
        return ZeroInflatedCounts(counts, zero_logits)
