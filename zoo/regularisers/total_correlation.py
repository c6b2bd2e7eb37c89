"""Total correlation of the latents, estimated from a batch: β-TC-VAE."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from torch import Tensor
from torch.distributions import Independent

from zoo.divergences import aggregate_log_densities
from zoo.errors import ComponentError
from zoo.model import LatentSamples
from zoo.registry import register
from zoo.regularisers import Regulariser
from zoo.spec.schedule import NonNegativeWeight
from zoo.utils.precision import full_precision

if TYPE_CHECKING:
    from zoo.model import Model
    from zoo.spec.model import ModelSpec

Estimator = Literal["stratified", "weighted"]


@register("regulariser", "total_correlation")
class TotalCorrelation(Regulariser):
    r"""Total correlation KL(q(z) ‖ Π_j q(z_j)) of the latents, estimated from the posteriors of a batch.

    With the objective ``vae`` it gives the β-TC-VAE, which encourages independent latents without changing the rest of
    the KL
    term: E KL(q(z|x) ‖ p(z)) is the mutual information of x and z, plus this term, plus the KL divergences of the
    single latents. ``vae`` with β = 1 already contains the term once, so ``weight`` is β − 1. Choose it over
    ``total_correlation_critic`` if batches are large: it needs no second network.

    q(z) = (1/N) Σ_n q(z|x_n) is a mixture over N training examples, of which a batch has B. The density of a draw z_i
    is estimated from the posteriors of the batch as Σ_j w_ij q(z_i|x_j):

    - ``stratified``: with M = B − 1, w is 1/N for the posterior that z_i was drawn from, (N − M) / (N M) for one other
      and 1/M for the rest, which is an unbiased estimate of q(z).
    - ``weighted``: w = 1 / (N B). The gradient is useful, but the value is too large, even if the latents are
    independent.

    In distributed training, each process compares the examples of its own part of the batch.

    Args:
        weight: β − 1, with ``vae`` at β = 1.
        estimator: ``stratified`` or ``weighted``.

    Source:
        Chen et al. (2018), Isolating Sources of Disentanglement in VAEs, equations 2 to 4 and appendix C.
        https://arxiv.org/abs/1802.04942

    Example:
        >>> import zoo
        >>> tc = {"name": "total_correlation", "weight": 5.0}
        >>> model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), train_examples=1000, regularisers={"tc": tc})
        >>> sorted(model.loss(torch.rand(16, 1, 8, 8)).terms)
        ['elbo', 'kl', 'reconstruction', 'tc']
    """

    unit: ClassVar[str] = "nats"

    def __init__(
        self, *, train_examples: int, weight: NonNegativeWeight = 5.0, estimator: Estimator = "stratified"
    ) -> None:
        super().__init__(weight)
        self.train_examples, self.estimator = train_examples, estimator

    def check(self, spec: ModelSpec, model: Model) -> None:
        """Require a posterior whose latents are independent given x."""
        if not model.posterior.factorised:
            name = spec.posterior.name if spec.posterior else "none"
            raise ComponentError(
                "regulariser 'total_correlation' needs the density of each latent on its own, which the posterior "
                f"{name!r} does not have",
                where="model.posterior",
                remedy="Use posterior `diagonal_gaussian` or `gaussian_map`, or regulariser "
                "`total_correlation_critic`, which needs draws only.",
            )

    def forward(self, samples: LatentSamples) -> Tensor:
        """Return the estimate for the first draw of each example, in nats; 0 for a single example."""
        z, q = samples.z[0], samples.q
        assert isinstance(q, Independent)
        if len(z) < 2:
            return 0.0 * z.sum()
        with full_precision(z):
            log_weights = log_batch_weights(len(z), self.train_examples, self.estimator, z.device)
            log_q, log_q_of_latents = aggregate_log_densities(q, z, log_weights)
            return (log_q - log_q_of_latents.sum(1)).mean()


def log_batch_weights(
    batch: int, train_examples: int, estimator: Estimator, device: torch.device | None = None
) -> Tensor | float:
    """Return log w: the weight of each posterior of a batch in the density of each draw, (B, B), or one for all.

    Args:
        batch: B, at least 2.
        train_examples: N; if it is smaller than B, B is used.

    Example:
        >>> log_batch_weights(3, 6, "stratified").exp()
        tensor([[0.1667, 0.3333, 0.5000],
                [0.5000, 0.1667, 0.3333],
                [0.3333, 0.5000, 0.1667]])
    """
    total, others = max(train_examples, batch), batch - 1
    if estimator == "weighted":
        return -math.log(total) - math.log(batch)
    own = torch.eye(batch, device=device)
    other = own.roll(1, dims=1)
    share_of_other = (total - others) / (total * others)
    return (own / total + other * share_of_other + (1 - own - other) / others).log()
