"""The uniform prior over discrete codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from zoo.priors import Prior
from zoo.priors._codes import quantiser_of
from zoo.quantisation.distributions import CodeVectors, UniformCodes
from zoo.registry import register

if TYPE_CHECKING:
    from zoo.model.inference import Inference
    from zoo.posteriors import Quantiser


@register("prior", "uniform_codes")
class UniformCodesPrior(Prior):
    """All grids of codes are equally probable: p(k) = K⁻ⁿ for n places with K codes each.

    Choose it to train a model with a quantiser: the KL divergence of a code without noise is n log K nats, a constant.
    Its samples are poor, because codes of data are not independent; fit ``pixelcnn`` or ``transformer`` to the codes
    after training, as ``fitted_prior``.

    Source:
        van den Oord, Vinyals & Kavukcuoglu (2017), Neural Discrete Representation Learning, section 3.1.
        https://arxiv.org/abs/1711.00937

    Example:
        >>> import torch, zoo
        >>> model = zoo.build("vqvae-conv-16d", data_shape=(1, 8, 8))  # a map of 2×2 codes, 128 at each place
        >>> model.loss(torch.rand(2, 1, 8, 8)).terms["kl"]  # 4 log 128
        tensor(19.4081)
    """

    discrete: ClassVar[bool] = True

    def __init__(self, *, posterior: Quantiser) -> None:
        super().__init__()
        self.codes, self.grid = posterior.codes, posterior.grid

    def forward(self, inference: Inference) -> CodeVectors:
        """Return the distribution over the vectors of codes, with batch shape ()."""
        codes = UniformCodes(self.codes, self.grid, inference.model.device)
        return CodeVectors(codes, quantiser_of(inference))
