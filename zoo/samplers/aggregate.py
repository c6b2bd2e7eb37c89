"""Codes from where the training data are."""

from __future__ import annotations

from pydantic import PositiveInt
from torch.distributions import Distribution

from zoo.analysis.codes import encode_split
from zoo.data import Split
from zoo.errors import DataError
from zoo.model import Model
from zoo.priors._mixtures import fit_mixture
from zoo.registry import register
from zoo.samplers import Sampler


@register("sampler", "aggregate")
class Aggregate(Sampler):
    """Draws from a mixture of Gaussians fitted to the codes of the training data: any autoencoder at its best.

    One component is a plain Gaussian. Posterior means are fitted, also where the posterior has a spread.

    Args:
        components: number of Gaussians, with full covariances.
        examples: fit to so many training examples at most, the first ones.

    Source:
        Ghosh et al. (2020), From Variational to Deterministic Autoencoders, section 4.
        https://arxiv.org/abs/1903.12436
    """

    def __init__(self, *, components: PositiveInt = 10, examples: PositiveInt = 10_000) -> None:
        self.components, self.examples = components, examples

    def fit(self, model: Model, train: Split | None) -> Distribution:
        """Return the mixture, on the CPU."""
        if train is None:
            raise DataError(
                "the sampler `aggregate` is fitted to the codes of the training data, and none came",
                where="sampler",
                remedy="Pass the training split, or use the sampler `prior`.",
            )
        return fit_mixture(encode_split(model, train, self.examples).means, self.components)
