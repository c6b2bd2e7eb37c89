"""Whether samples have the modes of a known mixture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from pydantic import PositiveInt

from zoo.analysis.denoising import is_known_mixture
from zoo.diffusion.chain import NoiseChain
from zoo.diffusion.oracle import MixtureOracle
from zoo.errors import NotApplicableError
from zoo.metrics import EvaluationContext, Measurement, Metric, Result
from zoo.registry import register

SHARE_ERROR = Result(
    "mode_share_error", "Largest difference of a mode's share of the samples from its weight.", better="lower"
)
COVARIANCE_ERROR = Result(
    "mode_covariance_error",
    "Largest relative error of a mode's covariance among the samples, in the Frobenius norm.",
    better="lower",
)
SHARES = Result("mode_shares", "Share of the samples in each mode.")
COVARIANCE_ERRORS = Result("mode_covariance_errors", "Relative error of the covariance of each mode.", better="lower")


@register("metric", "mixture_modes")
class MixtureModes(Metric):
    """Samples compared with the Gaussian mixture of the data: the share of each mode, and its covariance.

    A sample is assigned to its most probable mode. ``mode_share_error`` is the largest difference of a share from
    its weight; ``mode_covariance_error`` the largest ‖Ĉ − C‖ / ‖C‖ in the Frobenius norm, infinite where a mode has
    fewer than two samples. Both are meaningful where modes hardly overlap.

    Args:
        samples: number of draws.
    """

    results: ClassVar[Sequence[Result]] = (SHARE_ERROR, COVARIANCE_ERROR, SHARES, COVARIANCE_ERRORS)

    def __init__(self, *, samples: PositiveInt = 10_000) -> None:
        self.samples = samples

    def check(self, context: EvaluationContext) -> None:
        """Require a known mixture, and a model whose samples need no labels."""
        if context.model.classes is not None:
            raise NotApplicableError("samples of a conditional model follow the labels that it is given")
        if not is_known_mixture(context.split.info):
            raise NotApplicableError("the data are not from a known mixture")

    def measure(self, context: EvaluationContext) -> Sequence[Measurement]:
        """Return the two errors, and the lists behind them."""
        model, split = context.model, context.split
        # The data themselves are step 0 of any chain.
        chain = NoiseChain(torch.tensor([0.5]))
        oracle = MixtureOracle.of_facts(split.info.facts, chain, split.info.scaling.shift, split.info.scaling.span)
        # Where there is a likelihood, its noise is part of the model; a denoiser's samples have theirs already.
        draws = model.sample(self.samples, noise=model.has_density).cpu().double()
        modes = oracle.responsibilities(draws).argmax(-1)
        shares = torch.bincount(modes, minlength=len(oracle.weights)) / len(draws)
        errors = [
            _relative_error(draws[modes == mode], covariance) for mode, covariance in enumerate(oracle.covariances)
        ]
        return [
            Measurement(SHARE_ERROR, (shares - oracle.weights).abs().max().item()),
            Measurement(COVARIANCE_ERROR, max(errors)),
            Measurement(SHARES, shares.tolist()),
            Measurement(COVARIANCE_ERRORS, errors),
        ]


def _relative_error(draws: torch.Tensor, covariance: torch.Tensor) -> float:
    if len(draws) < 2:
        return float("inf")
    found = draws.T.cov().view_as(covariance)
    return ((found - covariance).norm() / covariance.norm()).item()
