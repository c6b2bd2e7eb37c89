"""Whether samples have the modes of a known mixture."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import PositiveInt

from zoo.analysis.denoising import is_known_mixture
from zoo.data import DataInfo
from zoo.diffusion.chain import NoiseChain
from zoo.diffusion.oracle import MixtureOracle
from zoo.metrics import EvaluationContext, Metric
from zoo.model import Model
from zoo.registry import register


@register("metric", "mixture_modes")
class MixtureModes(Metric):
    """Samples against the Gaussian mixture that the data come from: each mode's share, and its covariance.

    A sample belongs to the mode that most probably made it. ``mode_share_error`` is the largest difference of a
    share from its weight; ``mode_covariance_error`` the largest ‖Ĉ − C‖ / ‖C‖ in the Frobenius norm, infinite where
    a mode has fewer than two samples. Both mean something where modes hardly overlap.

    Args:
        samples: number of draws.
    """

    def __init__(self, *, samples: PositiveInt = 10_000) -> None:
        self.samples = samples

    def unfit(self, model: Model) -> str | None:
        """Samples of a conditional model follow the labels that it is given."""
        return None if model.classes is None else "it is conditional"

    def unfit_data(self, info: DataInfo) -> str | None:
        """Only the dataset ``gaussian_mixture`` knows its parameters."""
        return None if is_known_mixture(info) else "they are not from a known mixture"

    def measure(self, context: EvaluationContext) -> dict[str, Any]:
        """Return the two figures, and a list of shares."""
        model, split = context.model, context.split
        # The data themselves are step 0 of any chain.
        chain = NoiseChain(torch.tensor([0.5]))
        oracle = MixtureOracle.of_facts(split.info.facts, chain, split.info.scaling.shift, split.info.scaling.span)
        # A denoiser draws already; where there is a likelihood, its spread is part of the model.
        draws = model.sample(self.samples, noise=model.has_density).cpu().double()
        modes = oracle.responsibilities(draws).argmax(-1)
        shares = torch.bincount(modes, minlength=len(oracle.weights)) / len(draws)
        errors = [
            _relative_error(draws[modes == mode], covariance) for mode, covariance in enumerate(oracle.covariances)
        ]
        return {
            "mode_share_error": (shares - oracle.weights).abs().max().item(),
            "mode_covariance_error": max(errors),
            "mode_shares": shares.tolist(),
            "mode_covariance_errors": errors,
        }


def _relative_error(draws: torch.Tensor, covariance: torch.Tensor) -> float:
    if len(draws) < 2:
        return float("inf")
    found = draws.T.cov().view_as(covariance)
    return ((found - covariance).norm() / covariance.norm()).item()
